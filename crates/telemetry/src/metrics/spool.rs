//! What ingest's disk spool holds.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::label::{Nothing, Reason, Source, SpoolRefusal};
use super::{GLOBAL, bytes, level, plain, seconds};

pub(super) struct Families {
    events: Family<Source, Gauge>,
    bytes: Family<Source, Gauge>,
    oldest: Family<Source, Gauge<f64, AtomicU64>>,
    kept: Family<Source, Counter>,
    replayed: Family<Source, Counter>,
    refused: Family<Reason, Counter>,
    corrupt: Family<Nothing, Gauge>,
}

impl Families {
    #[rustfmt::skip]
    pub(super) fn register(r: &mut Registry) -> Self {
        Self {
            events: plain(r, "ingest_spool_events", "Events that lie in the disk spool, by source: acknowledged, and not yet in the log", Family::default()),
            bytes: bytes(r, "ingest_spool", "Bytes of the disk spool's segments, by source", Family::default()),
            oldest: seconds(r, "ingest_spool_oldest", "How long the oldest event of a source has been in the disk spool; looked at with every attempt to replay", Family::default()),
            kept: plain(r, "ingest_spool_kept_events", "Events acknowledged because they are in the disk spool, by source", Family::default()),
            replayed: plain(r, "ingest_spool_replayed_events", "Events of the disk spool that the broker acknowledged, by source", Family::default()),
            refused: plain(r, "ingest_spool_refused_requests", "Requests that the disk spool could not keep either, by reason: full or disk", Family::default()),
            corrupt: plain(r, "ingest_spool_corrupt_segments", "Segments of the disk spool with changed bytes that were set aside and still lie there", Family::default()),
        }
    }
}

/// Metrics of the disk spool; clones count into the same.
#[derive(Clone)]
pub struct SpoolMetrics(Arc<Resolved>);

struct Resolved {
    families: &'static Families,
    refused: Vec<Counter>,
    corrupt: Gauge,
}

impl Default for SpoolMetrics {
    fn default() -> Self {
        Self::new()
    }
}

impl SpoolMetrics {
    /// The metrics of this process's spool.
    pub fn new() -> Self {
        let families = &GLOBAL.spool;
        let refused = |why: &SpoolRefusal| {
            families.refused.get_or_create_owned(&Reason { reason: why.word() })
        };
        Self(Arc::new(Resolved {
            families,
            refused: SpoolRefusal::ALL.iter().map(refused).collect(),
            corrupt: families.corrupt.get_or_create_owned(&Nothing {}),
        }))
    }

    /// So many events of a source lie in the spool, in segments of so many bytes, the oldest of
    /// them for so many seconds.
    pub fn holds(&self, source: &str, events: u64, bytes: u64, oldest_seconds: f64) {
        let (label, families) = (label(source), self.0.families);
        families.events.get_or_create(&label).set(level(events));
        families.bytes.get_or_create(&label).set(level(bytes));
        families.oldest.get_or_create(&label).set(oldest_seconds);
    }

    /// Events of this source (a configured source id) were acknowledged out of the spool.
    pub fn kept(&self, source: &str, n: u64) {
        self.0.families.kept.get_or_create(&label(source)).inc_by(n);
    }

    /// The broker acknowledged events of the spool.
    pub fn replayed(&self, source: &str, n: u64) {
        self.0.families.replayed.get_or_create(&label(source)).inc_by(n);
    }

    /// A request could not be kept.
    pub fn refused(&self, why: SpoolRefusal) {
        // `ALL` lists the variants in the order of their declaration.
        self.0.refused[why as usize].inc();
    }

    /// So many segments lie aside.
    pub fn corrupt(&self, segments: u64) {
        self.0.corrupt.set(level(segments));
    }
}

fn label(source: &str) -> Source {
    Source { source: source.to_owned() }
}
