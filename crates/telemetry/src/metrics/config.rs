//! Whether the configuration on disk is the one in force.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::label::Nothing;
use super::{GLOBAL, plain};

pub(super) struct Families {
    reloads: Family<Nothing, Counter>,
    refused: Family<Nothing, Gauge>,
    suppressed: Family<Nothing, Gauge>,
}

impl Families {
    #[rustfmt::skip]
    pub(super) fn register(r: &mut Registry) -> Self {
        Self {
            reloads: plain(r, "config_reloads", "Times that the sources were read again and put in force", Family::default()),
            refused: plain(r, "config_refused", "1 while the configuration file has problems and the sources read before stay in force", Family::default()),
            suppressed: plain(r, "suppression_list_ids", "Ids on the suppression list that is in force here", Family::default()),
        }
    }
}

/// Metrics of reading the configuration again; clones count into the same.
#[derive(Clone)]
pub struct ConfigMetrics {
    reloads: Counter,
    refused: Gauge,
    suppressed: Gauge,
}

impl Default for ConfigMetrics {
    fn default() -> Self {
        Self::new()
    }
}

impl ConfigMetrics {
    /// The metrics of this process.
    pub fn new() -> Self {
        let families = &GLOBAL.config;
        Self {
            reloads: families.reloads.get_or_create_owned(&Nothing {}),
            refused: families.refused.get_or_create_owned(&Nothing {}),
            suppressed: families.suppressed.get_or_create_owned(&Nothing {}),
        }
    }

    /// So many ids are on the suppression list that is in force.
    pub fn suppresses(&self, ids: usize) {
        self.suppressed.set(i64::try_from(ids).unwrap_or(i64::MAX));
    }

    /// The file was read again: its sources are in force, or it has problems and the old ones stay.
    pub fn read_again(&self, in_force: bool) {
        if in_force {
            self.reloads.inc();
        }
        self.refused.set(i64::from(!in_force));
    }
}
