//! All three parts together.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::cache::Cache;
use crate::clickhouse::ClickHouse;
use crate::config::MOST_SHARDS;
use crate::kafka::Kafka;
use crate::launch::Launch;
use crate::part::{Part, PartHandle};
use crate::ports::{PortLease, Ports, lease};
use crate::prerequisites::java_or_all_missing;
use crate::registry::Registry;
use crate::spawner::Spawner;
use crate::{JavaTuning, RegistryStorage, StackConfig, StackError, clickhouse, registry};

/// Kafka, the registry and ClickHouse (or several), all answering when [`Stack::start`] returns. Dropping it
/// kills them and leaves their data.
#[derive(Debug)]
pub struct Stack {
    kafka: PartHandle,
    registry: PartHandle,
    clickhouse: PartHandle,
    further_clickhouses: Vec<PartHandle>,
    lease: PortLease,
    _folder: File,
}

impl Stack {
    /// Downloads what is not in the cache, starts the three side by side and waits until each
    /// answers. The first start on a machine takes minutes, every other one 3 to 8 s.
    pub async fn start(config: StackConfig) -> Result<Self, StackError> {
        let storage = config.registry_storage;
        let stack = tokio::task::spawn_blocking(move || Self::prepare(&config))
            .await
            .map_err(|error| StackError::io("preparing the stack")(error.into()))??;
        match storage {
            RegistryStorage::File => {
                tokio::try_join!(
                    stack.registry.start(),
                    stack.kafka.start(),
                    stack.start_clickhouses()
                )?;
            }
            RegistryStorage::Kafka => {
                tokio::try_join!(stack.kafka.start(), stack.start_clickhouses())?;
                stack.registry.start().await?;
            }
        }
        Ok(stack)
    }

    /// Kafka's address, `host:port`.
    pub fn bootstrap_servers(&self) -> String {
        bootstrap_servers(self.ports())
    }

    /// The registry's Confluent-compatible API, including `/apis/ccompat/v7`.
    pub fn registry_url(&self) -> String {
        registry::url(self.ports().registry)
    }

    /// ClickHouse over HTTP, `http://host:port`; user `default`, no password.
    pub fn clickhouse_url(&self) -> String {
        clickhouse::url(self.ports().clickhouse_http)
    }

    /// The same of each shard, in their order.
    pub fn clickhouse_urls(&self) -> Vec<String> {
        let of = |shard| clickhouse::url(self.ports().of_clickhouse(shard).http);
        (0..).map(of).take(1 + self.further_clickhouses.len()).collect()
    }

    /// ClickHouse's native protocol, `host:port`.
    pub fn clickhouse_tcp(&self) -> String {
        format!("127.0.0.1:{}", self.ports().clickhouse_tcp)
    }

    /// The ports of all listeners.
    pub fn ports(&self) -> Ports {
        self.lease.ports
    }

    /// One part, to look at or to break.
    pub fn part(&self, part: Part) -> &PartHandle {
        match part {
            Part::Kafka => &self.kafka,
            Part::Registry => &self.registry,
            Part::ClickHouse => &self.clickhouse,
        }
    }

    /// A shard's ClickHouse, from 0; [`Self::part`] has the first.
    pub fn clickhouse_shard(&self, shard: usize) -> Option<&PartHandle> {
        match shard.checked_sub(1) {
            None => Some(&self.clickhouse),
            Some(further) => self.further_clickhouses.get(further),
        }
    }

    async fn start_clickhouses(&self) -> Result<(), StackError> {
        self.clickhouse.start().await?;
        for further in &self.further_clickhouses {
            further.start().await?;
        }
        Ok(())
    }

    /// Stops all in good order: SIGTERM, and SIGKILL for one that takes longer than ten
    /// seconds. Users of Kafka go before Kafka.
    pub async fn stop(self) -> Result<(), StackError> {
        tokio::try_join!(self.registry.stop(), self.clickhouse.stop())?;
        for further in &self.further_clickhouses {
            further.stop().await?;
        }
        self.kafka.stop().await
    }

    /// All that comes before the first process; blocks.
    fn prepare(config: &StackConfig) -> Result<Self, StackError> {
        supported_platform()?;
        let cache = Cache::locate()?;
        let java = java_or_all_missing(cache.content())?;
        let dir = made_absolute(&config.dir)?;
        let folder = owned(&dir)?;
        cache.fill(&config.progress)?;
        let lease = lease(config.ports, cache.root())?;
        let spawner = Arc::new(Spawner::start().map_err(StackError::io("starting a thread"))?);
        let client = client()?;
        let handle = |launch| {
            PartHandle::new(launch, spawner.clone(), client.clone(), config.progress.clone())
        };
        let plan = Plan {
            cache,
            java,
            dir,
            ports: lease.ports,
            proxied: config.proxied,
            shards: config.clickhouse_shards.clamp(1, MOST_SHARDS),
            tuning: config.java,
        };
        Ok(Self {
            kafka: handle(plan.kafka().prepare(&config.progress)?),
            registry: handle(plan.registry(config.registry_storage).prepare()?),
            clickhouse: handle(plan.clickhouse(0)?),
            further_clickhouses: (1..plan.shards)
                .map(|shard| Ok(handle(plan.clickhouse(shard)?)))
                .collect::<Result<_, StackError>>()?,
            lease,
            _folder: folder,
        })
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        for part in Part::ALL {
            self.part(part).kill_now();
        }
        self.further_clickhouses.iter().for_each(PartHandle::kill_now);
    }
}

/// Where everything is.
struct Plan {
    cache: Cache,
    java: PathBuf,
    dir: PathBuf,
    ports: Ports,
    proxied: bool,
    shards: u16,
    tuning: JavaTuning,
}

impl Plan {
    fn kafka(&self) -> Kafka<'_> {
        Kafka {
            java: &self.java,
            jars: self.cache.kafka(),
            folder: self.folder(Part::Kafka),
            log: self.log(Part::Kafka),
            ports: self.ports,
            proxied: self.proxied,
            tuning: self.tuning,
        }
    }

    fn registry(&self, storage: RegistryStorage) -> Registry<'_> {
        Registry {
            java: &self.java,
            app: self.cache.registry(),
            folder: self.folder(Part::Registry),
            log: self.log(Part::Registry),
            port: self.ports.registry,
            storage,
            bootstrap_servers: bootstrap_servers(self.ports),
        }
    }

    fn clickhouse(&self, shard: u16) -> Result<Launch, StackError> {
        let name = Part::ClickHouse.file_name();
        let name = if shard == 0 { name.to_owned() } else { format!("{name}-{}", shard + 1) };
        ClickHouse {
            library: self.cache.clickhouse(),
            folder: self.dir.join(&name),
            log: self.dir.join(name).with_extension("log"),
            servers: (0..self.shards).map(|it| self.ports.of_clickhouse(it)).collect(),
            number: shard,
            replication: None,
        }
        .prepare()
    }

    fn folder(&self, part: Part) -> PathBuf {
        self.dir.join(part.file_name())
    }

    fn log(&self, part: Part) -> PathBuf {
        self.dir.join(part.file_name()).with_extension("log")
    }
}

fn bootstrap_servers(ports: Ports) -> String {
    format!("127.0.0.1:{}", ports.kafka)
}

pub(crate) fn supported_platform() -> Result<(), StackError> {
    if cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        return Ok(());
    }
    Err(StackError::UnsupportedPlatform(std::env::consts::ARCH))
}

/// The parts run in folders of their own, so no path may be relative.
pub(crate) fn made_absolute(dir: &Path) -> Result<PathBuf, StackError> {
    fs::create_dir_all(dir).map_err(StackError::file(dir))?;
    dir.canonicalize().map_err(StackError::file(dir))
}

/// The folder's lock, held for as long as the file is open.
pub(crate) fn owned(dir: &Path) -> Result<File, StackError> {
    let path = dir.join("lock");
    let lock = File::create(&path).map_err(StackError::file(&path))?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(_) => Err(StackError::FolderInUse(dir.into())),
    }
}

/// A proxy of the environment must not come between us and 127.0.0.1.
pub(crate) fn client() -> Result<reqwest::Client, StackError> {
    let built = reqwest::Client::builder().no_proxy().build();
    built.map_err(|error| StackError::io("an HTTP client")(std::io::Error::other(error)))
}
