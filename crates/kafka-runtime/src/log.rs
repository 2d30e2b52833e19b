//! What a stage's loop needs of Kafka: one slot's consumer and transactional producer.
//!
//! Behind a trait, so that the loop can be tested on an ordered list of recorded actions.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use topology::Topic;

use crate::{
    error::LogError,
    processor::Changelog,
    record::{Outgoing, Position, Record},
};

/// One partition of one topic.
pub(crate) type Partition = (Topic, i32);

/// What a poll brought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Polled {
    /// A record.
    Record(Record),
    /// These partitions are ours now; their records come from their committed offsets on.
    Assigned(Vec<Partition>),
    /// These partitions are no longer ours: nothing of theirs may be committed.
    Revoked(Vec<Partition>),
    /// A position of ours is not in the log: look which.
    OutOfRange,
    /// Nothing within the timeout.
    Nothing,
}

/// An offset to be committed with the transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Commit {
    /// Topic and partition.
    pub(crate) partition: Partition,
    /// The offset after the last record that has its fate.
    pub(crate) next: i64,
    /// Metadata, at most 4,096 bytes.
    pub(crate) metadata: String,
}

/// What a partition holds now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Extent {
    /// First offset that is still there.
    pub(crate) start: i64,
    /// Last stable offset.
    pub(crate) end: i64,
}

/// One slot's view of Kafka.
pub(crate) trait Log: Changelog {
    /// Polls; rebalances are served here and nowhere else.
    fn poll(&mut self, timeout: Duration) -> Result<Polled, LogError>;

    /// The partitions that are ours now; none if the assignment was lost.
    fn assignment(&mut self) -> Result<BTreeSet<Partition>, LogError>;

    /// Takes the group's metadata (after the batch's last poll) and begins a transaction.
    fn begin(&mut self) -> Result<(), LogError>;

    /// Hands a record to the producer. With `tracked`, [`drain`](Self::drain) tells its position.
    fn send(&mut self, record: &Outgoing, tracked: bool) -> Result<(), LogError>;

    /// Waits until every record sent is acknowledged. The positions of the tracked ones, in the
    /// order in which they were sent.
    fn drain(&mut self) -> Result<Vec<Position>, LogError>;

    /// Sends the offsets and commits the transaction.
    fn commit(&mut self, offsets: &[Commit]) -> Result<(), LogError>;

    /// Aborts the transaction; nothing if none is open.
    fn abort(&mut self) -> Result<(), LogError>;

    /// Goes back to the committed offset of every partition that is ours. What it found.
    fn rewind(&mut self) -> Result<Vec<Commit>, LogError>;

    /// Fetches nothing of these partitions, and all others of ours; polls go on. Of a partition
    /// that was held before, reading goes on behind the last record that a poll returned.
    fn hold(&mut self, held: &BTreeSet<Partition>) -> Result<(), LogError>;

    /// What each of these partitions holds now.
    fn extents(
        &mut self,
        of: &BTreeSet<Partition>,
    ) -> Result<BTreeMap<Partition, Extent>, LogError>;

    /// Why the broker counts as away, while it does.
    fn trouble(&self) -> Option<String>;

    /// Records between the position and the last stable offset, per partition number; as of the
    /// last report of the client.
    fn lag(&self) -> Vec<(i32, i64)>;

    /// This log as what a processor restores its state from.
    fn changelog(&mut self) -> &mut dyn Changelog;

    /// What waiting is measured by. A model has a clock of its own, which its polls move.
    fn clock(&self) -> Instant {
        Instant::now()
    }
}
