//! ClickHouse out of `libchdb.so`: clickhouse-local, told to listen, with a query that never ends.

use std::ffi::OsString;
use std::fs;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use tokio::net::TcpStream;

use crate::launch::{Launch, Probe};
use crate::{Part, Ports, StackError};

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
    pub(crate) ports: Ports,
}

impl ClickHouse {
    /// Writes the configuration.
    pub(crate) fn prepare(&self) -> Result<Launch, StackError> {
        fs::create_dir_all(&self.folder).map_err(StackError::file(&self.folder))?;
        let config = self.folder.join("config.xml");
        fs::write(&config, config_xml(&self.log)).map_err(StackError::file(&config))?;
        Ok(Launch {
            part: Part::ClickHouse,
            program: self.library.join("clickhouse-host"),
            args: self.args(&config),
            folder: self.folder.clone(),
            log: self.log.clone(),
            probe: Probe::ClickHouse {
                http: url(self.ports.clickhouse_http),
                tcp: self.ports.clickhouse_tcp,
            },
        })
    }

    fn args(&self, config: &Path) -> Vec<OsString> {
        let option = |name: &str, value: &dyn std::fmt::Display| format!("--{name}={value}").into();
        vec![
            self.library.join("libchdb.so").into_os_string(),
            "--multiquery".into(),
            // clickhouse-local would take `1` for a query; a server does not.
            "--implicit_select=0".into(),
            // The level in the configuration is not heeded.
            "--log-level=information".into(),
            option("config-file", &config.display()),
            option("path", &self.folder.join("data").display()),
            option("listen_host", &Ipv4Addr::LOCALHOST),
            option("http_port", &self.ports.clickhouse_http),
            option("tcp_port", &self.ports.clickhouse_tcp),
            option("query", &LISTEN_FOR_EVER),
        ]
    }
}

/// The time zone is not here because it is not heeded either; it comes from TZ.
fn config_xml(log: &Path) -> String {
    format!(
        "\
<clickhouse>
  <logger>
    <log>{}</log>
    <size>100M</size>
    <count>1</count>
  </logger>
  <max_server_memory_usage>{MEMORY_LIMIT_BYTES}</max_server_memory_usage>
</clickhouse>
",
        escaped(&log.display().to_string())
    )
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

    #[test]
    fn a_path_is_escaped_in_the_configuration() {
        let xml = config_xml(Path::new("/a & b/<c>/clickhouse.log"));
        assert!(xml.contains("<log>/a &amp; b/&lt;c>/clickhouse.log</log>"), "{xml}");
    }

    #[test]
    fn the_ports_are_those_of_the_stack() {
        let folder = tempfile::tempdir().unwrap();
        let launch = ClickHouse {
            library: "/cache/clickhouse".into(),
            folder: folder.path().into(),
            log: folder.path().join("clickhouse.log"),
            ports: Ports::WELL_KNOWN,
        }
        .prepare()
        .unwrap();
        assert!(launch.args.contains(&"--http_port=8123".into()));
        assert!(launch.args.contains(&"--tcp_port=9000".into()));
        assert!(launch.args.contains(&"--listen_host=127.0.0.1".into()));
    }
}
