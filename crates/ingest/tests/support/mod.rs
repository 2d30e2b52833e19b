//! An ingest on a log whose acknowledgements the test decides. The log is the only fake.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
};

use axum::{
    Router,
    body::{Body, to_bytes},
    http::{HeaderMap, Request, StatusCode},
};
use event::{
    RawEvent,
    codec::{Decoder, Encoder},
    frame, schema,
};
use ingest::{Collector, Config, Log, router};
use kafka_runtime::{Delivered, Outgoing, Position, SendError};
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use topology::Topic;
use tower::ServiceExt;
use tracking_plan::SourceCatalog;

/// What the fake log does with records.
#[derive(Clone, Default)]
pub struct FakeLog(Arc<State>);

struct State {
    records: Mutex<Vec<Outgoing>>,
    appends: AtomicUsize,
    acknowledgements: Semaphore,
    failure: Option<SendError>,
    forgets_one: bool,
    fill: f64,
}

impl Default for State {
    fn default() -> Self {
        Self {
            records: Mutex::default(),
            appends: AtomicUsize::new(0),
            acknowledgements: Semaphore::new(Semaphore::MAX_PERMITS),
            failure: None,
            forgets_one: false,
            fill: 0.0,
        }
    }
}

impl FakeLog {
    /// Answers only as [`acknowledge`](Self::acknowledge) is called.
    pub fn waiting() -> Self {
        Self(Arc::new(State { acknowledgements: Semaphore::new(0), ..State::default() }))
    }

    pub fn failing(error: SendError) -> Self {
        Self(Arc::new(State { failure: Some(error), ..State::default() }))
    }

    pub fn filled(fill: f64) -> Self {
        Self(Arc::new(State { fill, ..State::default() }))
    }

    /// Reports one record fewer than it was given.
    pub fn forgetful() -> Self {
        Self(Arc::new(State { forgets_one: true, ..State::default() }))
    }

    pub fn acknowledge(&self) {
        self.0.acknowledgements.add_permits(1);
    }

    pub fn appends(&self) -> usize {
        self.0.appends.load(Ordering::SeqCst)
    }

    pub fn records(&self) -> Vec<Outgoing> {
        self.0.records.lock().unwrap().clone()
    }

    /// What was appended, read back through the codec.
    pub fn events(&self) -> Vec<RawEvent> {
        let ours = &schema::RAW_EVENTS;
        let decoder = Decoder::new(ours, ours.parsed().unwrap()).unwrap();
        let decode = |record: &Outgoing| {
            decoder.decode(frame::parse(record.value.as_ref().unwrap()).unwrap().datum).unwrap()
        };
        self.records().iter().map(decode).collect()
    }
}

impl Log for FakeLog {
    async fn append(&self, records: Vec<Outgoing>) -> Result<Vec<Delivered>, SendError> {
        self.0.appends.fetch_add(1, Ordering::SeqCst);
        self.0.acknowledgements.acquire().await.unwrap().forget();
        if let Some(error) = &self.0.failure {
            return Err(error.clone());
        }
        let kept = records.len() - usize::from(self.0.forgets_one);
        let mut all = self.0.records.lock().unwrap();
        let delivered = (all.len()..).take(kept).map(|offset| {
            let offset = i64::try_from(offset).unwrap();
            let position = Position { topic: Topic::RawEvents, partition: 0, offset };
            Delivered { position, timestamp: None }
        });
        let delivered = delivered.collect();
        all.extend(records);
        Ok(delivered)
    }

    fn fill(&self) -> f64 {
        self.0.fill
    }
}

/// The keys `wk_web`, `wk_api` and, of a source that is disabled, `wk_off`.
pub fn catalog() -> Arc<SourceCatalog> {
    let source = |key: &str, enabled: bool| {
        json!({"kind": "browser", "environment": "production", "write_keys": [key],
               "enabled": enabled})
    };
    let sources = json!({"web/app": source("wk_web", true), "server/api": source("wk_api", true),
                         "web/old": source("wk_off", false)});
    Arc::new(SourceCatalog::new(serde_json::from_value(sources).unwrap()).unwrap())
}

pub fn config() -> Config {
    Config {
        max_body_bytes: 3 * 1024 * 1024,
        max_decompressed_bytes: 4 * 1024 * 1024,
        max_events_per_batch: 5,
        ack_timeout_ms: 60_000,
        ..Config::default()
    }
}

/// An ingest that is ready.
pub fn ingest(config: Config, log: &FakeLog) -> Router {
    let collector = Collector::new(config, 2, catalog(), log.clone());
    collector.start(Encoder::new(&schema::RAW_EVENTS, 1).unwrap());
    router(Arc::new(collector))
}

pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }
}

pub async fn send(ingest: &Router, request: Request<Body>) -> Answer {
    let response = ingest.clone().oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap().to_vec();
    Answer { status: parts.status, headers: parts.headers, body }
}

pub fn post(path: &str, body: impl Into<Body>) -> Request<Body> {
    Request::post(path).body(body.into()).unwrap()
}

/// A request with the key of `web/app`.
pub fn web(path: &str, body: impl Into<Body>) -> Request<Body> {
    Request::post(path).header("x-write-key", "wk_web").body(body.into()).unwrap()
}
