//! The way out: the ClickHouse loader.
//!
//! One machine, [`ClickhouseSink`], loads every table; what differs is the [`Mapping`] from a
//! record to a row. `events` is a stage with dead letters; the side tables `dead_letters`,
//! `discarded_events`, `deliveries`, `identity_links` and `identity_aliases` keep every record, and what
//! cannot be decoded stands in their column `raw`.
//!
//! A row that ClickHouse refuses is found by halving ([`kafka_runtime::Sink`]). A refused event gets a
//! dead letter with what ClickHouse said, without values; a refused row of a side table is kept with
//! nothing but its value in `raw`.

mod aliases;
mod dead_letters;
mod deliveries;
mod discards;
mod events;
mod links;
mod persons;
mod sink;
mod token;

pub use aliases::Aliases;
pub use dead_letters::DeadLetters;
pub use deliveries::Deliveries;
pub use discards::Discards;
pub use events::Events;
pub use links::Links;
pub use persons::keep_persons_known;
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
    let events = Events::new(settings.epoch, move |value: &[u8]| decoder.read(value));
    let sink = ClickhouseSink::new(loader(settings, warehouse, runtime), events);
    kafka_runtime::run_sink(settings, stage, sink, shutdown)
}

/// What each side table reads, for [`run_side_table`].
pub fn side_tables() -> Vec<SinkSpec> {
    let dead_letters = Stage::ALL.map(Topic::DeadLetters).to_vec();
    [
        ("forward-dead-letters", dead_letters),
        ("forward-discarded-events", vec![Topic::DiscardedEvents]),
        ("forward-deliveries", vec![Topic::Deliveries]),
        ("forward-identity-links", vec![Topic::IdentityLinks]),
        ("forward-identity-aliases", vec![Topic::IdentityAliases]),
    ]
    .map(|(name, topics)| SinkSpec { name, topics, stage: None })
    .into()
}

/// Loads one of the [`side_tables`] until asked to stop. Blocking, as [`run`] is.
pub fn run_side_table(
    settings: &StageSettings,
    spec: &SinkSpec,
    warehouse: Warehouse,
    runtime: Handle,
    shutdown: &Shutdown,
) -> Result<(), RuntimeError> {
    let side = Side { settings, spec, loader: loader(settings, warehouse, runtime), shutdown };
    let epoch = settings.epoch;
    // All dead-letter topics share one schema, so the first topic tells it.
    let topic = spec.topics.first().copied().unwrap_or(Topic::DiscardedEvents);
    let mut decoder = settings.registry.decoder(topic);
    match topic {
        Topic::IdentityLinks => side.load(Links::new(epoch, move |it: &[u8]| decoder.decode(it))),
        Topic::IdentityAliases => {
            side.load(Aliases::new(epoch, move |it: &[u8]| decoder.decode(it)))
        }
        Topic::Deliveries => side.load(Deliveries::new(epoch, move |it: &[u8]| decoder.decode(it))),
        Topic::DeadLetters(_) => {
            side.load(DeadLetters::new(epoch, move |it: &[u8]| decoder.decode(it)))
        }
        _ => side.load(Discards::new(epoch, move |it: &[u8]| decoder.decode(it))),
    }
}

/// What a side table is loaded with.
struct Side<'a> {
    settings: &'a StageSettings,
    spec: &'a SinkSpec,
    loader: Loader,
    shutdown: &'a Shutdown,
}

impl Side<'_> {
    fn load(self, mapping: impl Mapping) -> Result<(), RuntimeError> {
        let sink = ClickhouseSink::new(self.loader, mapping);
        kafka_runtime::run_sink_of(self.settings, self.spec, sink, self.shutdown)
    }
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
    fn every_topic_of_what_became_of_events_and_persons_is_loaded_by_exactly_one_side_table() {
        let loaded: Vec<Topic> = side_tables().into_iter().flat_map(|spec| spec.topics).collect();
        let once: BTreeSet<Topic> = loaded.iter().copied().collect();
        assert_eq!(once.len(), loaded.len());
        for spec in TOPICS {
            let is_side = matches!(
                spec.topic,
                Topic::DeadLetters(_)
                    | Topic::DiscardedEvents
                    | Topic::Deliveries
                    | Topic::IdentityLinks
                    | Topic::IdentityAliases
            );
            assert_eq!(once.contains(&spec.topic), is_side, "{}", spec.topic);
            assert!(!is_side || spec.read_by.contains(&Service::Forward), "{}", spec.topic);
        }
    }
}
