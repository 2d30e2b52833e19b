//! The server: from configuration to an orderly end.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use axum::Router;
use kafka_runtime::{Producer, Shutdown};
use schema_registry::Registry;
use telemetry::Readiness;
use tokio::net::TcpListener;
use topology::Topic;
use tracking_plan::SourceCatalog;

use crate::{collector::Collector, config::Config, http::router, log::Log};

/// How long requests in hand may take after the request to stop.
const DRAIN: Duration = Duration::from_secs(10);

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
    /// Serving failed.
    #[error("ingest stopped serving: {0}")]
    Serve(io::Error),
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
    pub catalog: Arc<SourceCatalog>,
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
    let listener = TcpListener::bind(config.listen).await.map_err(bind)?;
    let address = listener.local_addr().map_err(bind)?;
    let collector = Arc::new(Collector::new(config, with.epoch, with.catalog, with.producer));
    tracing::info!(%address, "ingest listens");
    bound(address);
    let (starting, readiness) = (Arc::clone(&collector), with.readiness.clone());
    let shutdown = with.shutdown.clone();
    let started = tokio::spawn(async move {
        start(&starting, &with.registry, &readiness, &shutdown).await;
    });
    let served = serve(listener, router(collector), &with.shutdown).await;
    started.abort();
    with.readiness.halted("end", "the process is ending");
    served
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

/// Serves until the request to stop, then lets the requests in hand finish, within [`DRAIN`].
async fn serve(
    listener: TcpListener,
    router: Router,
    shutdown: &Shutdown,
) -> Result<(), IngestError> {
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    let stop = shutdown.clone();
    let serving = axum::serve(listener, service)
        .with_graceful_shutdown(async move { stop.requested().await })
        .into_future();
    let out_of_time = async {
        shutdown.requested().await;
        tokio::time::sleep(DRAIN).await;
    };
    tokio::select! {
        served = serving => served.map_err(IngestError::Serve),
        () = out_of_time => {
            tracing::warn!("requests were cut off: they took longer than the drain of 10 s");
            Ok(())
        }
    }
}
