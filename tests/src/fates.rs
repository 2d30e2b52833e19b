//! Dead letters and discards, read from the topics themselves: not from the tables that one of the
//! services under test has filled.

use std::collections::BTreeMap;

use anyhow::{Context as _, anyhow};
use event::{DeadLetter, DiscardedEvent};
use kafka_runtime::{Bounds, KafkaConfig, Position, Record};
use schema_registry::Registry;
use serde::de::DeserializeOwned;
use topology::{Stage, Topic};

use crate::{
    flow::Flow,
    topic_reader::{Offsets, read_on},
};

/// A value and where its record stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placed<T> {
    /// Where.
    pub position: Position,
    /// What.
    pub value: T,
}

/// All that did not go on, of all stages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FateRecords {
    /// Rejected.
    pub dead_letters: Vec<Placed<DeadLetter>>,
    /// Dropped on purpose.
    pub discards: Vec<Placed<DiscardedEvent>>,
}

impl FateRecords {
    pub(crate) fn read(kafka: &KafkaConfig, registry: &Registry) -> anyhow::Result<Self> {
        let mut topics = Stage::ALL.map(Stage::dead_letters).to_vec();
        topics.push(Topic::DiscardedEvents);
        let mut records = Vec::new();
        read_on(kafka, &topics, &mut Offsets::new(), |record| records.push(record))?;
        let (discards, dead): (Vec<_>, Vec<_>) =
            records.iter().partition(|record| record.position.topic == Topic::DiscardedEvents);
        Ok(Self {
            dead_letters: decoded(&dead, registry)?,
            discards: decoded(&discards, registry)?,
        })
    }
}

impl Flow {
    /// What has been written to a topic since its ends were these (see [`Flow::bounds`]).
    pub fn written<T: DeserializeOwned>(
        &self,
        topic: Topic,
        since: &[Bounds],
    ) -> anyhow::Result<Vec<Placed<T>>> {
        let ends = since.iter().map(|bounds| ((topic, bounds.partition), bounds.stable_end));
        let mut records = Vec::new();
        read_on(self.kafka(), &[topic], &mut ends.collect(), |record| records.push(record))?;
        decoded(&records.iter().collect::<Vec<_>>(), self.registry())
    }
}

fn decoded<T: DeserializeOwned>(
    records: &[&Record],
    registry: &Registry,
) -> anyhow::Result<Vec<Placed<T>>> {
    let mut decoders = BTreeMap::new();
    let mut decode = |record: &&Record| {
        let position = record.position;
        let topic = position.topic;
        let decoder = decoders.entry(topic).or_insert_with(|| registry.decoder(topic));
        let value = record.value.as_deref().context("a fate without a value")?;
        let value = decoder.decode(value).map_err(|halt| anyhow!("{halt:?}"))?;
        let value = value.map_err(|rejected| anyhow!("{position:?}: {rejected:?}"))?;
        Ok(Placed { position, value })
    };
    records.iter().map(&mut decode).collect()
}
