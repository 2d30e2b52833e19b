//! One request: from its bytes to the broker's acknowledgement.

use std::{
    net::SocketAddr,
    sync::{Arc, OnceLock},
    time::{Duration, Instant, SystemTime},
};

use axum::{
    body::Bytes,
    extract::{ConnectInfo, FromRequest, Request},
    http::{StatusCode, request::Parts},
};
use crashpoint::crashpoint;
use event::codec::Encoder;
use kafka_runtime::{Delivered, Outgoing, SendError};
use telemetry::{IngestMetrics, trace::traceparent_of_current_span};
use tokio::time::timeout;
use tracking_plan::{Source, SourceCatalog};

use crate::{
    caller::{idempotency_key, key_of_headers, key_of_query, request_facts},
    config::Config,
    event_fate::{EventFate, Prospect, fates},
    log::Log,
    message::{Arrival, Body, Line, each},
    records::RecordMaker,
    refusal::Refusal,
    route::{EventRoute, Shape},
    shell::{iso8601, message_id, message_id_of},
    unpack::Encoding,
};

/// Above this the local queue is full enough to send new work away.
const MAX_FILL: f64 = 0.8;

/// How long a sender may take for a body.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);

/// Bodies above this are parsed off the threads that serve the sockets. Packed ones always: their
/// size says little.
const INLINE_BYTES: usize = 64 * 1024;

/// Everything that a request needs. Shared by all connections.
pub struct Collector<L> {
    pub(crate) config: Config,
    pub(crate) metrics: IngestMetrics,
    catalog: Arc<SourceCatalog>,
    log: L,
    epoch: u16,
    encoder: OnceLock<Arc<Encoder>>,
}

impl<L: Log> Collector<L> {
    /// A collector that answers 503 until [`start`](Self::start). The epoch is part of the numbers
    /// that senders are told.
    pub fn new(config: Config, epoch: u16, catalog: Arc<SourceCatalog>, log: L) -> Self {
        let metrics = IngestMetrics::new();
        Self { config, metrics, catalog, log, epoch, encoder: OnceLock::new() }
    }

    /// From now on events are written, with this encoder of `raw-events`. The first one stays.
    pub fn start(&self, encoder: Encoder) {
        self.encoder.get_or_init(|| Arc::new(encoder));
    }

    /// Takes the events of a request. `Ok` only when the broker has acknowledged every one that has
    /// a record; what became of each, for the native route.
    pub(crate) async fn collect(
        &self,
        route: EventRoute,
        request: Request,
    ) -> Result<Option<Vec<EventFate>>, Refusal> {
        let encoder = Arc::clone(self.encoder.get().ok_or(Refusal::NotReady)?);
        self.shed_load()?;
        let (parts, body) = request.into_parts();
        let key = key_of_headers(&parts.headers);
        if let Some(key) = &key {
            self.source_of(key)?;
        }
        let encoding = Encoding::of(&parts.headers)?;
        let opened = Opened {
            encoder,
            catalog: Arc::clone(&self.catalog),
            max_body: self.config.max_decompressed_bytes,
            max_events: self.config.max_events_per_batch,
            encoding,
            header_key: key,
            query_key: key_of_query(&parts.uri),
            idempotency_key: idempotency_key(&parts.headers),
            arrival: self.arrival(route, &parts),
            shape: route.shape,
            traceparent: traceparent_of_current_span(),
        };
        let bytes = self.read(Request::from_parts(parts, body)).await?;
        self.metrics.received_bytes(count(bytes.len()));
        let Parcel { source, records, prospects } = opened.pack(bytes).await?;
        let delivered =
            if records.is_empty() { Vec::new() } else { self.append(&source, records).await? };
        let Some(prospects) = prospects else { return Ok(None) };
        for prospect in &prospects {
            if let Prospect::Rejected(why, _) = prospect {
                self.metrics.rejected(*why);
            }
        }
        Ok(Some(fates(prospects, &delivered, self.epoch)))
    }

    fn shed_load(&self) -> Result<(), Refusal> {
        let fill = self.log.fill();
        self.metrics.queue_fill(fill);
        if fill > MAX_FILL { Err(Refusal::Overloaded) } else { Ok(()) }
    }

    /// The source that has this write key.
    pub(crate) fn source_of(&self, key: &str) -> Result<&Source, Refusal> {
        self.catalog.by_write_key(key).ok_or(UNKNOWN_KEY)
    }

    /// What is known before the body is read; the source only after.
    fn arrival(&self, route: EventRoute, parts: &Parts) -> Arrival {
        let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|connect| connect.0);
        Arrival {
            source: String::new(),
            received_at: iso8601(SystemTime::now()),
            request: request_facts(&parts.headers, peer, self.config.trusted_proxies),
            kind: route.shape.kind(),
        }
    }

    /// The body as it came; the router has set the limit.
    async fn read(&self, request: Request) -> Result<Bytes, Refusal> {
        let read = timeout(BODY_TIMEOUT, Bytes::from_request(request, &())).await;
        let read = read.map_err(|_| Refusal::SlowBody)?;
        read.map_err(|rejection| match rejection.status() {
            StatusCode::PAYLOAD_TOO_LARGE => {
                Refusal::BodyTooLarge { limit: self.config.max_body_bytes }
            }
            _ => Refusal::UnreadableBody("the body did not come whole"),
        })
    }

    async fn append(
        &self,
        source: &str,
        records: Vec<Outgoing>,
    ) -> Result<Vec<Delivered>, Refusal> {
        let events = count(records.len());
        let began = Instant::now();
        let patience = Duration::from_millis(self.config.ack_timeout_ms);
        let appended = timeout(patience, self.log.append(records)).await;
        match appended.unwrap_or_else(|_| Err(SendError::NotAcknowledged("timeout".to_owned()))) {
            Ok(delivered) if count(delivered.len()) == events => {
                crashpoint!("before-answer");
                self.metrics.acknowledged_after(began.elapsed());
                self.metrics.accepted(source, events);
                Ok(delivered)
            }
            Ok(_) => Err(self.unacknowledged(events, "reports are missing")),
            Err(SendError::QueueFull) => {
                self.metrics.unacknowledged(events);
                Err(Refusal::Overloaded)
            }
            Err(SendError::TooLarge { index }) => {
                self.metrics.unacknowledged(events);
                Err(Refusal::EventTooLarge { index, limit: topology::RAW_MESSAGE_BYTES as usize })
            }
            Err(SendError::NotAcknowledged(detail) | SendError::Unavailable(detail)) => {
                Err(self.unacknowledged(events, &detail))
            }
        }
    }

    fn unacknowledged(&self, events: u64, detail: &str) -> Refusal {
        self.metrics.unacknowledged(events);
        tracing::warn!(events, detail, "not every event of a request was acknowledged");
        Refusal::NotAcknowledged
    }
}

const UNKNOWN_KEY: Refusal = Refusal::UnknownWriteKey("no source has this write key");
/// No write key was shown.
pub(crate) const NO_KEY: Refusal = Refusal::UnknownWriteKey(
    "a write key is needed: as user name of Basic authentication, in X-Write-Key, or as writeKey in the body or query",
);

/// A request whose headers were read.
struct Opened {
    encoder: Arc<Encoder>,
    catalog: Arc<SourceCatalog>,
    max_body: usize,
    max_events: usize,
    encoding: Encoding,
    header_key: Option<String>,
    query_key: Option<String>,
    idempotency_key: Option<String>,
    arrival: Arrival,
    shape: Shape,
    traceparent: Option<String>,
}

/// A body taken apart.
enum Unpacked<'a> {
    /// All of it is taken, or none.
    Together(Body<'a>),
    /// Each message by itself.
    Each(Vec<Line<'a>>),
}

/// The records of a request, and the source that they came from.
struct Parcel {
    source: String,
    records: Vec<Outgoing>,
    /// What is to be told of each event, where that is wanted.
    prospects: Option<Vec<Prospect>>,
}

impl Opened {
    /// Makes the records, off the socket threads where that may take long.
    async fn pack(self, bytes: Bytes) -> Result<Parcel, Refusal> {
        if self.encoding == Encoding::Identity && bytes.len() <= INLINE_BYTES {
            return self.packed(&bytes);
        }
        let packed = tokio::task::spawn_blocking(move || self.packed(&bytes)).await;
        packed.unwrap_or(Err(Refusal::NotEncoded))
    }

    fn packed(mut self, bytes: &[u8]) -> Result<Parcel, Refusal> {
        let decoded = self.encoding.decode(bytes, self.max_body)?;
        let body = match self.shape {
            Shape::Batch => Unpacked::Together(Body::batch(&decoded, self.max_events)?),
            Shape::Single(_) => Unpacked::Together(Body::single(&decoded)?),
            Shape::Each => Unpacked::Each(each(&decoded, self.max_events)?),
        };
        let key_of_body = || match &body {
            Unpacked::Together(body) => body.write_key(),
            Unpacked::Each(_) => None,
        };
        let key = self.header_key.take().or_else(key_of_body);
        let key = key.or_else(|| self.query_key.take()).ok_or(NO_KEY)?;
        let source = self.catalog.by_write_key(&key).ok_or(UNKNOWN_KEY)?;
        self.arrival.source.clone_from(&source.id);
        let maker = RecordMaker {
            encoder: &self.encoder,
            arrival: &self.arrival,
            traceparent: self.traceparent.as_deref(),
            max_body: self.max_body,
        };
        let key = self.idempotency_key.as_deref();
        let mut mint = |index| key.map_or_else(message_id, |key| message_id_of(key, index));
        let (records, prospects) = match &body {
            Unpacked::Together(body) => (maker.records(body, &mut mint)?, None),
            Unpacked::Each(lines) => {
                let (records, prospects) = maker.each(lines, &mut mint)?;
                (records, Some(prospects))
            }
        };
        Ok(Parcel { source: self.arrival.source, records, prospects })
    }
}

fn count(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}
