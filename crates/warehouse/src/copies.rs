//! How often the warehouse has each offset of a partition, as runs: of one shard, or of several together.

use std::collections::BTreeMap;

use serde::Deserialize;

/// Offsets from `first` to `last` (inclusive) that are there so often, each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clickhouse::Row, Deserialize)]
pub(crate) struct Run {
    pub(crate) first: i64,
    pub(crate) last: i64,
    pub(crate) copies: u64,
}

/// How often each offset of a range is there.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Copies {
    /// Ascending, not overlapping, none with 0 copies; neighbours differ in their copies.
    runs: Vec<Run>,
}

/// How many rows there are, and of how many origins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Rows in `events`.
    pub rows: u64,
    /// Different origins among them.
    pub origins: u64,
}

impl Copies {
    /// What several shards have, together. What is in two of them is there twice.
    pub(crate) fn of(parts: Vec<Run>) -> Self {
        let mut changes: BTreeMap<i64, i64> = BTreeMap::new();
        for Run { first, last, copies } in parts {
            let copies = i64::try_from(copies).unwrap_or(i64::MAX);
            *changes.entry(first).or_default() += copies;
            *changes.entry(last.saturating_add(1)).or_default() -= copies;
        }
        let mut runs: Vec<Run> = Vec::new();
        let (mut first, mut copies) = (i64::MIN, 0_i64);
        for (at, change) in changes {
            if change == 0 {
                continue;
            }
            if copies > 0 {
                runs.push(Run { first, last: at - 1, copies: copies.unsigned_abs() });
            }
            (first, copies) = (at, copies + change);
        }
        Self { runs }
    }

    /// The offsets that are there, as contiguous runs (first, last), ascending.
    pub fn ranges(&self) -> Vec<(i64, i64)> {
        let mut ranges: Vec<(i64, i64)> = Vec::new();
        for run in &self.runs {
            match ranges.last_mut() {
                Some((_, last)) if *last + 1 == run.first => *last = run.last,
                _ => ranges.push((run.first, run.last)),
            }
        }
        ranges
    }

    /// The offsets that are there more than once, with how often, ascending.
    pub fn duplicated(&self) -> Vec<(i64, u64)> {
        let twice = self.runs.iter().filter(|run| run.copies > 1);
        twice.flat_map(|run| (run.first..=run.last).map(|offset| (offset, run.copies))).collect()
    }

    /// How many rows there are, and of how many origins.
    pub fn counts(&self) -> Counts {
        let length = |run: &Run| (run.last - run.first + 1).unsigned_abs();
        Counts {
            rows: self.runs.iter().map(|run| length(run) * run.copies).sum(),
            origins: self.runs.iter().map(length).sum(),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn run(first: i64, last: i64, copies: u64) -> Run {
        Run { first, last, copies }
    }

    #[test]
    fn what_two_shards_have_is_there_twice() {
        let copies = Copies::of(vec![run(0, 4, 1), run(7, 7, 2), run(3, 6, 1)]);
        assert_eq!(copies.ranges(), [(0, 7)]);
        assert_eq!(copies.duplicated(), [(3, 2), (4, 2), (7, 2)]);
        assert_eq!(copies.counts(), Counts { rows: 11, origins: 8 });
        assert_eq!(Copies::of(Vec::new()).counts(), Counts::default());
        let side_by_side = Copies::of(vec![run(5, 9, 1), run(0, 4, 1)]);
        assert_eq!((side_by_side.ranges(), side_by_side.duplicated()), (vec![(0, 9)], vec![]));
    }

    proptest! {
        #[test]
        fn runs_count_as_single_offsets_do(
            parts in prop::collection::vec((0_i64..30, 0_i64..8, 1_u64..4), 0..12),
        ) {
            let parts: Vec<Run> = parts.iter().map(|(at, more, n)| run(*at, at + more, *n)).collect();
            let mut single: BTreeMap<i64, u64> = BTreeMap::new();
            for part in &parts {
                for offset in part.first..=part.last {
                    *single.entry(offset).or_default() += part.copies;
                }
            }
            let copies = Copies::of(parts);
            let twice: Vec<(i64, u64)> =
                single.iter().filter(|it| *it.1 > 1).map(|it| (*it.0, *it.1)).collect();
            prop_assert_eq!(copies.duplicated(), twice);
            let there: Vec<i64> =
                copies.ranges().into_iter().flat_map(|(first, last)| first..=last).collect();
            prop_assert_eq!(there, single.keys().copied().collect::<Vec<_>>());
            prop_assert!(copies.ranges().windows(2).all(|it| it[0].1 + 1 < it[1].0));
            let counts = Counts { rows: single.values().sum(), origins: single.len() as u64 };
            prop_assert_eq!(copies.counts(), counts);
        }
    }
}
