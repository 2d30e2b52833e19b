//! Rows that a real ClickHouse refuses, with the loop, a real Kafka and a real registry.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::{
    collections::BTreeSet,
    thread,
    time::{Duration, Instant},
};

use event::{DeadLetter, Delivery, DiscardedEvent, Event, Origin, StitchedEvent, Waybill};
use forward::side_tables;
use kafka_runtime::{
    Admin, BatchLimits, Bounds, KafkaConfig, Outgoing, Position, Producer, Record, Scanner,
    Shutdown, StageSettings, TopicSettings, header, order,
};
use local_stack::{Stack, StackConfig};
use schema_registry::{Registry, RegistryConfig};
use serde_json::json;
use telemetry::Health;
use tokio::runtime::Runtime;
use topology::{Stage, TOPICS, Topic};
use warehouse::{Warehouse, WarehouseConfig};

const STAGE: Stage = Stage::ForwardClickhouse;
const APPENDED_AT: i64 = 1_795_000_000_000;
const PARTITIONS: u16 = 4;
const WITHIN: Duration = Duration::from_mins(1);

struct World {
    runtime: Runtime,
    stack: Stack,
    kafka: KafkaConfig,
    registry: Registry,
    warehouse: Warehouse,
    _folder: tempfile::TempDir,
}

impl World {
    fn start() -> Self {
        let runtime = Runtime::new().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let stack = runtime.block_on(Stack::start(StackConfig::new(folder.path()))).unwrap();
        let kafka =
            KafkaConfig { bootstrap_servers: stack.bootstrap_servers(), ..KafkaConfig::default() };
        let at = RegistryConfig { url: stack.registry_url(), ..RegistryConfig::default() };
        let registry = Registry::new(&at, runtime.handle().clone()).unwrap();
        let at = WarehouseConfig { url: stack.clickhouse_url(), ..WarehouseConfig::default() };
        let warehouse = Warehouse::new(&at).unwrap();
        let world = Self { runtime, stack, kafka, registry, warehouse, _folder: folder };
        world.runtime.block_on(world.migrate());
        world
    }

    async fn migrate(&self) {
        let admin = Admin::new(&self.kafka).unwrap();
        let settings = TopicSettings { partitions: PARTITIONS, ..TopicSettings::default() };
        admin.apply(&admin.plan(&settings).await.unwrap(), &settings).await.unwrap();
        for spec in TOPICS {
            self.registry.register(spec.topic).await.unwrap();
        }
        self.warehouse.migrate_apply().await.unwrap();
        admin.first_positions(STAGE.group(), &STAGE.reads()).unwrap();
        for side in side_tables() {
            admin.first_positions(side.name, &side.topics).unwrap();
        }
        self.execute("SYSTEM STOP MERGES").await;
    }

    async fn execute(&self, sql: &str) -> String {
        let database = WarehouseConfig::default().database;
        let url = format!("{}/?database={database}", self.stack.clickhouse_url());
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let answer = http.post(url).body(sql.to_owned()).send().await.unwrap();
        let (status, text) = (answer.status(), answer.text().await.unwrap());
        assert!(status.is_success(), "{sql}: {text}");
        text
    }

    fn alter(&self, sql: &str) {
        self.runtime.block_on(self.execute(sql));
    }

    /// The lines of the answer.
    fn texts(&self, sql: &str) -> Vec<String> {
        self.runtime.block_on(self.execute(sql)).lines().map(str::to_owned).collect()
    }

    fn settings(&self) -> StageSettings {
        StageSettings {
            kafka: self.kafka.clone(),
            registry: self.registry.clone(),
            epoch: 0,
            slot: 0,
            batch: BatchLimits::for_sink(),
            readiness: Health::new().component("forward"),
        }
    }

    fn produce(&self, records: Vec<Outgoing>) {
        let producer = Producer::new(&self.kafka).unwrap();
        self.runtime.block_on(producer.send_all(records)).unwrap();
    }

    /// All records of a topic.
    fn records(&self, topic: Topic) -> Vec<Record> {
        let mut scanner = Scanner::new(&self.kafka, "waybill-test").unwrap();
        let bounds = scanner.bounds(topic).unwrap();
        let first = |it: &Bounds| Position { topic, partition: it.partition, offset: 0 };
        scanner.assign(&bounds.iter().map(first).collect::<Vec<_>>()).unwrap();
        let is_at_end = |at: &Position| {
            bounds.iter().any(|it| it.partition == at.partition && at.offset >= it.stable_end)
        };
        let mut records = Vec::new();
        while !scanner.positions().unwrap().iter().all(is_at_end) {
            records.extend(scanner.poll(Duration::from_millis(100)).unwrap());
        }
        records
    }

    fn letters(&self) -> Vec<DeadLetter> {
        let mut decoder = self.registry.decoder(STAGE.dead_letters());
        let records = self.records(STAGE.dead_letters());
        let values = records.iter().map(|record| record.value.as_deref().unwrap());
        values.map(|value| decoder.decode(value).unwrap().unwrap()).collect()
    }

    /// Runs a loader as long as `work` takes.
    fn while_loading(
        &self,
        load: impl FnOnce(&StageSettings, Warehouse, &Shutdown) + Send,
        work: impl FnOnce(),
    ) {
        let (shutdown, settings) = (Shutdown::new(), self.settings());
        thread::scope(|scope| {
            let loading = scope.spawn(|| load(&settings, self.warehouse.clone(), &shutdown));
            let _stops = Stops(&shutdown);
            work();
            shutdown.request();
            loading.join().unwrap();
        });
    }
}

/// A failed assertion stops the loader too.
struct Stops<'a>(&'a Shutdown);

impl Drop for Stops<'_> {
    fn drop(&mut self) {
        self.0.request();
    }
}

fn until(what: &str, holds: impl Fn() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < WITHIN, "{what}: not within {WITHIN:?}");
        thread::sleep(Duration::from_millis(100));
    }
}

fn stitched(message_id: &str) -> StitchedEvent {
    let event: Event = serde_json::from_value(json!({
        "source": "web/app", "source_kind": "browser", "environment": "production",
        "type": "track", "event": "Signed Up", "message_id": message_id,
        "timestamp": APPENDED_AT, "received_at": APPENDED_AT, "context": "{}", "properties": "{}",
        "traits": "{}", "integrations": "{}", "extra": "{}",
    }))
    .unwrap();
    StitchedEvent {
        event,
        validation: event::ValidationFacts::default(),
        enrichment: event::EnrichmentFacts::default(),
        identity: event::IdentityFacts::default(),
    }
}

/// Stitched events with these ids, whose origins count on from `first`.
fn events(world: &World, first: i64, ids: &[String]) -> Vec<Outgoing> {
    let encoder = world.registry.encoder(STAGE.input()).unwrap();
    let record = |(offset, id): (i64, &String)| {
        let origin = Origin { epoch: 0, partition: 0, offset };
        let waybill = Waybill { origin, appended_at: APPENDED_AT }.to_header().to_vec().into();
        Outgoing {
            topic: STAGE.input(),
            partition: Some(0),
            key: None,
            value: Some(encoder.encode(&stitched(id)).unwrap()),
            headers: vec![(header::WAYBILL.into(), Some(waybill))],
        }
    };
    (first..).zip(ids).map(record).collect()
}

fn ids(case: &str, count: usize, odd: &[usize]) -> Vec<String> {
    let id =
        |index| format!("{}-{case}-{index}", if odd.contains(&index) { "odd" } else { "sound" });
    (0..count).map(id).collect()
}

#[test]
fn what_is_refused_is_told_and_the_rest_is_loaded() {
    let world = World::start();
    world.alter("ALTER TABLE events ADD CONSTRAINT no_odd CHECK NOT startsWith(message_id, 'odd')");
    let load = |settings: &StageSettings, warehouse, shutdown: &Shutdown| {
        let handle = world.runtime.handle().clone();
        forward::run(settings, warehouse, handle, shutdown).unwrap();
    };
    let mut sent = BTreeSet::new();
    world.while_loading(load, || {
        let cases: [(&str, usize, &[usize]); 6] = [
            ("first", 12, &[0]),
            ("middle", 12, &[6]),
            ("last", 12, &[11]),
            ("several", 12, &[0, 3, 4, 11]),
            ("all", 3, &[0, 1, 2]),
            ("one-of-many", 2_000, &[1_234]),
        ];
        for (case, count, odd) in cases {
            let ids = ids(case, count, odd);
            world.produce(events(&world, i64::try_from(sent.len()).unwrap(), &ids));
            sent.extend(ids);
        }
        until("each event has its fate", || {
            let loaded: u64 =
                world.texts("SELECT toString(count()) FROM events")[0].parse().unwrap();
            usize::try_from(loaded).unwrap() + world.letters().len() == sent.len()
        });
    });
    let letters = world.letters();
    let loaded: Vec<String> = world.texts("SELECT message_id FROM events");
    let told: Vec<String> = letters.iter().map(|it| it.message_id.clone().unwrap()).collect();
    assert!(
        loaded.iter().all(|id| id.starts_with("sound"))
            && told.iter().all(|id| id.starts_with("odd"))
    );
    let fates: BTreeSet<String> = loaded.iter().chain(&told).cloned().collect();
    assert_eq!((loaded.len() + told.len(), fates), (sent.len(), sent), "each once");
    for letter in &letters {
        let DeadLetter { reason, detail, .. } = letter;
        assert_eq!(reason, "refused-row");
        assert!(detail.contains("469 VIOLATED_CONSTRAINT: Constraint `no_odd`"), "{detail}");
        assert!(!detail.contains("odd-"), "{detail}");
        assert!(letter.value.is_some() && letter.origin.is_some());
    }
    a_table_that_refuses_every_row_stops_the_loader(&world, letters.len());
    a_side_table_keeps_what_it_refuses_as_raw_text(&world);
    deliveries_are_loaded_once_and_a_refused_one_as_raw_text(&world);
    what_waits_in_several_partitions_is_loaded_in_full_blocks(&world);
}

/// As a migration that went wrong would have it.
fn a_table_that_refuses_every_row_stops_the_loader(world: &World, letters: usize) {
    world.alter("ALTER TABLE events ADD CONSTRAINT nothing CHECK source = 'nobody'");
    let load = |settings: &StageSettings, warehouse, shutdown: &Shutdown| {
        let handle = world.runtime.handle().clone();
        forward::run(settings, warehouse, handle, shutdown).unwrap();
    };
    let ids = ids("later", 300, &[]);
    world.produce(events(world, 100_000, &ids));
    let later = "SELECT toString(count()) FROM events WHERE message_id LIKE 'sound-later%'";
    world.while_loading(load, || {
        until("the breaker opens", || !world.records(Topic::StageCommands).is_empty());
        assert_eq!(world.letters().len(), letters, "nothing of it is told");
        world.alter("ALTER TABLE events DROP CONSTRAINT nothing");
        let resume = event::StageCommand {
            stage: STAGE.name().to_owned(),
            action: "resume".to_owned(),
            partition: None,
            who: "ada".to_owned(),
            why: "the table is mended".to_owned(),
            at: 1,
            breaker_off_until: None,
            lost: None,
        };
        world.runtime.block_on(order(&world.kafka, &world.registry, &resume)).unwrap();
        until("all of it is loaded", || world.texts(later) == ["300"]);
    });
    assert_eq!(world.letters().len(), letters);
}

fn a_side_table_keeps_what_it_refuses_as_raw_text(world: &World) {
    world.alter("ALTER TABLE discarded_events ADD CONSTRAINT no_odd CHECK reason != 'odd'");
    let encoder = world.registry.encoder(Topic::DiscardedEvents).unwrap();
    let reasons = ["repeat", "odd", "repeat", "odd", "bot"];
    let record = |(offset, reason): (i64, &str)| {
        let discard = DiscardedEvent {
            stage: "enrich".to_owned(),
            reason: reason.to_owned(),
            detail: String::new(),
            origin: Origin { epoch: 0, partition: 0, offset },
            appended_at: APPENDED_AT,
            first: None,
            discarded_at: APPENDED_AT,
            source: None,
            event: None,
            message_id: None,
            environment: None,
        };
        let value = Some(encoder.encode(&discard).unwrap());
        let topic = Topic::DiscardedEvents;
        Outgoing { topic, partition: Some(0), key: None, value, headers: Vec::new() }
    };
    world.produce((0..).zip(reasons).map(record).collect());
    let kept = "SELECT concat(reason, if(isNull(raw), '', 'raw')) FROM discarded_events \
        ORDER BY position_offset";
    while_a_side_table_loads(world, Topic::DiscardedEvents, || {
        until("all are kept", || world.texts(kept).len() == 5);
    });
    assert_eq!(world.texts(kept), ["repeat", "raw", "repeat", "raw", "bot"]);
}

fn while_a_side_table_loads(world: &World, topic: Topic, work: impl FnOnce()) {
    let side = side_tables().into_iter().find(|it| it.topics == [topic]).unwrap();
    let load = |settings: &StageSettings, warehouse, shutdown: &Shutdown| {
        let handle = world.runtime.handle().clone();
        forward::run_side_table(settings, &side, warehouse, handle, shutdown).unwrap();
    };
    world.while_loading(load, work);
}

/// No destination writes the topic yet. Two loaders, one after the other; merges are off, so that
/// what is loaded twice is seen.
fn deliveries_are_loaded_once_and_a_refused_one_as_raw_text(world: &World) {
    world.alter("ALTER TABLE deliveries ADD CONSTRAINT no_teapot CHECK ifNull(status, 0) != 418");
    let encoder = world.registry.encoder(Topic::Deliveries).unwrap();
    let told = |(offset, status): (i64, Option<i32>)| {
        let outcome = if status == Some(200) { "delivered" } else { "rejected" };
        let delivery = delivery(offset, outcome, status);
        outgoing_delivery(encoder.encode(&delivery).unwrap())
    };
    let kept = "SELECT concatWithSeparator(' ', position_offset, outcome, \
        if(isNull(raw), toString(attempts), 'raw')) FROM deliveries ORDER BY position_offset";
    let first = [Some(200), Some(418), None].map(|status| (1, status)).map(told).to_vec();
    world.produce(first);
    while_a_side_table_loads(world, Topic::Deliveries, || {
        until("the first are kept", || world.texts(kept).len() == 3);
    });
    world.produce(vec![told((2, Some(200))), outgoing_delivery(b"no frame".to_vec())]);
    while_a_side_table_loads(world, Topic::Deliveries, || {
        until("all are kept", || world.texts(kept).len() >= 5);
    });
    let expected = ["0 delivered 2", "1  raw", "2 rejected 2", "3 delivered 2"];
    let found = world.texts(kept);
    assert_eq!(found[..4], expected);
    assert!(found.len() == 5 && found[4].ends_with(" raw"), "{found:?}");
}

fn delivery(offset: i64, outcome: &str, status: Option<i32>) -> Delivery {
    serde_json::from_value(json!({
        "destination": "crm", "outcome": outcome, "detail": "", "status": status,
        "origin": { "epoch": 0, "partition": 0, "offset": offset }, "appended_at": APPENDED_AT,
        "attempts": 2, "first_attempted_at": APPENDED_AT, "settled_at": APPENDED_AT,
        "idempotency_key": format!("0-0-{offset}"), "code_version": "",
    }))
    .unwrap()
}

fn outgoing_delivery(value: Vec<u8>) -> Outgoing {
    let topic = Topic::Deliveries;
    Outgoing { topic, partition: Some(0), key: None, value: Some(value), headers: Vec::new() }
}

/// Read together, four partitions would make four blocks of each batch.
fn what_waits_in_several_partitions_is_loaded_in_full_blocks(world: &World) {
    let (block, each) = (1_000, 3_000);
    for partition in 0..i32::from(PARTITIONS) {
        let first = 1_000_000 + i64::from(partition) * 10_000;
        let mut records = events(world, first, &ids(&format!("busy-{partition}"), each, &[]));
        for record in &mut records {
            record.partition = Some(partition);
        }
        world.produce(records);
    }
    let load = |settings: &StageSettings, warehouse, shutdown: &Shutdown| {
        let batch = BatchLimits { records: block, ..BatchLimits::for_sink() };
        let settings = StageSettings { batch, ..settings.clone() };
        forward::run(&settings, warehouse, world.runtime.handle().clone(), shutdown).unwrap();
    };
    let busy = "FROM events WHERE message_id LIKE 'sound-busy%'";
    let all = (each * usize::from(PARTITIONS)).to_string();
    let count = format!("SELECT count() {busy}");
    world.while_loading(load, || until("all of it is loaded", || world.texts(&count)[0] == all));
    let rows = format!(
        "SELECT sum(rows) FROM (SELECT count() AS rows {busy} GROUP BY _part) WHERE rows = {block}"
    );
    let in_full_blocks: usize = world.texts(&rows)[0].parse().unwrap();
    assert!(in_full_blocks >= 8_000, "{in_full_blocks} of {all} rows");
}
