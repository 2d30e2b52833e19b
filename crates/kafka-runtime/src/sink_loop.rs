//! The loop of a sink that can be asked what it holds: intent → load → confirm.
//!
//! The offset `s` is committed with the intent `{e, n}` before the range `s..=e` is loaded; the
//! commit confirms the range before it and carries that range's dead letters in the same
//! transaction. Whoever takes a partition over finds the intent and settles it before anything
//! else: the loop itself does the same after every failure, so there is one way back.

mod bundle;
mod focus;
mod load;
mod map;
mod parked;
mod refused;
mod takeover;

use std::{
    collections::{BTreeMap, VecDeque},
    time::{Duration, Instant},
};

use crashpoint::crashpoint;
use event::{Origin, Waybill};
use pipeline::Halt;
use telemetry::{AbortCause, LoaderMetrics, Readiness, StageMetrics};

use self::focus::Focus;
use crate::{
    batch::{Batch, Rate, partition_of},
    breaker::{Breaker, opened},
    care::{SMALL_BATCH, careful},
    commands::Controls,
    config::BatchLimits,
    error::{Failed, LogError},
    lane::Lane,
    ledger::{Ledger, now},
    log::{Commit, Log, Partition, Polled},
    orders::Orders,
    patience::Patience,
    record::Record,
    shutdown::Shutdown,
    sink::{Range, Sink},
    tail::Tails,
};

/// Without input for this long, what is loaded is confirmed, or lag never clears and no audit
/// hour closes.
const CONFIRM_AFTER: Duration = Duration::from_secs(1);
/// Without a record for this long, what killed processes is not among the records that there are,
/// and what was waited for is not needed any more.
const QUIET: Duration = Duration::from_secs(2);
/// How often lost ranges are looked for while some are known.
const LOOK_AT_EXPIRED: Duration = Duration::from_secs(5);
/// After so many aborts in a row a batch is tried again with a growing pause.
const PATIENT_FROM: u32 = 3;

/// What the loop is made of besides its log.
pub(crate) struct SinkParts<'a, S> {
    pub(crate) name: &'static str,
    pub(crate) slot_id: &'a str,
    /// This process, unlike any other, before it or beside it.
    pub(crate) process: u64,
    pub(crate) epoch: u16,
    pub(crate) limits: BatchLimits,
    pub(crate) sink: &'a mut S,
    /// `None`: a side table, whose rows are never dead-lettered in turn.
    pub(crate) ledger: Option<&'a mut Ledger>,
    pub(crate) controls: &'a Controls,
    pub(crate) metrics: &'a StageMetrics,
    pub(crate) readiness: &'a Readiness,
    pub(crate) shutdown: &'a Shutdown,
}

/// The number of a record of a side table that carries none.
const UNNUMBERED: Waybill =
    Waybill { origin: Origin { epoch: 0, partition: 0, offset: 0 }, appended_at: 0 };

pub(crate) struct SinkLoop<'a, L, S> {
    log: L,
    orders: Orders<'a>,
    parts: SinkParts<'a, S>,
    lanes: BTreeMap<Partition, Lane>,
    tails: Tails,
    /// Records polled while an intent was being settled.
    ahead: VecDeque<Record>,
    /// The lanes are not known for certain: take them anew.
    stale: bool,
    taken_at: Instant,
    /// Batches aborted since the last commit.
    aborts: u32,
    breaker: Breaker,
    loaded_at: Instant,
    /// How long the INSERTs of the last batch took together.
    inserting: Duration,
    heard: Instant,
    rate: Rate,
    /// Records of the last batch.
    gathered: usize,
    focus: Focus,
    loader: LoaderMetrics,
    patience: Patience,
}

impl<'a, L: Log, S: Sink> SinkLoop<'a, L, S> {
    pub(crate) fn new(log: L, parts: SinkParts<'a, S>) -> Self {
        let now = log.clock();
        Self {
            log,
            orders: Orders::new(parts.name, parts.controls, parts.metrics, parts.readiness),
            loader: LoaderMetrics::of(parts.name),
            parts,
            lanes: BTreeMap::new(),
            tails: Tails::new(now),
            ahead: VecDeque::new(),
            stale: false,
            taken_at: now,
            aborts: 0,
            breaker: Breaker::default(),
            loaded_at: now,
            inserting: Duration::ZERO,
            heard: now,
            rate: Rate::new(now),
            gathered: 0,
            focus: Focus::default(),
            patience: Patience::new(),
        }
    }

    /// Gives the log back.
    pub(crate) fn into_log(self) -> L {
        self.log
    }

    /// Runs until asked to stop; then what is loaded is confirmed.
    pub(crate) fn run(&mut self) -> Result<(), LogError> {
        while !self.parts.shutdown.is_requested() {
            self.turn()?;
        }
        if self.stale { Ok(()) } else { self.commit_lanes(&[]).or_else(Self::left_in_doubt) }
    }

    /// A range that could not be confirmed is settled by whoever comes next.
    fn left_in_doubt(failed: Failed) -> Result<(), LogError> {
        match failed {
            Failed::Log(LogError::Abort(_))
            | Failed::Halt(_)
            | Failed::Shard(_)
            | Failed::Breaker(_) => Ok(()),
            Failed::Log(error) => Err(error),
        }
    }

    /// One batch, from the first poll to the last row.
    pub(crate) fn turn(&mut self) -> Result<(), LogError> {
        match self.try_turn() {
            Ok(()) => Ok(()),
            Err(Failed::Halt(halt) | Failed::Shard(halt)) => self.halt(&halt),
            Err(Failed::Breaker(why)) => self.trip(why),
            Err(Failed::Log(LogError::Abort(detail))) => {
                tracing::warn!(sink = self.parts.name, "batch aborted: {detail}");
                self.aborts += 1;
                if self.aborts >= PATIENT_FROM {
                    return self.halt(&Halt::new("broker", detail));
                }
                self.give_up(AbortCause::Abortable)
            }
            Err(Failed::Log(error)) => Err(error),
        }
    }

    fn try_turn(&mut self) -> Result<(), Failed> {
        if self.stale {
            self.take_lanes()?;
        }
        self.obey()?;
        let batch = self.gather()?;
        if self.stale {
            // The assignment changed under the batch: its records come again.
            return Ok(());
        }
        if batch.is_empty() {
            return self.idle();
        }
        crashpoint!("after-poll");
        self.heard = self.log.clock();
        self.orders.next(&batch);
        self.load(batch)?;
        self.aborts = 0;
        self.patience.restored();
        self.orders.succeeded();
        self.orders.show(None);
        Ok(())
    }

    /// Follows the orders. An intent that was found while its partition was held is still to be
    /// settled when it is let go.
    fn obey(&mut self) -> Result<(), Failed> {
        self.stale |= self.orders.unpark(self.log.clock());
        let cares = self.lanes.iter().map(|(partition, lane)| (partition, &lane.care));
        let changed = self.orders.follow(&mut self.log, &careful(cares))?;
        if changed.lifted {
            self.breaker = Breaker::default();
        }
        self.stale |= changed.skip || changed.released;
        Ok(self.focus()?)
    }

    fn gather(&mut self) -> Result<Batch, LogError> {
        // It is the mapping that may kill: that is done record by record, the loading is not.
        let readable = self.lanes.iter().filter(|(partition, _)| !self.orders.holds(**partition));
        let limit = readable.filter_map(|(_, lane)| lane.care.batch_limit(SMALL_BATCH)).min();
        let limits = self.parts.limits.grown(self.rate.per_second()).rested(self.inserting);
        let mut batch = Batch::expecting(self.gathered, limits.at_most(limit));
        loop {
            let now = self.log.clock();
            if batch.is_full(now) {
                break;
            }
            if let Some(record) = self.ahead.pop_front() {
                batch.push(record, now);
                continue;
            }
            match self.log.poll(batch.wait(now - self.heard))? {
                Polled::Record(record) if self.orders.is_parked(partition_of(&record)) => {}
                Polled::Record(record) => batch.push(record, now),
                Polled::Nothing => break,
                Polled::OutOfRange => {
                    let looked = self.log.clock() - self.taken_at < LOOK_AT_EXPIRED;
                    self.stale |= !(self.orders.any_expired() && looked);
                }
                Polled::Assigned(_) => {
                    self.stale = true;
                    break;
                }
                Polled::Revoked(partitions) => {
                    crashpoint!("in-revoke");
                    self.orders.lost(&partitions);
                    self.stale = true;
                    break;
                }
            }
        }
        self.gathered = batch.records().len();
        self.rate.note(self.gathered, self.log.clock());
        self.focus.was_filled = limit.is_none() && batch.is_filled();
        Ok(batch)
    }

    /// Nothing came: what is loaded is confirmed, and whether that is peace or trouble is told.
    fn idle(&mut self) -> Result<(), Failed> {
        if self.log.clock() - self.loaded_at >= CONFIRM_AFTER {
            self.commit_lanes(&[])?;
        }
        let trouble = self.log.trouble();
        if trouble.is_none() && self.log.clock() - self.heard >= QUIET {
            self.lanes.values_mut().for_each(|lane| lane.care.relax());
            self.orders.succeeded();
            if !self.orders.holds_any() {
                self.orders.dry();
            }
        }
        self.orders.show(trouble);
        self.pass_markers()
    }

    /// Commits past the markers at the ends of quiet partitions.
    fn pass_markers(&mut self) -> Result<(), Failed> {
        let (orders, lanes) = (&self.orders, &self.lanes);
        let passed = self.tails.passed(&mut self.log, || {
            let ours = lanes.iter().filter(|(partition, _)| !orders.holds(**partition));
            ours.map(|(partition, lane)| (*partition, lane.start)).collect()
        })?;
        for (partition, end) in &passed {
            if let Some(lane) = self.lanes.get_mut(partition) {
                lane.advance(*end, Vec::new());
            }
        }
        if passed.is_empty() { Ok(()) } else { self.commit_lanes(&[]) }
    }

    fn give_up(&mut self, cause: AbortCause) -> Result<(), LogError> {
        self.parts.metrics.aborted(cause);
        self.stale = true;
        self.log.abort()
    }

    /// Waits for a dependency; the lanes are taken anew afterwards, whatever the polls bring.
    fn halt(&mut self, halt: &Halt) -> Result<(), LogError> {
        self.orders.halted(halt);
        self.give_up(AbortCause::Halt)?;
        self.take_marks_back()?;
        self.patience.wait_out(&mut self.log, self.parts.shutdown, drop)?;
        self.heard = self.log.clock();
        Ok(())
    }

    /// A halt is not an attempt.
    fn take_marks_back(&mut self) -> Result<(), LogError> {
        let mut any = false;
        for lane in self.lanes.values_mut() {
            any |= lane.take_back();
        }
        if !any {
            return Ok(());
        }
        match self.commit_lanes(&[]) {
            Ok(()) => Ok(()),
            Err(
                Failed::Log(LogError::Abort(_))
                | Failed::Halt(_)
                | Failed::Shard(_)
                | Failed::Breaker(_),
            ) => self.log.abort(),
            Err(Failed::Log(error)) => Err(error),
        }
    }

    /// The breaker opened: the batch comes again once an operator has said so.
    fn trip(&mut self, why: String) -> Result<(), LogError> {
        tracing::error!(sink = self.parts.name, "the breaker opened: {why}");
        self.give_up(AbortCause::Breaker)?;
        self.breaker = Breaker::default();
        let Some(ledger) = self.parts.ledger.as_deref() else { return Ok(()) };
        let command = opened(self.parts.name, self.parts.slot_id, why, now());
        let told = match ledger.command(&command) {
            Ok(told) => told,
            Err(halt) => return self.halt(&halt),
        };
        self.log.begin()?;
        self.log.send(&told, false)?;
        self.log.drain()?;
        self.log.commit(&[])?;
        self.parts.controls.note(&command);
        Ok(())
    }

    /// Commits the intents of `ranges`, confirms what every other lane has loaded, and writes the
    /// dead letters and discards of all of it: one transaction.
    fn commit_lanes(&mut self, ranges: &[Range]) -> Result<(), Failed> {
        let commits: Vec<Commit> = self
            .lanes
            .iter()
            .filter_map(|(partition, lane)| lane.commit(*partition, ranges))
            .collect();
        if commits.is_empty() {
            return Ok(());
        }
        let ours = self.log.assignment()?;
        if commits.iter().any(|commit| !ours.contains(&commit.partition)) {
            self.stale = true;
            return Err(Halt::new("assignment", "a partition was lost").into());
        }
        let begun = Instant::now();
        self.log.begin()?;
        for told in self.lanes.values().flat_map(|lane| &lane.told) {
            self.log.send(told, false)?;
        }
        self.log.drain()?;
        self.log.commit(&commits)?;
        self.parts.metrics.commit_seconds(begun.elapsed());
        self.parts.metrics.committed();
        for (partition, lane) in &mut self.lanes {
            lane.committed(*partition, ranges);
        }
        Ok(())
    }
}
