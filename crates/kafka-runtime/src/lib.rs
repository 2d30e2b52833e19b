//! Every poll loop, transaction, dead letter and commit; the only user of rdkafka.
//!
//! A service is a configuration, a step and one call: [`run_stage`] for a transforming stage,
//! [`run_sink`] for a sink. Ingest uses [`Producer`], the auditor [`Scanner`], the operators'
//! commands [`Admin`].

mod admin;
mod bare;
mod batch;
mod breaker;
#[cfg(test)]
mod bundle_tests;
mod care;
mod changelog;
mod commands;
mod config;
mod context;
mod convert;
#[cfg(test)]
mod doubt_tests;
mod error;
mod follower;
mod forgotten;
mod front;
mod groups;
mod kafka_log;
mod lane;
mod ledger;
mod log;
mod metadata;
#[cfg(test)]
mod model;
#[cfg(test)]
mod order_tests;
mod orders;
mod outlet;
mod patience;
mod pieces;
mod processor;
mod producer;
mod questions;
mod record;
#[cfg(test)]
mod recorded;
#[cfg(test)]
mod refused_tests;
mod scanner;
mod shutdown;
#[cfg(test)]
mod side_by_side_tests;
mod sink;
mod sink_loop;
#[cfg(test)]
mod sink_loop_tests;
mod stage;
mod stage_loop;
#[cfg(test)]
mod stage_loop_tests;
mod step_processor;
mod tail;
mod told_leaders;
mod trouble;
mod watchdog;

pub use admin::{Admin, AdminError, TopicChange, TopicSettings};
pub use bare::bare_pass_through;
pub use commands::{order, order_identity, order_identity_everywhere, read_commands};
pub use config::{BatchLimits, KafkaConfig, StageSettings};
pub use error::RuntimeError;
pub use follower::{Feed, Followed, Told};
pub use groups::{Member, NextRecords, members, next_records, ping};
pub use outlet::Outlet;
pub use processor::{Changelog, Fate, Processed, Processor};
pub use producer::{Delivered, Producer, SendError};
pub use record::{Header, Numbered, Outgoing, Position, Record, header};
pub use scanner::{Bounds, GroupPosition, ReadError, Scanner};
pub use shutdown::Shutdown;
pub use sink::{
    Answered, Bundle, Inserted, Mapped, MappedRecord, Part, PlacedRow, Range, Refusal, Sink,
};
pub use stage::{SinkSpec, run_sink, run_sink_of, run_stage};
pub use step_processor::StepProcessor;
