//! Finding the record that kills the process, without condemning one that merely was there.
//!
//! A panic is caught; an abort or the kernel's out-of-memory killer never reaches our code. So
//! before a process begins the records of a partition that it has just taken up, it commits the
//! unchanged offset with one attempt more and the last offset of its batch, and its next ordinary
//! commit clears that. The second attempt takes small batches. From the third on the records that
//! were in hand are handled one by one, each with a probe committed before it; a record on which
//! two probes died is condemned: it becomes a dead letter without being handled. A halt takes its
//! attempt back.

use std::collections::BTreeSet;

use crate::{
    log::Partition,
    metadata::{Metadata, Probe},
};

/// A batch of the second attempt has so many records: what the third must handle one by one.
pub(crate) const SMALL_BATCH: usize = 64;
/// From this attempt on records are handled one by one.
const CAREFUL_FROM: u32 = 3;
/// A record on which so many probes died is condemned.
const CONDEMNED_AFTER: u32 = 2;

/// One partition of ours: where it stands, and what is known of those that died on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Care {
    /// This process.
    me: u64,
    /// The committed offset.
    next: i64,
    attempts: u32,
    upto: Option<i64>,
    probe: Option<Probe>,
    /// What was found at the taking up: what a halt goes back to.
    found: Metadata,
    /// Somebody died on the partition, and nothing of it was handled since.
    suspect: bool,
    /// The record on which two probes died.
    condemned: Option<i64>,
    /// Whether this process has added its attempt.
    marked: bool,
    /// Records below this offset are handled one by one.
    careful_to: i64,
}

impl Care {
    /// Takes a partition up at its committed offset, as the process `me`. What killed others lies
    /// before `end` and within `span` records, the most that a batch holds.
    pub(crate) fn new(me: u64, next: i64, found: Metadata, end: i64, span: usize) -> Self {
        let found = if found.by == Some(me) { without_last(found) } else { found };
        let span = i64::try_from(span).unwrap_or(i64::MAX);
        let careful = found.attempts + 1 >= CAREFUL_FROM;
        let last = found.upto.map_or(end, |upto| end.min(upto + 1));
        let careful_to = if careful { next.saturating_add(span).min(last) } else { next };
        let died = |probe: &Probe| careful && probe.times >= CONDEMNED_AFTER;
        Self {
            me,
            next,
            attempts: found.attempts,
            upto: found.upto,
            probe: found.probe,
            found,
            suspect: found.attempts > 0,
            condemned: found.probe.filter(died).map(|probe| probe.offset),
            marked: false,
            careful_to,
        }
    }

    /// The committed offset.
    pub(crate) fn next(&self) -> i64 {
        self.next
    }

    /// Whether the next records are to be handled one by one.
    pub(crate) fn is_careful(&self) -> bool {
        self.next < self.careful_to
    }

    /// How many records a batch may have, if fewer than usual. `one_by_one` is how many it has
    /// while each record is to be handled by itself.
    pub(crate) fn batch_limit(&self, one_by_one: usize) -> Option<usize> {
        if self.is_careful() {
            return Some(one_by_one);
        }
        self.suspect.then_some(SMALL_BATCH)
    }

    /// Whether a process died on this record twice while it was handled by itself.
    pub(crate) fn condemns(&self, offset: i64) -> bool {
        self.condemned == Some(offset)
    }

    /// Notes that the records from `offset` to `upto` are about to be handled. True if that must
    /// be committed before.
    pub(crate) fn begin(&mut self, offset: i64, upto: i64) -> bool {
        let unmarked = !self.marked;
        if unmarked {
            self.marked = true;
            self.attempts += 1;
            if !self.is_careful() {
                self.upto = Some(upto);
            }
        }
        if self.is_careful() && !self.condemns(offset) {
            // What this process tries again after an aborted batch is one probe, not two.
            let before = self.found.probe.filter(|probe| probe.offset == offset);
            let times = before.map_or(0, |probe| probe.times) + 1;
            self.probe = Some(Probe { offset, times });
            return true;
        }
        unmarked
    }

    /// Takes back what [`begin`](Self::begin) noted: nothing died, a dependency is gone. True if
    /// that must be committed.
    pub(crate) fn take_back(&mut self) -> bool {
        if !self.marked || self.attempts == 0 {
            return false;
        }
        self.marked = false;
        let before = without_last(self.metadata());
        (self.attempts, self.probe) = (before.attempts, before.probe);
        self.upto = self.found.upto.filter(|_| self.attempts > 0);
        true
    }

    /// The records below `next` have their fates. The marks go, unless records are still to be
    /// handled one by one: whoever comes next shall be as careful.
    pub(crate) fn progress(&mut self, next: i64) {
        self.next = next;
        self.probe = None;
        self.suspect = false;
        if !self.is_careful() {
            self.relax();
        }
    }

    /// The culprit is found, or is not among the records that there are: no more care.
    pub(crate) fn relax(&mut self) {
        self.careful_to = self.next;
        self.condemned = None;
        self.suspect = false;
        self.attempts = 0;
        self.upto = None;
        self.probe = None;
    }

    /// What is to be committed beside the offset.
    pub(crate) fn metadata(&self) -> Metadata {
        let by = (self.attempts > 0).then_some(self.me);
        let Self { attempts, upto, probe, .. } = *self;
        Metadata { intent: None, attempts, by, upto, probe }
    }
}

/// The partitions whose next records are to be handled one by one.
pub(crate) fn careful<'c>(
    cares: impl Iterator<Item = (&'c Partition, &'c Care)>,
) -> BTreeSet<Partition> {
    cares.filter(|(_, care)| care.is_careful()).map(|(partition, _)| *partition).collect()
}

/// The last attempt came to nothing, and its process is alive.
fn without_last(found: Metadata) -> Metadata {
    let probe = found.probe.and_then(|Probe { offset, times }| {
        (times > 1).then(|| Probe { offset, times: times - 1 })
    });
    Metadata { attempts: found.attempts.saturating_sub(1), by: None, probe, ..found }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the next process finds.
    fn taken_up(care: &Care) -> Care {
        Care::new(care.me + 1, care.next, care.metadata(), 1_000, 100)
    }

    #[test]
    fn three_kills_of_a_healthy_process_condemn_nobody() {
        let mut care = Care::new(1, 10, Metadata::default(), 1_000, 100);
        for _ in 0..3 {
            assert!(
                care.begin(10, 10 + 9),
                "the attempt is committed before the records are handled"
            );
            assert!(!care.condemns(10));
            care = taken_up(&care);
        }
        assert!(care.is_careful());
        assert!(care.begin(10, 10 + 9));
        assert!(!care.condemns(10), "one probe on it is no proof");
        care.progress(11);
        assert!(!care.condemns(10) && !care.condemns(11));
    }

    #[test]
    fn a_record_on_which_two_probes_died_is_condemned_and_the_care_ends_behind_it() {
        let mut care =
            Care::new(1, 10, Metadata { attempts: 2, ..Metadata::default() }, 1_000, 100);
        for offset in [10, 11] {
            care.begin(offset, offset + 9);
            care.progress(offset + 1);
        }
        for _ in 0..2 {
            assert!(!care.condemns(12));
            assert!(care.begin(12, 12 + 9));
            care = taken_up(&care);
        }
        assert!(care.condemns(12));
        care.progress(13);
        care.relax();
        assert_eq!(care.metadata(), Metadata::default());
        assert!(!care.is_careful());
    }

    #[test]
    fn a_halt_is_no_attempt_and_no_probe() {
        let mut care =
            Care::new(1, 10, Metadata { attempts: 2, ..Metadata::default() }, 1_000, 100);
        let before = care.clone();
        for _ in 0..5 {
            care.begin(10, 10 + 9);
            assert!(care.take_back());
        }
        assert_eq!(care, before);
    }

    #[test]
    fn an_ordinary_commit_clears_the_attempt() {
        let mut care =
            Care::new(1, 10, Metadata { attempts: 1, ..Metadata::default() }, 1_000, 100);
        assert!(care.begin(10, 10 + 9));
        assert_eq!(care.metadata().attempts, 2);
        care.progress(60);
        assert_eq!(care.metadata(), Metadata::default());
        assert!(!care.begin(60, 60 + 9), "one mark for each time that it is taken up");
    }

    #[test]
    fn the_care_reaches_as_far_as_a_batch_or_the_end() {
        let found = Metadata { attempts: 2, ..Metadata::default() };
        let mut short = Care::new(1, 10, found, 12, 100);
        short.progress(12);
        assert!(!short.is_careful());
        let mut long = Care::new(1, 10, found, 1_000, 100);
        long.progress(109);
        assert!(long.is_careful());
        long.progress(110);
        assert!(!long.is_careful());
    }

    #[test]
    fn the_second_attempt_takes_small_batches_and_the_third_only_what_was_in_hand() {
        let mut care = Care::new(1, 10, Metadata::default(), 10_000, 5_000);
        assert_eq!(care.batch_limit(1), None);
        care.begin(10, 4_000);
        let mut second = Care::new(2, 10, care.metadata(), 10_000, 5_000);
        assert_eq!(second.batch_limit(1), Some(SMALL_BATCH));
        second.begin(10, 60);
        let mut third = Care::new(3, 10, second.metadata(), 10_000, 5_000);
        assert_eq!(third.batch_limit(1), Some(1));
        third.progress(60);
        assert!(third.is_careful());
        third.progress(61);
        assert_eq!((third.batch_limit(1), third.metadata()), (None, Metadata::default()));
    }

    #[test]
    fn a_commit_ends_the_suspicion() {
        let found = Metadata { attempts: 1, upto: Some(50), ..Metadata::default() };
        let mut care = Care::new(1, 10, found, 10_000, 5_000);
        care.begin(10, 30);
        care.progress(31);
        assert_eq!((care.batch_limit(1), care.metadata()), (None, Metadata::default()));
    }

    #[test]
    fn a_record_that_is_tried_again_by_the_same_process_has_one_probe_more() {
        let found = Metadata {
            attempts: 3,
            probe: Some(Probe { offset: 10, times: 1 }),
            ..Metadata::default()
        };
        let mut care = Care::new(1, 10, found, 1_000, 100);
        for _ in 0..3 {
            care.begin(10, 19);
            assert_eq!(care.metadata().probe, Some(Probe { offset: 10, times: 2 }));
        }
        care.take_back();
        assert_eq!(care.metadata().probe, Some(Probe { offset: 10, times: 1 }));
    }

    #[test]
    fn a_process_that_is_alive_has_not_died_however_often_its_clients_are_rebuilt() {
        let found = Metadata { attempts: 2, ..Metadata::default() };
        let mut care = Care::new(1, 10, found, 1_000, 100);
        for _ in 0..5 {
            care.begin(10, 19);
            assert_eq!(care.metadata().attempts, 3);
            care = Care::new(1, 10, care.metadata(), 1_000, 100);
            assert!(!care.condemns(10));
        }
    }
}
