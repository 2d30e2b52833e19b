//! What a stack is started with.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use crate::Ports;

/// What `remote_servers` calls the ClickHouses of a stack.
pub const CLUSTER: &str = "waybill";
/// So many ClickHouses have ports.
pub(crate) const MOST_SHARDS: u16 = 4;

/// Where a stack lives and how it is started.
#[derive(Debug, Clone)]
pub struct StackConfig {
    /// Folder for data, generated configuration and logs; made if absent. A folder used before
    /// goes on with the data it has.
    pub dir: PathBuf,
    /// Where the registry keeps its schemas.
    pub registry_storage: RegistryStorage,
    /// The ports to listen on.
    pub ports: PortChoice,
    /// Whether Kafka has a second listener, whose clients are told to come to
    /// [`Ports::kafka_proxy`]: Kafka's clients go where it tells them, so a proxy must be told of.
    pub proxied: bool,
    /// How many ClickHouses there are, each a shard of the cluster [`CLUSTER`]; from 1 to 4. They have no
    /// Keeper, so that nothing is replicated and no statement is passed on `ON CLUSTER`.
    pub clickhouse_shards: u16,
    /// What Kafka's Java compiles for.
    pub java: JavaTuning,
    /// Told, one line at a time, about anything that takes longer than two seconds.
    pub progress: Progress,
}

impl StackConfig {
    /// A stack under `dir` on free ports, its registry kept in a file, progress sent to `tracing`.
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self {
            dir: dir.into(),
            registry_storage: RegistryStorage::default(),
            ports: PortChoice::default(),
            proxied: false,
            clickhouse_shards: 1,
            java: JavaTuning::default(),
            progress: Progress::default(),
        }
    }
}

/// Where the registry keeps its schemas. Both keep schema ids over a SIGKILL.
///
/// There is no in-memory choice: records in Kafka refer to the registry's ids, so a registry that
/// forgets beside a Kafka that remembers is a broken pair, and the file costs no time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RegistryStorage {
    /// An H2 database file that is flushed at every commit. Ready in about 3 s.
    #[default]
    File,
    /// A topic in the stack's Kafka, as in production. Starts after Kafka, in
    /// about 5 s.
    Kafka,
}

/// What Kafka's Java compiles for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum JavaTuning {
    /// A quick start: the first compiler alone. What lives for minutes never earns back the second.
    #[default]
    QuickStart,
    /// A long run, as in production: both compilers. After a minute Kafka needs a third less CPU.
    LongRun,
}

/// How the ports are chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PortChoice {
    /// Ports that no other stack of this user holds and that nothing listens on.
    #[default]
    Free,
    /// Exactly these; a start fails if one is taken.
    Fixed(Ports),
}

/// A listener for progress lines.
#[derive(Clone)]
pub struct Progress(Arc<dyn Fn(&str) + Send + Sync>);

impl Progress {
    /// Sends every line to `listener`, from any thread.
    pub fn new(listener: impl Fn(&str) + Send + Sync + 'static) -> Self {
        Self(Arc::new(listener))
    }

    pub(crate) fn say(&self, line: &str) {
        (self.0)(line);
    }
}

impl Default for Progress {
    fn default() -> Self {
        Self::new(|line| tracing::info!("{line}"))
    }
}

impl fmt::Debug for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Progress")
    }
}
