//! A warehouse as in production: real ClickHouses that replicate to each other and execute statements `ON
//! CLUSTER`, by way of a real `ZooKeeper`. Nothing is pretended.
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
mod sharded;

use std::time::{Duration, Instant};

use local_stack::{CLUSTER, Doorway, Progress, Replicas};
use warehouse::{Counts, EventRow, InsertRequest, RowWriter, Shard, Warehouse, WarehouseConfig};

use crate::loaded::{positions, row};

const DATABASE: &str = "replicated";
const PATIENCE: Duration = Duration::from_mins(1);

/// A cluster, and a doorway to each of its hosts.
struct World {
    replicas: Replicas,
    doors: Vec<Doorway>,
    /// How many replicas each shard has.
    of_shard: usize,
    client: reqwest::Client,
}

impl World {
    async fn start(folder: &std::path::Path, [shards, of_shard]: [u16; 2]) -> Self {
        let progress = Progress::default();
        let replicas = Replicas::start(folder.into(), [shards, of_shard], progress).await.unwrap();
        let doors = replicas.urls().iter().map(|url| Doorway::to_replica(url)).collect();
        let client = reqwest::Client::builder().timeout(Duration::from_mins(1)).build().unwrap();
        Self { replicas, doors, of_shard: of_shard.into(), client }
    }

    fn warehouse(&self) -> Warehouse {
        let urls: Vec<String> = self.doors.iter().map(Doorway::url).collect();
        let mut shards = urls.chunks(self.of_shard).map(<[String]>::to_vec);
        let first = shards.next().unwrap();
        Warehouse::new(&WarehouseConfig {
            url: first[0].clone(),
            replicas: first[1..].to_vec(),
            more_shards: shards.collect(),
            cluster: Some(CLUSTER.to_owned()),
            database: DATABASE.to_owned(),
            timeout_seconds: 10,
            ..WarehouseConfig::default()
        })
        .unwrap()
    }

    /// The lines that a host answers, asked without its doorway.
    async fn ask(&self, host: usize, sql: &str) -> Vec<String> {
        let url = format!("{}/?wait_end_of_query=1", self.replicas.urls()[host]);
        let answer = self.client.post(url).body(sql.to_owned()).send().await.unwrap();
        let status = answer.status();
        let text = answer.text().await.unwrap();
        assert!(status.is_success(), "{text}: {sql}");
        text.lines().map(str::to_owned).collect()
    }

    /// The same of each host, once each has all that any replica has.
    async fn of_each(&self, table: &str, sql: &str) -> Vec<Vec<String>> {
        let mut answers = Vec::new();
        for host in 0..self.doors.len() {
            self.ask(host, &format!("SYSTEM SYNC REPLICA {DATABASE}_shard.{table}")).await;
            answers.push(self.ask(host, sql).await);
        }
        answers
    }

    /// Waits until each host may write to its tables and sees all replicas of them. One that has just been
    /// started answers before it may.
    async fn each_is_whole(&self) {
        let lacking = format!(
            "SELECT table FROM system.replicas WHERE database = '{DATABASE}_shard' \
             AND (is_readonly OR active_replicas != {})",
            self.of_shard
        );
        let begun = Instant::now();
        for host in 0..self.doors.len() {
            loop {
                let tables = self.ask(host, &lacking).await;
                if tables.is_empty() {
                    break;
                }
                assert!(begun.elapsed() < PATIENCE, "replica {host} is not whole: {tables:?}");
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        }
    }

    /// So many rows of so many events are at each replica.
    async fn each_has(&self, counts: Counts) {
        let sql = format!(
            "SELECT count(), uniqExact(origin_epoch, origin_partition, origin_offset) \
             FROM {DATABASE}_shard.events"
        );
        let expected = vec![format!("{}\t{}", counts.rows, counts.origins)];
        let all = vec![expected; self.doors.len()];
        assert_eq!(self.of_each("events", &sql).await, all);
    }
}

/// An INSERT of rows of these offsets into the first shard.
fn request(offsets: &[i64], token: &str, attempt: u32) -> InsertRequest {
    request_to(Shard::HOME, offsets, token, attempt)
}

fn request_to(shard: Shard, offsets: &[i64], token: &str, attempt: u32) -> InsertRequest {
    let mut writer = RowWriter::default();
    let rows = offsets.iter().map(|offset| writer.write(&row(*offset))).collect();
    writer.pack();
    let id = format!("{token}-{attempt}-test");
    InsertRequest::of::<EventRow>(rows, token.to_owned(), id, shard)
}

/// Which offsets the warehouse has for sure, of a hundred.
async fn present(warehouse: &Warehouse, from: i64) -> Result<Vec<i64>, warehouse::WarehouseError> {
    warehouse.present(&positions(from, from + 99)).await
}

/// One after the other: what takes the time is starting them, and each is several ClickHouses.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replicated_cluster_is_one_warehouse() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::start(folder.path(), [1, 3]).await;
    loading::tables_are_replicated_and_made_once(&world).await;
    loading::a_row_is_there_once_whichever_replica_takes_it(&world).await;
    loading::a_replica_that_lags_is_not_believed(&world).await;
    loading::an_insert_without_a_quorum_is_in_doubt(&world).await;
    loading::a_replica_that_lost_everything_gets_it_back(&world).await;
    killing::nothing_is_lost_or_doubled_while_replicas_are_killed(&world).await;
    erasing::nobody_is_erased_while_a_replica_has_not_caught_up(&world).await;
    world.replicas.stop().await.unwrap();

    let folder = tempfile::tempdir().unwrap();
    let world = World::start(folder.path(), [2, 2]).await;
    loading::tables_are_replicated_and_made_once(&world).await;
    sharded::each_shard_replicates_its_rows_and_any_host_reads_all(&world).await;
    world.replicas.stop().await.unwrap();
}
