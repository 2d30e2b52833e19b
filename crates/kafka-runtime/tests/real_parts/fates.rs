//! Every record gets one fate.

use std::{
    collections::{BTreeMap, BTreeSet},
    thread,
    time::{Duration, Instant},
};

use event::Waybill;
use kafka_runtime::{Outgoing, Position, Producer, Record, Scanner, Shutdown, header, run_stage};
use telemetry::Health;
use topology::{Stage, Topic};

use crate::parts::{ByThrees, PATIENCE, outgoing, parts, read_until, settings};

fn word<'r>(record: &'r Record, name: &str) -> Option<&'r str> {
    record.header(name).map(|value| std::str::from_utf8(value).unwrap())
}

#[test]
fn every_record_gets_one_fate_with_its_number_and_the_group_moves_past_it() {
    let values =
        ["emit", "discard", "reject", "panic", "halt", "emit", "discard", "reject", "emit"];
    let records: Vec<Outgoing> = (0..3)
        .flat_map(|p| values.iter().map(move |value| outgoing(Topic::RawEvents, value, p)))
        .collect();
    let producer = Producer::new(&parts().kafka).unwrap();
    let delivered = parts().runtime.block_on(producer.send_all(records)).unwrap();
    assert!(delivered.iter().all(|it| it.timestamp.is_some()));
    let expected: BTreeSet<(i32, i64)> =
        delivered.iter().map(|it| (it.position.partition, it.position.offset)).collect();

    let shutdown = Shutdown::new();
    let runner = {
        let shutdown = shutdown.clone();
        thread::spawn(move || {
            run_stage(&settings(0, &Health::new()), Stage::Validate, ByThrees::default(), &shutdown)
        })
    };
    let stage = Stage::Validate;
    let topics = [Topic::ValidatedEvents, Topic::DiscardedEvents, stage.dead_letters()];
    let is_ours = |record: &&Record| waybill_of(record).origin.epoch == 0;
    let told =
        read_until(&topics, |records| records.iter().filter(is_ours).count() >= expected.len());

    let mut fates: BTreeMap<(i32, i64), Vec<Topic>> = BTreeMap::new();
    for record in told.iter().filter(is_ours) {
        let waybill = waybill_of(record);
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

fn waybill_of(record: &Record) -> Waybill {
    Waybill::from_header(record.header(header::WAYBILL).unwrap()).unwrap()
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
