//! The sink's half of the intent protocol on a real ClickHouse.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use event::{DiscardedEvent, Origin, Waybill};
use forward::{ClickhouseSink, Discards, Loader};
use kafka_runtime::{
    Bundle, Inserted, Mapped, Numbered, Part, PlacedRow, Position, Range, Record, Sink,
};
use local_stack::{Part as StackPart, Stack, StackConfig};
use tokio::runtime::Runtime;
use topology::Topic;
use warehouse::{RowBytes, Warehouse, WarehouseConfig};

const RANGE: Range = Range {
    topic: Topic::DiscardedEvents,
    partition: 2,
    start: 10,
    end: 13,
    content: 0,
    shards: 1,
    bundle: None,
};

fn waybill(offset: i64) -> Waybill {
    Waybill { origin: Origin { epoch: 0, partition: 2, offset }, appended_at: 1_795_000_000_000 }
}

fn discard(offset: i64) -> DiscardedEvent {
    DiscardedEvent {
        stage: "identity-stitch".to_owned(),
        reason: "repeat".to_owned(),
        detail: String::new(),
        origin: waybill(offset).origin,
        appended_at: 1_795_000_000_000,
        first: Some(waybill(0).origin),
        discarded_at: 1_795_000_000_001,
        source: Some("web/app".to_owned()),
        event: None,
        message_id: None,
        environment: None,
    }
}

fn placed(sink: &mut impl Sink<Row = RowBytes>, of: Range, offset: i64) -> PlacedRow<RowBytes> {
    let record = Record {
        position: Position { topic: of.topic, partition: of.partition, offset },
        timestamp: None,
        key: None,
        value: Some(offset.to_be_bytes().to_vec().into()),
        headers: Vec::new(),
    };
    let waybill = waybill(offset);
    let (mapped, _) = sink.map(&Numbered { record: &record, waybill }).unwrap();
    let Mapped::Row(row) = mapped else { panic!("a side table keeps every record") };
    PlacedRow { offset, waybill, row }
}

#[test]
fn a_range_is_loaded_once_a_part_of_it_is_seen_and_a_dead_server_halts() {
    let runtime = Runtime::new().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let stack = runtime.block_on(Stack::start(StackConfig::new(folder.path()))).unwrap();
    let config = WarehouseConfig { url: stack.clickhouse_url(), ..WarehouseConfig::default() };
    let warehouse = Warehouse::new(&config).unwrap();
    runtime.block_on(warehouse.migrate_apply()).unwrap();
    let (handle, nonce) = (runtime.handle().clone(), "test".to_owned());
    let loader = Loader { warehouse, runtime: handle, epoch: 0, nonce };
    let mapping = Discards::new(0, |value: &[u8]| {
        Ok(Ok(discard(i64::from_be_bytes(value.try_into().unwrap()))))
    });
    let mut sink = ClickhouseSink::new(loader, mapping);

    let rows: Vec<_> = (10..=13).map(|offset| placed(&mut sink, RANGE, offset)).collect();
    assert_eq!(sink.insert(&[(&RANGE, &rows[..2])]), Ok(Inserted::Loaded));
    sink.settle(&RANGE).unwrap();
    assert_eq!(sink.present(&RANGE), Ok(vec![10, 11]));
    let rest = Range { content: 1, ..RANGE };
    for _ in 0..2 {
        assert_eq!(sink.insert(&[(&rest, &rows[2..])]), Ok(Inserted::Loaded));
    }
    assert_eq!(sink.present(&RANGE), Ok(vec![10, 11, 12, 13]));
    assert_eq!(sink.loaded(&[waybill(10)]), Ok(vec![]), "no discard is a row of events");

    let others = [3, 4, 5, 6, 7, 8, 9, 10].map(|partition| Range { partition, ..RANGE });
    let rows_of = |of: Range| (10..=12).map(|offset| placed(&mut sink, of, offset)).collect();
    let others_rows: Vec<Vec<_>> = others.into_iter().map(rows_of).collect();
    let each: Vec<Vec<Part<'_, _>>> =
        others.iter().zip(&others_rows).map(|(range, rows)| vec![(range, &rows[..])]).collect();
    for time in ["first", "again"] {
        let answers = sink.insert_each(&each).into_iter().map(|answer| answer.inserted);
        assert_eq!(answers.collect::<Vec<_>>(), vec![Ok(Inserted::Loaded); others.len()]);
        for range in &others {
            assert_eq!(sink.present(range), Ok(vec![10, 11, 12]), "{time}: {range:?}");
        }
    }

    // Three ranges that go together. One is sent by itself before, as who takes its partition up does: the
    // INSERT of all is dropped then, and so is every other under its name.
    let name = Bundle { partition: 11, start: 10, end: 13, digest: 0xab };
    let bundle = Some(name);
    let bundled = [11, 12, 13].map(|partition| Range { partition, bundle, ..RANGE });
    let rows_of = |of: Range| (10..=12).map(|offset| placed(&mut sink, of, offset)).collect();
    let bundled_rows: Vec<Vec<_>> = bundled.into_iter().map(rows_of).collect();
    let all: Vec<_> = bundled.iter().zip(bundled_rows.iter().map(|rows| &rows[..])).collect();
    for parts in [&all[1..2], &all, &all[2..]] {
        assert_eq!(sink.insert(parts), Ok(Inserted::Loaded));
        let present = |range| sink.present(range).unwrap().len();
        assert_eq!(bundled.iter().map(present).collect::<Vec<_>>(), [0, 3, 0]);
    }
    let bundle = Some(Bundle { digest: 0xac, ..name });
    let bundled = bundled.map(|range| Range { bundle, ..range });
    let all: Vec<_> = bundled.iter().zip(bundled_rows.iter().map(|rows| &rows[..])).collect();
    for parts in [&[all[0], all[2]][..], &all[..1]] {
        assert_eq!(sink.insert(parts), Ok(Inserted::Loaded));
        let present = |range| sink.present(range).unwrap().len();
        assert_eq!(bundled.iter().map(present).collect::<Vec<_>>(), [3, 3, 3]);
    }

    let server = stack.part(StackPart::ClickHouse);
    runtime.block_on(server.kill()).unwrap();
    let answers = sink.insert_each(&each);
    assert!(answers.iter().all(|it| it.inserted.as_ref().unwrap_err().dependency == "clickhouse"));
    assert_eq!(sink.insert(&[(&RANGE, &rows)]).unwrap_err().dependency, "clickhouse");
    assert_eq!(sink.present(&RANGE).unwrap_err().dependency, "clickhouse");
    assert_eq!(sink.settle(&RANGE).unwrap_err().dependency, "clickhouse");
    runtime.block_on(server.restart()).unwrap();
    assert_eq!(sink.present(&RANGE), Ok(vec![10, 11, 12, 13]));
    let counted =
        format!("{}/?query=SELECT+count()+FROM+waybill.discarded_events", stack.clickhouse_url());
    // A proxy of the environment is for the world outside.
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let answer = async { http.get(counted).send().await?.text().await };
    let answer = runtime.block_on(answer).unwrap();
    assert_eq!(answer, "37\n", "each row once");
}
