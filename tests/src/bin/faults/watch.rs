//! What a service counted since one began to look.

use std::time::Duration;

use waybill_tests::{Metrics, ServiceProcess, until};

/// A series of a service's metrics: name and labels.
pub(crate) type Series = (&'static str, &'static [&'static str]);

/// Transactions that were aborted, for whatever cause.
pub(crate) const ABORTS: Series = ("waybill_stage_aborts_total", &[]);
/// Times that the Kafka clients were made anew.
pub(crate) const REBUILDS: Series = ("waybill_stage_rebuilds_total", &[]);
/// Records that a stage, or a loader, has taken in hand.
pub(crate) const RECEIVED: Series = ("waybill_stage_received_records_total", &[]);
/// INSERTs of which nobody knows whether they took effect.
pub(crate) const UNCERTAIN: Series = ("waybill_loader_uncertain_inserts_total", &[]);
/// Ranges that were read back and found complete.
pub(crate) const RECOVERED: Series =
    ("waybill_loader_recoveries_total", &["found=\"all-present\""]);
/// Ranges of which nothing was found.
pub(crate) const FOUND_NONE: Series = ("waybill_loader_recoveries_total", &["found=\"none\""]);
/// Ranges of which a part was found.
pub(crate) const FOUND_SOME: Series = ("waybill_loader_recoveries_total", &["found=\"some\""]);

/// A service, and what it had counted when the watch began.
pub(crate) struct Watch<'a> {
    process: &'a ServiceProcess,
    pid: Option<u32>,
    before: Metrics,
}

impl<'a> Watch<'a> {
    pub(crate) fn begin(process: &'a ServiceProcess) -> anyhow::Result<Self> {
        Ok(Self { process, pid: process.pid(), before: process.metrics()? })
    }

    /// By how much the sum of these series has grown. A process that was started since counts
    /// from its start; one that does not answer has counted nothing.
    pub(crate) fn grown(&self, series: &[Series]) -> u64 {
        let Ok(now) = self.process.metrics() else { return 0 };
        let sum = |of: &Metrics| series.iter().map(|(name, labels)| of.sum(name, labels)).sum();
        let before: f64 = if self.process.pid() == self.pid { sum(&self.before) } else { 0.0 };
        let after: f64 = sum(&now);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count")]
        let grown = (after - before).max(0.0).round() as u64;
        grown
    }

    /// Waits until it has grown, and tells by how much: 0 if it has not in time.
    pub(crate) fn until_grown(&self, series: &[Series], within: Duration) -> u64 {
        let grown = || Ok(Some(self.grown(series)).filter(|grown| *grown > 0));
        until("a counter has grown", within, grown).unwrap_or_default()
    }
}
