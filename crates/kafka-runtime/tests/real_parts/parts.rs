//! A broker and a registry that all tests share, and a processor that does what records say.

use std::{
    sync::OnceLock,
    time::{Duration, Instant},
};

use event::Hints;
use kafka_runtime::{
    Admin, BatchLimits, Fate, KafkaConfig, Numbered, Outgoing, Position, Processed, Processor,
    Record, Scanner, StageSettings, TopicSettings,
};
use local_stack::{Stack, StackConfig};
use pipeline::{DiscardReason, Discarded, Halt, RejectReason, Rejected};
use schema_registry::{Registry, RegistryConfig};
use telemetry::Health;
use tokio::runtime::Runtime;
use topology::{Stage, TOPICS, Topic};

pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

pub(crate) struct Parts {
    pub(crate) runtime: Runtime,
    _folder: tempfile::TempDir,
    _stack: Stack,
    pub(crate) kafka: KafkaConfig,
    pub(crate) registry: Registry,
}

pub(crate) fn parts() -> &'static Parts {
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
        Parts { runtime, _folder: folder, _stack: stack, kafka, registry }
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
        let first = admin.first_positions(stage.group(), &stage.reads()).unwrap();
        assert_eq!(first, 3 * stage.reads().len());
        assert_eq!(admin.first_positions(stage.group(), &stage.reads()).unwrap(), 0);
    }
}

pub(crate) fn settings(slot: u16, health: &Health) -> StageSettings {
    let parts = parts();
    StageSettings {
        kafka: parts.kafka.clone(),
        registry: parts.registry.clone(),
        epoch: 0,
        slot,
        batch: BatchLimits { records: 50, ..BatchLimits::default() },
        readiness: health.stage("test", slot),
    }
}

/// Every third record is emitted, discarded, rejected; `halt` records halt three times first.
#[derive(Default)]
pub(crate) struct ByThrees {
    halts: u32,
}

impl Processor for ByThrees {
    fn process(&mut self, numbered: &Numbered<'_>) -> Result<Processed, Halt> {
        let value = numbered.record.value.as_deref().unwrap_or_default().to_vec();
        let text = String::from_utf8_lossy(&value).into_owned();
        assert!(text != "panic", "told to panic");
        if text == "halt" && self.halts < 3 {
            self.halts += 1;
            return Err(Halt::new("test", "told to halt"));
        }
        let fate = match text.as_str() {
            "discard" => Fate::Discard(Discarded {
                first: Some(numbered.waybill.origin),
                ..Discarded::new(DiscardReason::Repeat, "")
            }),
            "reject" => Fate::Reject(Rejected::new(RejectReason::Malformed, "told to reject")),
            _ => Fate::Emit { key: b"k".to_vec(), value },
        };
        Ok(Processed { fate, hints: Hints::default(), side: Vec::new() })
    }
}

pub(crate) fn outgoing(topic: Topic, value: &str, partition: i32) -> Outgoing {
    Outgoing {
        topic,
        partition: Some(partition),
        key: None,
        value: Some(value.into()),
        headers: Vec::new(),
    }
}

/// Reads topics until `enough` says so.
pub(crate) fn read_until(topics: &[Topic], enough: impl Fn(&[Record]) -> bool) -> Vec<Record> {
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
