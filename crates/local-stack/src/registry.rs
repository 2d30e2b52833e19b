//! The Apicurio registry, spoken to through its Confluent-compatible API.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use crate::launch::{Launch, Probe, java_args};
use crate::{JavaTuning, Part, RegistryStorage, StackError};

const HEAP_MB: u32 = 384;

/// What the registry is started from.
#[derive(Debug)]
pub(crate) struct Registry<'a> {
    pub(crate) java: &'a Path,
    /// Folder with `quarkus-run.jar`.
    pub(crate) app: PathBuf,
    pub(crate) folder: PathBuf,
    pub(crate) log: PathBuf,
    pub(crate) port: u16,
    pub(crate) storage: RegistryStorage,
    pub(crate) bootstrap_servers: String,
}

impl Registry<'_> {
    /// Makes the folder.
    pub(crate) fn prepare(&self) -> Result<Launch, StackError> {
        fs::create_dir_all(&self.folder).map_err(StackError::file(&self.folder))?;
        let mut args = java_args(HEAP_MB, JavaTuning::QuickStart);
        args.extend(self.properties().into_iter().map(|(key, value)| define(key, &value)));
        args.push("-jar".into());
        args.push(self.app.join("quarkus-run.jar").into_os_string());
        Ok(Launch {
            name: Part::Registry.name(),
            program: self.java.into(),
            args,
            folder: self.folder.clone(),
            log: self.log.clone(),
            probe: Probe::Registry(url(self.port)),
        })
    }

    fn properties(&self) -> Vec<(&'static str, String)> {
        let mut properties = vec![
            ("quarkus.http.host", "127.0.0.1".into()),
            ("quarkus.http.port", self.port.to_string()),
            ("quarkus.http.access-log.enabled", "false".into()),
            // By default on port 9000 of all interfaces; 0 takes any.
            ("quarkus.management.host", "127.0.0.1".into()),
            ("quarkus.management.port", "0".into()),
        ];
        match self.storage {
            RegistryStorage::File => properties.extend([
                ("apicurio.storage.kind", "sql".into()),
                ("apicurio.storage.sql.kind", "h2".into()),
                ("apicurio.datasource.url", h2_url(&self.folder)),
            ]),
            RegistryStorage::Kafka => properties.extend([
                ("apicurio.storage.kind", "kafkasql".into()),
                ("apicurio.kafkasql.bootstrap.servers", self.bootstrap_servers.clone()),
                // A start looks for snapshots, of which there are none, for four of these; of 5 s
                // each by default.
                ("apicurio.kafkasql.consumer.poll.timeout", "250".into()),
            ]),
        }
        properties
    }
}

/// By default H2 writes half a second after the commit: a SIGKILL would undo what was answered.
fn h2_url(folder: &Path) -> String {
    format!("jdbc:h2:file:{};WRITE_DELAY=0", folder.join("registry").display())
}

fn define(key: &str, value: &str) -> OsString {
    format!("-D{key}={value}").into()
}

/// The Confluent-compatible API, as its clients want it.
pub(crate) fn url(port: u16) -> String {
    format!("http://127.0.0.1:{port}/apis/ccompat/v7")
}

/// Whether the registry reads from its storage.
pub(crate) async fn lists_subjects(client: &reqwest::Client, url: &str) -> bool {
    let answer = client.get(format!("{url}/subjects")).send().await;
    answer.is_ok_and(|response| response.status().is_success())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arguments(storage: RegistryStorage) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        let registry = Registry {
            java: Path::new("java"),
            app: "/cache/registry".into(),
            folder: folder.path().join("registry"),
            log: folder.path().join("registry.log"),
            port: 8081,
            storage,
            bootstrap_servers: "127.0.0.1:9092".into(),
        };
        let launch = registry.prepare().unwrap();
        launch.args.into_iter().map(|arg| arg.into_string().unwrap()).collect()
    }

    #[test]
    fn every_listener_is_on_the_loopback_address() {
        let args = arguments(RegistryStorage::File);
        assert!(args.contains(&"-Dquarkus.http.host=127.0.0.1".into()));
        assert!(args.contains(&"-Dquarkus.management.host=127.0.0.1".into()));
    }

    #[test]
    fn the_file_is_flushed_at_every_commit() {
        let args = arguments(RegistryStorage::File);
        let url = args.iter().find(|arg| arg.starts_with("-Dapicurio.datasource.url=")).unwrap();
        assert!(url.contains("=jdbc:h2:file:/") && url.ends_with("/registry;WRITE_DELAY=0"));
    }

    #[test]
    fn the_kafka_storage_is_told_the_brokers() {
        let args = arguments(RegistryStorage::Kafka);
        assert!(args.contains(&"-Dapicurio.storage.kind=kafkasql".into()));
        assert!(args.contains(&"-Dapicurio.kafkasql.bootstrap.servers=127.0.0.1:9092".into()));
    }
}
