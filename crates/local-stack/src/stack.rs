//! All three parts together.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::cache::Cache;
use crate::clickhouse::ClickHouse;
use crate::kafka::Kafka;
use crate::launch::Launch;
use crate::part::{Part, PartHandle};
use crate::ports::{PortLease, Ports, lease};
use crate::prerequisites::java_or_all_missing;
use crate::registry::Registry;
use crate::spawner::Spawner;
use crate::{JavaTuning, RegistryStorage, StackConfig, StackError, clickhouse, registry};

/// Kafka, the registry and ClickHouse, all answering when [`Stack::start`] returns. Dropping it
/// kills them and leaves their data.
#[derive(Debug)]
pub struct Stack {
    kafka: PartHandle,
    registry: PartHandle,
    clickhouse: PartHandle,
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
                    stack.clickhouse.start()
                )?;
            }
            RegistryStorage::Kafka => {
                tokio::try_join!(stack.kafka.start(), stack.clickhouse.start())?;
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

    /// Stops all three in good order: SIGTERM, and SIGKILL for one that takes longer than ten
    /// seconds. Users of Kafka go before Kafka.
    pub async fn stop(self) -> Result<(), StackError> {
        tokio::try_join!(self.registry.stop(), self.clickhouse.stop())?;
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
            tuning: config.java,
        };
        Ok(Self {
            kafka: handle(plan.kafka().prepare(&config.progress)?),
            registry: handle(plan.registry(config.registry_storage).prepare()?),
            clickhouse: handle(plan.clickhouse()?),
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
    }
}

/// Where everything is.
struct Plan {
    cache: Cache,
    java: PathBuf,
    dir: PathBuf,
    ports: Ports,
    proxied: bool,
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

    fn clickhouse(&self) -> Result<Launch, StackError> {
        ClickHouse {
            library: self.cache.clickhouse(),
            folder: self.folder(Part::ClickHouse),
            log: self.log(Part::ClickHouse),
            ports: self.ports,
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

fn supported_platform() -> Result<(), StackError> {
    if cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        return Ok(());
    }
    Err(StackError::UnsupportedPlatform(std::env::consts::ARCH))
}

/// The parts run in folders of their own, so no path may be relative.
fn made_absolute(dir: &Path) -> Result<PathBuf, StackError> {
    fs::create_dir_all(dir).map_err(StackError::file(dir))?;
    dir.canonicalize().map_err(StackError::file(dir))
}

/// The folder's lock, held for as long as the file is open.
fn owned(dir: &Path) -> Result<File, StackError> {
    let path = dir.join("lock");
    let lock = File::create(&path).map_err(StackError::file(&path))?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(_) => Err(StackError::FolderInUse(dir.into())),
    }
}

/// A proxy of the environment must not come between us and 127.0.0.1.
fn client() -> Result<reqwest::Client, StackError> {
    let built = reqwest::Client::builder().no_proxy().build();
    built.map_err(|error| StackError::io("an HTTP client")(std::io::Error::other(error)))
}
