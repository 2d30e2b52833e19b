//! The databases that enrich looks addresses up in.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::label::Database;
use super::{GLOBAL, level, plain, seconds};

pub(super) struct Families {
    built_at: Family<Database, Gauge>,
    refused: Family<Database, Gauge>,
    failures: Family<Database, Counter>,
}

impl Families {
    #[rustfmt::skip]
    pub(super) fn register(r: &mut Registry) -> Self {
        Self {
            built_at: seconds(r, "enrich_database_build_timestamp", "When the database of addresses that is in use was built, by database: city or asn; Unix time", Family::default()),
            refused: plain(r, "enrich_database_refused", "1 while the newest file of a database is missing or no sound one, and what was read before stays in use", Family::default()),
            failures: plain(r, "enrich_lookup_failures", "Look-ups of addresses that a database failed to answer; the events went on without", Family::default()),
        }
    }
}

/// Metrics of one database; clones count into the same.
#[derive(Clone)]
pub struct DatabaseMetrics {
    label: Database,
    refused: Gauge,
    failures: Counter,
}

impl DatabaseMetrics {
    /// The metrics of the database with this word.
    pub fn of(database: &'static str) -> Self {
        let (families, label) = (&GLOBAL.enrich, Database { database });
        Self {
            refused: families.refused.get_or_create_owned(&label),
            failures: families.failures.get_or_create_owned(&label),
            label,
        }
    }

    /// The database in use was built then; seconds of Unix time.
    pub fn built_at(&self, seconds: u64) {
        GLOBAL.enrich.built_at.get_or_create(&self.label).set(level(seconds));
    }

    /// The newest file cannot be used, or it is the one in use.
    pub fn refused(&self, refused: bool) {
        self.refused.set(i64::from(refused));
    }

    /// A look-up failed.
    pub fn lookup_failed(&self) {
        self.failures.inc();
    }
}
