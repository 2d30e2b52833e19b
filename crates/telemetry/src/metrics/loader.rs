//! What a sink that loads rows counts.

use std::sync::Arc;
use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use super::label::{RecoveryFound, Sink, SinkFound};
use super::{GLOBAL, Histograms, buckets, plain, seconds};

pub(super) struct Families {
    rows: Family<Sink, Counter>,
    insert: Histograms<Sink>,
    uncertain: Family<Sink, Counter>,
    refused: Family<Sink, Counter>,
    recoveries: Family<SinkFound, Counter>,
    freshness: Histograms<Sink>,
}

impl Families {
    #[rustfmt::skip]
    pub(super) fn register(r: &mut Registry) -> Self {
        let histograms = |new: fn() -> Histogram| Histograms::new_with_constructor(new);
        Self {
            rows: plain(r, "loader_inserted_rows", "Rows that the sink said it holds", Family::default()),
            insert: seconds(r, "loader_insert", "Time that an INSERT took, however it ended", histograms(buckets::round_trip)),
            uncertain: plain(r, "loader_uncertain_inserts", "INSERTs of which nobody knows whether they took effect", Family::default()),
            refused: plain(r, "loader_refused_inserts", "INSERTs refused for what is in their rows: the first, and those that look for the rows", Family::default()),
            recoveries: plain(r, "loader_recoveries", "Ranges read back, by how much of them the sink held", Family::default()),
            freshness: seconds(r, "loader_freshness", "From accepted (append time in raw-events) to queryable", histograms(buckets::freshness)),
        }
    }
}

/// Metrics of one sink; clones count into the same.
#[derive(Clone)]
pub struct LoaderMetrics(Arc<Resolved>);

struct Resolved {
    rows: Counter,
    insert: Histogram,
    uncertain: Counter,
    refused: Counter,
    recoveries: Vec<Counter>,
    freshness: Histogram,
}

impl LoaderMetrics {
    /// The metrics of this sink, such as `clickhouse`.
    pub fn of(sink: &str) -> Self {
        let families = &GLOBAL.loader;
        let label = Sink { sink: sink.to_owned() };
        let found =
            |found: &RecoveryFound| SinkFound { sink: sink.to_owned(), found: found.word() };
        Self(Arc::new(Resolved {
            rows: families.rows.get_or_create_owned(&label),
            insert: families.insert.get_or_create_owned(&label),
            uncertain: families.uncertain.get_or_create_owned(&label),
            refused: families.refused.get_or_create_owned(&label),
            recoveries: RecoveryFound::ALL
                .iter()
                .map(|what| families.recoveries.get_or_create_owned(&found(what)))
                .collect(),
            freshness: families.freshness.get_or_create_owned(&label),
        }))
    }

    /// The sink holds so many more rows.
    pub fn inserted(&self, rows: u64) {
        self.0.rows.inc_by(rows);
    }

    /// An INSERT took this long, however it ended.
    pub fn insert_seconds(&self, took: Duration) {
        self.0.insert.observe(took.as_secs_f64());
    }

    /// Nobody knows whether an INSERT took effect.
    pub fn uncertain(&self) {
        self.0.uncertain.inc();
    }

    /// An INSERT was refused for what is in its rows.
    pub fn refused(&self) {
        self.0.refused.inc();
    }

    /// A range was read back.
    pub fn recovered(&self, found: RecoveryFound) {
        // `ALL` lists the variants in the order of their declaration.
        self.0.recoveries[found as usize].inc();
    }

    /// An event became queryable so long after it was accepted.
    pub fn fresh_after(&self, age: Duration) {
        self.0.freshness.observe(age.as_secs_f64());
    }
}
