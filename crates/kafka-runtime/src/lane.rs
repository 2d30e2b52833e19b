//! One partition of a sink, and one range on its way into it.

use std::collections::BTreeSet;

use telemetry::RecoveryFound;

use crate::{
    care::Care,
    log::{Commit, Partition},
    metadata::{Intent, Metadata},
    record::Outgoing,
    sink::{PlacedRow, Range},
};

/// Where one partition stands.
pub(crate) struct Lane {
    /// First offset that is not loaded.
    pub(crate) start: i64,
    /// Dead letters and discards of what is loaded but not confirmed.
    pub(crate) told: Vec<Outgoing>,
    /// What is known of processes that died on the partition.
    pub(crate) care: Care,
    /// The intent that is committed at `start`.
    intent: Option<Intent>,
    /// Something is loaded, or begun, that is not committed.
    uncommitted: bool,
}

impl Lane {
    pub(crate) fn new(start: i64, intent: Option<Intent>, care: Care) -> Self {
        Self { start, told: Vec::new(), care, intent, uncommitted: false }
    }

    /// Everything below `start` is loaded.
    pub(crate) fn advance(&mut self, start: i64, told: Vec<Outgoing>) {
        self.start = start;
        self.told.extend(told);
        self.care.progress(start);
        self.intent = None;
        self.uncommitted = true;
    }

    /// Notes that the records from `offset` to `upto` are about to be handled. True if that must
    /// be committed before.
    pub(crate) fn begin(&mut self, offset: i64, upto: i64) -> bool {
        let begun = self.care.begin(offset, upto);
        self.uncommitted |= begun;
        begun
    }

    /// A halt is not an attempt. True if that must be committed.
    pub(crate) fn take_back(&mut self) -> bool {
        let back = self.care.take_back();
        self.uncommitted |= back;
        back
    }

    /// What is to be committed for the lane: its intent if a range of `ranges` is its own, else
    /// what changed since the last commit, if anything did.
    pub(crate) fn commit(&self, partition: Partition, ranges: &[Range]) -> Option<Commit> {
        let own = ranges.iter().find(|range| (range.topic, range.partition) == partition);
        let own = own.map(intent_of);
        if own.is_none() && !self.uncommitted {
            return None;
        }
        let metadata = Metadata { intent: own.or(self.intent), ..self.care.metadata() };
        Some(Commit { partition, next: self.start, metadata: metadata.to_string() })
    }

    /// The commit with the intents of `ranges` is through.
    pub(crate) fn committed(&mut self, partition: Partition, ranges: &[Range]) {
        let own = ranges.iter().find(|range| (range.topic, range.partition) == partition);
        if let Some(range) = own {
            self.intent = Some(intent_of(range));
        }
        self.told.clear();
        self.uncommitted = false;
    }
}

/// The range that an intent committed at `start` covers.
pub(crate) fn intent_range((topic, partition): Partition, start: i64, intent: Intent) -> Range {
    let Intent { end, content, shards, bundle } = intent;
    Range { topic, partition, start, end, content, shards, bundle }
}

/// The intent to load a range.
fn intent_of(range: &Range) -> Intent {
    let Range { end, content, shards, bundle, .. } = *range;
    Intent { end, content, shards, bundle }
}

/// A range with its rows and the fates of the records that became none.
pub(crate) struct Load<R> {
    pub(crate) range: Range,
    pub(crate) rows: Vec<PlacedRow<R>>,
    pub(crate) told: Vec<Outgoing>,
    /// A record that killed processes is left out: the content is not the complete range.
    pub(crate) condemned: bool,
    /// How many rows were refused, each by itself.
    pub(crate) refused: usize,
    /// Rows of a side table that are in their plainest form, by offset.
    pub(crate) plain: BTreeSet<i64>,
}

impl<R> Load<R> {
    pub(crate) fn new(range: Range) -> Self {
        Self {
            range,
            rows: Vec::new(),
            told: Vec::new(),
            condemned: false,
            refused: 0,
            plain: BTreeSet::new(),
        }
    }

    /// The partition of its range.
    pub(crate) fn partition(&self) -> Partition {
        (self.range.topic, self.range.partition)
    }

    /// Offsets of the rows.
    pub(crate) fn offsets(&self) -> BTreeSet<i64> {
        self.rows.iter().map(|row| row.offset).collect()
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
