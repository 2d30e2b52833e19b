//! The admin port of a process: metrics, liveness, readiness.

use std::future::Future;
use std::io;
use std::net::SocketAddr;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::{Health, metrics};

const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

const ROUTES: &str = "\
/metrics  every metric of this process, in the OpenMetrics text format
/livez    200 while the process answers
/readyz   200 when every component is ready, else 503; JSON says what each waits for
";

/// Serves the admin port until `shutdown` resolves. Port 0 takes any free port; the address that
/// was bound is returned. `Err` means that it could not be bound.
pub async fn serve(
    listen: SocketAddr,
    health: Health,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<(SocketAddr, JoinHandle<()>)> {
    let listener = TcpListener::bind(listen).await?;
    let bound = listener.local_addr()?;
    let server = axum::serve(listener, routes(health)).with_graceful_shutdown(shutdown);
    let task = tokio::spawn(async move {
        if let Err(error) = server.await {
            tracing::error!(%error, "the admin port stopped");
        }
    });
    Ok((bound, task))
}

fn routes(health: Health) -> Router {
    Router::new()
        .route("/", get(|| async { ROUTES }))
        .route("/metrics", get(exposition))
        .route("/livez", get(|| async { "alive\n" }))
        .route("/readyz", get(readiness))
        .with_state(health)
}

async fn readiness(State(health): State<Health>) -> Response {
    let report = health.report();
    let status = if report.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(report)).into_response()
}

async fn exposition() -> Response {
    match metrics::encode() {
        Ok(text) => ([(header::CONTENT_TYPE, OPEN_METRICS)], text).into_response(),
        Err(error) => {
            tracing::error!(%error, "metrics could not be encoded");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}
