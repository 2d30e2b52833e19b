//! Dead letters and discards, read from the topics themselves: not from the tables that one of the
//! services under test has filled.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use anyhow::{Context as _, anyhow, ensure};
use event::{DeadLetter, DiscardedEvent};
use kafka_runtime::{KafkaConfig, Position, Record, Scanner};
use schema_registry::Registry;
use serde::de::DeserializeOwned;
use topology::{Stage, Topic};

const READ_WITHIN: Duration = Duration::from_mins(1);
const POLL: Duration = Duration::from_millis(50);

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
        let records = read_to_end(kafka, &topics)?;
        let (discards, dead): (Vec<_>, Vec<_>) =
            records.iter().partition(|record| record.position.topic == Topic::DiscardedEvents);
        Ok(Self {
            dead_letters: decoded(&dead, registry)?,
            discards: decoded(&discards, registry)?,
        })
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

/// Everything committed in these topics, up to their ends as of now.
fn read_to_end(kafka: &KafkaConfig, topics: &[Topic]) -> anyhow::Result<Vec<Record>> {
    let mut scanner = Scanner::new(kafka, "waybill-tests")?;
    let mut starts = Vec::new();
    let mut ends = BTreeMap::new();
    for topic in topics {
        for bounds in scanner.bounds(*topic)? {
            let start =
                Position { topic: *topic, partition: bounds.partition, offset: bounds.start };
            if bounds.start < bounds.stable_end {
                starts.push(start);
                ends.insert((*topic, bounds.partition), bounds.stable_end);
            }
        }
    }
    let mut records = Vec::new();
    if starts.is_empty() {
        return Ok(records);
    }
    scanner.assign(&starts)?;
    let begun = Instant::now();
    loop {
        ensure!(begun.elapsed() < READ_WITHIN, "reading {topics:?} to its end takes too long");
        if let Some(record) = scanner.poll(POLL)? {
            records.push(record);
            continue;
        }
        let end = |at: &Position| ends.get(&(at.topic, at.partition)).copied().unwrap_or_default();
        if scanner.positions()?.iter().all(|at| at.offset >= end(at)) {
            return Ok(records);
        }
    }
}
