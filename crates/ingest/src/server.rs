//! The server: from configuration to an orderly end.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use kafka_runtime::{Producer, Shutdown};
use schema_registry::Registry;
use telemetry::Readiness;
use tokio::net::TcpListener;
use topology::Topic;
use tracking_plan::LiveCatalog;

use crate::{
    collector::{Collector, Setting},
    config::Config,
    connections::Connections,
    http::router,
    log::Log,
    spool::{Spool, SpoolProblem},
    tls::{Tls, TlsProblem},
};

/// How long between two questions to a registry that is away.
const REGISTRY_PAUSE: Duration = Duration::from_secs(1);

/// Why ingest ended.
#[derive(Debug, thiserror::Error)]
pub enum IngestError {
    /// The address cannot be listened on.
    #[error(
        "ingest cannot listen on {address}: {cause}. Free the port or set another with `listen` under [ingest] (port 0 takes any free one)"
    )]
    Bind {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        cause: io::Error,
    },
    /// The certificate cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsProblem),
    /// The disk spool cannot be used.
    #[error(transparent)]
    Spool(#[from] SpoolProblem),
}

/// What ingest works with.
pub struct Dependencies {
    /// Epoch of the waybill numbers.
    pub epoch: u16,
    /// Writes `raw-events`.
    pub producer: Producer,
    /// Knows the id of our schema of `raw-events`.
    pub registry: Registry,
    /// Which source a write key belongs to.
    pub catalog: LiveCatalog,
    /// Where ingest says whether it can take events.
    pub readiness: Readiness,
    /// The request to stop.
    pub shutdown: Shutdown,
}

/// Takes events until the request to stop. `bound` is told the address once it is listened on.
///
/// While the registry is away, requests get 503 and readiness says so.
pub async fn run(
    config: Config,
    with: Dependencies,
    bound: impl FnOnce(SocketAddr) + Send,
) -> Result<(), IngestError> {
    let bind = |cause| IngestError::Bind { address: config.listen, cause };
    with.readiness.halted("registry", "the registry has not told the schema yet");
    let spool = open_spool(&config).await?;
    let tls = config.tls.clone().map(Tls::new).transpose()?.map(Arc::new);
    let listener = TcpListener::bind(config.listen).await.map_err(bind)?;
    let address = listener.local_addr().map_err(bind)?;
    let Dependencies { epoch, producer, registry, catalog, readiness, shutdown } = with;
    let setting = Setting { config: config.clone(), epoch, catalog, spool };
    let collector = Arc::new(Collector::new(setting, producer));
    let metrics = collector.metrics.clone();
    tracing::info!(%address, tls = tls.is_some(), "ingest listens");
    bound(address);
    let (starting, ready, ending) = (Arc::clone(&collector), readiness.clone(), shutdown.clone());
    let started = tokio::spawn(async move {
        start(&starting, &registry, &ready, &ending).await;
    });
    let spooling = Arc::clone(&collector);
    let replayed = tokio::spawn(replay(Arc::clone(&collector), shutdown.clone()));
    let connections = Connections::new(&config, router(collector), tls.clone(), metrics.clone());
    let watching = async {
        if let Some(tls) = &tls {
            tls.watch(&metrics, &shutdown).await;
        }
    };
    let serving = connections.serve(listener, &shutdown);
    tokio::pin!(serving);
    tokio::select! {
        () = &mut serving => {}
        () = watching => serving.await,
    }
    started.abort();
    if let Err(panicked) = replayed.await {
        tracing::error!(%panicked, "the replay of the spool ended");
    }
    spooling.tell_what_stays();
    readiness.halted("end", "the process is ending");
    Ok(())
}

/// Looks through what lies in the spool, off the threads that serve.
async fn open_spool(config: &Config) -> Result<Option<Spool>, SpoolProblem> {
    if config.spool_dir.is_none() {
        return Ok(None);
    }
    let config = config.clone();
    let opened = tokio::task::spawn_blocking(move || Spool::open(&config)).await;
    opened.unwrap_or_else(|panicked| std::panic::resume_unwind(panicked.into_panic()))
}

async fn replay(collector: Arc<Collector<Producer>>, shutdown: Shutdown) {
    collector.replay(&shutdown).await;
}

/// Asks the registry until it knows our schema.
async fn start<L: Log>(
    collector: &Collector<L>,
    registry: &Registry,
    readiness: &Readiness,
    shutdown: &Shutdown,
) {
    let mut complained = false;
    while !shutdown.is_requested() {
        match registry.encoder_async(Topic::RawEvents).await {
            Ok(encoder) => {
                collector.start(encoder);
                readiness.ready();
                tracing::info!("ingest takes events");
                return;
            }
            Err(halt) if !complained => {
                tracing::warn!(%halt, "ingest answers 503 until the registry is there");
                complained = true;
            }
            Err(halt) => tracing::debug!(%halt, "the registry is still away"),
        }
        tokio::time::sleep(REGISTRY_PAUSE).await;
    }
}
