//! The way out: the ClickHouse loader.
//!
//! One machine, [`ClickhouseSink`], loads three tables; what differs is the [`Mapping`] from a
//! record to a row. `events` is a stage with dead letters; the side tables `dead_letters` and
//! `discarded_events` keep every record, and what cannot be decoded stands in their column `raw`.
//!
//! Rows that ClickHouse refuses halt the loader with ClickHouse's code and name. Looking for the
//! one bad row by halving the range, and giving it a dead letter, is not built yet.

mod dead_letters;
mod discards;
mod events;
mod sink;
mod token;

pub use dead_letters::DeadLetters;
pub use discards::Discards;
pub use events::Events;
pub use sink::{ClickhouseSink, Loader, Mapping};
pub use token::Token;

use kafka_runtime::{BatchLimits, RuntimeError, Shutdown, SinkSpec, StageSettings};
use serde::Deserialize;
use tokio::runtime::Handle;
use topology::{Stage, Topic};
use uuid::Uuid;
use warehouse::Warehouse;

/// How forward loads.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// When a batch ends; large batches make few parts.
    pub batch: BatchLimits,
}

impl Default for Config {
    fn default() -> Self {
        Self { batch: BatchLimits::for_sink() }
    }
}

/// Loads `events` until asked to stop. Blocking: call it on an OS thread, with the handle of a
/// runtime that runs elsewhere.
pub fn run(
    settings: &StageSettings,
    warehouse: Warehouse,
    runtime: Handle,
    shutdown: &Shutdown,
) -> Result<(), RuntimeError> {
    let stage = Stage::ForwardClickhouse;
    let mut decoder = settings.registry.decoder(stage.input());
    let events = Events::new(settings.epoch, move |value: &[u8]| decoder.decode(value));
    let sink = ClickhouseSink::new(loader(settings, warehouse, runtime), events);
    kafka_runtime::run_sink(settings, stage, sink, shutdown)
}

/// What each side table reads, for [`run_side_table`].
pub fn side_tables() -> Vec<SinkSpec> {
    let dead_letters = Stage::ALL.map(Topic::DeadLetters).to_vec();
    vec![
        SinkSpec { name: "forward-dead-letters", topics: dead_letters, stage: None },
        SinkSpec {
            name: "forward-discarded-events",
            topics: vec![Topic::DiscardedEvents],
            stage: None,
        },
    ]
}

/// Loads one of the [`side_tables`] until asked to stop. Blocking, as [`run`] is.
pub fn run_side_table(
    settings: &StageSettings,
    spec: &SinkSpec,
    warehouse: Warehouse,
    runtime: Handle,
    shutdown: &Shutdown,
) -> Result<(), RuntimeError> {
    let loader = loader(settings, warehouse, runtime);
    let epoch = settings.epoch;
    if spec.topics.contains(&Topic::DiscardedEvents) {
        let mut decoder = settings.registry.decoder(Topic::DiscardedEvents);
        let discards = Discards::new(epoch, move |value: &[u8]| decoder.decode(value));
        return kafka_runtime::run_sink_of(
            settings,
            spec,
            ClickhouseSink::new(loader, discards),
            shutdown,
        );
    }
    // All dead-letter topics share one schema.
    let mut decoder = settings.registry.decoder(Topic::DeadLetters(Stage::Validate));
    let letters = DeadLetters::new(epoch, move |value: &[u8]| decoder.decode(value));
    kafka_runtime::run_sink_of(settings, spec, ClickhouseSink::new(loader, letters), shutdown)
}

fn loader(settings: &StageSettings, warehouse: Warehouse, runtime: Handle) -> Loader {
    let nonce = Uuid::new_v4().simple().to_string();
    Loader { warehouse, runtime, epoch: settings.epoch, nonce }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use topology::{Service, TOPICS};

    use super::*;

    #[test]
    fn every_dead_letter_and_discard_topic_is_loaded_by_exactly_one_side_table() {
        let loaded: Vec<Topic> = side_tables().into_iter().flat_map(|spec| spec.topics).collect();
        let once: BTreeSet<Topic> = loaded.iter().copied().collect();
        assert_eq!(once.len(), loaded.len());
        for spec in TOPICS {
            let is_side = matches!(spec.topic, Topic::DeadLetters(_) | Topic::DiscardedEvents);
            assert_eq!(once.contains(&spec.topic), is_side, "{}", spec.topic);
            assert!(!is_side || spec.read_by.contains(&Service::Forward), "{}", spec.topic);
        }
    }
}
