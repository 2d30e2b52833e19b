//! One process per slot, and no more; and what a slot waits for.

use std::{
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use kafka_runtime::{Producer, RuntimeError, Shutdown, run_stage};
use rdkafka::{
    ClientConfig, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer},
    producer::{BaseProducer, Producer as _},
};
use telemetry::{ComponentReport, Health};
use topology::{Stage, Topic};

use crate::parts::{ByThrees, PATIENCE, outgoing, parts, read_until, settings};

/// An instance of a stage on a thread of its own.
struct Instance {
    name: &'static str,
    health: Health,
    shutdown: Shutdown,
}

impl Instance {
    /// Starts it; `ended` is told its name and how it ended.
    fn start(
        name: &'static str,
        stage: Stage,
        slot: u16,
        ended: &mpsc::Sender<(&'static str, Result<(), RuntimeError>)>,
    ) -> Self {
        let (health, shutdown, ended) = (Health::new(), Shutdown::new(), ended.clone());
        let instance = Self { name, health: health.clone(), shutdown: shutdown.clone() };
        thread::spawn(move || {
            let result = run_stage(&settings(slot, &health), stage, ByThrees::default(), &shutdown);
            ended.send((name, result)).unwrap();
        });
        instance
    }

    fn until_ready(&self) {
        let begun = Instant::now();
        while !self.health.report().ready {
            let report = self.health.report();
            assert!(begun.elapsed() < PATIENCE, "{} is not ready: {report:?}", self.name);
            thread::sleep(Duration::from_millis(20));
        }
    }
}

fn produce_to_each_partition(topic: Topic) {
    // What no processor of these tests looks at: a number in a header as every stage writes it. It is of
    // another epoch than those that `fates` counts.
    let numbered = |partition| {
        let origin = event::Origin { epoch: 9, partition, offset: 1 };
        let waybill = event::Waybill { origin, appended_at: 1 };
        let mut record = outgoing(topic, "emit", partition);
        record.headers.push(("waybill".into(), Some(waybill.to_header().to_vec().into())));
        record
    };
    let producer = Producer::new(&parts().kafka).unwrap();
    parts().runtime.block_on(producer.send_all((0..3).map(numbered).collect())).unwrap();
}

/// How many records the stage has put out so far.
fn outputs(topic: Topic, at_least: usize) -> usize {
    read_until(&[topic], |records| records.len() >= at_least).len()
}

#[test]
fn of_two_processes_on_one_slot_one_ends_and_says_so_and_the_other_goes_on() {
    let (told, ended) = mpsc::channel();
    let first = Instance::start("first", Stage::Enrich, 0, &told);
    first.until_ready();
    let second = Instance::start("second", Stage::Enrich, 0, &told);
    let (loser, result) = ended.recv_timeout(PATIENCE).unwrap();
    let error = result.unwrap_err();
    assert!(matches!(error, RuntimeError::SlotTaken { .. }), "{error}");
    let said = error.to_string();
    assert!(said.contains("enrich-0") && said.contains("another process"), "{said}");
    let winner = if loser == "first" { second } else { first };
    winner.until_ready();
    produce_to_each_partition(Topic::ValidatedEvents);
    assert_eq!(outputs(Topic::EnrichedEvents, 3), 3, "the other does the work");
    // Longer than a session: nobody fences anybody any more.
    let quiet = ended.recv_timeout(Duration::from_secs(12));
    assert!(quiet.is_err(), "{quiet:?}");
    winner.shutdown.request();
    ended.recv_timeout(PATIENCE).unwrap().1.unwrap();
}

#[test]
fn a_slot_that_was_scaled_away_frees_its_partitions_within_ten_seconds() {
    let (told, ended) = mpsc::channel();
    let stage = Stage::IdentityStitch;
    let one = Instance::start("one", stage, 1, &told);
    one.until_ready();
    let two = Instance::start("two", stage, 2, &told);
    two.until_ready();
    // Both have their part: three partitions are split.
    produce_to_each_partition(stage.input());
    assert_eq!(outputs(Topic::StitchedEvents, 3), 3);
    let begun = Instant::now();
    two.shutdown.request();
    ended.recv_timeout(PATIENCE).unwrap().1.unwrap();
    produce_to_each_partition(stage.input());
    assert_eq!(outputs(Topic::StitchedEvents, 6), 6);
    let took = begun.elapsed();
    assert!(took < Duration::from_secs(10), "the partitions were read again after {took:?}");
    one.shutdown.request();
    ended.recv_timeout(PATIENCE).unwrap().1.unwrap();
}

/// A transaction that writes a group's offset and does not end.
fn hanging(group: &str, topic: Topic) -> BaseProducer {
    let client = || {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", &parts().kafka.bootstrap_servers);
        config
    };
    let producer: BaseProducer = client()
        .set("transactional.id", "hanging")
        .set("transaction.timeout.ms", "120000")
        .create()
        .unwrap();
    let bystander: BaseConsumer = client().set("group.id", group).create().unwrap();
    let mut offsets = TopicPartitionList::new();
    offsets.add_partition_offset(topic.name(), 0, Offset::Offset(0)).unwrap();
    producer.init_transactions(PATIENCE).unwrap();
    producer.begin_transaction().unwrap();
    let metadata = bystander.group_metadata().unwrap();
    producer.send_offsets_to_transaction(&offsets, &metadata, PATIENCE).unwrap();
    producer
}

#[test]
fn a_slot_whose_offsets_a_transaction_holds_back_says_so_waits_and_goes_on_after_its_end() {
    let (told, ended) = mpsc::channel();
    let stage = Stage::ForwardClickhouse;
    let producer = hanging(stage.group(), stage.input());
    let instance = Instance::start("held", stage, 0, &told);
    let begun = Instant::now();
    let said = loop {
        let report = instance.health.report();
        let waits = |it: &&ComponentReport| it.dependency.as_deref() == Some("transaction");
        if let Some(component) = report.components.iter().find(waits) {
            break component.waiting_for.clone().unwrap();
        }
        assert!(begun.elapsed() < PATIENCE, "{report:?}");
        thread::sleep(Duration::from_millis(100));
    };
    assert!(said.contains(stage.group()) && said.contains("docs/kafka.md"), "{said}");
    producer.abort_transaction(PATIENCE).unwrap();
    instance.until_ready();
    assert!(ended.try_recv().is_err(), "it did not end meanwhile");
    instance.shutdown.request();
    ended.recv_timeout(PATIENCE).unwrap().1.unwrap();
}
