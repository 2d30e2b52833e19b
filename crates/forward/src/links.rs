//! `identity-links` into the table `identity_links`.

use event::IdentityLink;
use kafka_runtime::{Mapped, Numbered};
use pipeline::{Halt, Rejected};
use warehouse::LinkRow;

use crate::{Mapping, dead_letters::undecodable, events::position};

/// Maps links; `decode` turns a framed value into one. Never rejects.
#[derive(Debug)]
pub struct Links<D> {
    epoch: u16,
    decode: D,
}

impl<D> Links<D>
where
    D: FnMut(&[u8]) -> Result<Result<IdentityLink, Rejected>, Halt>,
{
    /// A mapping for the log's epoch.
    pub fn new(epoch: u16, decode: D) -> Self {
        Self { epoch, decode }
    }
}

impl<D> Mapping for Links<D>
where
    D: FnMut(&[u8]) -> Result<Result<IdentityLink, Rejected>, Halt>,
{
    type Row<'r> = LinkRow;

    fn map(&mut self, numbered: &Numbered<'_>) -> Result<Mapped<LinkRow>, Halt> {
        let record = numbered.record;
        let position = position(self.epoch, record);
        let row = match (self.decode)(record.value.as_deref().unwrap_or_default())? {
            Ok(link) => LinkRow::new(position, link),
            Err(_) => LinkRow::undecodable(position, undecodable(record)),
        };
        Ok(Mapped::Row(row))
    }

    fn plain(&mut self, numbered: &Numbered<'_>) -> Option<LinkRow> {
        let record = numbered.record;
        Some(LinkRow::undecodable(position(self.epoch, record), undecodable(record)))
    }
}
