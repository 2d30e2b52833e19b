//! What a sink that can be asked what it holds does with its records: the loader's half of the
//! intent protocol. The other half, the commits, is [`crate::run_sink`]'s.

use event::{Hints, Waybill};
use pipeline::{DiscardReason, Discarded, Halt, Rejected};
use topology::Topic;

use crate::record::Numbered;

/// A range of one partition: what an intent covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Range {
    /// Topic of the positions.
    pub topic: Topic,
    /// Partition.
    pub partition: i32,
    /// First offset.
    pub start: i64,
    /// Last offset, inclusive.
    pub end: i64,
    /// Number of the content: 0 for the complete range; any INSERT of other content takes the
    /// next, which is committed before it is used.
    pub content: u32,
}

/// What a record becomes in the sink.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mapped<R> {
    /// A row to load.
    Row(R),
    /// A dead letter of this stage.
    Reject(Rejected),
    /// A copy of what is there already.
    Discard(Discarded),
}

impl<R> Mapped<R> {
    /// A redriven record whose row is there already.
    pub(crate) fn already_loaded() -> Self {
        let detail = "the warehouse holds a row with this number";
        Self::Discard(Discarded::new(DiscardReason::AlreadyLoaded, detail))
    }
}

/// A row with where it came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlacedRow<R> {
    /// Offset in the range's partition.
    pub offset: i64,
    /// The event's number.
    pub waybill: Waybill,
    /// The row.
    pub row: R,
}

/// How an INSERT ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Inserted {
    /// The sink said that it holds them.
    Loaded,
    /// Nobody knows: settle and read back before anything else.
    Uncertain(String),
}

/// A sink behind the intent protocol of `facts`: intent in the offset metadata, deterministic
/// content, token, read-back after anything uncertain.
pub trait Sink {
    /// One row.
    type Row;

    /// Maps a record to a row. Deterministic: no clock, no look-up (a schema by its id excepted,
    /// which never changes).
    fn map(&mut self, record: &Numbered<'_>) -> Result<(Mapped<Self::Row>, Hints), Halt>;

    /// Which of these origins the sink holds already (asked for redriven records only).
    fn loaded(&mut self, waybills: &[Waybill]) -> Result<Vec<Waybill>, Halt>;

    /// Loads the rows of a range. The token is made of the range alone.
    fn insert(&mut self, range: &Range, rows: &[PlacedRow<Self::Row>]) -> Result<Inserted, Halt>;

    /// Waits until no INSERT of this partition (of any instance, dead ones too) is still running.
    fn settle(&mut self, topic: Topic, partition: i32) -> Result<(), Halt>;

    /// Which offsets of the range the sink holds, ascending.
    fn present(&mut self, range: &Range) -> Result<Vec<i64>, Halt>;
}
