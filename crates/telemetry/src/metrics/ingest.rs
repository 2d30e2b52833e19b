//! What ingest counts.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use super::label::{IngestRefusal, Nothing, Reason, Request, Source};
use super::{GLOBAL, Histograms, buckets, bytes, plain, seconds};

pub(super) struct Families {
    requests: Family<Request, Counter>,
    accepted: Family<Source, Counter>,
    unacknowledged: Family<Nothing, Counter>,
    received: Family<Nothing, Counter>,
    acknowledgement: Histograms<Nothing>,
    refused: Family<Reason, Counter>,
    rejected: Family<Reason, Counter>,
    queue_fill: Family<Nothing, Gauge<f64, AtomicU64>>,
    connections: Family<Nothing, Gauge>,
    certificate_failures: Family<Nothing, Counter>,
}

impl Families {
    #[rustfmt::skip]
    pub(super) fn register(r: &mut Registry) -> Self {
        let round_trips = Histograms::new_with_constructor(buckets::round_trip as fn() -> Histogram);
        Self {
            requests: plain(r, "ingest_requests", "Requests answered, by route and HTTP status", Family::default()),
            accepted: plain(r, "ingest_accepted_events", "Events that the broker acknowledged, by source", Family::default()),
            unacknowledged: plain(r, "ingest_unacknowledged_events", "Events without an acknowledgement: they may or may not be in the log", Family::default()),
            received: bytes(r, "ingest_received", "Bytes of request bodies, as sent", Family::default()),
            acknowledgement: seconds(r, "ingest_acknowledgement", "From the last event handed to the producer to the last acknowledgement of a request", round_trips),
            refused: plain(r, "ingest_refused_requests", "Requests refused, by reason", Family::default()),
            rejected: plain(r, "ingest_rejected_events", "Events that could not be numbered while others of their request were, by reason", Family::default()),
            queue_fill: plain(r, "ingest_queue_fill_ratio", "How full the producer's local queue is, 0 to 1", Family::default()),
            connections: plain(r, "ingest_connections", "Connections that are open", Family::default()),
            certificate_failures: plain(r, "ingest_certificate_failures", "Changed certificates that could not be used: the old one is in force", Family::default()),
        }
    }
}

/// Metrics of ingest; clones count into the same.
#[derive(Clone)]
pub struct IngestMetrics(Arc<Resolved>);

struct Resolved {
    families: &'static Families,
    unacknowledged: Counter,
    received: Counter,
    acknowledgement: Histogram,
    refused: Vec<Counter>,
    rejected: Vec<Counter>,
    queue_fill: Gauge<f64, AtomicU64>,
    connections: Gauge,
    certificate_failures: Counter,
}

impl Default for IngestMetrics {
    fn default() -> Self {
        Self::new()
    }
}

impl IngestMetrics {
    /// The metrics of this process's ingest.
    pub fn new() -> Self {
        let families = &GLOBAL.ingest;
        let by_reason = |family: &Family<Reason, Counter>| {
            let label = |why: &IngestRefusal| Reason { reason: why.word() };
            IngestRefusal::ALL.iter().map(|why| family.get_or_create_owned(&label(why))).collect()
        };
        Self(Arc::new(Resolved {
            families,
            unacknowledged: families.unacknowledged.get_or_create_owned(&Nothing {}),
            received: families.received.get_or_create_owned(&Nothing {}),
            acknowledgement: families.acknowledgement.get_or_create_owned(&Nothing {}),
            refused: by_reason(&families.refused),
            rejected: by_reason(&families.rejected),
            queue_fill: families.queue_fill.get_or_create_owned(&Nothing {}),
            connections: families.connections.get_or_create_owned(&Nothing {}),
            certificate_failures: families.certificate_failures.get_or_create_owned(&Nothing {}),
        }))
    }

    /// A request was answered. `route` is the route's pattern, never the path that was asked for;
    /// `other` where no route matched.
    pub fn request(&self, route: &'static str, status: u16) {
        self.0.families.requests.get_or_create(&Request { route, status }).inc();
    }

    /// The broker acknowledged events of this source (a configured source id).
    pub fn accepted(&self, source: &str, n: u64) {
        let label = Source { source: source.to_owned() };
        self.0.families.accepted.get_or_create(&label).inc_by(n);
    }

    /// Events were not acknowledged.
    pub fn unacknowledged(&self, n: u64) {
        self.0.unacknowledged.inc_by(n);
    }

    /// A request body of so many bytes came in.
    pub fn received_bytes(&self, n: u64) {
        self.0.received.inc_by(n);
    }

    /// A request waited this long for its acknowledgements.
    pub fn acknowledged_after(&self, took: Duration) {
        self.0.acknowledgement.observe(took.as_secs_f64());
    }

    /// A request was refused.
    pub fn refused(&self, why: IngestRefusal) {
        // `ALL` lists the variants in the order of their declaration.
        self.0.refused[why as usize].inc();
    }

    /// An event could not be numbered; its sender is told.
    pub fn rejected(&self, why: IngestRefusal) {
        self.0.rejected[why as usize].inc();
    }

    /// How full the producer's local queue is, 0.0 to 1.0.
    pub fn queue_fill(&self, ratio: f64) {
        self.0.queue_fill.set(ratio);
    }

    /// So many more connections are open; fewer, if negative.
    pub fn connections(&self, more: i64) {
        self.0.connections.inc_by(more);
    }

    /// A changed certificate was read, and can be used or not.
    pub fn certificate_read(&self, usable: bool) {
        if !usable {
            self.0.certificate_failures.inc();
        }
    }
}
