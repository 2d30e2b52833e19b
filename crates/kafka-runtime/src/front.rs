//! How long until the oldest record that is not processed leaves its topic.

use std::collections::BTreeMap;

use event::Millis;
use telemetry::StageMetrics;
use topology::Cleanup;

use crate::{
    batch::{Batch, partition_of},
    log::Partition,
};

/// How often it is told.
const TELL_EVERY: Millis = 1_000;

/// The times of the oldest records in hand, or last in hand.
#[derive(Debug, Default)]
pub(crate) struct Fronts {
    oldest: BTreeMap<Partition, Millis>,
    told: Millis,
}

impl Fronts {
    /// These records are next.
    pub(crate) fn next(&mut self, batch: &Batch) {
        let mut firsts = BTreeMap::new();
        for record in batch.records() {
            if let Some(timestamp) = record.timestamp {
                firsts.entry(partition_of(record)).or_insert(timestamp);
            }
        }
        self.oldest.extend(firsts);
    }

    /// Nothing is left to be processed, as far as anybody knows.
    pub(crate) fn dry(&mut self, metrics: &StageMetrics) {
        for (_, partition) in std::mem::take(&mut self.oldest).into_keys() {
            metrics.nothing_expires(partition);
        }
    }

    /// Partitions that are no longer ours.
    pub(crate) fn lost(&mut self, partitions: &[Partition]) {
        self.oldest.retain(|partition, _| !partitions.contains(partition));
    }

    /// Tells how long each partition's record has left. It goes on falling while a stage stands
    /// still.
    pub(crate) fn tell(&mut self, metrics: &StageMetrics, now: Millis) {
        if now - self.told < TELL_EVERY {
            return;
        }
        self.told = now;
        let mut soonest: BTreeMap<i32, Millis> = BTreeMap::new();
        for ((topic, partition), timestamp) in &self.oldest {
            let Cleanup::DeleteAfterHours(hours) = topic.spec().cleanup else { continue };
            let left = timestamp + Millis::from(hours) * 3_600_000 - now;
            let entry = soonest.entry(*partition).or_insert(left);
            *entry = left.min(*entry);
        }
        for (partition, left) in soonest {
            #[expect(clippy::cast_precision_loss, reason = "a time in seconds needs no more")]
            metrics.expiry_seconds(partition, left as f64 / 1_000.0);
        }
    }
}

#[cfg(test)]
mod tests {
    use topology::Topic;

    use super::*;
    use crate::{config::BatchLimits, recorded::record};

    fn told(stage: &str) -> Option<f64> {
        let series = format!("waybill_stage_expiry_seconds{{stage=\"{stage}\",partition=\"0\"}} ");
        let text = telemetry::metrics::encode().unwrap();
        text.lines().find_map(|line| line.strip_prefix(&series)?.parse().ok())
    }

    #[test]
    fn the_time_left_is_the_retention_less_the_age_of_the_first_record_in_hand() {
        let metrics = StageMetrics::of("fronts");
        let mut batch = Batch::new(BatchLimits::default());
        for (offset, timestamp) in [(5, 1_000), (6, 9_000)] {
            let mut record = record(Topic::RawEvents, offset, "");
            record.timestamp = Some(timestamp);
            batch.push(record, std::time::Instant::now());
        }
        let mut fronts = Fronts::default();
        fronts.next(&batch);
        let two_weeks = 14.0 * 86_400.0;
        fronts.tell(&metrics, 11_000);
        assert_eq!(told("fronts"), Some(two_weeks - 10.0));
        fronts.tell(&metrics, 3_600_000);
        assert_eq!(told("fronts"), Some(two_weeks - 3_599.0), "it falls while nothing moves");
        fronts.dry(&metrics);
        assert_eq!(told("fronts"), None);
    }
}
