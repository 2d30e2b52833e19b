//! Every metric. Callers see structs with methods; names, types, help and buckets stay here.
//!
//! A metric appears on `/metrics` once its struct was made or, for gauges whose value would lie
//! before it is known, once it was set: an ingest process shows nothing of the auditor.

mod audit;
mod buckets;
mod config;
mod enrich;
mod identity;
mod ingest;
mod kafka;
mod label;
mod loader;
mod spool;
mod stage;
mod validate;

use std::fmt;
use std::sync::LazyLock;

use prometheus_client::encoding::text;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Metric, Registry, Unit};

pub use audit::AuditMetrics;
pub use config::ConfigMetrics;
pub use enrich::DatabaseMetrics;
pub use identity::IdentityMetrics;
pub use ingest::IngestMetrics;
pub use kafka::KafkaLogMetrics;
pub use label::{
    AbortCause, FindingOutcome, HourState, IngestRefusal, RecoveryFound, SpoolRefusal, StoppedBy,
};
pub use loader::LoaderMetrics;
pub use spool::SpoolMetrics;
pub use stage::StageMetrics;
pub use validate::FindingMetrics;

static GLOBAL: LazyLock<Metrics> = LazyLock::new(Metrics::new);

/// Histograms by label; all of one family have the same buckets.
type Histograms<L> = Family<L, Histogram, fn() -> Histogram>;

/// The registry with everything in it.
struct Metrics {
    registry: Registry,
    stage: stage::Families,
    ingest: ingest::Families,
    spool: spool::Families,
    loader: loader::Families,
    audit: audit::Families,
    kafka: kafka::Families,
    config: config::Families,
    validate: validate::Families,
    enrich: enrich::Families,
    identity: identity::Families,
}

impl Metrics {
    fn new() -> Self {
        let mut registry = Registry::with_prefix("waybill");
        let r = &mut registry;
        Self {
            stage: stage::Families::register(r),
            ingest: ingest::Families::register(r),
            spool: spool::Families::register(r),
            loader: loader::Families::register(r),
            audit: audit::Families::register(r),
            kafka: kafka::Families::register(r),
            config: config::Families::register(r),
            validate: validate::Families::register(r),
            enrich: enrich::Families::register(r),
            identity: identity::Families::register(r),
            registry,
        }
    }

    fn encode(&self) -> Result<String, fmt::Error> {
        let mut out = String::new();
        text::encode(&mut out, &self.registry)?;
        Ok(out)
    }
}

/// Every metric of this process in the OpenMetrics text format.
pub fn encode() -> Result<String, fmt::Error> {
    GLOBAL.encode()
}

/// Registers a metric whose name bears no unit.
fn plain<M: Metric + Clone>(registry: &mut Registry, name: &str, help: &str, metric: M) -> M {
    registry.register(name, help, metric.clone());
    metric
}

/// Registers a metric in seconds; the unit is added to the name.
fn seconds<M: Metric + Clone>(registry: &mut Registry, name: &str, help: &str, metric: M) -> M {
    registry.register_with_unit(name, help, Unit::Seconds, metric.clone());
    metric
}

/// Registers a metric in bytes; the unit is added to the name.
fn bytes<M: Metric + Clone>(registry: &mut Registry, name: &str, help: &str, metric: M) -> M {
    registry.register_with_unit(name, help, Unit::Bytes, metric.clone());
    metric
}

/// A count as an observation; saturates where a batch never gets.
fn observation(count: usize) -> f64 {
    u32::try_from(count).map_or(f64::from(u32::MAX), f64::from)
}

/// A count as the value of a gauge.
fn level(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
