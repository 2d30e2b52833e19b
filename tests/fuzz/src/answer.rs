//! The ingest that is sent to, in this process.

use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use anyhow::{Context as _, anyhow};
use axum::{
    Router,
    body::{Body, to_bytes},
    http::{HeaderMap, Request, StatusCode},
};
use event::{codec::Encoder, schema};
use ingest::{Collector, Config, Setting, router};
use kafka_runtime::Outgoing;
use serde_json::{Value, json};
use tokio::runtime::{self, Runtime};
use tower::ServiceExt;
use tracking_plan::{LiveCatalog, SourceCatalog};

use crate::log::{FuzzLog, Way};

/// Epoch of the waybill numbers.
pub(crate) const EPOCH: u16 = 2;
/// Most events of a request, as in ingest's own tests: the corpus stands on it.
const MAX_EVENTS: usize = 5;
/// So small that the fuzzer gets there.
pub(crate) const MAX_BODY: usize = 6_000;
/// Room for more than the broker takes as one message.
const MAX_DECOMPRESSED: usize = 2_500_000;

/// An answer, and what the log was given before it.
#[derive(Debug)]
pub struct Answer {
    /// HTTP status.
    pub status: StatusCode,
    /// Headers.
    pub headers: HeaderMap,
    /// Body.
    pub body: Vec<u8>,
    /// What the log was given, call by call.
    pub appended: Vec<Vec<Outgoing>>,
}

impl Answer {
    /// The body as JSON; null where it is not.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

struct Ingest {
    router: Router,
    log: FuzzLog,
    runtime: Runtime,
}

/// One at a time: the log belongs to one request.
static INGEST: LazyLock<anyhow::Result<Mutex<Ingest>>> = LazyLock::new(|| Ok(Mutex::new(start()?)));

/// Sends a request to ingest while the log has this way.
pub(crate) fn send(request: Request<Body>, way: Way) -> anyhow::Result<Answer> {
    let ingest = INGEST.as_ref().map_err(|error| anyhow!("{error:#}"))?;
    let ingest = ingest.lock().unwrap_or_else(PoisonError::into_inner);
    ingest.log.begin(way);
    let router = ingest.router.clone();
    let (status, headers, body) = ingest.runtime.block_on(async {
        let (parts, body) = router.oneshot(request).await?.into_parts();
        anyhow::Ok((parts.status, parts.headers, to_bytes(body, usize::MAX).await?.to_vec()))
    })?;
    Ok(Answer { status, headers, body, appended: ingest.log.appended() })
}

fn start() -> anyhow::Result<Ingest> {
    let config = Config {
        max_body_bytes: MAX_BODY,
        max_decompressed_bytes: MAX_DECOMPRESSED,
        max_events_per_batch: MAX_EVENTS,
        trusted_proxies: 1,
        ..Config::default()
    };
    let setting = Setting { config, epoch: EPOCH, catalog: catalog()?, spool: None };
    let log = FuzzLog::default();
    let collector = Collector::new(setting, log.clone());
    collector.start(Encoder::new(&schema::RAW_EVENTS, 1)?);
    let runtime = runtime::Builder::new_current_thread().enable_time().build()?;
    Ok(Ingest { router: router(Arc::new(collector)), log, runtime })
}

/// The sources of the callers.
fn catalog() -> anyhow::Result<LiveCatalog> {
    let abc = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    let sources = json!({
        "web/app": {"kind": "browser", "write_keys": ["wk_web"]},
        "server/api": {"kind": "server", "write_keys": ["wk_api"], "secret_keys": [abc]},
        "web/old": {"kind": "browser", "write_keys": ["wk_off"], "enabled": false},
        "web/shop": {"kind": "browser", "write_keys": ["wk_shop"],
                     "allowed_origins": ["https://shop.example"]},
        "server/strict": {"kind": "server", "write_keys": ["wk_strict"], "strict": true},
    });
    let catalog = SourceCatalog::new(serde_json::from_value(sources)?);
    let catalog = catalog.map_err(|problems| anyhow!("{problems:?}"))?;
    let key = json!({"id": "k1", "secret": "0123456789abcdef0123456789abcdef"});
    let first_party = serde_json::from_value(json!({"keys": [key]})).context("a key")?;
    Ok(LiveCatalog::new(catalog.with_first_party(first_party)))
}
