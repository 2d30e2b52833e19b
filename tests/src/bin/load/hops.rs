//! What the stages say of themselves over the measured time: where a latency comes from.

use topology::Stage;
use waybill_tests::{Flow, Metrics};

/// What one stage has counted.
#[derive(Debug, Clone)]
pub(crate) struct Hop {
    /// The stage.
    pub(crate) stage: Stage,
    /// Batches.
    pub(crate) batches: f64,
    /// Records in them.
    pub(crate) records: f64,
    /// Commits.
    pub(crate) commits: f64,
    /// Seconds spent in them, draining the producer included.
    pub(crate) commit_seconds: f64,
    /// INSERTs, of the last stage alone.
    pub(crate) inserts: f64,
    /// Seconds spent in them.
    pub(crate) insert_seconds: f64,
    /// Batches that were given up.
    pub(crate) aborts: f64,
}

/// What all of them have counted.
#[derive(Debug, Clone)]
pub(crate) struct Hops(pub(crate) Vec<Hop>);

impl Hops {
    /// Since the start of each process.
    pub(crate) fn now(flow: &Flow) -> anyhow::Result<Self> {
        let hop = |stage: Stage| Ok(Hop::read(stage, &flow.service(stage.service()).metrics()?));
        Stage::ALL.into_iter().map(hop).collect::<anyhow::Result<_>>().map(Self)
    }

    /// From another moment until this one.
    pub(crate) fn since(mut self, before: &Self) -> Self {
        for (hop, before) in self.0.iter_mut().zip(&before.0) {
            hop.batches -= before.batches;
            hop.records -= before.records;
            hop.commits -= before.commits;
            hop.commit_seconds -= before.commit_seconds;
            hop.inserts -= before.inserts;
            hop.insert_seconds -= before.insert_seconds;
            hop.aborts -= before.aborts;
        }
        self
    }
}

impl Hop {
    fn read(stage: Stage, metrics: &Metrics) -> Self {
        let of = |label: &str, name: &str| {
            metrics.sum(&format!("waybill_{name}"), &[&format!("{label}=\"{}\"", stage.name())])
        };
        Self {
            stage,
            batches: of("stage", "stage_batch_records_count"),
            records: of("stage", "stage_batch_records_sum"),
            commits: of("stage", "stage_commit_seconds_count"),
            commit_seconds: of("stage", "stage_commit_seconds_sum"),
            inserts: of("sink", "loader_insert_seconds_count"),
            insert_seconds: of("sink", "loader_insert_seconds_sum"),
            aborts: of("stage", "stage_aborts_total"),
        }
    }
}
