//! Connections: how many, how slow they may be, and their orderly end.

use std::{convert::Infallible, net::SocketAddr, pin::pin, sync::Arc, time::Duration};

use axum::{Router, body::Body, extract::ConnectInfo, http::Request, response::Response};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::{
        conn::auto::Builder,
        graceful::{GracefulShutdown, Watcher},
    },
    service::TowerToHyperService,
};
use kafka_runtime::Shutdown;
use telemetry::IngestMetrics;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    time::timeout,
};
use tokio_io_timeout::TimeoutStream;
use tower::{service_fn, util::ServiceExt};

use crate::{config::Config, tls::Tls};

/// How long requests in hand may take after the request to stop.
const DRAIN: Duration = Duration::from_secs(10);

/// After an accept that failed for want of file descriptors.
const BREATH: Duration = Duration::from_millis(100);

/// The smallest buffer that hyper takes.
const LEAST_BUFFER: usize = 8 * 1024;

/// Requests at once on one HTTP/2 connection.
const STREAMS: u32 = 256;

/// Serves connections.
pub(crate) struct Connections {
    router: Router,
    tls: Option<Arc<Tls>>,
    builder: Builder<TokioExecutor>,
    silence: Duration,
    places: Arc<Semaphore>,
    metrics: IngestMetrics,
}

impl Connections {
    pub(crate) fn new(
        config: &Config,
        router: Router,
        tls: Option<Arc<Tls>>,
        metrics: IngestMetrics,
    ) -> Self {
        let headers = Duration::from_millis(config.header_timeout_ms);
        // Longer than both, so that a body that stops is answered 408 and not cut off.
        let silence = headers + Duration::from_millis(config.body_timeout_ms);
        Self {
            router,
            tls,
            builder: builder(config, headers),
            silence,
            places: Arc::new(Semaphore::new(config.max_connections)),
            metrics,
        }
    }

    /// Serves until the request to stop, then lets the requests in hand finish, within [`DRAIN`].
    pub(crate) async fn serve(&self, listener: TcpListener, shutdown: &Shutdown) {
        let ending = GracefulShutdown::new();
        let mut stop = pin!(shutdown.requested());
        loop {
            // A connection beyond the limit waits in the listener's queue.
            let place = tokio::select! {
                place = Arc::clone(&self.places).acquire_owned() => place,
                () = &mut stop => break,
            };
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                () = &mut stop => break,
            };
            let (stream, peer) = match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::warn!(%error, "a connection was not accepted");
                    tokio::time::sleep(BREATH).await;
                    continue;
                }
            };
            let served = self.one(stream, peer, &ending);
            let metrics = self.metrics.clone();
            tokio::spawn(async move {
                metrics.connections(1);
                served.await;
                metrics.connections(-1);
                drop(place);
            });
        }
        drop(listener);
        if timeout(DRAIN, ending.shutdown()).await.is_err() {
            tracing::warn!("requests were cut off: they took longer than the drain of {DRAIN:?}");
        }
    }

    /// One connection, to its end. Whoever sends nothing for as long as the headers and the body of
    /// a request may take is cut off, in whatever state the connection is.
    fn one(
        &self,
        stream: TcpStream,
        peer: SocketAddr,
        ending: &GracefulShutdown,
    ) -> impl Future<Output = ()> + Send + 'static {
        let (builder, silence, watcher) = (self.builder.clone(), self.silence, ending.watcher());
        let router = self.router.clone();
        let acceptor = self.tls.as_ref().map(|tls| tls.acceptor());
        async move {
            // Acknowledgements are small and urgent.
            let _best_effort = stream.set_nodelay(true);
            let mut stream = TimeoutStream::new(stream);
            stream.set_read_timeout(Some(silence));
            let stream = Box::pin(stream);
            let Some(acceptor) = acceptor else {
                return serve(&builder, stream, router, peer, watcher).await;
            };
            match timeout(silence, acceptor.accept(stream)).await {
                Ok(Ok(stream)) => serve(&builder, stream, router, peer, watcher).await,
                Ok(Err(error)) => tracing::debug!(%error, "no TLS"),
                Err(_) => tracing::debug!("the TLS handshake took too long"),
            }
        }
    }
}

async fn serve(
    builder: &Builder<TokioExecutor>,
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    router: Router,
    peer: SocketAddr,
    watcher: Watcher,
) {
    let service = service_fn(move |request: Request<_>| {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(ConnectInfo(peer));
        answer(router.clone(), request)
    });
    let connection =
        builder.serve_connection(TokioIo::new(stream), TowerToHyperService::new(service));
    if let Err(error) = watcher.watch(connection.into_owned()).await {
        tracing::debug!(%error, "a connection ended early");
    }
}

async fn answer(router: Router, request: Request<Body>) -> Result<Response, Infallible> {
    router.oneshot(request).await
}

fn builder(config: &Config, headers: Duration) -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(headers)
        .max_buf_size(config.max_header_bytes.max(LEAST_BUFFER));
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(Some(headers))
        .max_concurrent_streams(STREAMS)
        .max_header_list_size(u32::try_from(config.max_header_bytes).unwrap_or(u32::MAX));
    builder
}
