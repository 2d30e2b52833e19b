//! `deliveries` into the table of the same name.

use event::Delivery;
use kafka_runtime::{Mapped, Numbered};
use pipeline::{Halt, Rejected};
use warehouse::DeliveryRow;

use crate::{Mapping, dead_letters::undecodable, events::position};

/// Maps deliveries; `decode` turns a framed value into one. Never rejects.
#[derive(Debug)]
pub struct Deliveries<D> {
    epoch: u16,
    decode: D,
}

impl<D> Deliveries<D>
where
    D: FnMut(&[u8]) -> Result<Result<Delivery, Rejected>, Halt>,
{
    /// A mapping for the log's epoch.
    pub fn new(epoch: u16, decode: D) -> Self {
        Self { epoch, decode }
    }
}

impl<D> Mapping for Deliveries<D>
where
    D: FnMut(&[u8]) -> Result<Result<Delivery, Rejected>, Halt>,
{
    type Row<'r> = DeliveryRow;

    fn map(&mut self, numbered: &Numbered<'_>) -> Result<Mapped<DeliveryRow>, Halt> {
        let record = numbered.record;
        let position = position(self.epoch, record);
        let row = match (self.decode)(record.value.as_deref().unwrap_or_default())? {
            Ok(delivery) => DeliveryRow::new(position, delivery),
            Err(_) => DeliveryRow::undecodable(position, undecodable(record)),
        };
        Ok(Mapped::Row(row))
    }

    fn plain(&mut self, numbered: &Numbered<'_>) -> Option<DeliveryRow> {
        let record = numbered.record;
        Some(DeliveryRow::undecodable(position(self.epoch, record), undecodable(record)))
    }
}
