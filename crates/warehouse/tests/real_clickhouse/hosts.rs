//! Several hosts, how rows travel, and what a cluster is told.

use std::time::Duration;

use local_stack::{Doorway, Manner, Stack};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional},
    net::{TcpListener, TcpStream},
};
use warehouse::{
    Compression, Counts, EventRow, InsertAnswer, InsertRequest, RowBytes, Shard, Warehouse,
    WarehouseConfig, WarehouseError,
};

use crate::loaded::{origins, positions, request, row};
use crate::{execute, migrated, number};

/// A warehouse whose replicas are these doorways. The tables behind them are plain, and those of the
/// database with the rows alone; those who load and read back are told of a cluster all the same.
fn replicas(database: &str, doors: &[&Doorway]) -> Warehouse {
    let config = WarehouseConfig {
        url: doors[0].url(),
        replicas: doors[1..].iter().map(|door| door.url()).collect(),
        cluster: Some("events".to_owned()),
        database: database.to_owned(),
        ..WarehouseConfig::default()
    };
    Warehouse::new(&config).unwrap()
}

/// The rows' side of a database of a cluster, with plain tables; nothing reads them from the other.
async fn shard_of(stack: &Stack, database: &str) {
    migrated(stack, &format!("{database}_shard")).await;
    execute(stack, "default", &format!("CREATE DATABASE {database}")).await;
}

fn inserts(door: &Doorway) -> usize {
    door.asked().iter().filter(|text| text.contains("query=INSERT")).count()
}

pub(crate) async fn a_host_that_refuses_is_left_for_the_next_until_that_one_cannot(stack: &Stack) {
    shard_of(stack, "several").await;
    let (mut first, second) =
        (Doorway::to(&stack.clickhouse_url()), Doorway::to(&stack.clickhouse_url()));
    let warehouse = replicas("several", &[&first, &second]);
    assert_eq!(warehouse.insert(request(&[0], "a", 1)).await, InsertAnswer::Loaded);
    assert_eq!((inserts(&first), inserts(&second)), (1, 0));

    first.shut();
    assert_eq!(warehouse.insert(request(&[1], "b", 1)).await, InsertAnswer::Loaded);
    assert_eq!(
        warehouse.copies(&origins(0, 9)).await.unwrap().counts(),
        Counts { rows: 2, origins: 2 }
    );
    first.open();
    assert_eq!(warehouse.insert(request(&[2], "c", 1)).await, InsertAnswer::Loaded);
    assert_eq!((inserts(&first), inserts(&second)), (0, 2), "nobody goes back by itself");

    second.behave(Manner::ReadOnly);
    let answer = warehouse.insert(request(&[3], "d", 1)).await;
    assert!(matches!(&answer, InsertAnswer::Busy(it) if it.code == 242), "{answer:?}");
    assert_eq!(inserts(&first), 0, "what a host may have taken is sent to no other unasked");
    assert_eq!(warehouse.insert(request(&[3], "d", 2)).await, InsertAnswer::Loaded);
    assert_eq!(inserts(&first), 1);

    let mut cut = request(&[4], "e", 1);
    let last = cut.rows.last_mut().unwrap();
    last.truncate(last.length() - 3);
    let answer = warehouse.insert(cut).await;
    assert!(matches!(answer, InsertAnswer::Refused(_)), "{answer:?}");
    assert_eq!(warehouse.insert(request(&[4], "f", 1)).await, InsertAnswer::Loaded);
    assert_eq!(inserts(&first), 2, "a refused row is no fault of the host");
}

pub(crate) async fn what_is_uncertain_is_settled_at_every_host_and_read_back_where_most_agree(
    stack: &Stack,
) {
    shard_of(stack, "doubtful").await;
    shard_of(stack, "stranger").await;
    let mut doors = [0; 3].map(|_| Doorway::to(&stack.clickhouse_url()));
    let warehouse = replicas("doubtful", &doors.each_ref());
    doors[0].behave(Manner::Mute);
    let answer = warehouse.insert(request(&[0, 1], "0-t-3-0-1", 1)).await;
    assert!(matches!(answer, InsertAnswer::Uncertain(_)), "{answer:?}");
    doors[0].behave(Manner::Open);
    doors[0].shut();
    let error = warehouse.settle(Shard::HOME, "0-t-3-", Duration::ZERO).await.unwrap_err();
    assert!(
        matches!(&error, WarehouseError::Unsettled { host, .. } if doors[0].url().ends_with(host))
    );
    assert!(error.to_string().contains("`more_shards` under [warehouse]"), "{error}");
    doors[0].open();
    warehouse.settle(Shard::HOME, "0-t-3-", Duration::ZERO).await.unwrap();
    for door in &doors {
        assert!(door.asked().iter().any(|text| text.contains("system.processes")));
    }

    // One of three may be away, and the two that are asked have caught up before.
    doors[0].shut();
    assert_eq!(warehouse.present(&positions(0, 9)).await.unwrap(), [0, 1]);
    for door in &doors[1..] {
        let asked = door.asked();
        let at = |what: &str| asked.iter().position(|text| text.contains(what)).unwrap();
        assert!(
            at("SYSTEM SYNC REPLICA doubtful_shard.events LIGHTWEIGHT") < at("position_offset")
        );
    }
    doors[2].behave(Manner::Elsewhere("doubtful_shard.events", "stranger_shard.events"));
    let error = warehouse.present(&positions(0, 9)).await.unwrap_err();
    assert_eq!(error, WarehouseError::Disagreement { table: "events".to_owned() });
    doors[2].shut();
    let error = warehouse.present(&positions(0, 9)).await.unwrap_err();
    assert!(matches!(error, WarehouseError::Away(_)), "one of three is not enough: {error}");
}

pub(crate) async fn rows_arrive_in_any_compression_and_half_of_them_are_none(stack: &Stack) {
    migrated(stack, "packed").await;
    let door = Doorway::to(&stack.clickhouse_url());
    let mut expected = Vec::new();
    for (index, compression) in
        [Compression::None, Compression::Lz4, Compression::Zstd].into_iter().enumerate()
    {
        let config = WarehouseConfig {
            url: door.url(),
            database: "packed".to_owned(),
            compression,
            ..WarehouseConfig::default()
        };
        let warehouse = Warehouse::new(&config).unwrap();
        let first = i64::try_from(index).unwrap() * 1_000;
        let offsets: Vec<i64> = (first..first + 500).collect();
        let token = format!("0-t-{index}-");
        door.behave(Manner::Half);
        let answer = warehouse.insert(request(&offsets, &token, 1)).await;
        assert!(!matches!(answer, InsertAnswer::Loaded), "{compression:?}: {answer:?}");
        door.behave(Manner::Open);
        warehouse.settle(Shard::HOME, &token, Duration::ZERO).await.unwrap();
        assert_eq!(warehouse.present(&positions(first, first + 999)).await.unwrap(), [0_i64; 0]);
        door.asked();
        assert_eq!(warehouse.insert(request(&offsets, &token, 2)).await, InsertAnswer::Loaded);
        assert_eq!(warehouse.present(&positions(first, first + 999)).await.unwrap(), offsets);
        let head = door.asked().swap_remove(0).to_lowercase();
        let encoding =
            ["content-encoding: lz4", "content-encoding: zstd"].map(|it| head.contains(it));
        expected.push(encoding);
    }
    assert_eq!(expected, [[false, false], [true, false], [false, true]]);
}

pub(crate) async fn a_yes_to_fewer_rows_than_were_sent_is_uncertain(stack: &Stack) {
    let warehouse = migrated(stack, "fewer").await;
    let mut fewer = request(&[0, 1, 2], "fewer", 1);
    fewer.rows[1].truncate(0);
    let expected = "status 200, but of 3 rows it read 2".to_owned();
    assert_eq!(warehouse.insert(fewer).await, InsertAnswer::Uncertain(expected));
    assert_eq!(warehouse.present(&positions(0, 9)).await.unwrap(), [0, 2]);
    for attempt in 1..=2 {
        // The second is dropped for its token, and says that it has written three rows.
        let answer = warehouse.insert(request(&[3, 4, 5], "all", attempt)).await;
        assert_eq!(answer, InsertAnswer::Loaded, "attempt {attempt}");
    }
    assert_eq!(
        warehouse.copies(&origins(3, 5)).await.unwrap().counts(),
        Counts { rows: 3, origins: 3 }
    );
}

pub(crate) async fn rows_of_many_pieces_arrive_whole_and_some_of_them_too(stack: &Stack) {
    migrated(stack, "pieces").await;
    for (index, compression) in
        [Compression::None, Compression::Lz4, Compression::Zstd].into_iter().enumerate()
    {
        let config = WarehouseConfig {
            url: stack.clickhouse_url(),
            database: "pieces".to_owned(),
            compression,
            ..WarehouseConfig::default()
        };
        let warehouse = Warehouse::new(&config).unwrap();
        let first = i64::try_from(index).unwrap() * 10_000;
        let offsets: Vec<i64> = (first..first + 4_000).collect();
        let mut writer = warehouse.row_writer();
        let rows: Vec<RowBytes> =
            offsets.iter().map(|offset| writer.write(&row(*offset))).collect();
        writer.pack();
        let bytes: usize = rows.iter().map(RowBytes::length).sum();
        assert!(bytes > 1_000_000, "{bytes} bytes are hardly more than a piece");
        let third = |rest: usize| {
            let rows = rows.iter().enumerate().filter(move |(at, _)| at % 3 == rest);
            rows.map(|(_, row)| row.clone()).collect::<Vec<_>>()
        };
        let at = |rest: usize| offsets.iter().skip(rest).step_by(3).copied();
        let insert = |rows, token: &str| {
            InsertRequest::of::<EventRow>(
                rows,
                format!("{token}-{index}"),
                format!("{token}-{index}-1"),
                Shard::HOME,
            )
        };
        let present = positions(first, first + 9_999);
        assert_eq!(warehouse.insert(insert(third(1), "third")).await, InsertAnswer::Loaded);
        assert_eq!(warehouse.present(&present).await.unwrap(), at(1).collect::<Vec<_>>());
        assert_eq!(warehouse.insert(insert(third(2), "next")).await, InsertAnswer::Loaded);
        assert_eq!(warehouse.insert(insert(third(0), "last")).await, InsertAnswer::Loaded);
        assert_eq!(warehouse.present(&present).await.unwrap(), offsets);
        assert_eq!(warehouse.insert(insert(rows.clone(), "whole")).await, InsertAnswer::Loaded);
        let counts = warehouse.copies(&origins(first, first + 9_999)).await.unwrap().counts();
        assert_eq!(counts, Counts { rows: 8_000, origins: 4_000 });
    }
}

/// Settings as an operator's profile may have them: before those of the request.
const CUT: &str =
    "max_insert_block_size=8&min_insert_block_size_rows=8&min_insert_block_size_bytes=0&";

/// Where the first request on each connection gets them on its way to this address.
async fn cutting(to: String) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut from, _)) = listener.accept().await {
            let mut to = TcpStream::connect(&to).await.unwrap();
            let mut head = vec![0; 64 * 1024];
            let length = from.read(&mut head).await.unwrap();
            head.truncate(length);
            let query = head.windows(2).position(|it| it == b"/?").unwrap() + 2;
            head.splice(query..query, CUT.bytes());
            to.write_all(&head).await.unwrap();
            tokio::spawn(async move { copy_bidirectional(&mut from, &mut to).await });
        }
    });
    url
}

/// A token is taken block by block, so an INSERT that is cut into several would not be taken as a whole.
pub(crate) async fn an_insert_is_one_block_whatever_an_operator_has_set(stack: &Stack) {
    migrated(stack, "blocks").await;
    let url = cutting(stack.clickhouse_url().replace("http://", "")).await;
    let offsets: Vec<String> = (100..140).map(|offset| offset.to_string()).collect();
    let plain = format!(
        "{url}/?database=blocks&async_insert=0&query=INSERT+INTO+events+(origin_offset)+FORMAT+CSV"
    );
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let answer = http.post(plain).body(offsets.join("\n")).send().await.unwrap();
    assert!(answer.status().is_success(), "{}", answer.text().await.unwrap());
    let parts = "SELECT uniq(_part) FROM events";
    assert_eq!(number(stack, "blocks", parts).await, 5, "they cut where nothing else is said");

    let config =
        WarehouseConfig { url, database: "blocks".to_owned(), ..WarehouseConfig::default() };
    let rows: Vec<EventRow> = (0..40).map(row).collect();
    let insert = InsertRequest::new(&rows, "whole".to_owned(), "whole-1".to_owned());
    assert_eq!(Warehouse::new(&config).unwrap().insert(insert).await, InsertAnswer::Loaded);
    assert_eq!(number(stack, "blocks", parts).await, 6);
}

/// The library of the local stack has neither Keeper nor a queue of statements for a cluster, so that
/// it reads them is all that can be seen of it here.
pub(crate) async fn clickhouse_reads_what_a_cluster_is_told(stack: &Stack) {
    execute(stack, "default", "CREATE DATABASE IF NOT EXISTS told").await;
    let config = WarehouseConfig {
        url: stack.clickhouse_url(),
        cluster: Some("events".to_owned()),
        database: "told".to_owned(),
        ..WarehouseConfig::default()
    };
    let warehouse = Warehouse::new(&config).unwrap();
    let statements = warehouse.statements();
    assert!(statements.len() > 80);
    for statement in &statements {
        assert!(statement.contains(" ON CLUSTER 'events'"), "{statement}");
        execute(stack, "told", &format!("EXPLAIN AST {statement}")).await;
    }
    let plan = warehouse.migrate_plan().await.unwrap();
    assert!(plan.to_string().contains("on all hosts of cluster events"), "{plan}");
    assert!(plan.problems[0].contains("ClickHouse knows no cluster events"), "{plan}");
    let error = warehouse.migrate_apply().await.unwrap_err();
    assert!(matches!(error, WarehouseError::Unfit(_)), "{error}");
}

/// A database made for one host is none of a cluster.
pub(crate) async fn plain_tables_are_refused_for_a_cluster(stack: &Stack) {
    migrated(stack, "plain").await;
    let door = Doorway::to(&stack.clickhouse_url());
    let plan = replicas("plain", &[&door]).migrate_plan().await.unwrap();
    let told = plan
        .problems
        .iter()
        .any(|it| it.contains("made without a cluster in plain") && it.contains("events"));
    assert!(told && !plan.is_done(), "{plan}");
}
