//! Deleting what the tables hold of a person.
//!
//! Ids go to ClickHouse as parameters of questions that are not logged, and never into a mutation,
//! whose text ClickHouse keeps: what is deleted is told there by waybill numbers and positions.

mod delete;
mod find;
mod records;

use event::Millis;

pub use delete::{DELETED_FROM, Eraser, Progress};
pub use find::NamedRow;
pub use records::{ErasureRecord, ErasureState};

/// Whose rows are to go. No list has an empty id.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ErasedPerson {
    /// User ids of the person.
    pub users: Vec<String>,
    /// Anonymous ids that are hers alone.
    pub devices: Vec<String>,
    /// Times of anonymous ids that are somebody else's too.
    pub spans: Vec<DeviceSpan>,
}

/// A time of a device, by event time: an event of it without a user id is the person's then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceSpan {
    /// The device.
    pub anonymous_id: String,
    /// First instant, milliseconds UTC; `None` from the beginning.
    pub from: Option<Millis>,
    /// First instant that no longer counts; `None` up to now.
    pub until: Option<Millis>,
}

/// Rows of one table.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct TableCount {
    /// The table.
    pub table: &'static str,
    /// How many.
    pub rows: u64,
}

/// Where a row of a side table comes from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, clickhouse::Row, serde::Deserialize)]
pub struct Place {
    /// Epoch of the log.
    pub epoch: u16,
    /// Topic.
    pub topic: String,
    /// Partition.
    pub partition: i32,
    /// Offset.
    pub offset: i64,
}
