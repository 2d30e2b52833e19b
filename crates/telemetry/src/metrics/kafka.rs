//! What is told of librdkafka's own log.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

use super::label::Nothing;
use super::{GLOBAL, plain};

pub(super) struct Families {
    suppressed: Family<Nothing, Counter>,
}

impl Families {
    pub(super) fn register(r: &mut Registry) -> Self {
        let help = "Log lines of librdkafka that the rate limit kept back";
        Self { suppressed: plain(r, "kafka_suppressed_log_lines", help, Family::default()) }
    }
}

/// Metrics of librdkafka's log; clones count into the same.
#[derive(Clone)]
pub struct KafkaLogMetrics {
    suppressed: Counter,
}

impl Default for KafkaLogMetrics {
    fn default() -> Self {
        Self::new()
    }
}

impl KafkaLogMetrics {
    /// The metrics of this process.
    pub fn new() -> Self {
        Self { suppressed: GLOBAL.kafka.suppressed.get_or_create_owned(&Nothing {}) }
    }

    /// A line was kept back by [`crate::RateLimited`].
    pub fn suppressed(&self) {
        self.suppressed.inc();
    }
}
