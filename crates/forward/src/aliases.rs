//! `identity-aliases` into the table `identity_aliases`.

use event::IdentityAlias;
use kafka_runtime::{Mapped, Numbered};
use pipeline::{Halt, Rejected};
use warehouse::AliasRow;

use crate::{Mapping, dead_letters::undecodable, events::position};

/// Maps merges of users; `decode` turns a framed value into one. Never rejects.
#[derive(Debug)]
pub struct Aliases<D> {
    epoch: u16,
    decode: D,
}

impl<D> Aliases<D>
where
    D: FnMut(&[u8]) -> Result<Result<IdentityAlias, Rejected>, Halt>,
{
    /// A mapping for the log's epoch.
    pub fn new(epoch: u16, decode: D) -> Self {
        Self { epoch, decode }
    }
}

impl<D> Mapping for Aliases<D>
where
    D: FnMut(&[u8]) -> Result<Result<IdentityAlias, Rejected>, Halt>,
{
    type Row<'r> = AliasRow;

    fn map(&mut self, numbered: &Numbered<'_>) -> Result<Mapped<AliasRow>, Halt> {
        let record = numbered.record;
        let position = position(self.epoch, record);
        let row = match (self.decode)(record.value.as_deref().unwrap_or_default())? {
            Ok(alias) => AliasRow::new(position, alias),
            Err(_) => AliasRow::undecodable(position, undecodable(record)),
        };
        Ok(Mapped::Row(row))
    }

    fn plain(&mut self, numbered: &Numbered<'_>) -> Option<AliasRow> {
        let record = numbered.record;
        Some(AliasRow::undecodable(position(self.epoch, record), undecodable(record)))
    }
}
