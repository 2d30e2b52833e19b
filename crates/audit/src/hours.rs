//! The hours that the service keeps: which are open, and what was said of them.

use std::collections::BTreeMap;

use reconciliation::{Barrier, Books, Hour, Progress, Standing};
use topology::Topic;

/// Where an hour stands.
pub(crate) enum Kept {
    /// Its last record may still come, or a stage has not committed past it.
    Open(Option<Barrier>),
    /// A verdict was published.
    Closed(Outcome),
}

/// What is kept of a published verdict: what the metrics tell of all hours together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) unbalanced: bool,
    pub(crate) missing: u64,
    pub(crate) expired: u64,
    pub(crate) duplicated: u64,
    pub(crate) beyond_tolerance: bool,
}

/// Every hour that something came in.
#[derive(Default)]
pub(crate) struct Hours {
    kept: BTreeMap<Hour, Kept>,
}

impl Hours {
    /// Notices new hours, and opens those again into which something was redriven.
    pub(crate) fn notice(&mut self, books: &mut Books) {
        for hour in books.hours() {
            self.kept.entry(hour).or_insert(Kept::Open(None));
        }
        let redriven = books.take_redriven();
        if redriven.is_empty() {
            return;
        }
        let touched: Vec<Hour> = self
            .kept
            .keys()
            .copied()
            .filter(|hour| redriven.count_within(&books.span_of(*hour)) > 0)
            .collect();
        for hour in touched {
            self.kept.insert(hour, Kept::Open(None));
        }
    }

    /// Goes on with every open hour that ended before `ended_before` (milliseconds UTC). Returns
    /// those that can be judged, and who holds the others.
    pub(crate) fn advance(
        &mut self,
        books: &Books,
        progress: &Progress,
        ended_before: i64,
    ) -> (Vec<Hour>, BTreeMap<Hour, String>) {
        let (mut ready, mut held) = (Vec::new(), BTreeMap::new());
        for (hour, kept) in &mut self.kept {
            let Kept::Open(barrier) = kept else { continue };
            if hour.end() > ended_before {
                continue;
            }
            if barrier.is_none() && !is_read(progress) {
                held.insert(*hour, "auditor".to_owned());
                continue;
            }
            let barrier =
                barrier.get_or_insert_with(|| Barrier::new(books.span_of(*hour), progress));
            match barrier.advance(books, progress) {
                Standing::Closed => ready.push(*hour),
                Standing::Open { held_by, detail } => {
                    held.insert(*hour, format!("{held_by}, which {detail}"));
                }
            }
        }
        (ready, held)
    }

    /// A verdict on the hour was published.
    pub(crate) fn close(&mut self, hour: Hour, outcome: Outcome) {
        self.kept.insert(hour, Kept::Closed(outcome));
    }

    /// The outcomes of all closed hours: a loss in one is not hidden by the next.
    pub(crate) fn outcomes(&self) -> Vec<Outcome> {
        let closed = |kept: &Kept| match kept {
            Kept::Closed(outcome) => Some(*outcome),
            Kept::Open(_) => None,
        };
        self.kept.values().filter_map(closed).collect()
    }
}

/// Whether `raw-events` was read up to its ends, so that no record of an hour that is over can be
/// unknown.
fn is_read(progress: &Progress) -> bool {
    let mut raw = progress.ends.iter().filter(|((topic, _), _)| *topic == Topic::RawEvents);
    raw.all(|(key, end)| progress.read.get(key).is_some_and(|read| read >= end))
}
