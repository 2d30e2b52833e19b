//! How a part is started, as data, and how it is asked whether it answers.

use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command};
use std::time::Duration;

use crate::commands::logging_to;
use crate::spawner::{Spawner, mortal};
use crate::{JavaTuning, StackError, clickhouse, kafka, registry, zookeeper};

const ANSWER_WITHIN: Duration = Duration::from_secs(2);

/// All that a start of a part needs, and so all that a restart needs.
#[derive(Debug, Clone)]
pub(crate) struct Launch {
    /// What people call what is started.
    pub(crate) name: &'static str,
    pub(crate) program: PathBuf,
    pub(crate) args: Vec<OsString>,
    /// Where the process runs; generated files and data lie below.
    pub(crate) folder: PathBuf,
    pub(crate) log: PathBuf,
    pub(crate) probe: Probe,
}

impl Launch {
    /// Starts the process, in a process group of its own: a Ctrl-C in the terminal is for the
    /// parent, which stops the parts when it is done with them.
    pub(crate) fn spawn(&self, spawner: &Spawner) -> Result<Child, StackError> {
        let mut command: Command = mortal(&self.program);
        command.args(&self.args).current_dir(&self.folder).env("TZ", "UTC").process_group(0);
        logging_to(&self.log, &mut command)?;
        spawner.spawn(command).map_err(StackError::io(format!("starting {}", self.name)))
    }
}

/// A question that only a part in working order answers.
#[derive(Debug, Clone)]
pub(crate) enum Probe {
    /// A metadata request names a broker. Port of 127.0.0.1.
    Kafka(u16),
    /// The subjects can be listed. Base address of the Confluent-compatible API.
    Registry(String),
    /// A query gets its result over HTTP, and the native port accepts.
    ClickHouse {
        /// Address of the HTTP interface.
        http: String,
        /// Port of 127.0.0.1.
        tcp: u16,
    },
    /// It says that it is well. Port of 127.0.0.1.
    ZooKeeper(u16),
}

impl Probe {
    /// Asks once, for at most two seconds.
    pub(crate) async fn answers(&self, client: &reqwest::Client) -> bool {
        let asked = async {
            match self {
                Self::Kafka(port) => kafka::names_a_broker(*port).await,
                Self::Registry(url) => registry::lists_subjects(client, url).await,
                Self::ClickHouse { http, tcp } => clickhouse::answers(client, http, *tcp).await,
                Self::ZooKeeper(port) => zookeeper::is_well(*port).await.unwrap_or(false),
            }
        };
        tokio::time::timeout(ANSWER_WITHIN, asked).await.unwrap_or(false)
    }
}

/// Java options for few cores.
pub(crate) fn java_args(heap_mb: u32, tuning: JavaTuning) -> Vec<OsString> {
    let mut args = vec![
        format!("-Xmx{heap_mb}m").into(),
        "-XX:+UseSerialGC".into(),
        "-XX:+ExitOnOutOfMemoryError".into(),
    ];
    if tuning == JavaTuning::QuickStart {
        args.push("-XX:TieredStopAtLevel=1".into());
    }
    args
}
