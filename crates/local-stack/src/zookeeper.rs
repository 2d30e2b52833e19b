//! ZooKeeper, by which replicas of ClickHouse know of each other.

use std::ffi::OsString;
use std::fs;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::launch::{Launch, Probe, java_args};
use crate::{JavaTuning, StackError};

const HEAP_MB: u32 = 128;

/// What ZooKeeper is started from.
#[derive(Debug)]
pub(crate) struct ZooKeeper<'a> {
    pub(crate) java: &'a Path,
    /// Folder of its jars.
    pub(crate) jars: &'a Path,
    pub(crate) folder: PathBuf,
    pub(crate) log: PathBuf,
    pub(crate) port: u16,
}

impl ZooKeeper<'_> {
    /// Writes the configuration.
    pub(crate) fn prepare(&self) -> Result<Launch, StackError> {
        fs::create_dir_all(&self.folder).map_err(StackError::file(&self.folder))?;
        let config = self.folder.join("zoo.cfg");
        fs::write(&config, self.config()).map_err(StackError::file(&config))?;
        let mut args = java_args(HEAP_MB, JavaTuning::QuickStart);
        args.extend(["-cp".into(), self.jars.join("*").into_os_string()]);
        args.push("org.apache.zookeeper.server.quorum.QuorumPeerMain".into());
        args.push(OsString::from(&config));
        Ok(Launch {
            name: "ZooKeeper",
            program: self.java.into(),
            args,
            folder: self.folder.clone(),
            log: self.log.clone(),
            probe: Probe::ZooKeeper(self.port),
        })
    }

    fn config(&self) -> String {
        format!(
            "tickTime=1000\ndataDir={}\nclientPort={}\nclientPortAddress={}\n\
             admin.enableServer=false\n4lw.commands.whitelist=ruok\n",
            self.folder.join("data").display(),
            self.port,
            Ipv4Addr::LOCALHOST
        )
    }
}

/// Whether it answers the question "are you ok?".
pub(crate) async fn is_well(port: u16) -> std::io::Result<bool> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
    stream.write_all(b"ruok").await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer == "imok")
}
