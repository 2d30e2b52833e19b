//! A cluster of ClickHouses that replicate to each other, without Kafka and registry.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::cache::Cache;
use crate::clickhouse::{self, ClickHouse, Replication};
use crate::config::MOST_SHARDS;
use crate::launch::Launch;
use crate::part::PartHandle;
use crate::ports::{PortLease, lease};
use crate::prerequisites::java_or_all_missing;
use crate::spawner::Spawner;
use crate::stack::{client, made_absolute, owned, supported_platform};
use crate::zookeeper::ZooKeeper;
use crate::{PortChoice, Progress, StackError};

/// Real ClickHouses with a real ZooKeeper: the cluster [`CLUSTER`](crate::CLUSTER), whose tables may be
/// replicated and whose statements may be `ON CLUSTER`. Its macros are `{shard}` and `{replica}`. Dropping
/// it kills them and leaves their data.
#[derive(Debug)]
pub struct Replicas {
    zookeeper: PartHandle,
    clickhouses: Vec<PartHandle>,
    lease: PortLease,
    _folder: File,
}

impl Replicas {
    /// Starts so many shards of so many replicas under `dir`, at most four ClickHouses together, and
    /// returns when each answers.
    pub async fn start(
        dir: PathBuf,
        [shards, replicas]: [u16; 2],
        progress: Progress,
    ) -> Result<Self, StackError> {
        let prepare = move || Self::prepare(&dir, shards * replicas, replicas, &progress);
        let replicas = tokio::task::spawn_blocking(prepare)
            .await
            .map_err(|error| StackError::io("preparing replicas")(error.into()))??;
        replicas.zookeeper.start().await?;
        for replica in &replicas.clickhouses {
            replica.start().await?;
        }
        Ok(replicas)
    }

    fn prepare(
        dir: &Path,
        servers: u16,
        replicas: u16,
        progress: &Progress,
    ) -> Result<Self, StackError> {
        supported_platform()?;
        let cache = Cache::locate()?;
        let java = java_or_all_missing(cache.content())?;
        let dir = made_absolute(dir)?;
        let folder = owned(&dir)?;
        cache.fill(progress)?;
        let jars = cache.replication(progress)?;
        let lease = lease(PortChoice::Free, cache.root())?;
        let spawner = Arc::new(Spawner::start().map_err(StackError::io("starting a thread"))?);
        let client = client()?;
        let handle = |launch: Launch| {
            PartHandle::new(launch, Arc::clone(&spawner), client.clone(), progress.clone())
        };
        let zookeeper = ZooKeeper {
            java: &java,
            jars: &jars,
            folder: dir.join("zookeeper"),
            log: dir.join("zookeeper.log"),
            port: lease.ports.kafka,
        };
        let numbers = 0..servers.clamp(2, MOST_SHARDS);
        let servers: Vec<_> = numbers.clone().map(|it| lease.ports.of_clickhouse(it)).collect();
        let replica = |number: u16| {
            let name = format!("clickhouse-{}", number + 1);
            let program = jars.join("clickhouse-replica");
            let clickhouse = ClickHouse {
                library: cache.clickhouse(),
                folder: dir.join(&name),
                log: dir.join(name).with_extension("log"),
                servers: servers.clone(),
                number,
                replication: Some(Replication { program, zookeeper: zookeeper.port, replicas }),
            };
            Ok(handle(clickhouse.prepare()?))
        };
        Ok(Self {
            zookeeper: handle(zookeeper.prepare()?),
            clickhouses: numbers.map(replica).collect::<Result<_, StackError>>()?,
            lease,
            _folder: folder,
        })
    }

    /// Each over HTTP, `http://host:port`, shard by shard; user `default`, no password.
    pub fn urls(&self) -> Vec<String> {
        let url = |number| clickhouse::url(self.lease.ports.of_clickhouse(number).http);
        (0..).map(url).take(self.clickhouses.len()).collect()
    }

    /// One of them, from 0, to look at or to break.
    pub fn replica(&self, number: usize) -> Option<&PartHandle> {
        self.clickhouses.get(number)
    }

    /// Stops them in good order.
    pub async fn stop(self) -> Result<(), StackError> {
        for replica in &self.clickhouses {
            replica.stop().await?;
        }
        self.zookeeper.stop().await
    }
}

impl Drop for Replicas {
    fn drop(&mut self) {
        self.clickhouses.iter().for_each(PartHandle::kill_now);
        self.zookeeper.kill_now();
    }
}
