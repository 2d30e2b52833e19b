//! The real parts: each answers, keeps its data over SIGKILL, and can be frozen and thawed.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::time::Duration;

use local_stack::{Part, RegistryStorage, Stack, StackConfig, StackError};
use reqwest::Client;
use serde_json::{Value, json};

const SHORT: Duration = Duration::from_secs(1);

struct Probes {
    stack: Stack,
    http: Client,
}

impl Probes {
    async fn sql(&self, query: &str) -> reqwest::Result<String> {
        let request = self.http.post(self.stack.clickhouse_url()).body(query.to_owned());
        let answer = request.timeout(5 * SHORT).send().await?;
        let failed = answer.error_for_status_ref().err();
        let text = answer.text().await?;
        failed.map_or(Ok(text.trim().to_owned()), Err)
    }

    async fn register(&self, subject: &str, schema: &str) -> u64 {
        let url = format!("{}/subjects/{subject}/versions", self.stack.registry_url());
        let answer = self.http.post(url).json(&json!({ "schema": schema })).send().await.unwrap();
        answer.json::<Value>().await.unwrap()["id"].as_u64().unwrap()
    }

    async fn schema(&self, id: u64) -> String {
        let url = format!("{}/schemas/ids/{id}", self.stack.registry_url());
        let answer = self.http.get(url).send().await.unwrap().json::<Value>().await.unwrap();
        answer["schema"].as_str().unwrap().to_owned()
    }
}

async fn started(config: StackConfig) -> Probes {
    let stack = Stack::start(config).await.unwrap();
    let http = Client::builder().no_proxy().build().unwrap();
    Probes { stack, http }
}

#[tokio::test]
async fn a_stack_keeps_its_data_and_ports_whatever_is_done_to_it() {
    let dir = tempfile::tempdir().unwrap();
    let probes = started(StackConfig::new(dir.path())).await;
    let ports = probes.stack.ports();

    let second = Stack::start(StackConfig::new(dir.path())).await.unwrap_err();
    assert!(matches!(second, StackError::FolderInUse(_)));

    assert_eq!(probes.sql("SELECT timezone()").await.unwrap(), "UTC");
    probes.sql("CREATE TABLE t (n UInt64) ENGINE = MergeTree ORDER BY n").await.unwrap();
    probes.sql("INSERT INTO t VALUES (42)").await.unwrap();
    let id = probes.register("t", r#""string""#).await;

    for part in Part::ALL {
        kill_and_restart(&probes.stack, part).await;
        freeze_and_thaw(&probes.stack, part).await;
    }

    assert_eq!(probes.stack.ports(), ports);
    assert_eq!(probes.sql("SELECT n FROM t").await.unwrap(), "42");
    assert_eq!(probes.schema(id).await, r#""string""#);

    probes.stack.stop().await.unwrap();
    let probes = started(StackConfig::new(dir.path())).await;
    assert_eq!(probes.sql("SELECT n FROM t").await.unwrap(), "42");
    assert_eq!(probes.schema(id).await, r#""string""#);
}

#[tokio::test]
async fn a_registry_kept_in_kafka_remembers_after_both_were_killed() {
    let dir = tempfile::tempdir().unwrap();
    let mut config = StackConfig::new(dir.path());
    config.registry_storage = RegistryStorage::Kafka;
    let probes = started(config).await;
    let id = probes.register("t", r#""string""#).await;

    probes.stack.part(Part::Registry).kill().await.unwrap();
    probes.stack.part(Part::Kafka).restart().await.unwrap();
    probes.stack.part(Part::Registry).restart().await.unwrap();
    assert_eq!(probes.schema(id).await, r#""string""#);
}

async fn kill_and_restart(stack: &Stack, part: Part) {
    let handle = stack.part(part);
    let pid = handle.pid().unwrap();
    handle.kill().await.unwrap();
    assert_eq!(handle.pid(), None);
    assert!(!handle.answers().await, "{part} answers after its end");
    assert!(matches!(handle.freeze(), Err(StackError::NotRunning(_))));
    handle.restart().await.unwrap();
    assert!(handle.pid().is_some_and(|new| new != pid));
}

async fn freeze_and_thaw(stack: &Stack, part: Part) {
    let handle = stack.part(part);
    handle.freeze().unwrap();
    assert!(!handle.answers().await, "{part} answers while frozen");
    assert!(handle.pid().is_some());
    handle.thaw().unwrap();
    handle.until_it_answers().await.unwrap();
}
