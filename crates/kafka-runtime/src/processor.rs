//! What a transforming stage does with its records.

use event::Hints;
use pipeline::{Discarded, Halt, Rejected};

use crate::{
    config::STAGE_MESSAGE_BYTES,
    record::{Numbered, Outgoing, Position, Record},
};

/// The fate of one record, ready to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// It goes on under this key, with this value.
    Emit {
        /// Key of the output record.
        key: Vec<u8>,
        /// Value of the output record, framed.
        value: Vec<u8>,
    },
    /// It is dropped on purpose.
    Discard(Discarded),
    /// It becomes a dead letter.
    Reject(Rejected),
}

impl Fate {
    /// Whether it is an output that is far from too large: then nothing is told of the event but its
    /// source, and [`Processed::hints`] need no more.
    pub fn surely_fits(&self, record: &Record) -> bool {
        let Self::Emit { key, value } = self else { return false };
        record.size() + key.len() + value.len() <= STAGE_MESSAGE_BYTES / 2
    }
}

/// What came of one record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Processed {
    /// Its one fate.
    pub fate: Fate,
    /// What may be said of the event in the ledger.
    pub hints: Hints,
    /// Records beside the fate, such as identity links. They get the `waybill` header too.
    pub side: Vec<Outgoing>,
}

/// Reads a changelog partition from a position to its end, once every transaction below that is
/// decided.
pub trait Changelog {
    /// Calls `each` with every committed record of `from.topic`/`from.partition` at and after
    /// `from.offset` (or from the log's start where that is later), in order. Returns the offset
    /// after the last stable record: where the next read begins.
    fn replay(
        &mut self,
        from: Position,
        each: &mut dyn FnMut(Record) -> Result<(), Halt>,
    ) -> Result<i64, Halt>;
}

/// A transforming stage: what the runtime calls. Stateless stages implement
/// [`process`](Self::process) alone.
///
/// Per batch: `process` for each record, `changes` once, then exactly one of `committed` and
/// `aborted`. After `aborted` the same records come again.
pub trait Processor {
    /// Gives one record its fate. `Err` aborts the batch; the same records come again.
    fn process(&mut self, record: &Numbered<'_>) -> Result<Processed, Halt>;

    /// Follows an operator's order: a record of the topic that [`topology::Stage::commands`] names.
    /// An order is no event, so it has no number and no fate. What is returned is written in the
    /// batch's transaction. An order that cannot be followed is told in the log. `Err` aborts the
    /// batch; the same records come again.
    fn follow(&mut self, _order: &Record) -> Result<Vec<Outgoing>, Halt> {
        Ok(Vec::new())
    }

    /// Partitions (numbers, common to all inputs) were assigned: bring their state up to date
    /// before anything is processed.
    fn assigned(&mut self, _partitions: &[i32], _log: &mut dyn Changelog) -> Result<(), Halt> {
        Ok(())
    }

    /// Partitions were revoked.
    fn revoked(&mut self, _partitions: &[i32]) {}

    /// Changelog records of the batch, written in its transaction.
    fn changes(&mut self) -> Result<Vec<Outgoing>, Halt> {
        Ok(Vec::new())
    }

    /// The transaction is committed; `written` are the positions of what `changes` returned, in
    /// the same order. An `Err` here means that the store is behind: the runtime calls `assigned`
    /// again before it goes on.
    fn committed(&mut self, _written: &[Position]) -> Result<(), Halt> {
        Ok(())
    }

    /// The transaction was aborted: forget what the batch changed.
    fn aborted(&mut self) {}
}
