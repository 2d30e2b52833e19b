//! A registry that says what it is told to, and counts what it is asked.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use apache_avro::Schema;
use axum::{
    Json, Router,
    extract::{Path, State},
    http::StatusCode,
    routing::get,
};
use event::{Encodings, RawEvent, fingerprints, frame, schema};
use pipeline::{Halt, RejectReason, Rejected};
use schema_registry::{Decode, RawDecoder, Registry, RegistryConfig};
use serde_json::{Value, json};
use tokio::{net::TcpListener, runtime::Runtime};

/// An older version: some fields of ours are not there.
pub(crate) const OLDER: &str = r#"{"type":"record","name":"RawEvent","namespace":"io.waybill","fields":[
    {"name":"source","type":["null","string"],"default":null},
    {"name":"message_id","type":["null","string"],"default":null},
    {"name":"properties","type":["null","string"],"default":null}]}"#;

/// A newer version: it has a field that ours does not.
pub(crate) const NEWER: &str = r#"{"type":"record","name":"RawEvent","namespace":"io.waybill","fields":[
    {"name":"message_id","type":["null","string"],"default":null},
    {"name":"added","type":["null",{"type":"array","items":"long"}],"default":null}]}"#;

#[derive(Default)]
struct Shared {
    /// Texts of the versions of `raw-events-value`; the ids are 101, 102…
    versions: Mutex<Vec<String>>,
    is_away: AtomicBool,
    requests: AtomicUsize,
}

pub(crate) struct FakeRegistry {
    runtime: Runtime,
    address: SocketAddr,
    shared: Arc<Shared>,
}

type Answer = Result<Json<Value>, (StatusCode, Json<Value>)>;

impl FakeRegistry {
    /// With our own schema as the first version.
    pub(crate) fn start() -> Self {
        let registry = Self::empty();
        registry.register(schema::RAW_EVENTS.text);
        registry
    }

    /// Without any subject.
    pub(crate) fn empty() -> Self {
        let runtime = Runtime::new().unwrap();
        let shared = Arc::<Shared>::default();
        let routes = Router::new()
            .route("/schemas/ids/{id}", get(by_id))
            .route("/subjects/raw-events-value/versions", get(numbers))
            .route("/subjects/raw-events-value/versions/{number}", get(by_number))
            .with_state(Arc::clone(&shared));
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        runtime.spawn(async move { axum::serve(listener, routes).await });
        Self { runtime, address, shared }
    }

    /// Registers a version; its id.
    pub(crate) fn register(&self, text: &str) -> u32 {
        let mut versions = self.shared.versions.lock().unwrap();
        versions.push(text.to_owned());
        100 + u32::try_from(versions.len()).unwrap()
    }

    pub(crate) fn set_away(&self, is_away: bool) {
        self.shared.is_away.store(is_away, Ordering::Relaxed);
    }

    pub(crate) fn requests(&self) -> usize {
        self.shared.requests.load(Ordering::Relaxed)
    }

    pub(crate) fn decoder(&self, encodings: Encodings) -> RawDecoder {
        let url = format!("http://{}", self.address);
        let config = RegistryConfig { url, ..RegistryConfig::default() };
        let registry = Registry::new(&config, self.runtime.handle().clone()).unwrap();
        registry.raw_decoder(encodings)
    }
}

impl Shared {
    fn asked(&self) -> Result<(), (StatusCode, Json<Value>)> {
        self.requests.fetch_add(1, Ordering::Relaxed);
        if self.is_away.load(Ordering::Relaxed) {
            return Err((StatusCode::SERVICE_UNAVAILABLE, Json(json!({}))));
        }
        Ok(())
    }

    /// The version with this number, from 1.
    fn version(&self, number: usize) -> Answer {
        let versions = self.versions.lock().unwrap();
        let text = number.checked_sub(1).and_then(|index| versions.get(index));
        let text = text.ok_or_else(not_found)?;
        Ok(Json(json!({ "id": number + 100, "version": number, "schema": text })))
    }
}

fn not_found() -> (StatusCode, Json<Value>) {
    let body = json!({ "error_code": 40403, "message": "not found" });
    (StatusCode::NOT_FOUND, Json(body))
}

async fn by_id(State(shared): State<Arc<Shared>>, Path(id): Path<usize>) -> Answer {
    shared.asked()?;
    shared.version(id.saturating_sub(100))
}

async fn by_number(State(shared): State<Arc<Shared>>, Path(number): Path<usize>) -> Answer {
    shared.asked()?;
    shared.version(number)
}

async fn numbers(State(shared): State<Arc<Shared>>) -> Answer {
    shared.asked()?;
    match shared.versions.lock().unwrap().len() {
        0 => Err(not_found()),
        last => Ok(Json(json!((1..=last).collect::<Vec<_>>()))),
    }
}

/// A value in Confluent framing.
pub(crate) fn framed(id: u32, datum: &[u8]) -> Vec<u8> {
    [&frame::header(id), datum].concat()
}

/// A value in single-object encoding.
pub(crate) fn single_object(writer: &str, datum: &[u8]) -> Vec<u8> {
    let fingerprint = fingerprints(&Schema::parse_str(writer).unwrap())[0];
    [&frame::single_object_header(fingerprint), datum].concat()
}

/// What comes of a value. A halt fails the test.
pub(crate) fn decoded(decoder: &mut RawDecoder, value: &[u8]) -> Result<RawEvent, Rejected> {
    decoder.decode(value).expect("no halt")
}

pub(crate) fn reason(decoder: &mut RawDecoder, value: &[u8]) -> RejectReason {
    decoded(decoder, value).expect_err("a rejection").reason
}

pub(crate) fn halted(decoder: &mut RawDecoder, value: &[u8]) -> Halt {
    decoder.decode(value).expect_err("a halt")
}
