//! What the rules of validate find.

use std::sync::Arc;

use event::Finding;
use pipeline::RejectReason;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

use super::label::{FindingOutcome, ReasonOutcome};
use super::{GLOBAL, plain};

/// Stands for a word that is not on its list: a finding is never left uncounted.
const OTHER: &str = "other";

pub(super) struct Families {
    findings: Family<ReasonOutcome, Counter>,
}

impl Families {
    #[rustfmt::skip]
    pub(super) fn register(r: &mut Registry) -> Self {
        Self {
            findings: plain(r, "validate_findings", "What rules found in events, those of aborted batches too, by reason and what came of it: flag, would-reject or reject", Family::default()),
        }
    }
}

/// Metrics of what rules find; clones count into the same.
#[derive(Debug, Clone)]
pub struct FindingMetrics(Arc<Resolved>);

/// For each outcome a counter per reason; at the end of either list the one for [`OTHER`].
#[derive(Debug)]
struct Resolved(Vec<Vec<Counter>>);

impl Default for FindingMetrics {
    fn default() -> Self {
        Self::new()
    }
}

impl FindingMetrics {
    /// The metrics of this process.
    pub fn new() -> Self {
        Self(Arc::new(Resolved(outcomes().map(counters_of).collect())))
    }

    /// A rule found this.
    pub fn note(&self, finding: &Finding) {
        let outcome = FindingOutcome::ALL.iter().position(|it| it.word() == finding.outcome);
        let reason = RejectReason::ALL.iter().position(|it| it.word() == finding.reason);
        let outcome = outcome.unwrap_or(FindingOutcome::ALL.len());
        self.0.0[outcome][reason.unwrap_or(RejectReason::ALL.len())].inc();
    }
}

fn outcomes() -> impl Iterator<Item = &'static str> {
    FindingOutcome::ALL.iter().map(|it| it.word()).chain([OTHER])
}

fn counters_of(outcome: &'static str) -> Vec<Counter> {
    let findings = &GLOBAL.validate.findings;
    let reasons = RejectReason::ALL.iter().map(|it| it.word()).chain([OTHER]);
    reasons.map(|reason| findings.get_or_create_owned(&ReasonOutcome { reason, outcome })).collect()
}
