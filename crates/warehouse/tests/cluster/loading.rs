//! Making the tables, and loading them shard by shard.

use std::time::Duration;

use local_stack::Manner;
use warehouse::{
    Counts, EventRow, InsertAnswer, InsertRequest, PlannedEvent, PositionRange, RowWriter,
    SegmentSource, Shard, Warehouse, WarehouseConfig, WarehouseError,
};

use crate::Cluster;
use crate::loaded::{origins, positions, row};
use crate::reading::TWO;

const MADE: &str = "made";

/// Rows of these offsets of partition 3, on their way to a shard.
fn request(shard: Shard, offsets: &[i64], token: &str, attempt: u32) -> InsertRequest {
    let mut writer = RowWriter::default();
    let rows = offsets.iter().map(|offset| writer.write(&row(*offset))).collect();
    writer.pack();
    InsertRequest::of::<EventRow>(rows, token.to_owned(), format!("{token}-{attempt}-test"), shard)
}

/// Which of a hundred offsets a shard has.
async fn present(
    warehouse: &Warehouse,
    shard: Shard,
    from: i64,
) -> Result<Vec<i64>, WarehouseError> {
    warehouse.present(&PositionRange { shard, ..positions(from, from + 99) }).await
}

/// The shard of partition 3.
fn second() -> Shard {
    Shard::numbered(1)
}

pub(crate) async fn a_cluster_is_made_once_and_what_does_not_fit_is_refused(cluster: &Cluster) {
    let warehouse = cluster.warehouse(MADE);
    let before = warehouse.migrate_plan().await.unwrap();
    assert!(before.problems.is_empty() && !before.is_done(), "{before}");
    let told = "on all hosts of cluster waybill, and beside it made_shard with the rows";
    assert!(before.to_string().contains(told), "{before}");
    let (one, other) = tokio::join!(warehouse.migrate_apply(), warehouse.migrate_apply());
    one.unwrap();
    other.unwrap();
    let after = warehouse.migrate_plan().await.unwrap();
    assert!(after.is_done(), "{after}");
    let tables = "SELECT database, name, engine, comment FROM system.tables \
        WHERE database IN ('made', 'made_shard') ORDER BY database, name";
    let columns = "SELECT table, name, type, default_expression, comment FROM system.columns \
        WHERE database IN ('made', 'made_shard') ORDER BY database, table, position";
    for question in [tables, columns] {
        let first = cluster.ask(0, MADE, question).await;
        assert_eq!(cluster.ask(1, MADE, question).await, first);
    }
    let reading = "SELECT count() FROM (SELECT table, name, type, comment FROM system.columns \
        WHERE database = 'made_shard' AND (table, name) NOT IN (SELECT table, name FROM system.columns \
        WHERE database = 'made'))";
    assert_eq!(cluster.ask(0, MADE, reading).await, ["0"], "a table lacks a column of its rows");
    let insert = "INSERT INTO events (origin_offset) VALUES (1)";
    let error = cluster.answer(0, MADE, insert).await.unwrap_err();
    assert!(error.contains("more than one shard"), "{error}");

    let config = cluster.config(MADE);
    let fewer = WarehouseConfig { more_shards: Vec::new(), ..config.clone() };
    let stranger = WarehouseConfig { cluster: Some("others".to_owned()), ..config };
    let alone = WarehouseConfig {
        url: cluster.stack.clickhouse_url(),
        database: MADE.to_owned(),
        ..WarehouseConfig::default()
    };
    for (config, expected) in [
        (fewer, "cluster waybill has 2 shards of 1 and 1 replica"),
        (stranger, "ClickHouse knows no cluster others"),
        (alone, "tables of a cluster, but no cluster is named"),
    ] {
        let plan = Warehouse::new(&config).unwrap().migrate_plan().await.unwrap();
        assert!(plan.problems.iter().any(|it| it.contains(expected)), "{plan}");
    }
}

pub(crate) async fn each_partition_goes_to_its_shard_and_is_read_back_there(cluster: &Cluster) {
    let warehouse = cluster.warehouse(MADE);
    cluster.merge(false).await;
    assert_eq!(warehouse.shard_count(), 2);
    let count = "SELECT count() FROM made_shard.events";
    let there = warehouse.insert(request(Shard::HOME, &[0, 1, 2], "a", 1)).await;
    let here = warehouse.insert(request(second(), &[3, 4], "b", 1)).await;
    assert_eq!((there, here), (InsertAnswer::Loaded, InsertAnswer::Loaded));
    assert_eq!(cluster.ask(0, MADE, count).await, ["3"]);
    assert_eq!(cluster.ask(1, MADE, count).await, ["2"]);
    assert_eq!(present(&warehouse, Shard::HOME, 0).await.unwrap(), [0, 1, 2]);
    assert_eq!(present(&warehouse, second(), 0).await.unwrap(), [3, 4]);

    let copies = warehouse.copies(&origins(0, 99)).await.unwrap();
    assert_eq!((copies.ranges(), copies.duplicated()), (vec![(1_000, 1_004)], vec![]));
    // A token is known in its shard alone: that is why a range stays in the shard where it was begun.
    assert_eq!(warehouse.insert(request(second(), &[2], "a", 2)).await, InsertAnswer::Loaded);
    assert_eq!(warehouse.insert(request(second(), &[2], "a", 3)).await, InsertAnswer::Loaded);
    let copies = warehouse.copies(&origins(0, 99)).await.unwrap();
    assert_eq!(copies.duplicated(), [(1_002, 2)]);
    assert_eq!(copies.counts(), Counts { rows: 6, origins: 5 });
    let asked: Vec<_> = (0..9).map(|offset| row(offset).waybill.origin).collect();
    let mut loaded = warehouse.loaded_origins(&asked).await.unwrap();
    loaded.sort_unstable();
    loaded.dedup();
    assert_eq!(loaded, asked[..5]);

    let third = Shard::numbered(2);
    let error = present(&warehouse, third, 0).await.unwrap_err();
    assert_eq!(error, WarehouseError::NoShard { number: 3 });
    assert!(error.to_string().contains("`more_shards` under [warehouse]"), "{error}");
    let answer = warehouse.insert(request(third, &[7], "c", 1)).await;
    assert!(matches!(&answer, InsertAnswer::Away(it) if it.contains("no shard 3")), "{answer:?}");
}

/// With all that was added to the tables since they were made.
pub(crate) async fn a_host_that_lacks_tables_gets_them_as_another_has_them(cluster: &Cluster) {
    let here = format!("'{TWO}', '{TWO}_shard'");
    let tables = format!(
        "SELECT database, name, engine, comment FROM system.tables WHERE database IN ({here}) \
         ORDER BY database, name"
    );
    let columns = format!(
        "SELECT database, table, name, type, default_expression, comment FROM system.columns \
         WHERE database IN ({here}) ORDER BY database, table, position"
    );
    let before = [cluster.ask(0, TWO, &tables).await, cluster.ask(0, TWO, &columns).await];
    for database in [TWO.to_owned(), format!("{TWO}_shard")] {
        cluster.ask(1, "default", &format!("DROP DATABASE {database} SYNC")).await;
    }
    let warehouse = cluster.warehouse(TWO);
    let plan = warehouse.migrate_plan().await.unwrap();
    let door = cluster.doors[1].url();
    let told = plan.newcomers.iter().map(|it| (door.ends_with(&it.host), it.lacks.len()));
    let lacks = before[0].len();
    assert_eq!(told.collect::<Vec<_>>(), [(true, lacks)], "{plan}");
    assert!(plan.problems.is_empty() && !plan.is_done(), "{plan}");
    assert!(plan.to_string().contains("which will be made there"), "{plan}");

    warehouse.migrate_apply().await.unwrap();
    let plan = warehouse.migrate_plan().await.unwrap();
    assert!(plan.newcomers.is_empty(), "{plan}");
    for shard in 0..2 {
        assert_eq!(cluster.ask(shard, TWO, &tables).await, before[0]);
        assert_eq!(cluster.ask(shard, TWO, &columns).await, before[1]);
    }
    let count = "SELECT count() FROM events_resolved";
    assert_eq!(cluster.ask(0, TWO, count).await, cluster.ask(1, TWO, count).await);
}

pub(crate) async fn segments_layout_is_on_every_host(cluster: &Cluster) {
    let warehouse = cluster.warehouse(TWO);
    let web = || SegmentSource {
        source: "web/shop".to_owned(),
        database: Some("segment_shop".to_owned()),
        planned: vec![PlannedEvent {
            kind: "track".to_owned(),
            name: "Order Completed".to_owned(),
            fields: Vec::new(),
        }],
        context: Vec::new(),
    };
    let count = "SELECT count() FROM order_completed";
    for lacking in [None, Some(1), Some(0)] {
        if let Some(shard) = lacking {
            cluster.ask(shard, "default", "DROP DATABASE segment_shop SYNC").await;
        }
        let plan = warehouse.segment_plan(&[web()]).await.unwrap();
        assert!(!plan.is_done(), "{plan}");
        warehouse.segment_apply(&plan).await.unwrap();
        let plan = warehouse.segment_plan(&[web()]).await.unwrap();
        assert!(plan.is_done(), "{plan}");
        let orders = cluster.ask(0, "segment_shop", count).await;
        assert_ne!(orders, ["0"]);
        assert_eq!(cluster.ask(1, "segment_shop", count).await, orders);
    }
}

/// The last of all: it kills the second shard, and starts it again.
pub(crate) async fn one_shard_is_loaded_and_read_back_while_the_other_is_away(cluster: &Cluster) {
    let warehouse = cluster.warehouse(MADE);
    let server = cluster.stack.clickhouse_shard(1).unwrap();
    cluster.doors[1].behave(Manner::Mute);
    let answer = warehouse.insert(request(second(), &[200, 201], "0-t-3-200-201", 1)).await;
    assert!(matches!(answer, InsertAnswer::Uncertain(_)), "{answer:?}");
    cluster.doors[1].behave(Manner::Open);
    server.kill().await.unwrap();

    assert_eq!(warehouse.insert(request(Shard::HOME, &[209], "h", 1)).await, InsertAnswer::Loaded);
    warehouse.settle(Shard::HOME, "0-t-2-", Duration::ZERO).await.unwrap();
    assert_eq!(present(&warehouse, Shard::HOME, 200).await.unwrap(), [209]);

    let answer = warehouse.insert(request(second(), &[202], "0-t-3-202-202", 1)).await;
    assert!(!matches!(answer, InsertAnswer::Loaded), "{answer:?}");
    let error = warehouse.settle(second(), "0-t-3-", Duration::ZERO).await.unwrap_err();
    let door = cluster.doors[1].url();
    assert!(
        matches!(&error, WarehouseError::Unsettled { host, .. } if door.ends_with(host)),
        "{error}"
    );
    assert!(present(&warehouse, second(), 200).await.is_err());
    // What must be sure of all shards waits for all of them.
    assert!(warehouse.copies(&origins(200, 299)).await.is_err());
    assert!(warehouse.loaded_origins(&[row(200).waybill.origin]).await.is_err());

    server.restart().await.unwrap();
    warehouse.settle(second(), "0-t-3-", Duration::ZERO).await.unwrap();
    assert_eq!(present(&warehouse, second(), 200).await.unwrap(), [200, 201]);
    let counts = warehouse.copies(&origins(200, 299)).await.unwrap().counts();
    assert_eq!(counts, Counts { rows: 3, origins: 3 });
}
