//! Closes the books: compares every topic with ClickHouse and names what is missing.
//!
//! The auditor reads record headers, never payloads, and shares no code path with the stages for
//! deciding what was delivered. [`serve`] closes hour after hour, [`check`] closes everything up
//! to now on demand, [`trace`] tells the life of one event. All three block: call them on an OS
//! thread of its own.

mod check;
mod config;
mod headers;
mod hours;
mod judge;
mod naming;
mod published;
mod report;
mod serve;
mod tail;
mod trace;
mod view;

use kafka_runtime::{KafkaConfig, ReadError};
use pipeline::Halt;
use schema_registry::Registry;
use tokio::runtime::Handle;
use warehouse::{Warehouse, WarehouseError};

pub use check::check;
pub use config::Config;
pub use report::{ExpiredRange, Named, Report, State};
pub use serve::{serve, serve_by};
pub use trace::{ErasedBy, Row, Sighting, Trace, trace};

/// What the auditor works with.
#[derive(Clone)]
pub struct Deps {
    /// Where Kafka is.
    pub kafka: KafkaConfig,
    /// The schema registry, to name events.
    pub registry: Registry,
    /// ClickHouse.
    pub warehouse: Warehouse,
    /// Where the calls to ClickHouse are done.
    pub runtime: Handle,
    /// Epoch of `raw-events`.
    pub epoch: u16,
}

/// Why an audit came to no verdict.
#[derive(Debug, Clone, thiserror::Error)]
pub enum AuditError {
    /// Kafka could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// ClickHouse could not be asked.
    #[error(transparent)]
    Warehouse(#[from] WarehouseError),
    /// Something has no fate, and whether a stage gave it up cannot be told.
    #[error("the orders to the stages cannot be read: {0}")]
    Orders(Halt),
}

impl AuditError {
    /// What did not answer, in one word.
    pub fn dependency(&self) -> &'static str {
        match self {
            Self::Read(_) => "broker",
            Self::Warehouse(_) => "clickhouse",
            Self::Orders(halt) => halt.dependency,
        }
    }
}
