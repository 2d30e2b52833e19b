//! A shard of three replicas: real ClickHouses that replicate to each other.
//!
//! What passes statements on `ON CLUSTER` is [`Doorway::to_replica`]. Everything else is ClickHouse's own:
//! the replicated tables, their tokens, quorum and mutations, by way of a real `ZooKeeper`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test fails by panicking, and tells what it measured"
)]

mod erasing;
mod killing;
#[path = "../real_clickhouse/loaded.rs"]
#[allow(dead_code, reason = "other tests need the rest")]
mod loaded;
mod loading;

use local_stack::{CLUSTER, Doorway, Progress, Replicas};
use warehouse::{Counts, EventRow, InsertRequest, RowWriter, Shard, Warehouse, WarehouseConfig};

use crate::loaded::{origins, positions, row};

const DATABASE: &str = "replicated";

/// Three replicas and their doorways.
struct World {
    replicas: Replicas,
    doors: [Doorway; 3],
    client: reqwest::Client,
}

impl World {
    async fn start(folder: &std::path::Path) -> Self {
        let replicas = Replicas::start(folder.into(), 3, Progress::default()).await.unwrap();
        let doors = [0, 1, 2].map(|number| Doorway::to_replica(&replicas, number));
        Self { replicas, doors, client: reqwest::Client::new() }
    }

    fn warehouse(&self) -> Warehouse {
        Warehouse::new(&WarehouseConfig {
            url: self.doors[0].url(),
            replicas: self.doors[1..].iter().map(Doorway::url).collect(),
            cluster: Some(CLUSTER.to_owned()),
            database: DATABASE.to_owned(),
            timeout_seconds: 10,
            ..WarehouseConfig::default()
        })
        .unwrap()
    }

    /// The lines that a replica answers, asked without its doorway.
    async fn ask(&self, replica: usize, sql: &str) -> Vec<String> {
        let url = format!("{}/?wait_end_of_query=1", self.replicas.urls()[replica]);
        let answer = self.client.post(url).body(sql.to_owned()).send().await.unwrap();
        let status = answer.status();
        let text = answer.text().await.unwrap();
        assert!(status.is_success(), "{text}: {sql}");
        text.lines().map(str::to_owned).collect()
    }

    /// The same of each replica, once each has all that any has.
    async fn of_each(&self, table: &str, sql: &str) -> [Vec<String>; 3] {
        let mut answers = [const { Vec::new() }; 3];
        for (replica, answer) in answers.iter_mut().enumerate() {
            self.ask(replica, &format!("SYSTEM SYNC REPLICA {DATABASE}_shard.{table}")).await;
            *answer = self.ask(replica, sql).await;
        }
        answers
    }

    /// So many rows of so many events are at each replica.
    async fn each_has(&self, counts: Counts) {
        let sql = format!(
            "SELECT count(), uniqExact(origin_epoch, origin_partition, origin_offset) \
             FROM {DATABASE}_shard.events"
        );
        let expected = vec![format!("{}\t{}", counts.rows, counts.origins)];
        assert_eq!(self.of_each("events", &sql).await, [(); 3].map(|()| expected.clone()));
    }
}

/// An INSERT of rows of these offsets.
fn request(offsets: &[i64], token: &str, attempt: u32) -> InsertRequest {
    let mut writer = RowWriter::default();
    let rows = offsets.iter().map(|offset| writer.write(&row(*offset))).collect();
    writer.pack();
    let id = format!("{token}-{attempt}-test");
    InsertRequest::of::<EventRow>(rows, token.to_owned(), id, Shard::HOME)
}

/// Which offsets the warehouse has for sure, of a hundred.
async fn present(warehouse: &Warehouse, from: i64) -> Result<Vec<i64>, warehouse::WarehouseError> {
    warehouse.present(&positions(from, from + 99)).await
}

/// One shard for all: what takes the time is starting it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_replicas_are_one_warehouse() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::start(folder.path()).await;
    loading::tables_are_replicated_and_made_once(&world).await;
    loading::a_row_is_there_once_whichever_replica_takes_it(&world).await;
    loading::a_replica_that_lags_is_not_believed(&world).await;
    loading::an_insert_without_a_quorum_is_in_doubt(&world).await;
    loading::a_replica_that_lost_everything_gets_it_back(&world).await;
    killing::nothing_is_lost_or_doubled_while_replicas_are_killed(&world).await;
    erasing::nobody_is_erased_while_a_replica_has_not_caught_up(&world).await;
    let counts = world.warehouse().copies(&origins(0, 99_999)).await.unwrap().counts();
    assert_eq!(counts, Counts { rows: 0, origins: 0 }, "all were one person's");
    world.replicas.stop().await.unwrap();
}
