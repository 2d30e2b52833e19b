//! Changelogs in memory, and a stage around a stitcher that can be killed at any point.

use std::collections::BTreeMap;

use event::{
    EnrichedEvent, EnrichmentFacts, Event, Millis, Origin, StitchedEvent, ValidationFacts, Waybill,
};
use identity::{Aliases, Rules};
use identity_stitch::{PartitionCount, Past, Stitcher, Stores};
use kafka_runtime::{
    Changelog, Fate, Followed, Numbered, Outgoing, Position, Processed, Processor, Record,
};
use pipeline::Halt;
use schema_registry::Registry;
use topology::Topic;

pub(crate) const DAY_MS: Millis = 24 * 60 * 60 * 1000;

/// Committed records by topic and partition. Odd offsets are left out, as control records are.
#[derive(Default)]
pub(crate) struct MemoryLog {
    partitions: BTreeMap<(Topic, i32), Vec<Record>>,
    pub(crate) replayed: usize,
}

impl MemoryLog {
    pub(crate) fn append(&mut self, outgoing: Outgoing) -> Position {
        let (topic, partition) = (outgoing.topic, outgoing.partition.unwrap());
        let records = self.partitions.entry((topic, partition)).or_default();
        let offset = i64::try_from(records.len()).unwrap() * 2;
        let position = Position { topic, partition, offset };
        let Outgoing { key, value, headers, .. } = outgoing;
        let (key, value) = (key.map(Into::into), value.map(Into::into));
        records.push(Record { position, timestamp: None, key, value, headers });
        position
    }
}

impl Changelog for MemoryLog {
    fn replay(
        &mut self,
        from: Position,
        each: &mut dyn FnMut(Record) -> Result<(), Halt>,
    ) -> Result<i64, Halt> {
        let records = self.partitions.entry((from.topic, from.partition)).or_default();
        for record in records.iter().filter(|record| record.position.offset >= from.offset) {
            self.replayed += 1;
            each(record.clone())?;
        }
        Ok(from.offset.max(i64::try_from(records.len()).unwrap() * 2))
    }
}

pub(crate) fn offline() -> (tokio::runtime::Runtime, Registry) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
    let registry = Registry::offline(runtime.handle().clone()).unwrap();
    (runtime, registry)
}

pub(crate) fn stitcher<T: Stores>(registry: &Registry, stores: T, count: u16) -> Stitcher<T> {
    stitcher_with(registry, stores, (count, Rules::new(7), Aliases::default()))
}

pub(crate) fn stitcher_with<T: Stores>(
    registry: &Registry,
    stores: T,
    (count, rules, aliases): (u16, Rules, Aliases),
) -> Stitcher<T> {
    let partition_count: PartitionCount = Box::new(move || Ok(count));
    let past = Past { stores, partition_count, aliases: Followed::fixed(aliases) };
    Stitcher::new(registry, rules, 0, past)
}

/// A record of `enriched-events` at `offset`, whose event has the number `origin`.
pub(crate) struct Input {
    pub(crate) record: Record,
    pub(crate) waybill: Waybill,
}

pub(crate) fn input(
    registry: &Registry,
    partition: i32,
    (offset, origin, appended_at): (i64, i64, Millis),
    event: &EnrichedEvent,
) -> Input {
    let topic = Topic::EnrichedEvents;
    let value = registry.encoder(topic).unwrap().encode(event).unwrap();
    let record = Record {
        position: Position { topic, partition, offset },
        timestamp: None,
        key: None,
        value: Some(value.into()),
        headers: Vec::new(),
    };
    let origin = Origin { epoch: 0, partition, offset: origin };
    Input { record, waybill: Waybill { origin, appended_at } }
}

pub(crate) fn process<T: Stores>(stitcher: &mut Stitcher<T>, input: &Input) -> Processed {
    let numbered = Numbered { record: &input.record, waybill: input.waybill };
    stitcher.process(&numbered).unwrap()
}

/// Commits the batch in hand as the runtime does.
pub(crate) fn commit<T: Stores>(stitcher: &mut Stitcher<T>, log: &mut MemoryLog) {
    let written = append_changes(stitcher, log);
    stitcher.committed(&written).unwrap();
}

pub(crate) fn append_changes<T: Stores>(
    stitcher: &mut Stitcher<T>,
    log: &mut MemoryLog,
) -> Vec<Position> {
    stitcher.changes().unwrap().into_iter().map(|change| log.append(change)).collect()
}

pub(crate) fn emitted(registry: &Registry, processed: &Processed) -> Option<StitchedEvent> {
    let Fate::Emit { value, .. } = &processed.fate else { return None };
    Some(registry.decoder(Topic::StitchedEvents).decode(value).unwrap().unwrap())
}

pub(crate) fn event(
    message_id: &str,
    anonymous_id: Option<&str>,
    user_id: Option<&str>,
    payload: u8,
) -> EnrichedEvent {
    let device_key = anonymous_id.or(user_id).unwrap_or(message_id).to_owned();
    EnrichedEvent {
        event: Event {
            source: "web/app".into(),
            source_kind: "browser".into(),
            environment: "test".into(),
            kind: "track".into(),
            message_id: message_id.into(),
            anonymous_id: anonymous_id.map(Into::into),
            user_id: user_id.map(Into::into),
            group_id: None,
            previous_id: None,
            event: Some("Clicked".into()),
            name: None,
            category: None,
            channel: None,
            timestamp: 1_000,
            original_timestamp: None,
            sent_at: None,
            received_at: 2_000,
            context: "{}".into(),
            properties: format!(r#"{{"n":{payload}}}"#),
            traits: "{}".into(),
            integrations: "{}".into(),
            extra: "{}".into(),
            request: None,
        },
        validation: ValidationFacts {
            version: "1".into(),
            device_key,
            device_key_kind: "anonymous_id".into(),
            time_basis: "timestamp".into(),
            ..ValidationFacts::default()
        },
        enrichment: EnrichmentFacts::default(),
    }
}
