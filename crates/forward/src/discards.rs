//! `discarded-events` into the table of the same name.

use event::DiscardedEvent;
use kafka_runtime::{Mapped, Numbered};
use pipeline::{Halt, Rejected};
use warehouse::DiscardRow;

use crate::{Mapping, dead_letters::undecodable, events::position};

/// Maps discards; `decode` turns a framed value into one. Never rejects.
#[derive(Debug)]
pub struct Discards<D> {
    epoch: u16,
    decode: D,
}

impl<D> Discards<D>
where
    D: FnMut(&[u8]) -> Result<Result<DiscardedEvent, Rejected>, Halt>,
{
    /// A mapping for the log's epoch.
    pub fn new(epoch: u16, decode: D) -> Self {
        Self { epoch, decode }
    }
}

impl<D> Mapping for Discards<D>
where
    D: FnMut(&[u8]) -> Result<Result<DiscardedEvent, Rejected>, Halt>,
{
    type Row<'r> = DiscardRow;

    fn map(&mut self, numbered: &Numbered<'_>) -> Result<Mapped<DiscardRow>, Halt> {
        let record = numbered.record;
        let position = position(self.epoch, record);
        let row = match (self.decode)(record.value.as_deref().unwrap_or_default())? {
            Ok(discard) => DiscardRow::new(position, discard),
            Err(_) => DiscardRow::undecodable(position, undecodable(record)),
        };
        Ok(Mapped::Row(row))
    }

    fn plain(&mut self, numbered: &Numbered<'_>) -> Option<DiscardRow> {
        let record = numbered.record;
        Some(DiscardRow::undecodable(position(self.epoch, record), undecodable(record)))
    }
}
