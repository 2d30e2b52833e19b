//! The records gathered between two commits.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use crate::{
    config::BatchLimits,
    log::{Commit, Partition},
    metadata::Metadata,
    patience::IDLE_POLL,
    record::Record,
};

/// How much comes, as the batches tell that were gathered.
pub(crate) struct Rate {
    per_second: u64,
    since: Instant,
}

impl Rate {
    pub(crate) fn new(now: Instant) -> Self {
        Self { per_second: 0, since: now }
    }

    /// So many records came since the last time.
    pub(crate) fn note(&mut self, records: usize, now: Instant) {
        let took = u64::try_from((now - self.since).as_millis()).unwrap_or(u64::MAX).max(1);
        let records = u64::try_from(records).unwrap_or(u64::MAX);
        self.per_second = u64::midpoint(self.per_second, records.saturating_mul(1_000) / took);
        self.since = now;
    }

    pub(crate) fn per_second(&self) -> u64 {
        self.per_second
    }
}

/// Records in the order in which they were polled.
pub(crate) struct Batch {
    limits: BatchLimits,
    records: Vec<Record>,
    bytes: usize,
    begun: Option<Instant>,
}

impl Batch {
    pub(crate) fn new(limits: BatchLimits) -> Self {
        Self::expecting(0, limits)
    }

    /// One that will have about so many records: thousands need not move as it grows.
    pub(crate) fn expecting(records: usize, limits: BatchLimits) -> Self {
        Self { limits, records: Vec::with_capacity(records), bytes: 0, begun: None }
    }

    pub(crate) fn push(&mut self, record: Record, now: Instant) {
        self.begun.get_or_insert(now);
        self.bytes += record.size();
        self.records.push(record);
    }

    pub(crate) fn is_full(&self, now: Instant) -> bool {
        self.is_filled() || self.begun.is_some_and(|begun| now - begun >= self.limits.age())
    }

    /// Whether it ended since no more fits, not since time was up or nothing came.
    pub(crate) fn is_filled(&self) -> bool {
        self.records.len() >= self.limits.records || self.bytes >= self.limits.bytes
    }

    /// How long to wait for the next record, so long after the last batch was gathered.
    pub(crate) fn wait(&self, since: Duration) -> Duration {
        if self.is_empty() { IDLE_POLL } else { self.limits.wait(since) }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    pub(crate) fn records(&self) -> &[Record] {
        &self.records
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Drops the records of partitions that are no longer ours: their new owner reads them again.
    pub(crate) fn purge(&mut self, revoked: &[Partition]) {
        self.records.retain(|record| !revoked.contains(&partition_of(record)));
    }

    /// Keeps only the records of partitions that are ours.
    pub(crate) fn retain(&mut self, ours: &BTreeSet<Partition>) {
        self.records.retain(|record| ours.contains(&partition_of(record)));
    }

    /// Per partition the offset after its last record: never the consumer's position, which
    /// jumps around control records.
    pub(crate) fn commits(&self, metadata: impl Fn(Partition) -> Option<Metadata>) -> Vec<Commit> {
        let mut next: BTreeMap<Partition, i64> = BTreeMap::new();
        for record in &self.records {
            next.insert(partition_of(record), record.position.offset + 1);
        }
        let commit = |(partition, next)| {
            let metadata = metadata(partition).unwrap_or_default().to_string();
            Commit { partition, next, metadata }
        };
        next.into_iter().map(commit).collect()
    }

    /// The first and the last offset of each partition.
    pub(crate) fn extents(&self) -> BTreeMap<Partition, (i64, i64)> {
        let mut extents = BTreeMap::new();
        for record in &self.records {
            let offset = record.position.offset;
            extents.entry(partition_of(record)).or_insert((offset, offset)).1 = offset;
        }
        extents
    }

    pub(crate) fn into_records(self) -> Vec<Record> {
        self.records
    }
}

pub(crate) fn partition_of(record: &Record) -> Partition {
    (record.position.topic, record.position.partition)
}
