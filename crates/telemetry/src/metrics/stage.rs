//! What every stage counts.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use pipeline::{DiscardReason, RejectReason};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use super::label::{
    AbortCause, Stage, StageCause, StageDependency, StagePartition, StageReason, StageStop,
    StoppedBy,
};
use super::{GLOBAL, Histograms, buckets, bytes, observation, plain, seconds};

pub(super) struct Families {
    received: Family<Stage, Counter>,
    emitted: Family<Stage, Counter>,
    side: Family<Stage, Counter>,
    discarded: Family<StageReason, Counter>,
    rejected: Family<StageReason, Counter>,
    batch_records: Histograms<Stage>,
    batch_bytes: Histograms<Stage>,
    commit_seconds: Histograms<Stage>,
    commits: Family<Stage, Counter>,
    aborts: Family<StageCause, Counter>,
    rebuilds: Family<Stage, Counter>,
    renewals: Family<Stage, Counter>,
    careful: Family<Stage, Counter>,
    stopped: Family<StageStop, Gauge>,
    expiry: Family<StagePartition, Gauge<f64, AtomicU64>>,
    halted: Family<StageDependency, Gauge>,
    lag_records: Family<StagePartition, Gauge>,
    lag_seconds: Family<Stage, Gauge<f64, AtomicU64>>,
}

impl Families {
    #[rustfmt::skip]
    pub(super) fn register(r: &mut Registry) -> Self {
        let histograms = |new: fn() -> Histogram| Histograms::new_with_constructor(new);
        Self {
            received: plain(r, "stage_received_records", "Records read, those of aborted batches too", Family::default()),
            emitted: plain(r, "stage_emitted_records", "Records that went on", Family::default()),
            side: plain(r, "stage_side_records", "Records written beside the fates", Family::default()),
            discarded: plain(r, "stage_discarded_records", "Records dropped on purpose, by reason", Family::default()),
            rejected: plain(r, "stage_rejected_records", "Records made dead letters, by reason", Family::default()),
            batch_records: plain(r, "stage_batch_records", "Records per batch", histograms(buckets::records)),
            batch_bytes: bytes(r, "stage_batch", "Input bytes per batch", histograms(buckets::bytes)),
            commit_seconds: seconds(r, "stage_commit", "Time that a commit took", histograms(buckets::round_trip)),
            commits: plain(r, "stage_commits", "Transactions committed", Family::default()),
            aborts: plain(r, "stage_aborts", "Transactions aborted, by cause", Family::default()),
            rebuilds: plain(r, "stage_rebuilds", "Times that consumer and producer were made anew", Family::default()),
            renewals: plain(r, "stage_producer_renewals", "Times that the producer was made anew after transport trouble, to fence what may be on its way", Family::default()),
            careful: plain(r, "stage_careful_records", "Records handled one by one, since processes died on this partition", Family::default()),
            stopped: plain(r, "stage_stopped", "1 while the stage stands still by order, by who ordered it: operator or breaker", Family::default()),
            expiry: seconds(r, "stage_expiry", "Time until the oldest record that is not processed leaves its topic, by partition", Family::default()),
            halted: plain(r, "stage_halted", "1 while the stage waits for the dependency", Family::default()),
            lag_records: plain(r, "stage_lag_records", "Records behind the last stable offset, by partition", Family::default()),
            lag_seconds: seconds(r, "stage_lag", "Now minus the timestamp of the next record", Family::default()),
        }
    }
}

/// Metrics of one stage; clones count into the same.
#[derive(Clone)]
pub struct StageMetrics(Arc<Resolved>);

struct Resolved {
    stage: String,
    families: &'static Families,
    received: Counter,
    emitted: Counter,
    side: Counter,
    discarded: Vec<Counter>,
    rejected: Vec<Counter>,
    batch_records: Histogram,
    batch_bytes: Histogram,
    commit_seconds: Histogram,
    commits: Counter,
    aborts: Vec<Counter>,
    rebuilds: Counter,
    renewals: Counter,
    careful: Counter,
}

impl StageMetrics {
    /// The metrics of this stage (`topology::Stage::name`).
    pub fn of(stage: &str) -> Self {
        let families = &GLOBAL.stage;
        let label = Stage { stage: stage.to_owned() };
        let reason = |reason: &'static str| StageReason { stage: stage.to_owned(), reason };
        let cause =
            |cause: &AbortCause| StageCause { stage: stage.to_owned(), cause: cause.word() };
        let (discards, rejects) = (&families.discarded, &families.rejected);
        Self(Arc::new(Resolved {
            stage: stage.to_owned(),
            families,
            received: families.received.get_or_create_owned(&label),
            emitted: families.emitted.get_or_create_owned(&label),
            side: families.side.get_or_create_owned(&label),
            discarded: DiscardReason::ALL
                .iter()
                .map(|why| discards.get_or_create_owned(&reason(why.word())))
                .collect(),
            rejected: RejectReason::ALL
                .iter()
                .map(|why| rejects.get_or_create_owned(&reason(why.word())))
                .collect(),
            batch_records: families.batch_records.get_or_create_owned(&label),
            batch_bytes: families.batch_bytes.get_or_create_owned(&label),
            commit_seconds: families.commit_seconds.get_or_create_owned(&label),
            commits: families.commits.get_or_create_owned(&label),
            aborts: AbortCause::ALL
                .iter()
                .map(|why| families.aborts.get_or_create_owned(&cause(why)))
                .collect(),
            rebuilds: families.rebuilds.get_or_create_owned(&label),
            renewals: families.renewals.get_or_create_owned(&label),
            careful: families.careful.get_or_create_owned(&label),
        }))
    }

    /// Records were read.
    pub fn received(&self, n: u64) {
        self.0.received.inc_by(n);
    }

    /// Records went on.
    pub fn emitted(&self, n: u64) {
        self.0.emitted.inc_by(n);
    }

    /// Records were written beside the fates.
    pub fn side_records(&self, n: u64) {
        self.0.side.inc_by(n);
    }

    /// Records were dropped on purpose.
    pub fn discarded(&self, reason: DiscardReason, n: u64) {
        // `ALL` lists the variants in the order of their declaration.
        self.0.discarded[reason as usize].inc_by(n);
    }

    /// Records became dead letters.
    pub fn rejected(&self, reason: RejectReason, n: u64) {
        self.0.rejected[reason as usize].inc_by(n);
    }

    /// A batch ended with so many records and bytes of input.
    pub fn batch(&self, records: usize, bytes: usize) {
        self.0.batch_records.observe(observation(records));
        self.0.batch_bytes.observe(observation(bytes));
    }

    /// A commit took this long.
    pub fn commit_seconds(&self, took: Duration) {
        self.0.commit_seconds.observe(took.as_secs_f64());
    }

    /// A transaction was committed.
    pub fn committed(&self) {
        self.0.commits.inc();
    }

    /// A transaction was aborted.
    pub fn aborted(&self, cause: AbortCause) {
        self.0.aborts[cause as usize].inc();
    }

    /// Consumer and producer were made anew.
    pub fn rebuilt(&self) {
        self.0.rebuilds.inc();
    }

    /// The producer was made anew after transport trouble.
    pub fn producer_renewed(&self) {
        self.0.renewals.inc();
    }

    /// A record was handled by itself, with a probe committed before it.
    pub fn careful_record(&self) {
        self.0.careful.inc();
    }

    /// Whether the stage, or a partition of it, stands still by an order of this kind.
    pub fn stopped(&self, by: StoppedBy, stopped: bool) {
        let label = StageStop { stage: self.0.stage.clone(), by: by.word() };
        self.0.families.stopped.get_or_create(&label).set(i64::from(stopped));
    }

    /// Seconds until the oldest record of the partition that is not processed leaves its topic.
    pub fn expiry_seconds(&self, partition: i32, seconds: f64) {
        let label = StagePartition { stage: self.0.stage.clone(), partition };
        self.0.families.expiry.get_or_create(&label).set(seconds);
    }

    /// Nothing is known that may leave its topic before it is processed.
    pub fn nothing_expires(&self, partition: i32) {
        let label = StagePartition { stage: self.0.stage.clone(), partition };
        self.0.families.expiry.remove(&label);
    }

    /// The stage waits for the dependency, or no longer does.
    pub fn halted(&self, dependency: &'static str, waiting: bool) {
        let label = StageDependency { stage: self.0.stage.clone(), dependency };
        self.0.families.halted.get_or_create(&label).set(i64::from(waiting));
    }

    /// The stage is so many records behind in this partition.
    pub fn lag_records(&self, partition: i32, records: i64) {
        let label = StagePartition { stage: self.0.stage.clone(), partition };
        self.0.families.lag_records.get_or_create(&label).set(records);
    }

    /// The partition belongs to another instance now: this one no longer speaks for its lag.
    pub fn partition_lost(&self, partition: i32) {
        let label = StagePartition { stage: self.0.stage.clone(), partition };
        self.0.families.lag_records.remove(&label);
        self.0.families.expiry.remove(&label);
    }

    /// Now minus the timestamp of the next record, in seconds; 0 when there is none.
    pub fn lag_seconds(&self, seconds: f64) {
        let label = Stage { stage: self.0.stage.clone() };
        self.0.families.lag_seconds.get_or_create(&label).set(seconds);
    }
}
