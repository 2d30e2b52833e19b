//! The hours that the service keeps: which are open, and what was said of them.

use std::collections::{BTreeMap, BTreeSet};

use event::{Millis, Origin};
use reconciliation::{Barrier, Books, Hour, Progress, Standing};
use topology::Topic;
use warehouse::ChangedOrigins;

/// How many hours back one in which nothing came in is said to be empty.
const EMPTY_HOURS: i64 = 60 * 24;

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
    pub(crate) raw: u64,
    pub(crate) missing: u64,
    pub(crate) expired: u64,
    pub(crate) duplicated: u64,
    pub(crate) beyond_tolerance: bool,
    /// Just before ClickHouse was asked; milliseconds UTC by its own clock.
    pub(crate) judged_at: Millis,
}

/// Every hour since the first in which something came in.
#[derive(Default)]
pub(crate) struct Hours {
    kept: BTreeMap<Hour, Kept>,
    reopened: BTreeSet<Hour>,
    first_whole: Option<Hour>,
}

impl Hours {
    /// No hour yet. None before `first_whole` will be: the books may lack a part of it, and would balance.
    pub(crate) fn new(first_whole: Option<Hour>) -> Self {
        Self { first_whole, ..Self::default() }
    }

    /// Notices new hours, with those in which nothing came in: a gap would be an hour that nobody
    /// looked at. Opens those again into which something was redriven, or of which a record came
    /// after all.
    pub(crate) fn notice(&mut self, books: &mut Books, ended_before: Millis) {
        let is_whole = |hour: &Hour| self.first_whole.is_none_or(|first| *hour >= first);
        for hour in every_hour(&books.hours(), ended_before).into_iter().filter(is_whole) {
            self.kept.entry(hour).or_insert(Kept::Open(None));
        }
        let redriven = books.take_redriven();
        let touched = |(hour, kept): (&Hour, &Kept)| {
            let span = books.span_of(*hour);
            let grown = match kept {
                Kept::Closed(outcome) => books.raw().count_within(&span) > outcome.raw,
                Kept::Open(_) => false,
            };
            (grown || redriven.count_within(&span) > 0).then_some(*hour)
        };
        let touched: Vec<Hour> = self.kept.iter().filter_map(touched).collect();
        self.open_again(&touched);
    }

    /// Opens the closed hours again in which rows were loaded or erased since they were judged.
    pub(crate) fn recheck(&mut self, books: &Books, changes: &[ChangedOrigins]) {
        let mut touched = Vec::new();
        for change in changes.iter().filter(|change| change.epoch == books.epoch()) {
            let hour = |offset| {
                books.hour_of(Origin { epoch: change.epoch, partition: change.partition, offset })
            };
            let Some(last) = hour(change.last) else { continue };
            // What lies before the books has left the log.
            let first = hour(change.first).unwrap_or(last);
            let since_judged = |(hour, kept): (&Hour, &Kept)| match kept {
                Kept::Closed(outcome) if change.changed_at >= outcome.judged_at => Some(*hour),
                _ => None,
            };
            touched.extend(self.kept.range(first..=last).filter_map(since_judged));
        }
        self.open_again(&touched);
    }

    fn open_again(&mut self, hours: &[Hour]) {
        for hour in hours {
            if let Some(Kept::Closed(_)) = self.kept.insert(*hour, Kept::Open(None)) {
                self.reopened.insert(*hour);
            }
        }
    }

    /// Whether something changed in the hour after it was closed.
    pub(crate) fn is_reopened(&self, hour: Hour) -> bool {
        self.reopened.contains(&hour)
    }

    /// Goes on with every open hour that ended before `ended_before` (milliseconds UTC). Returns
    /// those that can be judged, and who holds the others.
    pub(crate) fn advance(
        &mut self,
        books: &Books,
        progress: &Progress,
        ended_before: Millis,
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
        self.reopened.remove(&hour);
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

/// The hours in which something came in, and those between them and up to the last that is over.
fn every_hour(hours: &BTreeSet<Hour>, ended_before: Millis) -> BTreeSet<Hour> {
    let mut every = hours.clone();
    if let Some(first) = hours.first() {
        let last = Hour::of(ended_before).0.saturating_sub(1);
        let first = first.0.max(last.saturating_sub(EMPTY_HOURS));
        every.extend((first..=last).map(Hour));
    }
    every
}

/// Whether `raw-events` was read up to its ends, so that no record of an hour that is over can be
/// unknown.
fn is_read(progress: &Progress) -> bool {
    let mut raw = progress.ends.iter().filter(|((topic, _), _)| *topic == Topic::RawEvents);
    raw.all(|(key, end)| progress.read.get(key).is_some_and(|read| read >= end))
}

#[cfg(test)]
mod tests {
    use reconciliation::Entry;

    use super::*;

    const HOUR: Millis = 3_600_000;

    fn books(events: &[(i64, Millis)]) -> Books {
        let mut books = Books::new(0);
        for (offset, timestamp) in events {
            came_in(&mut books, *offset, *timestamp);
        }
        books
    }

    fn came_in(books: &mut Books, offset: i64, timestamp: Millis) {
        books.note(&Entry {
            topic: Topic::RawEvents,
            partition: 0,
            offset,
            timestamp: Some(timestamp),
            waybill: None,
            stage: None,
            reason: None,
            settles: None,
        });
    }

    fn closed(books: &mut Books, ended_before: Millis, judged_at: Millis) -> Hours {
        let mut hours = Hours::default();
        hours.notice(books, ended_before);
        for hour in every_hour(&books.hours(), ended_before) {
            let raw = books.raw().count_within(&books.span_of(hour));
            hours.close(hour, Outcome { raw, judged_at, ..Outcome::default() });
        }
        hours
    }

    fn open(hours: &Hours) -> Vec<i64> {
        let open = hours.kept.iter().filter(|(_, kept)| matches!(kept, Kept::Open(_)));
        open.map(|(hour, _)| hour.0).collect()
    }

    fn change(first: i64, last: i64, changed_at: Millis) -> ChangedOrigins {
        ChangedOrigins { epoch: 0, partition: 0, first, last, changed_at }
    }

    #[test]
    fn an_hour_in_which_nothing_came_in_is_judged_too_once_it_is_over() {
        let mut books = books(&[(0, 10 * HOUR), (1, 13 * HOUR)]);
        let mut hours = Hours::default();
        hours.notice(&mut books, 16 * HOUR - 1);
        assert_eq!(open(&hours), [10, 11, 12, 13, 14]);
        hours.notice(&mut Books::new(0), 17 * HOUR);
        assert_eq!(open(&hours), [10, 11, 12, 13, 14], "nothing is known where nothing was read");
    }

    #[test]
    fn an_hour_of_which_a_part_may_have_left_the_log_is_not_judged() {
        let mut books = books(&[(7, 10 * HOUR), (8, 13 * HOUR)]);
        let mut hours = Hours::new(Some(Hour(11)));
        hours.notice(&mut books, 14 * HOUR);
        assert_eq!(open(&hours), [11, 12, 13]);
        hours.recheck(&books, &[change(7, 8, 100)]);
        assert_eq!(open(&hours), [11, 12, 13]);
    }

    #[test]
    fn hours_without_end_do_not_come_of_one_record_without_a_time() {
        let mut books = books(&[(0, 0)]);
        let mut hours = Hours::default();
        hours.notice(&mut books, 1_000_000 * HOUR);
        assert_eq!(i64::try_from(open(&hours).len()).unwrap(), EMPTY_HOURS + 2);
    }

    #[test]
    fn what_was_loaded_or_erased_after_an_hour_was_judged_opens_it_again_and_no_other() {
        let mut books = books(&[(0, 0), (5, HOUR), (9, 2 * HOUR), (12, 3 * HOUR)]);
        let mut hours = closed(&mut books, 4 * HOUR, 100);
        hours.recheck(&books, &[change(5, 6, 99)]);
        hours.recheck(&books, &[ChangedOrigins { epoch: 1, ..change(5, 6, 200) }]);
        hours.recheck(&books, &[ChangedOrigins { partition: 1, ..change(5, 6, 200) }]);
        assert_eq!(open(&hours), [0; 0]);
        hours.recheck(&books, &[change(8, 9, 100)]);
        assert_eq!(open(&hours), [1, 2], "the hours by the books, not by a time");
        assert!(hours.is_reopened(Hour(1)) && !hours.is_reopened(Hour(0)));
        hours.close(Hour(1), Outcome { raw: 1, judged_at: 101, ..Outcome::default() });
        assert!(!hours.is_reopened(Hour(1)));
    }

    #[test]
    fn a_record_that_comes_after_its_hour_was_closed_opens_it_again() {
        let mut books = books(&[(0, 0)]);
        let mut hours = closed(&mut books, HOUR, 100);
        came_in(&mut books, 1, HOUR - 1);
        hours.notice(&mut books, HOUR);
        assert_eq!(open(&hours), [0]);
    }
}
