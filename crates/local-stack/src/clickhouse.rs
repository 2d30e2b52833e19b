//! ClickHouse out of `libchdb.so`: clickhouse-local, told to listen, with a query that never ends.

use std::ffi::OsString;
use std::fs;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use tokio::net::TcpStream;

use crate::config::CLUSTER;
use crate::launch::{Launch, Probe};
use crate::ports::ClickHousePorts;
use crate::{Part, StackError};

/// 3 s a row: 95 years.
const LISTEN_FOR_EVER: &str = "SYSTEM START LISTEN HTTP; SYSTEM START LISTEN TCP; \
    SELECT sleepEachRow(3) FROM numbers(1000000000) \
    SETTINGS function_sleep_max_microseconds_per_block = 0, max_block_size = 1";
const MEMORY_LIMIT_BYTES: u64 = 2_000_000_000;

/// What ClickHouse is started from.
#[derive(Debug)]
pub(crate) struct ClickHouse {
    /// Folder with `libchdb.so` and `clickhouse-host`.
    pub(crate) library: PathBuf,
    pub(crate) folder: PathBuf,
    pub(crate) log: PathBuf,
    /// Ports of all ClickHouses of the cluster, shard by shard.
    pub(crate) servers: Vec<ClickHousePorts>,
    /// Which of them this is, from 0.
    pub(crate) number: u16,
    /// What makes it one of several replicas.
    pub(crate) replication: Option<Replication>,
}

/// What a replica needs.
#[derive(Debug)]
pub(crate) struct Replication {
    /// The program that makes the library one.
    pub(crate) program: PathBuf,
    /// Port of ZooKeeper.
    pub(crate) zookeeper: u16,
    /// How many replicas each shard has; they are neighbours in the list of servers.
    pub(crate) replicas: u16,
}

/// Where a replica hands out parts, on the port of HTTP: its second listener.
const PARTS_AT: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

impl ClickHouse {
    /// Writes the configuration.
    pub(crate) fn prepare(&self) -> Result<Launch, StackError> {
        fs::create_dir_all(&self.folder).map_err(StackError::file(&self.folder))?;
        let config = self.folder.join("config.xml");
        fs::write(&config, self.config_xml()).map_err(StackError::file(&config))?;
        let ClickHousePorts { http, tcp } = self.ports();
        Ok(Launch {
            name: Part::ClickHouse.name(),
            program: match &self.replication {
                Some(replication) => replication.program.clone(),
                None => self.library.join("clickhouse-host"),
            },
            args: self.args(&config),
            folder: self.folder.clone(),
            log: self.log.clone(),
            probe: Probe::ClickHouse { http: url(http), tcp },
        })
    }

    fn ports(&self) -> ClickHousePorts {
        self.servers[usize::from(self.number)]
    }

    fn args(&self, config: &Path) -> Vec<OsString> {
        let option = |name: &str, value: &dyn std::fmt::Display| format!("--{name}={value}").into();
        let ClickHousePorts { http, tcp } = self.ports();
        let mut args = vec![self.library.join("libchdb.so").into_os_string()];
        match self.replication {
            Some(_) => args.extend([PARTS_AT.to_string().into(), http.to_string().into()]),
            None => args.push(option("listen_host", &Ipv4Addr::LOCALHOST)),
        }
        args.extend([
            "--multiquery".into(),
            // clickhouse-local would take `1` for a query; a server does not.
            "--implicit_select=0".into(),
            // The level in the configuration is not heeded.
            "--log-level=information".into(),
            option("config-file", &config.display()),
            option("path", &self.folder.join("data").display()),
            option("http_port", &http),
            option("tcp_port", &tcp),
        ]);
        if self.servers.len() > 1 {
            // What a server has in the profiles of its users.
            args.push("--prefer_global_in_and_join=1".into());
        }
        args.push(option("query", &LISTEN_FOR_EVER));
        args
    }

    /// The time zone is not here because it is not heeded either; it comes from TZ.
    fn config_xml(&self) -> String {
        format!(
            "\
<clickhouse>
  <logger>
    <log>{}</log>
    <size>100M</size>
    <count>1</count>
  </logger>
  <max_server_memory_usage>{MEMORY_LIMIT_BYTES}</max_server_memory_usage>
{}</clickhouse>
",
            escaped(&self.log.display().to_string()),
            self.cluster_xml()
        )
    }

    /// A ClickHouse finds itself in the list by its own port.
    fn cluster_xml(&self) -> String {
        if self.servers.len() == 1 {
            return String::new();
        }
        let replica = |ports: &ClickHousePorts| {
            format!("<replica><host>127.0.0.1</host><port>{}</port></replica>\n", ports.tcp)
        };
        let shard = |servers: &[ClickHousePorts]| {
            let replicas: String = servers.iter().map(replica).collect();
            format!(
                "<shard>\n<internal_replication>true</internal_replication>\n{replicas}</shard>\n"
            )
        };
        let shards: String = self.servers.chunks(usize::from(self.replicas())).map(shard).collect();
        format!(
            "  <tcp_port>{}</tcp_port>\n  <remote_servers><{CLUSTER}>\n{shards}</{CLUSTER}></remote_servers>\n{}",
            self.ports().tcp,
            self.replication_xml()
        )
    }

    fn replicas(&self) -> u16 {
        self.replication.as_ref().map_or(1, |it| it.replicas.max(1))
    }

    /// Without paths of their own for their sessions the replicas would end each other's: they all
    /// have the same id of a server, which is none.
    fn replication_xml(&self) -> String {
        let Some(Replication { zookeeper, .. }) = self.replication else { return String::new() };
        let (number, shard) = (self.number + 1, self.number / self.replicas() + 1);
        format!(
            "  <listen_host>{}</listen_host>\n  <listen_host>{PARTS_AT}</listen_host>\n  \
             <macros><shard>{shard}</shard><replica>{number}</replica></macros>\n  \
             <zookeeper>\n<sessions_path>/sessions-{number}</sessions_path>\n\
             <node><host>127.0.0.1</host><port>{zookeeper}</port></node>\n</zookeeper>\n",
            Ipv4Addr::LOCALHOST
        )
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

pub(crate) fn url(http_port: u16) -> String {
    format!("http://127.0.0.1:{http_port}")
}

/// Whether a query gets its result over HTTP and the native port accepts.
pub(crate) async fn answers(client: &reqwest::Client, http: &str, tcp: u16) -> bool {
    let counts = client.get(format!("{http}/?query=SELECT+40%2B2")).send();
    let Ok(answer) = counts.await else { return false };
    answer.text().await.is_ok_and(|text| text == "42\n")
        && TcpStream::connect((Ipv4Addr::LOCALHOST, tcp)).await.is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Ports;

    #[test]
    fn a_path_is_escaped_in_the_configuration() {
        let one = clickhouse(Path::new("/a & b/<c>"), 1, 0);
        let xml = one.config_xml();
        assert!(xml.contains("<log>/a &amp; b/&lt;c>/clickhouse.log</log>"), "{xml}");
        assert!(!xml.contains("remote_servers"), "{xml}");
    }

    #[test]
    fn each_of_several_knows_all_of_them_and_itself() {
        let second = clickhouse(Path::new("/stack"), 2, 1);
        let xml = second.config_xml();
        assert!(xml.contains("<tcp_port>8125</tcp_port>"), "{xml}");
        assert!(xml.contains("<port>9000</port>") && xml.contains("<port>8125</port>"), "{xml}");
        let args = second.args(Path::new("/c"));
        assert!(args.contains(&"--http_port=8124".into()), "{args:?}");
        assert!(args.contains(&"--prefer_global_in_and_join=1".into()), "{args:?}");
    }

    fn clickhouse(folder: &Path, shards: u16, shard: u16) -> ClickHouse {
        ClickHouse {
            library: "/cache/clickhouse".into(),
            folder: folder.into(),
            log: folder.join("clickhouse.log"),
            servers: (0..shards).map(|it| Ports::WELL_KNOWN.of_clickhouse(it)).collect(),
            number: shard,
            replication: None,
        }
    }

    #[test]
    fn the_ports_are_those_of_the_stack() {
        let folder = tempfile::tempdir().unwrap();
        let launch = clickhouse(folder.path(), 1, 0).prepare().unwrap();
        assert!(launch.args.contains(&"--http_port=8123".into()));
        assert!(launch.args.contains(&"--tcp_port=9000".into()));
        assert!(launch.args.contains(&"--listen_host=127.0.0.1".into()));
    }
}
