//! One partition of a sink, and one range on its way into it.

use std::collections::BTreeSet;

use telemetry::RecoveryFound;

use crate::{
    intent::Intent,
    log::{Commit, Partition},
    record::Outgoing,
    sink::{PlacedRow, Range},
};

/// Where one partition stands.
pub(crate) struct Lane {
    /// First offset that is not loaded.
    pub(crate) start: i64,
    /// Dead letters and discards of what is loaded but not confirmed.
    pub(crate) told: Vec<Outgoing>,
    unconfirmed: bool,
}

impl Lane {
    pub(crate) fn new(start: i64) -> Self {
        Self { start, told: Vec::new(), unconfirmed: false }
    }

    /// Everything below `start` is loaded.
    pub(crate) fn advance(&mut self, start: i64, told: Vec<Outgoing>) {
        self.start = start;
        self.told.extend(told);
        self.unconfirmed = true;
    }

    /// What is to be committed for the lane: its intent if a range of `ranges` is its own, a
    /// confirmation if something is loaded, else nothing.
    pub(crate) fn commit(&self, partition: Partition, ranges: &[Range]) -> Option<Commit> {
        let own = ranges.iter().find(|range| (range.topic, range.partition) == partition);
        let metadata = match own {
            Some(range) => Intent { end: range.end, content: range.content }.to_string(),
            None if self.unconfirmed => String::new(),
            None => return None,
        };
        Some(Commit { partition, next: self.start, metadata })
    }

    /// The commit is through.
    pub(crate) fn committed(&mut self) {
        self.told.clear();
        self.unconfirmed = false;
    }
}

/// The range that an intent committed at `start` covers.
pub(crate) fn intent_range((topic, partition): Partition, start: i64, intent: Intent) -> Range {
    Range { topic, partition, start, end: intent.end, content: intent.content }
}

/// A range with its rows and the fates of the records that became none.
pub(crate) struct Load<R> {
    pub(crate) range: Range,
    pub(crate) rows: Vec<PlacedRow<R>>,
    pub(crate) told: Vec<Outgoing>,
}

impl<R> Load<R> {
    pub(crate) fn new(range: Range) -> Self {
        Self { range, rows: Vec::new(), told: Vec::new() }
    }

    /// Offsets of the rows that are not among `present`.
    pub(crate) fn missing(&self, present: &[i64]) -> BTreeSet<i64> {
        let present: BTreeSet<i64> = present.iter().copied().collect();
        self.rows.iter().map(|row| row.offset).filter(|offset| !present.contains(offset)).collect()
    }

    /// What a read-back found, when these are missing.
    pub(crate) fn found(&self, missing: &BTreeSet<i64>) -> RecoveryFound {
        match missing.len() {
            0 => RecoveryFound::AllPresent,
            lacking if lacking == self.rows.len() => RecoveryFound::None,
            _ => RecoveryFound::Some,
        }
    }

    /// Takes the rows with these offsets out, in order.
    pub(crate) fn take(&mut self, offsets: &BTreeSet<i64>) -> Vec<PlacedRow<R>> {
        self.rows.extract_if(.., |row| offsets.contains(&row.offset)).collect()
    }

    /// Puts rows back where they were.
    pub(crate) fn put_back(&mut self, rows: Vec<PlacedRow<R>>) {
        self.rows.extend(rows);
        self.rows.sort_by_key(|row| row.offset);
    }
}
