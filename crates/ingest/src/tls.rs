//! The certificate, read again when it changes.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock},
    time::{Duration, SystemTime},
};

use kafka_runtime::Shutdown;
use rustls::{
    ServerConfig,
    crypto::aws_lc_rs::default_provider,
    pki_types::{CertificateDer, PrivateKeyDer, pem, pem::PemObject},
};
use telemetry::IngestMetrics;
use tokio_rustls::TlsAcceptor;

use crate::config::TlsConfig;

/// How often the files are looked at.
const LOOK: Duration = Duration::from_secs(1);

/// Why a certificate cannot be used.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum TlsProblem {
    /// A file cannot be read, or holds nothing that it should.
    #[error("{file}: {cause}; [ingest.tls] names two PEM files, the certificate and its key")]
    File {
        /// The file.
        file: PathBuf,
        /// What is wrong.
        cause: String,
    },
    /// The two do not belong together, or are of a kind that is not taken.
    #[error("the certificate and the key under [ingest.tls] cannot be used: {0}")]
    Pair(rustls::Error),
}

/// The certificate in force.
pub(crate) struct Tls {
    files: TlsConfig,
    in_force: RwLock<Arc<ServerConfig>>,
}

impl Tls {
    pub(crate) fn new(files: TlsConfig) -> Result<Self, TlsProblem> {
        let in_force = RwLock::new(Arc::new(load(&files)?));
        Ok(Self { files, in_force })
    }

    /// What the next connection is accepted with.
    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        let in_force = self.in_force.read().unwrap_or_else(PoisonError::into_inner);
        TlsAcceptor::from(Arc::clone(&in_force))
    }

    /// Looks at the files until the end; one that cannot be used leaves the old one in force.
    pub(crate) async fn watch(&self, metrics: &IngestMetrics, shutdown: &Shutdown) {
        let mut seen = self.changed_at();
        while !shutdown.is_requested() {
            tokio::time::sleep(LOOK).await;
            let now = self.changed_at();
            if now == seen {
                continue;
            }
            let loaded = now.as_ref().map_err(Clone::clone).and_then(|_| load(&self.files));
            seen = now;
            metrics.certificate_read(loaded.is_ok());
            match loaded {
                Ok(config) => {
                    *self.in_force.write().unwrap_or_else(PoisonError::into_inner) =
                        Arc::new(config);
                    tracing::info!("the certificate was read again");
                }
                Err(problem) => {
                    tracing::error!(%problem, "the old certificate stays in force");
                }
            }
        }
    }

    /// When the two files were changed. That one cannot be looked at is told once, until that
    /// changes, and is no reason to read it: the other file may be of another pair.
    fn changed_at(&self) -> Result<[SystemTime; 2], TlsProblem> {
        let at = |file: &Path| {
            let changed = fs::metadata(file).and_then(|data| data.modified());
            changed.map_err(|error| problem(file, &pem::Error::Io(error)))
        };
        Ok([at(&self.files.certificate)?, at(&self.files.key)?])
    }
}

fn load(files: &TlsConfig) -> Result<ServerConfig, TlsProblem> {
    let certificates = CertificateDer::pem_file_iter(&files.certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, pem::Error>>)
        .and_then(|all| if all.is_empty() { Err(pem::Error::NoItemsFound) } else { Ok(all) })
        .map_err(|error| problem(&files.certificate, &error))?;
    let key =
        PrivateKeyDer::from_pem_file(&files.key).map_err(|error| problem(&files.key, &error))?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(TlsProblem::Pair)?
        .with_no_client_auth()
        .with_single_cert(certificates, key)
        .map_err(TlsProblem::Pair)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

fn problem(file: &Path, error: &pem::Error) -> TlsProblem {
    let cause = match error {
        pem::Error::Io(error) if error.kind() == io::ErrorKind::NotFound => {
            "there is no such file".to_owned()
        }
        pem::Error::NoItemsFound => "there is nothing of that kind in it".to_owned(),
        error => error.to_string(),
    };
    TlsProblem::File { file: file.to_owned(), cause }
}
