//! What a sink that can be asked what it holds does with its records: the loader's half of the
//! intent protocol. The other half, the commits, is [`crate::run_sink`]'s.

use std::{
    borrow::Cow,
    time::{Duration, Instant},
};

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
    /// Number of the content: 0 for the complete range. When something was taken under a number,
    /// what is still missing takes the next, which is committed before it is used.
    pub content: u32,
    /// Over how many shards the sink was spread when the range was begun ([`Sink::shards`]). All that
    /// is done about the range is done in that shard, whatever the configuration has become since.
    pub shards: u32,
    /// The INSERT of several ranges in which it is sent first; `None` if it is sent by itself.
    pub bundle: Option<Bundle>,
}

impl Range {
    /// The shard of its rows, the first is 0.
    #[must_use]
    pub fn shard(&self) -> u32 {
        shard_of(self.partition, self.shards)
    }
}

/// The shard that takes the rows of a partition, of so many: `partition mod shards`.
pub(crate) fn shard_of(partition: i32, shards: u32) -> u32 {
    u32::try_from(partition).unwrap_or_default() % shards.max(1)
}

/// What an INSERT of ranges of several partitions is called. The intent of each of them names it: whoever
/// takes one of the partitions up sends its range under the same name, with none of the others, and so
/// keeps an INSERT of all of them that comes late from being taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Bundle {
    /// Partition of its first range.
    pub partition: i32,
    /// First offset of that range.
    pub start: i64,
    /// Last offset of that range, inclusive.
    pub end: i64,
    /// Digest of all its ranges: others have another name.
    pub digest: u64,
}

/// The rows of a range, on their way.
pub type Part<'a, R> = (&'a Range, &'a [PlacedRow<R>]);

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
    /// The sink will never take these rows together, for what is in them; it has no more to do with
    /// this INSERT. A part of them may be in: read back before anything else.
    Refused(Refusal),
}

/// What came of an INSERT that was sent beside others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answered {
    /// What [`Sink::insert`] would have said.
    pub inserted: Result<Inserted, Halt>,
    /// How long it took.
    pub after: Duration,
}

/// Why a sink will never take rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// For a person: what the sink said. It gets into dead letters and logs, so no value of a row
    /// stands in it.
    pub detail: String,
    /// The row that it is about by the word of the sink: its index among those that were sent. Not
    /// to be relied on.
    pub row: Option<usize>,
}

/// What becomes of a record, and what may be said of it.
pub type MappedRecord<'r, R> = (Mapped<R>, Hints<Cow<'r, str>>);

/// A sink behind the intent protocol of `facts`: intent in the offset metadata, deterministic
/// content, token, read-back after anything uncertain.
pub trait Sink {
    /// One row.
    type Row;

    /// Over how many shards the sink is spread now ([`Range::shard`]).
    fn shards(&self) -> u32 {
        1
    }

    /// Maps a record to a row. Deterministic: no clock, no look-up (a schema by its id excepted,
    /// which never changes).
    fn map<'r>(&mut self, record: &Numbered<'r>) -> Result<MappedRecord<'r, Self::Row>, Halt>;

    /// The row that a record of a side table becomes when the sink refuses the one that
    /// [`map`](Self::map) made: what no column refuses. `None` for a sink whose refused rows become
    /// dead letters. Deterministic as well.
    fn plain(&mut self, _record: &Numbered<'_>) -> Result<Option<Self::Row>, Halt> {
        Ok(None)
    }

    /// Which of these origins the sink holds already (asked for redriven records only).
    fn loaded(&mut self, waybills: &[Waybill]) -> Result<Vec<Waybill>, Halt>;

    /// Loads the rows of a range, or in one INSERT those of all ranges of a bundle. Its token is made of the
    /// range alone, or, as long as its content number is 0, of the bundle. Refused rows leave the token untaken, as
    /// long as nothing of them is in.
    fn insert(&mut self, parts: &[Part<'_, Self::Row>]) -> Result<Inserted, Halt>;

    /// Sends INSERTs of different partitions, side by side where the sink can: one answer for each, in the
    /// same order, once all are in. None waits for what became of another.
    fn insert_each(&mut self, inserts: &[Vec<Part<'_, Self::Row>>]) -> Vec<Answered> {
        let insert = |parts: &Vec<Part<'_, Self::Row>>| {
            let begun = Instant::now();
            let inserted = self.insert(parts);
            Answered { inserted, after: begun.elapsed() }
        };
        inserts.iter().map(insert).collect()
    }

    /// Waits until no INSERT of the range's partition, nor of its bundle (of any instance, dead ones too), is
    /// still running in the range's shard.
    fn settle(&mut self, range: &Range) -> Result<(), Halt>;

    /// Which offsets of the range the sink holds, ascending.
    fn present(&mut self, range: &Range) -> Result<Vec<i64>, Halt>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partitions_go_round_the_shards() {
        let shards: Vec<u32> = (0..5).map(|partition| shard_of(partition, 3)).collect();
        assert_eq!(shards, [0, 1, 2, 0, 1]);
        assert_eq!(shard_of(7, 1), 0);
    }
}
