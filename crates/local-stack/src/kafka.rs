//! Kafka: one KRaft node, broker and controller in one.

use std::ffi::OsString;
use std::fs;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::commands::run;
use crate::launch::{Launch, Probe, java_args};
use crate::spawner::mortal;
use crate::{JavaTuning, Part, Ports, Progress, StackError};

const HEAP_MB: u32 = 512;
/// One cluster per folder, and nothing joins it: the id need not be unique.
const CLUSTER_ID: &str = "V2F5YmlsbExvY2FsU3RrMQ";
const LOG_CONFIG: &str = include_str!("kafka-log4j2.properties");

/// What Kafka is started from.
#[derive(Debug)]
pub(crate) struct Kafka<'a> {
    pub(crate) java: &'a Path,
    pub(crate) jars: PathBuf,
    pub(crate) folder: PathBuf,
    pub(crate) log: PathBuf,
    pub(crate) ports: Ports,
    pub(crate) proxied: bool,
    pub(crate) tuning: JavaTuning,
}

impl Kafka<'_> {
    /// Writes the configuration and, the first time, formats the data folder (0.7 s; blocks).
    pub(crate) fn prepare(&self, progress: &Progress) -> Result<Launch, StackError> {
        let data = self.folder.join("data");
        fs::create_dir_all(&self.folder).map_err(StackError::file(&self.folder))?;
        self.write("server.properties", &self.server_properties(&data))?;
        self.write("log4j2.properties", LOG_CONFIG)?;
        if !data.join("meta.properties").exists() {
            self.format(&data, progress)?;
        }
        let mut args = self.java_args(self.tuning);
        args.extend(["kafka.Kafka", "server.properties"].map(OsString::from));
        Ok(Launch {
            name: Part::Kafka.name(),
            program: self.java.into(),
            args,
            folder: self.folder.clone(),
            log: self.log.clone(),
            probe: Probe::Kafka(self.ports.kafka),
        })
    }

    fn write(&self, name: &str, text: &str) -> Result<(), StackError> {
        let path = self.folder.join(name);
        fs::write(&path, text).map_err(StackError::file(&path))
    }

    fn server_properties(&self, data: &Path) -> String {
        let mut text = server_properties(self.ports, data);
        text.push_str(&listeners(self.ports, self.proxied));
        text
    }

    /// `meta.properties` is written last: without it, what lies there is a format cut off.
    fn format(&self, data: &Path, progress: &Progress) -> Result<(), StackError> {
        if data.exists() {
            fs::remove_dir_all(data).map_err(StackError::file(data))?;
        }
        let mut command = mortal(self.java);
        command
            .args(self.java_args(JavaTuning::QuickStart))
            .args(["kafka.tools.StorageTool", "format", "--standalone"])
            .args(["-t", CLUSTER_ID, "-c", "server.properties"])
            .current_dir(&self.folder);
        run("formatting Kafka's storage", &mut command, &self.folder, progress)
    }

    fn java_args(&self, tuning: JavaTuning) -> Vec<OsString> {
        let mut args = java_args(HEAP_MB, tuning);
        args.push("-Dlog4j2.configurationFile=log4j2.properties".into());
        args.push("-cp".into());
        args.push(self.jars.join("*").into_os_string());
        args
    }
}

/// After a SIGKILL the controller refuses the broker until its old session has timed out; the
/// default of 9 s would be most of a restart.
fn server_properties(ports: Ports, data: &Path) -> String {
    let controller = ports.kafka_controller;
    format!(
        "\
process.roles=broker,controller
node.id=1
controller.quorum.bootstrap.servers=127.0.0.1:{controller}
controller.listener.names=CONTROLLER
log.dirs={}
auto.create.topics.enable=false
offsets.topic.num.partitions=4
offsets.topic.replication.factor=1
offsets.retention.minutes=525600
transaction.state.log.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=500
message.max.bytes=8388608
replica.fetch.max.bytes=8388608
",
        data.display()
    )
}

/// A client is told the address of the listener that it came to: behind a proxy, the proxy's.
fn listeners(ports: Ports, proxied: bool) -> String {
    let Ports { kafka, kafka_controller, kafka_behind_proxy, kafka_proxy, .. } = ports;
    let plain = format!("PLAINTEXT://127.0.0.1:{kafka}");
    let controller = format!("CONTROLLER://127.0.0.1:{kafka_controller}");
    if !proxied {
        return format!("listeners={plain},{controller}\nadvertised.listeners={plain}\n");
    }
    format!(
        "\
listeners={plain},{controller},PROXIED://127.0.0.1:{kafka_behind_proxy}
advertised.listeners={plain},PROXIED://127.0.0.1:{kafka_proxy}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,PROXIED:PLAINTEXT
"
    )
}

/// Asks for the cluster's metadata (version 1, no topics). A broker that is not ready is not
/// listed. Layout: <https://kafka.apache.org/protocol#The_Messages_Metadata>.
pub(crate) async fn names_a_broker(port: u16) -> bool {
    broker_count(port).await.is_ok_and(|brokers| brokers > 0)
}

async fn broker_count(port: u16) -> std::io::Result<i32> {
    const METADATA: i16 = 3;
    const VERSION: i16 = 1;
    const NO_CLIENT_ID: i16 = -1;
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
    let mut request = Vec::new();
    request.extend(14_i32.to_be_bytes());
    request.extend(METADATA.to_be_bytes());
    request.extend(VERSION.to_be_bytes());
    request.extend(0_i32.to_be_bytes()); // correlation id
    request.extend(NO_CLIENT_ID.to_be_bytes());
    request.extend(0_i32.to_be_bytes()); // number of topics
    stream.write_all(&request).await?;
    let _length = stream.read_i32().await?;
    let _correlation = stream.read_i32().await?;
    stream.read_i32().await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_properties_hold_ports_and_folder() {
        let text = server_properties(Ports::WELL_KNOWN, Path::new("/stack/kafka/data"));
        let text = text + &listeners(Ports::WELL_KNOWN, false);
        assert!(text.contains("\nadvertised.listeners=PLAINTEXT://127.0.0.1:9092\n"));
        assert!(text.contains("\ncontroller.quorum.bootstrap.servers=127.0.0.1:9093\n"));
        assert!(text.contains("\nlog.dirs=/stack/kafka/data\n"));
        assert!(text.lines().all(|line| line.split_once('=').is_some()));
    }

    #[test]
    fn clients_behind_a_proxy_are_told_to_come_through_it() {
        let text = listeners(Ports::WELL_KNOWN, true);
        assert!(text.contains(",PROXIED://127.0.0.1:9094\n"));
        assert!(text.contains("=PLAINTEXT://127.0.0.1:9092,PROXIED://127.0.0.1:9095\n"));
    }

    #[tokio::test]
    async fn a_port_where_nothing_listens_names_no_broker() {
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        assert!(!names_a_broker(port).await);
    }
}
