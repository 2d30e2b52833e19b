//! `waybill trace`: the life of one event.

use std::{
    fmt,
    time::{Duration, Instant},
};

use event::{Origin, Waybill};
use kafka_runtime::{Bounds, Position, Record, Scanner, header};
use serde::Serialize;
use topology::{TOPICS, Topic};

use crate::{AuditError, Deps, tail::audited};

/// Where an event was seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Sighting {
    /// Topic.
    pub topic: String,
    /// Partition.
    pub partition: i32,
    /// Offset.
    pub offset: i64,
    /// Kafka timestamp; milliseconds UTC.
    pub timestamp: Option<i64>,
    /// Stage that discarded or rejected it there.
    pub stage: Option<String>,
    /// Why.
    pub reason: Option<String>,
}

/// The life of one event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Trace {
    /// Waybill number.
    pub origin: String,
    /// Where it was seen in Kafka, in the order of the flow.
    pub kafka: Vec<Sighting>,
    /// Its rows in ClickHouse, as `source event message loaded_at`.
    pub clickhouse: Vec<Row>,
    /// Erasures that took it out of ClickHouse, oldest first.
    pub erasures: Vec<ErasedBy>,
}

/// An erasure that named an event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ErasedBy {
    /// Id of the erasure, as in the table `erasures`.
    pub erasure: String,
    /// When it noted the event, just before the event was deleted; milliseconds UTC.
    pub erased_at: i64,
}

/// A row of ClickHouse.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Row {
    /// Source of the event.
    pub source: String,
    /// Event name, else its type.
    pub event: String,
    /// The sender's own id of the message.
    pub message_id: String,
    /// When ClickHouse took it; milliseconds UTC.
    pub loaded_at: i64,
}

/// Looks through the headers of every audited topic, and asks ClickHouse. Blocking; `told` hears
/// how far it is.
pub fn trace(deps: &Deps, origin: Origin, mut told: impl FnMut(&str)) -> Result<Trace, AuditError> {
    let mut kafka = Vec::new();
    for topic in audited() {
        told(&format!("looking through {topic}"));
        kafka.extend(sightings(deps, topic, origin)?);
    }
    let rows = deps.runtime.block_on(deps.warehouse.describe(origin))?;
    let clickhouse = rows
        .into_iter()
        .map(|row| Row {
            source: row.source,
            event: row.event_name,
            message_id: row.message_id,
            loaded_at: row.loaded_at,
        })
        .collect();
    let erasures = deps.runtime.block_on(deps.warehouse.erasures_of(origin))?;
    let erasures =
        erasures.into_iter().map(|(erasure, erased_at)| ErasedBy { erasure, erased_at }).collect();
    Ok(Trace { origin: origin.to_string(), kafka, clickhouse, erasures })
}

fn sightings(deps: &Deps, topic: Topic, origin: Origin) -> Result<Vec<Sighting>, AuditError> {
    let mut scanner = Scanner::new(&deps.kafka, "waybill-trace")?;
    if topic == Topic::RawEvents {
        let (partition, offset) = (origin.partition, origin.offset);
        let record = scanner.fetch(Position { topic, partition, offset })?;
        let ours = origin.epoch == deps.epoch;
        return Ok(record.filter(|_| ours).map(|record| sighting(&record)).into_iter().collect());
    }
    let bounds = scanner.bounds(topic)?;
    let open: Vec<&Bounds> = bounds.iter().filter(|it| it.start < it.stable_end).collect();
    let at = |it: &&Bounds| Position { topic, partition: it.partition, offset: it.start };
    scanner.assign(&open.iter().map(at).collect::<Vec<_>>())?;
    let mut found = Vec::new();
    let mut heard = Instant::now();
    while heard.elapsed() < Duration::from_secs(30) {
        match scanner.poll(Duration::from_millis(100))? {
            Some(record) => {
                heard = Instant::now();
                if number_of(&record) == Some(origin) {
                    found.push(sighting(&record));
                }
            }
            None if is_through(&scanner, &open)? => break,
            None => {}
        }
    }
    Ok(found)
}

fn is_through(scanner: &Scanner, open: &[&Bounds]) -> Result<bool, AuditError> {
    let positions = scanner.positions()?;
    let passed = |it: &&Bounds| {
        let at = positions.iter().find(|at| at.partition == it.partition);
        at.is_some_and(|at| at.offset >= it.stable_end)
    };
    Ok(open.iter().all(passed))
}

fn number_of(record: &Record) -> Option<Origin> {
    let value = record.header(header::WAYBILL)?;
    Waybill::from_header(value).ok().map(|waybill| waybill.origin)
}

fn sighting(record: &Record) -> Sighting {
    let word = |name| record.header(name).and_then(|value| String::from_utf8(value.to_vec()).ok());
    Sighting {
        topic: record.position.topic.name().to_owned(),
        partition: record.position.partition,
        offset: record.position.offset,
        timestamp: record.timestamp,
        stage: word(header::STAGE),
        reason: word(header::REASON),
    }
}

impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.origin)?;
        if self.kafka.is_empty() {
            writeln!(f, "  in none of the {} topics (any more)", TOPICS.len())?;
        }
        for seen in &self.kafka {
            write!(f, "  {}  partition {} offset {}", seen.topic, seen.partition, seen.offset)?;
            if let (Some(stage), Some(reason)) = (&seen.stage, &seen.reason) {
                write!(f, "  {stage}: {reason}")?;
            }
            writeln!(f)?;
        }
        for ErasedBy { erasure, .. } in &self.erasures {
            writeln!(f, "  ClickHouse  erased on request by erasure {erasure}")?;
        }
        if self.clickhouse.is_empty() {
            let more = if self.erasures.is_empty() { "" } else { " any more" };
            return write!(f, "  not in ClickHouse{more}");
        }
        self.clickhouse.iter().try_for_each(|row| {
            writeln!(f, "  ClickHouse  {}  {}  message {}", row.source, row.event, row.message_id)
        })
    }
}
