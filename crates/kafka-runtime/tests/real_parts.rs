//! The runtime on a real broker and a real registry.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::OnceLock,
    thread,
    time::{Duration, Instant},
};

use event::{Hints, Waybill};
use kafka_runtime::{
    Admin, BatchLimits, Fate, KafkaConfig, Numbered, Outgoing, Position, Processed, Processor,
    Producer, Record, Scanner, Shutdown, StageSettings, TopicSettings, header, run_stage,
};
use local_stack::{Stack, StackConfig};
use pipeline::{DiscardReason, Discarded, Halt, RejectReason, Rejected};
use schema_registry::{Registry, RegistryConfig};
use telemetry::Health;
use tokio::runtime::Runtime;
use topology::{Stage, TOPICS, Topic};

const PATIENCE: Duration = Duration::from_mins(1);

struct Parts {
    runtime: Runtime,
    _folder: tempfile::TempDir,
    _stack: Stack,
    kafka: KafkaConfig,
    registry: Registry,
    health: Health,
}

fn parts() -> &'static Parts {
    static PARTS: OnceLock<Parts> = OnceLock::new();
    PARTS.get_or_init(|| {
        let runtime = Runtime::new().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let stack = runtime.block_on(Stack::start(StackConfig::new(folder.path()))).unwrap();
        let kafka =
            KafkaConfig { bootstrap_servers: stack.bootstrap_servers(), ..KafkaConfig::default() };
        let at = RegistryConfig { url: stack.registry_url(), ..RegistryConfig::default() };
        let registry = Registry::new(&at, runtime.handle().clone()).unwrap();
        runtime.block_on(prepare(&kafka, &registry));
        Parts { runtime, _folder: folder, _stack: stack, kafka, registry, health: Health::new() }
    })
}

async fn prepare(kafka: &KafkaConfig, registry: &Registry) {
    let admin = Admin::new(kafka).unwrap();
    let settings = TopicSettings { partitions: 3, ..TopicSettings::default() };
    let plan = admin.plan(&settings).await.unwrap();
    assert_eq!(plan.len(), TOPICS.len());
    admin.apply(&plan, &settings).await.unwrap();
    let again = admin.plan(&settings).await.unwrap();
    assert_eq!(again, [], "a second migration has nothing to do");
    for spec in TOPICS {
        registry.register(spec.topic).await.unwrap();
    }
    for stage in Stage::ALL {
        let first = admin.first_positions(stage.group(), &stage.inputs()).unwrap();
        assert_eq!(first, 6);
        assert_eq!(admin.first_positions(stage.group(), &stage.inputs()).unwrap(), 0);
    }
}

#[test]
fn an_incompatible_schema_is_refused_with_the_registrys_reason() {
    let parts = parts();
    let incompatible = r#"{"type":"record","name":"RawEvent","namespace":"io.waybill","fields":[
        {"name":"added_without_default","type":"string"}]}"#;
    let refused = parts
        .runtime
        .block_on(parts.registry.register_text(Topic::RawEvents, incompatible))
        .unwrap_err()
        .to_string();
    assert!(refused.contains("FULL_TRANSITIVE"), "{refused}");
    assert!(refused.contains("added_without_default"), "the registry's own words: {refused}");
    let known = parts.runtime.block_on(parts.registry.registered_id(Topic::RawEvents)).unwrap();
    assert!(known.is_some(), "ours is still there");
}

fn settings(slot: u16) -> StageSettings {
    let parts = parts();
    StageSettings {
        kafka: parts.kafka.clone(),
        registry: parts.registry.clone(),
        epoch: 0,
        slot,
        batch: BatchLimits { records: 50, ..BatchLimits::default() },
        readiness: parts.health.component("test"),
    }
}

/// Every third record is emitted, discarded, rejected; `halt` records halt three times first.
#[derive(Default)]
struct ByThrees {
    halts: u32,
}

impl Processor for ByThrees {
    fn process(&mut self, numbered: &Numbered<'_>) -> Result<Processed, Halt> {
        let value = numbered.record.value.clone().unwrap_or_default();
        let text = String::from_utf8_lossy(&value).into_owned();
        assert!(text != "panic", "told to panic");
        if text == "halt" && self.halts < 3 {
            self.halts += 1;
            return Err(Halt::new("test", "told to halt"));
        }
        let fate = match text.as_str() {
            "discard" => Fate::Discard(Discarded {
                reason: DiscardReason::Repeat,
                detail: String::new(),
                first: Some(numbered.waybill.origin),
            }),
            "reject" => Fate::Reject(Rejected::new(RejectReason::Malformed, "told to reject")),
            _ => Fate::Emit { key: b"k".to_vec(), value },
        };
        Ok(Processed { fate, hints: Hints::default(), side: Vec::new() })
    }
}

fn outgoing(value: &str, partition: i32) -> Outgoing {
    Outgoing {
        topic: Topic::RawEvents,
        partition: Some(partition),
        key: None,
        value: Some(value.into()),
        headers: Vec::new(),
    }
}

/// Reads topics until `enough` says so.
fn read_until(topics: &[Topic], enough: impl Fn(&[Record]) -> bool) -> Vec<Record> {
    let mut scanner = Scanner::new(&parts().kafka, "test").unwrap();
    let mut starts = Vec::new();
    for topic in topics {
        for bounds in scanner.bounds(*topic).unwrap() {
            let (partition, offset) = (bounds.partition, bounds.start);
            starts.push(Position { topic: *topic, partition, offset });
        }
    }
    scanner.assign(&starts).unwrap();
    let (mut records, begun) = (Vec::new(), Instant::now());
    while !enough(&records) {
        assert!(begun.elapsed() < PATIENCE, "only {} records came", records.len());
        records.extend(scanner.poll(Duration::from_millis(100)).unwrap());
    }
    records
}

fn word<'r>(record: &'r Record, name: &str) -> Option<&'r str> {
    record.header(name).map(|value| std::str::from_utf8(value).unwrap())
}

#[test]
fn every_record_gets_one_fate_with_its_number_and_the_group_moves_past_it() {
    let values =
        ["emit", "discard", "reject", "panic", "halt", "emit", "discard", "reject", "emit"];
    let records: Vec<Outgoing> =
        (0..3).flat_map(|p| values.iter().map(move |value| outgoing(value, p))).collect();
    let producer = Producer::new(&parts().kafka).unwrap();
    let delivered = parts().runtime.block_on(producer.send_all(records)).unwrap();
    assert!(delivered.iter().all(|it| it.timestamp.is_some()));
    let expected: BTreeSet<(i32, i64)> =
        delivered.iter().map(|it| (it.position.partition, it.position.offset)).collect();

    let shutdown = Shutdown::new();
    let runner = {
        let shutdown = shutdown.clone();
        thread::spawn(move || {
            run_stage(&settings(0), Stage::Validate, ByThrees::default(), &shutdown)
        })
    };
    let stage = Stage::Validate;
    let topics = [Topic::ValidatedEvents, Topic::DiscardedEvents, stage.dead_letters()];
    let told = read_until(&topics, |records| records.len() >= expected.len());

    let mut fates: BTreeMap<(i32, i64), Vec<Topic>> = BTreeMap::new();
    for record in &told {
        let waybill = Waybill::from_header(record.header(header::WAYBILL).unwrap()).unwrap();
        let number = (waybill.origin.partition, waybill.origin.offset);
        fates.entry(number).or_default().push(record.position.topic);
        let stamp = delivered
            .iter()
            .find(|it| (it.position.partition, it.position.offset) == number)
            .unwrap();
        assert_eq!(Some(waybill.appended_at), stamp.timestamp);
    }
    assert_eq!(fates.keys().copied().collect::<BTreeSet<_>>(), expected);
    assert!(fates.values().all(|topics| topics.len() == 1), "{fates:?}");
    let reasons: BTreeSet<_> = told
        .iter()
        .filter_map(|it| Some((word(it, header::STAGE)?, word(it, header::REASON)?)))
        .collect();
    let stage_reasons =
        [("validate", "malformed"), ("validate", "repeat"), ("validate", "step-panicked")];
    assert_eq!(reasons, BTreeSet::from(stage_reasons));

    shutdown.request();
    runner.join().unwrap().unwrap();
    everything_is_committed();
    the_scanner_passes_the_markers();
}

fn everything_is_committed() {
    let mut scanner = Scanner::new(&parts().kafka, "test").unwrap();
    let ends = scanner.bounds(Topic::RawEvents).unwrap();
    let positions = scanner.group_positions("validate", &[Topic::RawEvents]).unwrap();
    for end in ends {
        let at = positions.iter().find(|it| it.partition == end.partition).unwrap();
        assert_eq!(at.offset, Some(end.stable_end));
    }
}

/// The last offset of a transactional topic is a marker, which no poll returns.
fn the_scanner_passes_the_markers() {
    let mut scanner = Scanner::new(&parts().kafka, "test").unwrap();
    let ends = scanner.bounds(Topic::ValidatedEvents).unwrap();
    let starts: Vec<Position> = ends
        .iter()
        .map(|it| Position { topic: Topic::ValidatedEvents, partition: it.partition, offset: 0 })
        .collect();
    scanner.assign(&starts).unwrap();
    let begun = Instant::now();
    loop {
        let mut seen = scanner.poll(Duration::from_millis(100)).unwrap();
        while seen.is_some() {
            seen = scanner.poll(Duration::from_millis(10)).unwrap();
        }
        let positions = scanner.positions().unwrap();
        let passed = ends.iter().all(|end| {
            positions.iter().any(|it| it.partition == end.partition && it.offset >= end.stable_end)
        });
        if passed {
            break;
        }
        assert!(begun.elapsed() < PATIENCE, "{positions:?} {ends:?}");
    }
}
