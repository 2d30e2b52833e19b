//! A small OTLP collector: keeps the spans that the services of a flow export.

use std::{
    collections::HashSet,
    fmt::Write as _,
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex, PoisonError},
};

use anyhow::Context as _;
use axum::{Router, body::Bytes, extract::State, http::StatusCode, routing::post};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message as _;
use tokio::net::TcpListener;

use crate::http::Http;

/// What a span says of where it belongs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CollectedSpan {
    /// Its name: the stage, or the request.
    pub name: String,
    /// The trace, as in a `traceparent`.
    pub trace_id: String,
    /// The span, as in a `traceparent`.
    pub span_id: String,
    /// The span that it is a child of; empty where it begins a trace.
    pub parent_span_id: String,
}

/// Where the services send their spans.
#[derive(Debug)]
pub struct SpanCollector {
    address: SocketAddr,
    spans: Spans,
}

type Spans = Arc<Mutex<Vec<CollectedSpan>>>;

impl SpanCollector {
    pub(crate) fn start(http: &Http) -> anyhow::Result<Self> {
        let spans = Spans::default();
        let routes = Router::new().route("/v1/traces", post(take)).with_state(Arc::clone(&spans));
        let listener = http
            .runtime()
            .block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))
            .context("the collector of spans")?;
        let address = listener.local_addr()?;
        http.runtime().spawn(async move { axum::serve(listener, routes).await });
        Ok(Self { address, spans })
    }

    /// Base URL for `log.otlp_endpoint`.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What came so far with this trace.
    pub fn of_trace(&self, trace_id: &str) -> Vec<CollectedSpan> {
        let spans = self.spans.lock().unwrap_or_else(PoisonError::into_inner);
        spans.iter().filter(|span| span.trace_id == trace_id).cloned().collect()
    }

    /// The traces so far that began in a span of this name.
    pub fn traces_begun_by(&self, name: &str) -> HashSet<String> {
        let spans = self.spans.lock().unwrap_or_else(PoisonError::into_inner);
        let begun = spans.iter().filter(|span| span.name == name && span.parent_span_id.is_empty());
        begun.map(|span| span.trace_id.clone()).collect()
    }
}

async fn take(State(spans): State<Spans>, body: Bytes) -> StatusCode {
    let Ok(request) = ExportTraceServiceRequest::decode(body) else {
        return StatusCode::BAD_REQUEST;
    };
    let scopes = request.resource_spans.into_iter().flat_map(|resource| resource.scope_spans);
    let came = scopes.flat_map(|scope| scope.spans).map(|span| CollectedSpan {
        name: span.name,
        trace_id: hex(&span.trace_id),
        span_id: hex(&span.span_id),
        parent_span_id: hex(&span.parent_span_id),
    });
    spans.lock().unwrap_or_else(PoisonError::into_inner).extend(came);
    StatusCode::OK
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a String cannot fail.
        let _written = write!(text, "{byte:02x}");
        text
    })
}
