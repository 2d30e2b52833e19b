//! The loop of one transforming stage: batch → transform → outputs, discards, dead letters →
//! offsets → commit, in one transaction.
//!
//! Invariants: nothing is polled inside a transaction; the group's metadata is taken after the
//! batch's last poll; records of a revoked partition are purged; no offset is committed before
//! the fate of every record below it is in the same transaction.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    time::Instant,
};

use crashpoint::crashpoint;
use event::{Hints, Millis, Origin, Waybill};
use pipeline::{Halt, RejectReason, Rejected};
use telemetry::{AbortCause, Readiness, StageMetrics, trace::RecordSpan};
use topology::{Stage, Topic};

use crate::{
    batch::Batch,
    config::BatchLimits,
    error::{Failed, LogError},
    ledger::{Ledger, Told, fits, following, now},
    log::{Log, Partition, Polled},
    patience::{IDLE_POLL, Patience, Waiting},
    processor::{Fate, Processed, Processor},
    record::{Numbered, Outgoing, Position, Record, header},
    shutdown::Shutdown,
};

/// What a loop is made of besides its log.
pub(crate) struct StageParts<'a, P> {
    pub(crate) stage: Stage,
    pub(crate) epoch: u16,
    pub(crate) limits: BatchLimits,
    pub(crate) processor: &'a mut P,
    pub(crate) ledger: &'a mut Ledger,
    pub(crate) metrics: &'a StageMetrics,
    pub(crate) readiness: &'a Readiness,
    pub(crate) shutdown: &'a Shutdown,
}

impl<'a, P> StageParts<'a, P> {
    fn waiting(&self) -> Waiting<'a> {
        let (metrics, readiness) = (self.metrics, self.readiness);
        Waiting { name: self.stage.name(), metrics, readiness, shutdown: self.shutdown }
    }
}

/// The loop over one log; ends with `Ok` when asked to stop, with `Err` when the log is of no use.
pub(crate) struct StageLoop<'a, L, P> {
    log: L,
    parts: StageParts<'a, P>,
    to_restore: bool,
    patience: Patience,
}

impl<'a, L: Log, P: Processor> StageLoop<'a, L, P> {
    pub(crate) fn new(log: L, parts: StageParts<'a, P>) -> Self {
        Self { log, parts, to_restore: false, patience: Patience::new() }
    }

    #[cfg(test)]
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
        let mut batch = self.gather()?;
        if self.to_restore {
            if let Err(halt) = self.restore()? {
                return self.wait_out(&halt);
            }
            if batch.is_empty() {
                return Ok(());
            }
        }
        batch.retain(&self.log.assignment()?);
        if batch.is_empty() {
            return Ok(());
        }
        crashpoint!("after-poll");
        match self.settle(&batch) {
            Ok(()) => {
                self.patience.restored();
                self.parts.readiness.ready();
                Ok(())
            }
            Err(Failed::Halt(halt)) => {
                self.parts.metrics.aborted(AbortCause::Halt);
                self.give_up_batch()?;
                // It may have been the state itself that could not be read.
                self.to_restore |= self.parts.stage.is_stateful();
                self.wait_out(&halt)
            }
            Err(Failed::Log(LogError::Abort(detail))) => {
                tracing::warn!(stage = self.parts.stage.name(), "batch aborted: {detail}");
                self.parts.metrics.aborted(AbortCause::Abortable);
                self.give_up_batch()?;
                self.log.rewind().map(drop)
            }
            Err(Failed::Log(error)) => {
                self.parts.processor.aborted();
                Err(error)
            }
        }
    }

    fn give_up_batch(&mut self) -> Result<(), LogError> {
        self.parts.processor.aborted();
        self.log.abort()
    }

    fn gather(&mut self) -> Result<Batch, LogError> {
        let mut batch = Batch::new(self.parts.limits);
        loop {
            let wait = if batch.is_empty() { IDLE_POLL } else { self.parts.limits.dry() };
            match self.log.poll(wait)? {
                Polled::Record(record) => batch.push(record),
                Polled::Revoked(partitions) => {
                    batch.purge(&partitions);
                    self.revoked(&partitions);
                }
                Polled::Assigned(partitions) => self.assigned(&partitions),
                // Dry, or idle: either way what is in hand is a batch.
                Polled::Nothing => return Ok(batch),
            }
            if batch.is_full() {
                return Ok(batch);
            }
        }
    }

    fn assigned(&mut self, partitions: &[Partition]) {
        tracing::info!(stage = self.parts.stage.name(), partitions = partitions.len(), "assigned");
        self.to_restore = true;
    }

    fn revoked(&mut self, partitions: &[Partition]) {
        tracing::info!(stage = self.parts.stage.name(), partitions = partitions.len(), "revoked");
        crashpoint!("in-revoke");
        let numbers = numbers(partitions.iter());
        for number in &numbers {
            self.parts.metrics.partition_lost(*number);
        }
        self.parts.processor.revoked(&numbers);
    }

    /// Brings the processor's state up to date with what is committed. The inner error means
    /// that it could not be done yet.
    fn restore(&mut self) -> Result<Result<(), Halt>, LogError> {
        let ours = self.log.assignment()?;
        let partitions = numbers(ours.iter());
        if self.parts.stage.is_stateful()
            && let Some(detail) = not_co_partitioned(self.parts.stage, ours.iter(), &partitions)
        {
            return Ok(Err(Halt::new("assignment", detail)));
        }
        if let Err(halt) = self.parts.processor.assigned(&partitions, self.log.changelog()) {
            return Ok(Err(halt));
        }
        self.to_restore = false;
        self.parts.readiness.ready();
        Ok(Ok(()))
    }

    /// Gives every record of the batch its fate and commits.
    fn settle(&mut self, batch: &Batch) -> Result<(), Failed> {
        let parts = &mut self.parts;
        parts.metrics.received(batch.records().len() as u64);
        parts.metrics.batch(batch.records().len(), batch.bytes());
        self.log.begin()?;
        for record in batch.records() {
            self.settle_record(record)?;
        }
        let changes = self.parts.processor.changes()?;
        for change in &changes {
            self.log.send(change, true)?;
        }
        let drained = Instant::now();
        let written = self.log.drain()?;
        self.log.commit(&batch.commits())?;
        self.parts.metrics.commit_seconds(drained.elapsed());
        self.parts.metrics.committed();
        if let Err(halt) = self.parts.processor.committed(&written) {
            // The log is ahead of the store: catch up before anything else is processed.
            tracing::warn!(stage = self.parts.stage.name(), "store is behind: {halt}");
            self.to_restore = true;
        }
        self.lag(batch);
        Ok(())
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

    fn settle_record(&mut self, record: &Record) -> Result<(), Failed> {
        let stage = self.parts.stage;
        let span = RecordSpan::start(stage.name(), record.header(header::TRACEPARENT));
        let numbered = number(record, self.parts.epoch);
        let waybill = numbered.as_ref().ok().copied();
        let processed = match numbered {
            Ok(waybill) => process(self.parts.processor, record, waybill)?,
            Err(rejected) => unprocessed(Fate::Reject(rejected)),
        };
        let told =
            Told { record, waybill, hints: &processed.hints, traceparent: span.traceparent() };
        let outgoing = self.tell(&told, processed.fate)?;
        self.log.send(&outgoing, false)?;
        self.send_side(processed.side, &told)
    }

    fn send_side(&mut self, side: Vec<Outgoing>, told: &Told<'_>) -> Result<(), Failed> {
        self.parts.metrics.side_records(side.len() as u64);
        for mut beside in side {
            beside.headers.extend(following(told.waybill, told.traceparent.clone()));
            self.log.send(&beside, false)?;
        }
        Ok(())
    }

    /// The one record that tells the fate.
    fn tell(&mut self, told: &Told<'_>, fate: Fate) -> Result<Outgoing, Failed> {
        let parts = &mut self.parts;
        match fate {
            Fate::Emit { key, value } => {
                let Some(topic) = parts.stage.output() else {
                    return Err(Failed::Halt(Halt::new("topology", "a sink emits nothing")));
                };
                let headers = following(told.waybill, told.traceparent.clone());
                let output = Outgoing {
                    topic,
                    partition: None,
                    key: Some(key),
                    value: Some(value),
                    headers,
                };
                if fits(&output) {
                    parts.metrics.emitted(1);
                    return Ok(output);
                }
                parts.metrics.rejected(RejectReason::TooLarge, 1);
                Ok(parts.ledger.dead_letter(told, Ledger::too_large(&output))?)
            }
            Fate::Discard(discarded) => {
                parts.metrics.discarded(discarded.reason, 1);
                Ok(parts.ledger.discard(told, discarded)?)
            }
            Fate::Reject(rejected) => {
                parts.metrics.rejected(rejected.reason, 1);
                Ok(parts.ledger.dead_letter(told, rejected)?)
            }
        }
    }

    /// Waits for a dependency, then goes back to the committed offsets.
    fn wait_out(&mut self, halt: &Halt) -> Result<(), LogError> {
        let who = self.parts.waiting();
        let mut changed = Vec::new();
        // Records that slip through before the pause takes hold come again after the rewind.
        self.patience.wait_out(&mut self.log, who, halt, |polled| changed.push(polled))?;
        for polled in changed {
            match polled {
                Polled::Assigned(partitions) => self.assigned(&partitions),
                Polled::Revoked(partitions) => self.revoked(&partitions),
                Polled::Record(_) | Polled::Nothing => {}
            }
        }
        self.log.rewind()?;
        self.log.resume()
    }
}

/// The event's number: its position on `raw-events`, the header elsewhere.
pub(crate) fn number(record: &Record, epoch: u16) -> Result<Waybill, Rejected> {
    let Position { topic, partition, offset } = record.position;
    if topic == Topic::RawEvents {
        let appended_at: Millis = record.timestamp.unwrap_or_default();
        return Ok(Waybill { origin: Origin { epoch, partition, offset }, appended_at });
    }
    let Some(value) = record.header(header::WAYBILL) else {
        let detail = format!("{topic}-{partition}@{offset} has no header `{}`", header::WAYBILL);
        return Err(Rejected::new(RejectReason::NoWaybill, detail));
    };
    Waybill::from_header(value)
        .map_err(|error| Rejected::new(RejectReason::NoWaybill, error.to_string()))
}

/// Lets the processor judge; a panic is the record's fault.
fn process<P: Processor>(
    processor: &mut P,
    record: &Record,
    waybill: Waybill,
) -> Result<Processed, Halt> {
    let numbered = Numbered { record, waybill };
    let judged = catch_unwind(AssertUnwindSafe(|| processor.process(&numbered)));
    judged.unwrap_or_else(|panic| {
        let detail = format!("the step panicked: {}", panic_message(panic.as_ref()));
        Ok(unprocessed(Fate::Reject(Rejected::new(RejectReason::StepPanicked, detail))))
    })
}

fn unprocessed(fate: Fate) -> Processed {
    Processed { fate, hints: Hints::default(), side: Vec::new() }
}

fn panic_message(panic: &(dyn std::any::Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message")
}

fn numbers<'p>(partitions: impl Iterator<Item = &'p Partition>) -> Vec<i32> {
    let unique: std::collections::BTreeSet<i32> = partitions.map(|(_, number)| *number).collect();
    unique.into_iter().collect()
}

/// A stateful stage needs the same partition numbers of all its inputs.
fn not_co_partitioned<'p>(
    stage: Stage,
    ours: impl Iterator<Item = &'p Partition>,
    partitions: &[i32],
) -> Option<String> {
    let expected = partitions.len() * stage.inputs().len();
    let found = ours.count();
    (found != expected).then(|| {
        format!(
            "{found} partitions are assigned, {expected} expected: the inputs of {stage} must \
             have equal partition counts and come to the same instance"
        )
    })
}
