//! An ingest on a log whose acknowledgements the test decides. The log is the only fake.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::{SystemTime, UNIX_EPOCH},
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
use identity::{Day, FirstPartyConfig, day_of};
use ingest::{Collector, Config, Log, Setting, Spool, router};
use kafka_runtime::{Delivered, Outgoing, Position, SendError};
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use topology::Topic;
use tower::ServiceExt;
use tracking_plan::{LiveCatalog, Rules, SourceCatalog, plan::PlanSet};

/// What the fake log does with records.
#[derive(Clone, Default)]
pub(crate) struct FakeLog(Arc<State>);

struct State {
    records: Mutex<Vec<Outgoing>>,
    appends: AtomicUsize,
    acknowledgements: Semaphore,
    failure: Mutex<Option<SendError>>,
    forgets_one: bool,
    fill: f64,
}

impl Default for State {
    fn default() -> Self {
        Self {
            records: Mutex::default(),
            appends: AtomicUsize::new(0),
            acknowledgements: Semaphore::new(Semaphore::MAX_PERMITS),
            failure: Mutex::default(),
            forgets_one: false,
            fill: 0.0,
        }
    }
}

impl FakeLog {
    /// Answers only as [`acknowledge`](Self::acknowledge) is called.
    pub(crate) fn waiting() -> Self {
        Self(Arc::new(State { acknowledgements: Semaphore::new(0), ..State::default() }))
    }

    pub(crate) fn failing(error: SendError) -> Self {
        Self(Arc::new(State { failure: Mutex::new(Some(error)), ..State::default() }))
    }

    /// From now on it takes everything.
    pub(crate) fn recover(&self) {
        *self.0.failure.lock().unwrap() = None;
    }

    pub(crate) fn filled(fill: f64) -> Self {
        Self(Arc::new(State { fill, ..State::default() }))
    }

    /// Reports one record fewer than it was given.
    pub(crate) fn forgetful() -> Self {
        Self(Arc::new(State { forgets_one: true, ..State::default() }))
    }

    pub(crate) fn acknowledge(&self) {
        self.0.acknowledgements.add_permits(1);
    }

    pub(crate) fn appends(&self) -> usize {
        self.0.appends.load(Ordering::SeqCst)
    }

    pub(crate) fn records(&self) -> Vec<Outgoing> {
        self.0.records.lock().unwrap().clone()
    }

    /// What was appended, read back through the codec.
    pub(crate) fn events(&self) -> Vec<RawEvent> {
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
        if let Some(error) = self.0.failure.lock().unwrap().clone() {
            return Err(error);
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

const PLAN: &str = "plan: shop
version: 3
consent:
  categories:
    analytics: {denied: discard}
events:
  Order Completed:
    properties:
      required: [order_id]
      properties:
        order_id: {type: string}
        revenue: {type: number}
";

/// The keys `wk_web`, `wk_api` (with the secret key `abc`), of a source that is disabled `wk_off`,
/// of one for pages of shop.example alone `wk_shop`, of a strict one `wk_strict`, of one that may
/// send three events a second `wk_slow`, of a strict one with a spool `wk_kiosk`, and of one with a
/// tracking plan `wk_planned`.
pub(crate) fn catalog() -> LiveCatalog {
    let abc = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    let sources = json!({
        "web/app": {"kind": "browser", "write_keys": ["wk_web"]},
        "server/api": {"kind": "server", "write_keys": ["wk_api"], "secret_keys": [abc]},
        "web/old": {"kind": "browser", "write_keys": ["wk_off"], "enabled": false},
        "web/shop": {"kind": "browser", "write_keys": ["wk_shop"],
                     "allowed_origins": ["https://shop.example"]},
        "server/strict": {"kind": "server", "write_keys": ["wk_strict"], "strict": true},
        "server/slow": {"kind": "server", "write_keys": ["wk_slow"], "events_per_second": 3,
                        "burst_events": 3},
        "server/kiosk": {"kind": "server", "write_keys": ["wk_kiosk"], "spool": true,
                         "strict": true},
        "server/planned": {"kind": "server", "write_keys": ["wk_planned"], "plan": "shop"},
    });
    let plans = PlanSet::read(&[("shop.yaml".to_owned(), PLAN.to_owned())]).unwrap();
    let rules = Rules { plans, ..Rules::default() };
    let sources = SourceCatalog::new(serde_json::from_value(sources).unwrap()).unwrap();
    LiveCatalog::new(sources.with_rules(rules).unwrap().with_first_party(first_party()))
}

/// Today by the clock that ingest reads.
pub(crate) fn today() -> Day {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    day_of(i64::try_from(since.as_millis()).unwrap())
}

/// A key for first-party ids.
pub(crate) fn first_party() -> FirstPartyConfig {
    let key = json!({"id": "k1", "secret": "0123456789abcdef0123456789abcdef"});
    serde_json::from_value(json!({"keys": [key]})).unwrap()
}

/// All that a collector is made with; the epoch is 2.
pub(crate) fn setting(config: Config) -> Setting {
    let spool = Spool::open(&config).unwrap();
    Setting { config, epoch: 2, catalog: catalog(), spool }
}

pub(crate) fn config() -> Config {
    Config {
        max_body_bytes: 3 * 1024 * 1024,
        max_decompressed_bytes: 4 * 1024 * 1024,
        max_events_per_batch: 5,
        ack_timeout_ms: 60_000,
        ..Config::default()
    }
}

/// An ingest that is ready.
pub(crate) fn ingest(config: Config, log: &FakeLog) -> Router {
    let collector = Collector::new(setting(config), log.clone());
    collector.start(Encoder::new(&schema::RAW_EVENTS, 1).unwrap());
    router(Arc::new(collector))
}

pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }
}

pub(crate) async fn send(ingest: &Router, request: Request<Body>) -> Answer {
    let response = ingest.clone().oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap().to_vec();
    Answer { status: parts.status, headers: parts.headers, body }
}

pub(crate) fn post(path: &str, body: impl Into<Body>) -> Request<Body> {
    Request::post(path).body(body.into()).unwrap()
}

/// A request with the key of `web/app`.
pub(crate) fn web(path: &str, body: impl Into<Body>) -> Request<Body> {
    Request::post(path).header("x-write-key", "wk_web").body(body.into()).unwrap()
}
