//! One request: from its headers to the broker's acknowledgement.

use std::{
    net::SocketAddr,
    sync::{Arc, OnceLock},
    time::{Duration, Instant, SystemTime},
};

use axum::{
    body::{Body, Bytes, HttpBody},
    extract::{ConnectInfo, FromRequest, Request},
    http::{HeaderMap, StatusCode, request::Parts},
};
use crashpoint::crashpoint;
use event::codec::Encoder;
use identity::{FirstPartyConfig, day_of};
use kafka_runtime::{Delivered, Outgoing, SendError};
use telemetry::{IngestMetrics, trace::traceparent_of_current_span};
use tokio::{sync::Semaphore, time::timeout};
use tracking_plan::LiveCatalog;

use crate::{
    admission::{Admission, Admitted},
    caller::{idempotency_key, key_of_headers, key_of_query, request_facts},
    config::Config,
    cookies,
    event_fate::{EventFate, Prospect, fates},
    log::Log,
    message::Arrival,
    parcel::{Opened, Parcel, opened, source_of},
    rate::Rates,
    refusal::Refusal,
    rehearsal::Rehearsal,
    route::{EventRoute, Shape},
    shell::{iso8601, millis},
    spool::Spool,
    unpack::Encoding,
};

/// Above this the local queue is full enough to send new work away.
const MAX_FILL: f64 = 0.8;

/// How many large or packed bodies are unpacked at once.
const UNPACKED_AT_ONCE: usize = 4;

/// Everything that a request needs. Shared by all connections.
pub struct Collector<L> {
    pub(crate) config: Config,
    pub(crate) catalog: LiveCatalog,
    pub(crate) metrics: IngestMetrics,
    pub(crate) spool: Option<Spool>,
    pub(crate) log: L,
    epoch: u16,
    encoder: OnceLock<Arc<Encoder>>,
    admission: Admission,
    rates: Rates,
    unpacking: Arc<Semaphore>,
}

/// What a collector works with.
pub struct Setting {
    /// Section `[ingest]`.
    pub config: Config,
    /// Epoch of the waybill numbers that senders are told.
    pub epoch: u16,
    /// Which source a write key belongs to.
    pub catalog: LiveCatalog,
    /// Where events are kept that the broker does not acknowledge, for the sources that ask for it.
    pub spool: Option<Spool>,
}

/// A request that was let in and read. Its place is taken as long as this is held.
struct Taken {
    open: Opened,
    bytes: Bytes,
    crowded: bool,
    _admitted: Admitted,
}

impl<L: Log> Collector<L> {
    /// A collector that answers 503 until [`start`](Self::start).
    pub fn new(setting: Setting, log: L) -> Self {
        let Setting { config, epoch, catalog, spool } = setting;
        Self {
            metrics: IngestMetrics::new(),
            admission: Admission::new(&config),
            rates: Rates::default(),
            unpacking: Arc::new(Semaphore::new(UNPACKED_AT_ONCE)),
            encoder: OnceLock::new(),
            config,
            catalog,
            spool,
            log,
            epoch,
        }
    }

    /// From now on events are written, with this encoder of `raw-events`. The first one stays.
    pub fn start(&self, encoder: Encoder) {
        self.encoder.get_or_init(|| Arc::new(encoder));
    }

    /// Takes the events of a request. `Ok` only when the broker has acknowledged every one that has
    /// a record, or the spool of their source has them; what became of each, for the native route.
    pub(crate) async fn collect(
        &self,
        route: EventRoute,
        request: Request,
    ) -> Result<Option<Vec<EventFate>>, Refusal> {
        let encoder = Arc::clone(self.encoder.get().ok_or(Refusal::NotReady)?);
        let Taken { open, bytes, crowded, _admitted } = self.open(route, request).await?;
        let pack = move |open: Opened, bytes: &[u8]| open.pack(&encoder, bytes);
        let Parcel { source, records, prospects } =
            opened(open, bytes, &self.unpacking, pack).await?;
        self.rates.take(&source, records.len())?;
        let written = self.write(&source, records, crowded).await?;
        let Some(prospects) = prospects else { return Ok(None) };
        for prospect in &prospects {
            if let Prospect::Rejected(why, _) = prospect {
                self.metrics.rejected(*why);
            }
        }
        Ok(Some(fates(prospects, &written, self.epoch)))
    }

    /// What would become of the events of a request. Nothing is written.
    pub(crate) async fn rehearse(&self, request: Request) -> Result<Vec<Rehearsal>, Refusal> {
        let route = EventRoute { path: crate::route::VALIDATE, shape: Shape::Any };
        let Taken { open, bytes, _admitted, .. } = self.open(route, request).await?;
        opened(open, bytes, &self.unpacking, Opened::rehearse).await
    }

    /// Reads a request that is let in.
    async fn open(&self, route: EventRoute, request: Request) -> Result<Taken, Refusal> {
        let crowded = self.is_crowded();
        let (parts, body) = request.into_parts();
        let admitted = self.admission.admit(length(&body))?;
        let catalog = self.catalog.current();
        let key = key_of_headers(&parts.headers);
        let source = key.as_deref().map(|key| source_of(&catalog, key)).transpose()?;
        if crowded && !self.may_spool(source) {
            return Err(Refusal::Overloaded);
        }
        let now = SystemTime::now();
        let first_party_id = genuine_id(&parts.headers, catalog.first_party(), now);
        let open = Opened {
            catalog,
            max_body: self.config.max_decompressed_bytes,
            max_events: self.config.max_events_per_batch,
            encoding: Encoding::of(&parts.headers)?,
            header_key: key,
            query_key: key_of_query(&parts.uri),
            idempotency_key: idempotency_key(&parts.headers),
            arrival: self.arrival(route, &parts, first_party_id, now),
            shape: route.shape,
            traceparent: traceparent_of_current_span(),
            now: millis(now),
        };
        let bytes = self.read(Request::from_parts(parts, body)).await?;
        self.metrics.received_bytes(count(bytes.len()));
        Ok(Taken { open, bytes, crowded, _admitted: admitted })
    }

    /// Whether the local queue is full enough to send new work away.
    fn is_crowded(&self) -> bool {
        let fill = self.log.fill();
        self.metrics.queue_fill(fill);
        fill > MAX_FILL
    }

    /// What is known before the body is read; the source only after.
    fn arrival(
        &self,
        route: EventRoute,
        parts: &Parts,
        first_party_id: Option<String>,
        now: SystemTime,
    ) -> Arrival {
        let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|connect| connect.0);
        Arrival {
            source: String::new(),
            received_at: iso8601(now),
            request: Arc::new(request_facts(&parts.headers, peer, self.config.trusted_proxies)),
            first_party_id,
            kind: route.shape.kind(),
        }
    }

    /// The body as it came; the router has set the limit.
    pub(crate) async fn read(&self, request: Request) -> Result<Bytes, Refusal> {
        let patience = Duration::from_millis(self.config.body_timeout_ms);
        let read = timeout(patience, Bytes::from_request(request, &())).await;
        let read = read.map_err(|_| Refusal::SlowBody)?;
        read.map_err(|rejection| match rejection.status() {
            StatusCode::PAYLOAD_TOO_LARGE => {
                Refusal::BodyTooLarge { limit: self.config.max_body_bytes }
            }
            _ => Refusal::UnreadableBody("the body did not come whole"),
        })
    }

    /// Appends to the log. `Ok` only when the broker has acknowledged every record.
    pub(crate) async fn append(
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

/// The first-party id of the request's cookie, where one of the keys signed it and it is in time.
fn genuine_id(headers: &HeaderMap, keys: &FirstPartyConfig, now: SystemTime) -> Option<String> {
    let today = day_of(millis(now));
    cookies::id(headers).filter(|id| keys.verify(id, today).is_genuine())
}

/// The length of a body, where its request says it.
fn length(body: &Body) -> Option<usize> {
    body.size_hint().exact().and_then(|bytes| usize::try_from(bytes).ok())
}

fn count(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}
