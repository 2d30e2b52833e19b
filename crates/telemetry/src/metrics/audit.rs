//! What the auditor says of its last run.

use std::sync::atomic::AtomicU64;
use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use super::label::{HourState, Hours, Nothing};
use super::{GLOBAL, Histograms, buckets, level, plain, seconds};

pub(super) struct Families {
    hours: Family<Hours, Gauge>,
    missing: Family<Nothing, Gauge>,
    expired: Family<Nothing, Gauge>,
    expired_unread: Family<Nothing, Gauge>,
    duplicated: Family<Nothing, Gauge>,
    run: Histograms<Nothing>,
    last_success: Family<Nothing, Gauge<f64, AtomicU64>>,
    tolerance_exceeded: Family<Nothing, Gauge>,
    short_events: Family<Nothing, Gauge>,
    scanned: Family<Nothing, Counter>,
}

impl Families {
    #[rustfmt::skip]
    pub(super) fn register(r: &mut Registry) -> Self {
        let runs = Histograms::new_with_constructor(buckets::run as fn() -> Histogram);
        Self {
            hours: plain(r, "audit_hours", "Hours looked at by the last run, by state", Family::default()),
            missing: plain(r, "audit_missing_origins", "Origins without a fate in the last run", Family::default()),
            expired: plain(r, "audit_expired_origins", "Origins that left the log before a stage had read them, in the last run", Family::default()),
            expired_unread: plain(r, "audit_expired_unread_origins", "At most so many more, of raw-events, which the auditor could not read either", Family::default()),
            duplicated: plain(r, "audit_duplicated_origins", "Origins more than once in the warehouse in the last run", Family::default()),
            run: seconds(r, "audit_run", "Time that a run took", runs),
            last_success: seconds(r, "audit_last_success_timestamp", "Unix time at which a run last came to its end", Family::default()),
            tolerance_exceeded: plain(r, "audit_tolerance_exceeded", "1 when the last run found more than 5 % between what came in and what the warehouse holds", Family::default()),
            short_events: plain(r, "audit_short_events", "Hours, sources and event names of the last day of which more than 5 % await repair or are lost", Family::default()),
            scanned: plain(r, "audit_scanned_records", "Records whose headers were read", Family::default()),
        }
    }
}

/// Metrics of the auditor. Nothing of it shows before it is set: `missing 0` would be a lie until
/// a run has found it so.
#[derive(Clone, Copy)]
pub struct AuditMetrics(&'static Families);

impl Default for AuditMetrics {
    fn default() -> Self {
        Self::new()
    }
}

impl AuditMetrics {
    /// The metrics of this process's auditor.
    pub fn new() -> Self {
        Self(&GLOBAL.audit)
    }

    /// So many hours are in this state.
    pub fn hours(&self, state: HourState, n: u64) {
        self.0.hours.get_or_create(&Hours { state: state.word() }).set(level(n));
    }

    /// So many origins are missing.
    pub fn missing(&self, origins: u64) {
        self.0.missing.get_or_create(&Nothing {}).set(level(origins));
    }

    /// So many origins have expired before a stage had read them.
    pub fn expired(&self, origins: u64) {
        self.0.expired.get_or_create(&Nothing {}).set(level(origins));
    }

    /// So many positions of `raw-events` have expired before anybody had read them.
    pub fn expired_unread(&self, positions: i64) {
        self.0.expired_unread.get_or_create(&Nothing {}).set(positions);
    }

    /// So many origins are in the warehouse more than once.
    pub fn duplicated(&self, origins: u64) {
        self.0.duplicated.get_or_create(&Nothing {}).set(level(origins));
    }

    /// A run took this long.
    pub fn run_seconds(&self, took: Duration) {
        self.0.run.get_or_create(&Nothing {}).observe(took.as_secs_f64());
    }

    /// A run came to its end at this time (milliseconds since 1970, UTC), whatever its verdict.
    pub fn succeeded_at(&self, unix_ms: i64) {
        let at = Duration::from_millis(u64::try_from(unix_ms).unwrap_or(0));
        self.0.last_success.get_or_create(&Nothing {}).set(at.as_secs_f64());
    }

    /// Whether more than 5 % lie between what came in and what the warehouse holds.
    pub fn tolerance_exceeded(&self, exceeded: bool) {
        self.0.tolerance_exceeded.get_or_create(&Nothing {}).set(i64::from(exceeded));
    }

    /// Of so many hours, sources and event names of the last day too much did not arrive.
    pub fn short_events(&self, n: u64) {
        self.0.short_events.get_or_create(&Nothing {}).set(level(n));
    }

    /// The headers of so many records were read.
    pub fn scanned(&self, records: u64) {
        self.0.scanned.get_or_create(&Nothing {}).inc_by(records);
    }
}
