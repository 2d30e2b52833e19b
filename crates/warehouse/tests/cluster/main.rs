//! A warehouse of two shards: two real ClickHouses that read each other's rows.
//!
//! What passes statements on `ON CLUSTER`, and says that tables are replicated, is [`Doorway::to_shard`]:
//! the ClickHouse of the local stack has no Keeper. Everything else is ClickHouse's own.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test fails by panicking, and tells what it measured"
)]

#[path = "../example_queries/document.rs"]
#[allow(dead_code, reason = "other tests need the rest")]
mod document;
#[path = "../real_clickhouse/loaded.rs"]
#[allow(dead_code, reason = "other tests need the rest")]
mod loaded;
mod loading;
mod reading;
mod removing;

use local_stack::{CLUSTER, Doorway, Stack, StackConfig};
use warehouse::{Warehouse, WarehouseConfig};

/// Two shards and their doorways.
struct Cluster {
    stack: Stack,
    doors: [Doorway; 2],
    client: reqwest::Client,
}

impl Cluster {
    async fn start(folder: &std::path::Path) -> Self {
        let config = StackConfig { clickhouse_shards: 2, ..StackConfig::new(folder) };
        let stack = Stack::start(config).await.unwrap();
        let doors = [0, 1].map(|shard| Doorway::to_shard(&stack, shard));
        Self { stack, doors, client: reqwest::Client::new() }
    }

    fn config(&self, database: &str) -> WarehouseConfig {
        WarehouseConfig {
            url: self.doors[0].url(),
            more_shards: vec![vec![self.doors[1].url()]],
            cluster: Some(CLUSTER.to_owned()),
            database: database.to_owned(),
            timeout_seconds: 20,
            ..WarehouseConfig::default()
        }
    }

    fn warehouse(&self, database: &str) -> Warehouse {
        Warehouse::new(&self.config(database)).unwrap()
    }

    /// Whether parts are merged, and mutations done.
    async fn merge(&self, is_on: bool) {
        let word = if is_on { "START" } else { "STOP" };
        for shard in 0..2 {
            self.ask(shard, "default", &format!("SYSTEM {word} MERGES")).await;
        }
    }

    /// The lines that a shard's server answers, asked without the doorway.
    async fn ask(&self, shard: usize, database: &str, sql: &str) -> Vec<String> {
        let answer = self.answer(shard, database, sql).await;
        answer.unwrap_or_else(|text| panic!("{text}: {sql}"))
    }

    /// The same, or what it says instead.
    async fn answer(&self, shard: usize, database: &str, sql: &str) -> Result<Vec<String>, String> {
        let url = &self.stack.clickhouse_urls()[shard];
        let url = format!("{url}/?database={database}&wait_end_of_query=1");
        let answer = self.client.post(url).body(sql.to_owned()).send().await.unwrap();
        let status = answer.status();
        let text = answer.text().await.unwrap();
        if status.is_success() { Ok(text.lines().map(str::to_owned).collect()) } else { Err(text) }
    }
}

/// One cluster for all: what takes the time is starting it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_warehouse_of_two_shards_is_one_to_whoever_asks() {
    let folder = tempfile::tempdir().unwrap();
    let cluster = Cluster::start(folder.path()).await;
    loading::a_cluster_is_made_once_and_what_does_not_fit_is_refused(&cluster).await;
    reading::every_question_is_answered_as_by_one_host(&cluster).await;
    loading::each_partition_goes_to_its_shard_and_is_read_back_there(&cluster).await;
    removing::a_person_is_erased_and_old_rows_expire_in_every_shard(&cluster).await;
    removing::a_column_is_promoted_and_filled_in_every_shard(&cluster).await;
    loading::segments_layout_is_on_every_host(&cluster).await;
    loading::a_host_that_lacks_tables_gets_them_as_another_has_them(&cluster).await;
    loading::one_shard_is_loaded_and_read_back_while_the_other_is_away(&cluster).await;
    cluster.stack.stop().await.unwrap();
}
