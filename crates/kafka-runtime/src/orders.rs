//! What a loop may read now, and what it tells of itself: orders of operators, an open breaker,
//! positions that have left the log, dependencies that are gone.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Instant,
};

use event::{LostRange, Millis};
use pipeline::{Halt, StageControl, Stop};
use telemetry::{Readiness, StageMetrics, StoppedBy};

use crate::{
    batch::Batch,
    commands::Controls,
    error::{Failed, LogError},
    front::Fronts,
    ledger::now,
    log::{Commit, Extent, Log, Partition},
};

/// The orders of one loop.
pub(crate) struct Orders<'a> {
    name: &'static str,
    controls: &'a Controls,
    metrics: &'a StageMetrics,
    readiness: &'a Readiness,
    control: Arc<StageControl>,
    /// Partitions whose next record has left the log.
    expired: BTreeMap<Partition, LostRange>,
    /// Partitions whose shard is away.
    parked: Option<Parked>,
    /// What was waited for last, until something succeeds.
    halted: Option<Halt>,
    fronts: Fronts,
    /// What orders and lost ranges hold, as of the last look.
    ordered: Option<BTreeSet<Partition>>,
    /// What the log was last told to hold.
    held: Option<BTreeSet<Partition>>,
}

/// Partitions that wait for their shard.
struct Parked {
    partitions: BTreeSet<Partition>,
    /// When the shard is asked again.
    until: Instant,
    halt: Halt,
}

/// What changed with the orders since the last look.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Changed {
    /// There was an order, and the stage as a whole may go on: what was counted before it counts no
    /// more.
    pub(crate) lifted: bool,
    /// A partition that an order or a lost range held may be read again.
    pub(crate) released: bool,
    /// A lost range was given up: take the partitions up anew.
    pub(crate) skip: bool,
}

impl<'a> Orders<'a> {
    pub(crate) fn new(
        name: &'static str,
        controls: &'a Controls,
        metrics: &'a StageMetrics,
        readiness: &'a Readiness,
    ) -> Self {
        Self {
            name,
            controls,
            metrics,
            readiness,
            control: Arc::default(),
            expired: BTreeMap::new(),
            parked: None,
            halted: None,
            fronts: Fronts::default(),
            ordered: None,
            held: None,
        }
    }

    /// Looks at the orders and makes the log follow them.
    ///
    /// While records of the partitions in `careful` are handled one by one the others wait: behind
    /// their traffic the search for the record that kills would take many times as long.
    pub(crate) fn follow<L: Log>(
        &mut self,
        log: &mut L,
        careful: &BTreeSet<Partition>,
    ) -> Result<Changed, Failed> {
        self.fronts.tell(self.metrics, now());
        let control = self.controls.now()?;
        let changed = *control != *self.control;
        let lifted = changed && control.whole().is_none();
        if changed {
            self.tell_change(&control);
        }
        self.control = control;
        let ours = log.assignment()?;
        let (ordered, others): (BTreeSet<_>, BTreeSet<_>) =
            ours.into_iter().partition(|partition| self.holds(*partition));
        let mut held = ordered.clone();
        if !others.is_disjoint(careful) {
            held.extend(others.difference(careful));
        }
        let released = self.ordered.as_ref().is_some_and(|before| !before.is_subset(&ordered));
        self.ordered = Some(ordered);
        if self.held.as_ref() != Some(&held) {
            log.hold(&held)?;
            self.held = Some(held);
        }
        let given_up = |lost: &LostRange| self.skip_of(lost).is_some();
        Ok(Changed { lifted, released, skip: self.expired.values().any(given_up) })
    }

    /// Whether anything of ours may not be read now.
    pub(crate) fn holds_any(&self) -> bool {
        self.held.as_ref().is_some_and(|held| !held.is_empty())
    }

    /// Makes the log hold again what it was last told to by an order, and nothing else.
    pub(crate) fn hold_again<L: Log>(&self, log: &mut L) -> Result<(), LogError> {
        log.hold(self.held.as_ref().unwrap_or(&BTreeSet::new()))
    }

    /// What the log was told to hold is not in force any more.
    pub(crate) fn forget_holds(&mut self) {
        (self.ordered, self.held) = (None, None);
    }

    /// Whether nothing of the partition may be read now.
    pub(crate) fn holds(&self, partition: Partition) -> bool {
        self.control.stop_of(partition.1).is_some()
            || self.expired.contains_key(&partition)
            || self.is_parked(partition)
    }

    /// Whether the partition waits for its shard.
    pub(crate) fn is_parked(&self, partition: Partition) -> bool {
        self.parked.as_ref().is_some_and(|parked| parked.partitions.contains(&partition))
    }

    /// A shard is away: its partitions wait until then. The others go on.
    pub(crate) fn park(&mut self, partitions: BTreeSet<Partition>, halt: &Halt, until: Instant) {
        let numbers: BTreeSet<i32> = partitions.iter().map(|(_, number)| *number).collect();
        tracing::warn!(
            stage = self.name,
            dependency = halt.dependency,
            ?numbers,
            "set aside: {halt}"
        );
        self.metrics.halted(halt.dependency, true);
        let parked = self.parked.get_or_insert_with(|| Parked {
            partitions: BTreeSet::new(),
            until,
            halt: halt.clone(),
        });
        parked.partitions.extend(partitions);
    }

    /// Lets those go whose time has come. True if there were any: what the log brought of them was dropped, so
    /// all partitions are to be taken up anew before anything is read.
    pub(crate) fn unpark(&mut self, now: Instant) -> bool {
        let over = self.parked.take_if(|parked| parked.until <= now);
        if let Some(parked) = &over {
            self.metrics.halted(parked.halt.dependency, false);
        }
        over.is_some()
    }

    fn skip_of(&self, lost: &LostRange) -> Option<&LostRange> {
        self.control.skip_of(&lost.topic, lost.partition, lost.from)
    }

    /// Notices which committed offsets have left the log. Returns the offsets to go on from where
    /// an operator gave the lost range up.
    pub(crate) fn notice_expired(
        &mut self,
        committed: &[Commit],
        extents: &BTreeMap<Partition, Extent>,
    ) -> Vec<Commit> {
        self.expired.clear();
        let mut onwards = Vec::new();
        for commit in committed {
            let (topic, number) = commit.partition;
            let start = extents.get(&commit.partition).map_or(0, |extent| extent.start);
            if commit.next >= start {
                continue;
            }
            let topic = topic.name().to_owned();
            let lost = LostRange { topic, partition: number, from: commit.next, to: start };
            if let Some(skip) = self.skip_of(&lost) {
                tracing::warn!(stage = self.name, "given up by order: {skip}");
                onwards.push(Commit { next: skip.to, metadata: String::new(), ..commit.clone() });
            } else {
                tracing::error!(stage = self.name, "expired before it was read: {lost}");
                self.expired.insert(commit.partition, lost);
            }
        }
        onwards
    }

    /// Whether a position of ours has left the log.
    pub(crate) fn any_expired(&self) -> bool {
        !self.expired.is_empty()
    }

    /// Whether the breaker may stop the stage now.
    pub(crate) fn breaker_is_on(&self, now: Millis) -> bool {
        !self.control.breaker_is_off(now)
    }

    /// These records are to be handled next.
    pub(crate) fn next(&mut self, batch: &Batch) {
        self.fronts.next(batch);
    }

    /// Nothing is left to be handled, as far as anybody knows.
    pub(crate) fn dry(&mut self) {
        self.fronts.dry(self.metrics);
    }

    /// Partitions that are no longer ours.
    pub(crate) fn lost(&mut self, partitions: &[Partition]) {
        self.fronts.lost(partitions);
        if let Some(parked) = &mut self.parked {
            parked.partitions.retain(|partition| !partitions.contains(partition));
        }
    }

    /// A dependency is gone; the log is told to hold everything meanwhile.
    pub(crate) fn halted(&mut self, halt: &Halt) {
        tracing::warn!(stage = self.name, dependency = halt.dependency, "halted: {halt}");
        self.succeeded();
        self.forget_holds();
        self.metrics.halted(halt.dependency, true);
        self.readiness.halted(halt.dependency, halt.to_string());
        self.halted = Some(halt.clone());
    }

    /// Something succeeded: nothing is waited for any more.
    pub(crate) fn succeeded(&mut self) {
        if let Some(halt) = self.halted.take() {
            self.metrics.halted(halt.dependency, false);
        }
    }

    /// Tells how the loop stands, where that is not told by a wait that goes on.
    pub(crate) fn show(&self, trouble: Option<String>) {
        if let Some(halt) = &self.halted {
            self.readiness.halted(halt.dependency, halt.to_string());
        } else if let Some(stop) = self.control.whole() {
            if stop.by_breaker {
                self.readiness.breaker(told(stop));
            } else {
                self.readiness.paused(told(stop));
            }
        } else if let Some(detail) = trouble {
            self.readiness.halted("broker", detail);
        } else if let Some(detail) = self.told_expired() {
            self.readiness.halted("expired", detail);
        } else if let Some(parked) = &self.parked {
            let numbers = parked.partitions.iter().map(|(_, number)| number.to_string());
            let numbers =
                numbers.collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>().join(", ");
            let detail = format!("partitions {numbers}: {}", parked.halt);
            self.readiness.halted(parked.halt.dependency, detail);
        } else if let Some((partition, stop)) = self.control.partitions().first_key_value() {
            self.readiness.paused(format!("partition {partition}: {}", told(stop)));
        } else {
            self.readiness.ready();
        }
    }

    fn told_expired(&self) -> Option<String> {
        let ranges: Vec<String> = self.expired.values().map(ToString::to_string).collect();
        let name = self.name;
        (!ranges.is_empty()).then(|| {
            format!(
                "left the log before they were read: {}. Nothing is skipped by itself: \
                 `waybill stage skip-expired {name}` gives them up",
                ranges.join("; ")
            )
        })
    }

    fn tell_change(&self, control: &StageControl) {
        let by = |breaker: bool| {
            let stops = control.whole().into_iter().chain(control.partitions().values());
            stops.filter(|stop| stop.by_breaker == breaker).count() > 0
        };
        self.metrics.stopped(StoppedBy::Breaker, by(true));
        self.metrics.stopped(StoppedBy::Operator, by(false));
        if let Some(stop) = control.whole() {
            tracing::warn!(stage = self.name, "stands still: {}", told(stop));
        } else {
            tracing::info!(stage = self.name, "orders changed");
        }
    }
}

fn told(stop: &Stop) -> String {
    let by = if stop.by_breaker { "the breaker of " } else { "" };
    format!("stopped by {by}{}: {}", stop.who, stop.why)
}
