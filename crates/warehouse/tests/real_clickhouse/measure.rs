//! What compression costs and saves. Prints a table; run it with `--release -- --ignored --nocapture`.

use std::{fs, time::Instant};

use local_stack::{Doorway, Part, Stack, StackConfig};
use warehouse::{Compression, EventRow, InsertAnswer, InsertRequest, Warehouse, WarehouseConfig};

use crate::loaded::row;
use crate::migrated;

const ROWS: u32 = 20_000;
const TIMES: u32 = 10;
/// Linux counts in these, `USER_HZ`.
const TICK_MICROSECONDS: f64 = 10_000.0;

/// CPU of a process and its threads, microseconds.
fn cpu(process: &str) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
    let (_, fields) = stat.rsplit_once(") ").unwrap();
    let ticks = fields.split(' ').skip(11).take(2).map(|it| it.parse::<f64>().unwrap());
    ticks.sum::<f64>() * TICK_MICROSECONDS
}

/// An event with text that no two have in common: pages, ids, amounts.
fn typical(offset: i64) -> EventRow {
    let mut row = row(offset);
    let noise = |salt: i64| {
        format!("{:016x}", (offset + salt).wrapping_mul(0x9E37_79B9_7F4A_7C15_u64.cast_signed()))
    };
    let event = &mut row.stitched.event;
    event.message_id = format!("{}-{}", noise(1), noise(2));
    event.anonymous_id = Some(noise(offset % 3_000));
    event.properties = format!(
        r#"{{"order_id":"{}","total":{}.{:02},"currency":"EUR","products":[{{"sku":"{}","name":"Shirt, blue","quantity":1}}]}}"#,
        noise(3),
        offset % 900,
        offset % 100,
        noise(offset % 500)
    );
    event.context = format!(
        r#"{{"page":{{"url":"https://shop.example/p/{}?utm_source=newsletter","title":"A product","referrer":"https://www.example.com/"}},"userAgent":"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36","locale":"de-DE","screen":{{"width":1920,"height":1080}}}}"#,
        offset % 700
    );
    row
}

fn warehouse(url: String, compression: Compression) -> Warehouse {
    let database = "measured".to_owned();
    Warehouse::new(&WarehouseConfig { url, database, compression, ..WarehouseConfig::default() })
        .unwrap()
}

fn request(rows: &[EventRow], query_id: String) -> InsertRequest {
    InsertRequest::new(rows, String::new(), query_id)
}

/// Bytes of the body on the wire.
async fn travelled(stack: &Stack, rows: &[EventRow], compression: Compression) -> u32 {
    let door = Doorway::to(&stack.clickhouse_url());
    let id = format!("{compression:?}-travelled");
    let answer = warehouse(door.url(), compression).insert(request(rows, id)).await;
    assert_eq!(answer, InsertAnswer::Loaded);
    let head = door.asked().swap_remove(0).to_lowercase();
    let (_, rest) = head.split_once("content-length: ").unwrap();
    rest.lines().next().unwrap().parse().unwrap()
}

#[tokio::test]
#[ignore = "measures"]
async fn compression_is_measured() {
    let folder = tempfile::tempdir().unwrap();
    let stack = Stack::start(StackConfig::new(folder.path())).await.unwrap();
    migrated(&stack, "measured").await;
    let ours = "self";
    let theirs = stack.part(Part::ClickHouse).pid().unwrap().to_string();
    let rows: Vec<EventRow> = (0..ROWS).map(|offset| typical(offset.into())).collect();
    println!("| compression | bytes a row | client us a row | server us a row | ms an INSERT |");
    for round in 0..2 {
        for compression in [Compression::None, Compression::Lz4, Compression::Zstd] {
            let bytes = travelled(&stack, &rows, compression).await / ROWS;
            let warehouse = warehouse(stack.clickhouse_url(), compression);
            let id = |time| format!("{compression:?}-{round}-{time}");
            let requests: Vec<_> = (0..TIMES).map(|time| request(&rows, id(time))).collect();
            let (before, before_there, begun) = (cpu(ours), cpu(&theirs), Instant::now());
            for request in requests {
                assert_eq!(warehouse.insert(request).await, InsertAnswer::Loaded);
            }
            let count = f64::from(TIMES) * f64::from(ROWS);
            println!(
                "| {compression:?} | {bytes} | {:.2} | {:.2} | {:.0} |",
                (cpu(ours) - before) / count,
                (cpu(&theirs) - before_there) / count,
                begun.elapsed().as_secs_f64() * 1_000.0 / f64::from(TIMES)
            );
        }
    }
}
