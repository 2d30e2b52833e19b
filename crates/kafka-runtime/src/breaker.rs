//! Stops a stage that rejects what it should not: a bad deploy must not drain a topic into dead
//! letters, while one sender's garbage must not stop the others.
//!
//! Counted per source, over the last one to two minutes. A source is bad when more than 5 % of at
//! least 1,000 of its records were rejected, or more than 100 in a row. The stage stops when at least half of the
//! sources that were active are bad, or when more than 100 records in a row could
//! not be decoded and none was accepted since the start.

use std::collections::BTreeMap;

use event::{Millis, StageCommand};
use pipeline::StageAction;

/// What counts is this window and the one before.
const WINDOW_MS: Millis = 60_000;
/// A share of rejects means nothing below so many records.
const ENOUGH: u64 = 1_000;
/// One in so many rejected is too much.
const ONE_IN: u64 = 20;
/// So many in a row are tolerated.
const IN_A_ROW: u64 = 100;

/// What came of one record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Judged {
    /// It went on, or was dropped on purpose.
    Accepted,
    /// It was rejected for this reason.
    Rejected(&'static str),
}

/// The counts of this window and the one before.
#[derive(Debug, Clone, Default)]
pub(crate) struct Breaker {
    window_begun: Option<Millis>,
    sources: BTreeMap<String, Counts>,
    /// Records in a row of which not even the source is known.
    nameless_in_a_row: u64,
    accepted_any: bool,
    last_reason: &'static str,
}

#[derive(Debug, Clone, Default)]
struct Counts {
    now: Tally,
    before: Tally,
    in_a_row: u64,
}

#[derive(Debug, Clone, Copy, Default)]
struct Tally {
    records: u64,
    rejected: u64,
}

impl Counts {
    fn are_bad(&self) -> bool {
        let records = self.now.records + self.before.records;
        let rejected = self.now.rejected + self.before.rejected;
        self.in_a_row > IN_A_ROW || (records >= ENOUGH && rejected * ONE_IN > records)
    }
}

impl Breaker {
    /// Counts a record of `source`; `None` where it could not be read.
    pub(crate) fn note(&mut self, source: Option<&str>, judged: Judged) {
        let rejected = match judged {
            Judged::Accepted => false,
            Judged::Rejected(reason) => {
                self.last_reason = reason;
                true
            }
        };
        self.accepted_any |= !rejected;
        let Some(source) = source else {
            self.nameless_in_a_row = if rejected { self.nameless_in_a_row + 1 } else { 0 };
            return;
        };
        self.nameless_in_a_row = 0;
        if !self.sources.contains_key(source) {
            self.sources.insert(source.to_owned(), Counts::default());
        }
        let Some(counts) = self.sources.get_mut(source) else { return };
        counts.now.records += 1;
        counts.now.rejected += u64::from(rejected);
        counts.in_a_row = if rejected { counts.in_a_row + 1 } else { 0 };
    }

    /// A record that counted as accepted was refused in the end. It is one more in a row until
    /// [`any_taken`](Self::any_taken).
    pub(crate) fn refused(&mut self, source: Option<&str>, reason: &'static str) {
        self.last_reason = reason;
        let Some(counts) = source.and_then(|source| self.sources.get_mut(source)) else { return };
        counts.now.rejected += 1;
        counts.in_a_row += 1;
    }

    /// What could be refused was taken: nothing is refused in a row any more.
    pub(crate) fn any_taken(&mut self) {
        self.sources.values_mut().for_each(|counts| counts.in_a_row = 0);
    }

    /// Why the stage must stop, if it must.
    pub(crate) fn verdict(&mut self, now: Millis) -> Option<String> {
        let begun = *self.window_begun.get_or_insert(now);
        if now - begun >= WINDOW_MS {
            self.window_begun = Some(now);
            self.sources.retain(|_, counts| counts.now.records > 0);
            for counts in self.sources.values_mut() {
                counts.before = std::mem::take(&mut counts.now);
            }
        }
        self.why()
    }

    fn why(&self) -> Option<String> {
        let last = self.last_reason;
        if self.nameless_in_a_row > IN_A_ROW && !self.accepted_any {
            let count = self.nameless_in_a_row;
            return Some(format!(
                "{count} records in a row could not be read and none was accepted since the \
                 start; last reason {last}"
            ));
        }
        let bad: Vec<&str> = self
            .sources
            .iter()
            .filter(|(_, counts)| counts.are_bad())
            .map(|(source, _)| source.as_str())
            .collect();
        let active = self.sources.len();
        (!bad.is_empty() && bad.len() * 2 >= active).then(|| {
            let named = bad.iter().take(5).copied().collect::<Vec<_>>().join(", ");
            format!(
                "too much is rejected of {} of {active} active sources ({named}); last reason \
                 {last}",
                bad.len()
            )
        })
    }
}

/// The command by which a stage orders itself to stand still.
pub(crate) fn opened(stage: &str, slot_id: &str, why: String, at: Millis) -> StageCommand {
    StageCommand {
        stage: stage.to_owned(),
        action: StageAction::Breaker.word().to_owned(),
        partition: None,
        who: slot_id.to_owned(),
        why,
        at,
        breaker_off_until: None,
        lost: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noted(records: &[(Option<&str>, u64, bool)]) -> Breaker {
        let mut breaker = Breaker::default();
        for (source, times, rejected) in records {
            for _ in 0..*times {
                let judged =
                    if *rejected { Judged::Rejected("missing-field") } else { Judged::Accepted };
                breaker.note(*source, judged);
            }
        }
        breaker
    }

    #[test]
    fn it_opens_for_half_of_the_active_sources_and_not_for_one_senders_garbage() {
        let (a, b, c) = (Some("a"), Some("b"), Some("c"));
        for (records, opens) in [
            (vec![(a, 101, true)], true),
            (vec![(a, 100, true)], false),
            (vec![(a, 101, true), (a, 1, false)], false),
            (vec![(a, 101, true), (b, 1, false)], true),
            (vec![(a, 101, true), (b, 1, false), (c, 1, false)], false),
            (vec![(a, 101, true), (b, 101, true), (c, 1, false)], true),
            (vec![(a, 949, false), (a, 51, true)], true),
            (vec![(a, 950, false), (a, 50, true)], false),
            (vec![(a, 400, false), (a, 40, true)], false),
            (vec![(None, 101, true)], true),
            (vec![(a, 1, false), (None, 500, true)], false),
        ] {
            let why = noted(&records).verdict(0);
            assert_eq!(why.is_some(), opens, "{records:?}: {why:?}");
        }
    }

    #[test]
    fn a_record_that_is_refused_after_it_was_accepted_counts_once_and_as_rejected() {
        let a = Some("a");
        let mut breaker = noted(&[(a, 1_000, false)]);
        for _ in 0..50 {
            breaker.refused(a, "refused-row");
        }
        assert_eq!(breaker.verdict(0), None, "5 % of 1,000");
        breaker.refused(a, "refused-row");
        assert!(breaker.verdict(0).unwrap().contains("refused-row"));

        let mut breaker = noted(&[(a, 150, false)]);
        for refused_in_a_row in [100, 50] {
            breaker.any_taken();
            for _ in 0..refused_in_a_row {
                breaker.refused(a, "refused-row");
            }
        }
        assert_eq!(breaker.verdict(0), None, "not in a row");
    }

    #[test]
    fn it_says_which_sources_and_why() {
        let why = noted(&[(Some("web/app"), 101, true)]).verdict(0).unwrap();
        assert!(why.contains("web/app") && why.contains("missing-field"), "{why}");
    }

    #[test]
    fn a_source_stays_active_for_a_window_after_its_last_record() {
        let mut breaker = noted(&[(Some("a"), 1, false), (Some("b"), 1, false)]);
        let bad_for = |breaker: &mut Breaker, now| {
            for _ in 0..101 {
                breaker.note(Some("c"), Judged::Rejected("malformed"));
            }
            breaker.verdict(now).is_some()
        };
        assert!(!bad_for(&mut breaker, 1), "one bad of three");
        assert!(!bad_for(&mut breaker, WINDOW_MS + 1), "the others were active a moment ago");
        assert!(bad_for(&mut breaker, 2 * WINDOW_MS + 1), "nobody else is active any more");
    }

    #[test]
    fn shares_are_of_this_window_and_the_one_before() {
        let mut breaker = noted(&[(Some("a"), 500, false), (Some("a"), 60, true)]);
        assert_eq!(breaker.verdict(1), None, "too few to tell");
        for _ in 0..450 {
            breaker.note(Some("a"), Judged::Accepted);
        }
        assert!(breaker.verdict(WINDOW_MS + 1).is_some());
    }
}
