//! The loop of one transforming stage: batch → transform → outputs, discards, dead letters →
//! offsets → commit, in one transaction.
//!
//! Invariants: nothing is polled inside a transaction; the group's metadata is taken after the
//! batch's last poll; records of a revoked partition are purged; no offset is committed before
//! the fate of every record below it is in the same transaction.

mod fate;
mod take_up;

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use crashpoint::crashpoint;
use pipeline::Halt;
use telemetry::{AbortCause, Readiness, StageMetrics};
use topology::Stage;

use self::take_up::numbers;
use crate::{
    batch::Batch,
    breaker::{Breaker, opened},
    care::{Care, careful},
    commands::Controls,
    config::BatchLimits,
    error::{Failed, LogError},
    ledger::{Ledger, now},
    log::{Commit, Log, Partition, Polled},
    orders::Orders,
    patience::Patience,
    processor::Processor,
    shutdown::Shutdown,
    tail::Tails,
};

pub(crate) use fate::{barred, condemns, in_safety, number};

/// Without a record for this long, what killed processes is not among the records that there are,
/// and what was waited for is not needed any more.
const QUIET: Duration = Duration::from_secs(2);
/// How often lost ranges are looked for while some are known.
const LOOK_AT_EXPIRED: Duration = Duration::from_secs(5);
/// After so many aborts in a row a batch is tried again with a growing pause.
const PATIENT_FROM: u32 = 3;

/// What a loop is made of besides its log.
pub(crate) struct StageParts<'a, P> {
    pub(crate) stage: Stage,
    pub(crate) slot_id: &'a str,
    /// This process, unlike any other, before it or beside it.
    pub(crate) process: u64,
    pub(crate) epoch: u16,
    pub(crate) limits: BatchLimits,
    pub(crate) processor: &'a mut P,
    pub(crate) ledger: &'a mut Ledger,
    pub(crate) controls: &'a Controls,
    pub(crate) metrics: &'a StageMetrics,
    pub(crate) readiness: &'a Readiness,
    pub(crate) shutdown: &'a Shutdown,
}

/// The loop over one log; ends with `Ok` when asked to stop, with `Err` when the log is of no use.
pub(crate) struct StageLoop<'a, L, P> {
    log: L,
    orders: Orders<'a>,
    parts: StageParts<'a, P>,
    /// Batches aborted since the last commit.
    aborts: u32,
    /// The assignment, or the state, is not known for certain: take everything up anew.
    to_take_up: bool,
    taken_up: Instant,
    cares: BTreeMap<Partition, Care>,
    tails: Tails,
    breaker: Breaker,
    patience: Patience,
    heard: Instant,
}

impl<'a, L: Log, P: Processor> StageLoop<'a, L, P> {
    pub(crate) fn new(log: L, parts: StageParts<'a, P>) -> Self {
        let orders =
            Orders::new(parts.stage.name(), parts.controls, parts.metrics, parts.readiness);
        let now = log.clock();
        Self {
            log,
            orders,
            parts,
            aborts: 0,
            to_take_up: false,
            taken_up: now,
            cares: BTreeMap::new(),
            tails: Tails::new(now),
            breaker: Breaker::default(),
            patience: Patience::new(),
            heard: now,
        }
    }

    /// Gives the log back.
    pub(crate) fn into_log(self) -> L {
        self.log
    }

    /// Runs until asked to stop. The batch in hand is finished first.
    pub(crate) fn run(&mut self) -> Result<(), LogError> {
        while !self.parts.shutdown.is_requested() {
            self.turn()?;
        }
        Ok(())
    }

    /// One batch, from the first poll to the commit.
    pub(crate) fn turn(&mut self) -> Result<(), LogError> {
        match self.try_turn() {
            Ok(()) => Ok(()),
            Err(Failed::Halt(halt) | Failed::Shard(halt)) => self.halt(&halt),
            Err(Failed::Breaker(why)) => self.trip(why),
            Err(Failed::Log(LogError::Abort(detail))) => {
                tracing::warn!(stage = self.parts.stage.name(), "batch aborted: {detail}");
                self.aborts += 1;
                if self.aborts >= PATIENT_FROM {
                    return self.halt(&Halt::new("broker", detail));
                }
                self.give_up_batch(AbortCause::Abortable)?;
                self.log.rewind().map(drop)
            }
            Err(Failed::Log(error)) => {
                self.parts.processor.aborted();
                Err(error)
            }
        }
    }

    fn try_turn(&mut self) -> Result<(), Failed> {
        let changed = self.orders.follow(&mut self.log, &careful(self.cares.iter()))?;
        if changed.lifted {
            self.breaker = Breaker::default();
        }
        self.to_take_up |= changed.skip;
        let mut batch = self.gather()?;
        if self.to_take_up {
            // What was gathered comes again from the committed offsets on.
            return self.take_up();
        }
        batch.retain(&self.log.assignment()?);
        if batch.is_empty() {
            self.idle();
            return self.pass_markers();
        }
        self.heard = self.log.clock();
        self.orders.next(&batch);
        self.settle(&batch)?;
        self.aborts = 0;
        self.patience.restored();
        self.orders.succeeded();
        self.orders.show(None);
        Ok(())
    }

    fn gather(&mut self) -> Result<Batch, LogError> {
        let readable = self.cares.iter().filter(|(partition, _)| !self.orders.holds(**partition));
        let limit = readable.filter_map(|(_, care)| care.batch_limit(1)).min();
        let mut batch = Batch::new(self.parts.limits.at_most(limit));
        loop {
            let now = self.log.clock();
            if batch.is_full(now) {
                break;
            }
            match self.log.poll(batch.wait(now - self.heard))? {
                Polled::Record(record) => batch.push(record, now),
                Polled::Revoked(partitions) => {
                    batch.purge(&partitions);
                    self.revoked(&partitions);
                }
                Polled::Assigned(partitions) => {
                    self.assigned(&partitions);
                    break;
                }
                Polled::OutOfRange => {
                    let looked = self.log.clock() - self.taken_up < LOOK_AT_EXPIRED;
                    self.to_take_up |= !(self.orders.any_expired() && looked);
                }
                // Dry, or idle: either way what is in hand is a batch.
                Polled::Nothing => break,
            }
        }
        Ok(batch)
    }

    fn assigned(&mut self, partitions: &[Partition]) {
        tracing::info!(stage = self.parts.stage.name(), partitions = partitions.len(), "assigned");
        self.to_take_up = true;
    }

    fn revoked(&mut self, partitions: &[Partition]) {
        tracing::info!(stage = self.parts.stage.name(), partitions = partitions.len(), "revoked");
        crashpoint!("in-revoke");
        let numbers = numbers(partitions.iter());
        for number in &numbers {
            self.parts.metrics.partition_lost(*number);
        }
        self.cares.retain(|partition, _| !partitions.contains(partition));
        self.orders.lost(partitions);
        self.parts.processor.revoked(&numbers);
    }

    /// Nothing came: whether that is peace or trouble is told.
    fn idle(&mut self) {
        let trouble = self.log.trouble();
        if trouble.is_none() && self.log.clock() - self.heard >= QUIET {
            self.cares.values_mut().for_each(Care::relax);
            self.orders.succeeded();
            if !self.orders.holds_any() {
                self.orders.dry();
            }
        }
        self.orders.show(trouble);
    }

    /// Commits past the markers at the ends of quiet partitions.
    fn pass_markers(&mut self) -> Result<(), Failed> {
        let (orders, cares) = (&self.orders, &self.cares);
        let passed = self.tails.passed(&mut self.log, || {
            let ours = cares.iter().filter(|(partition, _)| !orders.holds(**partition));
            ours.map(|(partition, care)| (*partition, care.next())).collect()
        })?;
        let mut commits = Vec::new();
        for (partition, end) in passed {
            let Some(care) = self.cares.get_mut(&partition) else { continue };
            care.progress(end);
            commits.push(mark_of(partition, care));
        }
        Ok(self.commit_marks(&commits)?)
    }

    /// Gives every record of the batch its fate and commits.
    fn settle(&mut self, batch: &Batch) -> Result<(), Failed> {
        let metrics = self.parts.metrics;
        metrics.received(batch.records().len() as u64);
        metrics.batch(batch.records().len(), batch.bytes());
        self.mark(batch)?;
        crashpoint!("after-poll");
        self.log.begin()?;
        let before = self.breaker.clone();
        let settled = self.settle_records(batch);
        if settled.is_err() {
            // The same records are counted when they come again.
            self.breaker = before;
        }
        let (after, commits) = settled?;
        let changes = self.parts.processor.changes()?;
        for change in &changes {
            self.log.send(change, true)?;
        }
        let drained = Instant::now();
        let written = self.log.drain()?;
        self.log.commit(&commits)?;
        metrics.commit_seconds(drained.elapsed());
        metrics.committed();
        self.cares.extend(after);
        if let Err(halt) = self.parts.processor.committed(&written) {
            // The log is ahead of the store: catch up before anything else is processed.
            tracing::warn!(stage = self.parts.stage.name(), "store is behind: {halt}");
            self.to_take_up = true;
        }
        self.lag(batch);
        Ok(())
    }

    /// Sends the fate of each record. How the partitions stand afterwards, and what is to be
    /// committed of them.
    fn settle_records(
        &mut self,
        batch: &Batch,
    ) -> Result<(BTreeMap<Partition, Care>, Vec<Commit>), Failed> {
        let mut after = BTreeMap::new();
        for record in batch.records() {
            let condemned = self.settle_record(record)?;
            let partition = crate::batch::partition_of(record);
            let Some(care) = self.cares.get(&partition) else { continue };
            let care: &mut Care = after.entry(partition).or_insert_with(|| care.clone());
            care.progress(record.position.offset + 1);
            if condemned {
                care.relax();
            }
        }
        if !self.orders.breaker_is_on(now()) {
            // What is let through counts no more when the breaker is on again.
            self.breaker = Breaker::default();
        } else if let Some(why) = self.breaker.verdict(now()) {
            return Err(Failed::Breaker(why));
        }
        let commits = batch.commits(|partition| after.get(&partition).map(Care::metadata));
        Ok((after, commits))
    }

    /// Commits, before they are handled, that the records of the batch were begun.
    fn mark(&mut self, batch: &Batch) -> Result<(), LogError> {
        let mut marks = Vec::new();
        for (partition, (offset, upto)) in batch.extents() {
            let Some(care) = self.cares.get_mut(&partition) else { continue };
            if care.begin(offset, upto) {
                marks.push(mark_of(partition, care));
            }
            if care.is_careful() {
                self.parts.metrics.careful_record();
            }
        }
        self.commit_marks(&marks)
    }

    fn commit_marks(&mut self, marks: &[Commit]) -> Result<(), LogError> {
        if marks.is_empty() {
            return Ok(());
        }
        self.log.begin()?;
        self.log.commit(marks)
    }

    fn give_up_batch(&mut self, cause: AbortCause) -> Result<(), LogError> {
        self.parts.metrics.aborted(cause);
        self.parts.processor.aborted();
        self.log.abort()
    }

    /// Waits for a dependency, then goes back to the committed offsets.
    fn halt(&mut self, halt: &Halt) -> Result<(), LogError> {
        self.orders.halted(halt);
        self.give_up_batch(AbortCause::Halt)?;
        self.take_marks_back()?;
        // It may have been the state itself that could not be read.
        self.to_take_up |= self.parts.stage.is_stateful();
        let mut changed = Vec::new();
        // Records that slip through before the hold takes effect come again after the rewind.
        self.patience
            .wait_out(&mut self.log, self.parts.shutdown, |polled| changed.push(polled))?;
        for polled in changed {
            match polled {
                Polled::Assigned(partitions) => self.assigned(&partitions),
                Polled::Revoked(partitions) => self.revoked(&partitions),
                Polled::Record(_) | Polled::OutOfRange | Polled::Nothing => {}
            }
        }
        self.heard = self.log.clock();
        self.log.rewind().map(drop)
    }

    /// A halt is not an attempt.
    fn take_marks_back(&mut self) -> Result<(), LogError> {
        let back = |(partition, care): (&Partition, &mut Care)| {
            care.take_back().then(|| mark_of(*partition, care))
        };
        let marks: Vec<Commit> = self.cares.iter_mut().filter_map(back).collect();
        match self.commit_marks(&marks) {
            Err(LogError::Abort(detail)) => {
                tracing::debug!(stage = self.parts.stage.name(), "marks stay: {detail}");
                self.log.abort()
            }
            other => other,
        }
    }

    /// The breaker opened: the batch comes again once an operator has said so.
    fn trip(&mut self, why: String) -> Result<(), LogError> {
        let stage = self.parts.stage;
        tracing::error!(stage = stage.name(), "the breaker opened: {why}");
        self.give_up_batch(AbortCause::Breaker)?;
        self.breaker = Breaker::default();
        let command = opened(stage.name(), self.parts.slot_id, why, now());
        let told = match self.parts.ledger.command(&command) {
            Ok(told) => told,
            Err(halt) => return self.halt(&halt),
        };
        self.log.begin()?;
        self.log.send(&told, false)?;
        self.log.drain()?;
        self.log.commit(&[])?;
        self.parts.controls.note(&command);
        self.log.rewind().map(drop)
    }

    fn lag(&self, batch: &Batch) {
        for (partition, records) in self.log.lag() {
            self.parts.metrics.lag_records(partition, records);
        }
        let oldest = batch.records().iter().filter_map(|record| record.timestamp).min();
        if let Some(oldest) = oldest {
            #[expect(clippy::cast_precision_loss, reason = "a lag in seconds needs no more")]
            self.parts.metrics.lag_seconds((now() - oldest).max(0) as f64 / 1_000.0);
        }
    }
}

fn mark_of(partition: Partition, care: &Care) -> Commit {
    Commit { partition, next: care.next(), metadata: care.metadata().to_string() }
}
