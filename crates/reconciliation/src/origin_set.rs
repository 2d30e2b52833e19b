//! A compressed set of origins.

use std::{collections::BTreeMap, ops::Range};

use event::Origin;
use roaring::RoaringTreemap;

use crate::Span;

/// A set of origins: one compressed bitmap of offsets for each (epoch, partition). Dense sets
/// cost next to nothing.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct OriginSet {
    logs: BTreeMap<(u16, i32), RoaringTreemap>,
}

impl OriginSet {
    /// Adds an origin; `false` if it was there already. An origin with a negative offset cannot
    /// exist (a header that says so is unreadable) and is not added.
    pub fn insert(&mut self, origin: Origin) -> bool {
        let Ok(offset) = u64::try_from(origin.offset) else { return false };
        self.logs.entry((origin.epoch, origin.partition)).or_default().insert(offset)
    }

    /// Adds all offsets of `range` in one partition.
    pub fn insert_range(&mut self, epoch: u16, partition: i32, range: Range<i64>) {
        let range = unsigned(&range);
        if !range.is_empty() {
            self.logs.entry((epoch, partition)).or_default().insert_range(range);
        }
    }

    /// Takes an origin out; `false` if it was not there.
    pub fn remove(&mut self, origin: Origin) -> bool {
        let Ok(offset) = u64::try_from(origin.offset) else { return false };
        let Some(log) = self.logs.get_mut(&(origin.epoch, origin.partition)) else { return false };
        let removed = log.remove(offset);
        if log.is_empty() {
            self.logs.remove(&(origin.epoch, origin.partition));
        }
        removed
    }

    /// Whether the origin is in the set.
    pub fn contains(&self, origin: Origin) -> bool {
        let log = self.logs.get(&(origin.epoch, origin.partition));
        log.zip(u64::try_from(origin.offset).ok()).is_some_and(|(log, offset)| log.contains(offset))
    }

    /// How many origins are in the set.
    pub fn len(&self) -> u64 {
        self.logs.values().map(RoaringTreemap::len).sum()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.logs.values().all(RoaringTreemap::is_empty)
    }

    /// The origins in order.
    pub fn iter(&self) -> impl Iterator<Item = Origin> + '_ {
        self.logs.iter().flat_map(|(&(epoch, partition), log)| {
            log.iter().filter_map(move |offset| {
                i64::try_from(offset).ok().map(|offset| Origin { epoch, partition, offset })
            })
        })
    }

    /// The greatest offset below `end` in one partition.
    pub fn last_before(&self, epoch: u16, partition: i32, end: i64) -> Option<i64> {
        let log = self.logs.get(&(epoch, partition))?;
        let below = log.range_cardinality(..u64::try_from(end).ok()?);
        let last = log.select(below.checked_sub(1)?)?;
        i64::try_from(last).ok()
    }

    /// Those of the set that lie within the span.
    #[must_use]
    pub fn within(&self, span: &Span) -> Self {
        let mut wanted = Self::default();
        for (&partition, range) in &span.offsets {
            wanted.insert_range(span.epoch, partition, range.clone());
        }
        self.and(&wanted)
    }

    /// How many of the set lie within the span.
    pub fn count_within(&self, span: &Span) -> u64 {
        let count = |(partition, range): (&i32, &Range<i64>)| {
            let log = self.logs.get(&(span.epoch, *partition));
            log.map_or(0, |log| log.range_cardinality(unsigned(range)))
        };
        span.offsets.iter().map(count).sum()
    }

    /// Those that are in either.
    #[must_use]
    pub fn or(&self, other: &Self) -> Self {
        let mut union = self.clone();
        union.add(other);
        union
    }

    /// Adds all of `other`.
    pub fn add(&mut self, other: &Self) {
        for (key, log) in &other.logs {
            *self.logs.entry(*key).or_default() |= log;
        }
    }

    /// Those that are in both.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        self.combined(|key, log| other.logs.get(key).map(|other| log & other))
    }

    /// Those that are not in `other`.
    #[must_use]
    pub fn minus(&self, other: &Self) -> Self {
        self.combined(|key, log| {
            Some(other.logs.get(key).map_or_else(|| log.clone(), |other| log - other))
        })
    }

    /// Packs runs of offsets. Inserting afterwards costs the same.
    pub fn compact(&mut self) {
        for log in self.logs.values_mut() {
            log.optimize();
        }
    }

    fn combined(
        &self,
        combine: impl Fn(&(u16, i32), &RoaringTreemap) -> Option<RoaringTreemap>,
    ) -> Self {
        let combined = self.logs.iter().filter_map(|(key, log)| Some((*key, combine(key, log)?)));
        Self { logs: combined.filter(|(_, log)| !log.is_empty()).collect() }
    }
}

impl FromIterator<Origin> for OriginSet {
    fn from_iter<I: IntoIterator<Item = Origin>>(origins: I) -> Self {
        let mut set = Self::default();
        for origin in origins {
            set.insert(origin);
        }
        set
    }
}

fn unsigned(range: &Range<i64>) -> Range<u64> {
    let bound = |offset: i64| u64::try_from(offset).unwrap_or_default();
    bound(range.start)..bound(range.end)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(partition: i32, offset: i64) -> Origin {
        Origin { epoch: 0, partition, offset }
    }

    fn set(offsets: &[i64]) -> OriginSet {
        offsets.iter().map(|offset| origin(0, *offset)).collect()
    }

    #[test]
    fn origins_of_other_epochs_and_partitions_are_other_origins() {
        let mut all = set(&[1]);
        assert!(!all.insert(origin(0, 1)));
        assert!(all.insert(origin(1, 1)));
        assert!(all.insert(Origin { epoch: 1, ..origin(0, 1) }));
        assert_eq!(all.len(), 3);
        assert_eq!(all.minus(&set(&[1])).len(), 2);
    }

    #[test]
    fn set_arithmetic_is_that_of_sets() {
        assert_eq!(set(&[1, 2]).or(&set(&[2, 3])), set(&[1, 2, 3]));
        assert_eq!(set(&[1, 2]).and(&set(&[2, 3])), set(&[2]));
        assert_eq!(set(&[1, 2]).minus(&set(&[2, 3])), set(&[1]));
        assert_eq!(set(&[1]).minus(&set(&[1])), OriginSet::default());
    }

    #[test]
    fn the_last_offset_before_an_end_skips_what_is_no_event() {
        let read = set(&[3, 4, 9]);
        let cases = [(0, None), (3, None), (4, Some(3)), (9, Some(4)), (100, Some(9))];
        for (end, last) in cases {
            assert_eq!(read.last_before(0, 0, end), last, "{end}");
        }
        assert_eq!(read.last_before(0, 1, 100), None);
    }

    #[test]
    fn offsets_beyond_32_bits_and_negative_ones_do_no_harm() {
        let far = i64::from(u32::MAX) * 5;
        let mut all = set(&[far]);
        assert!(!all.insert(origin(0, -1)));
        assert!(all.contains(origin(0, far)) && !all.contains(origin(0, -1)));
        assert!(all.remove(origin(0, far)) && all.is_empty());
    }
}
