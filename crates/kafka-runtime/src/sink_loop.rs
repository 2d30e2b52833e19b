//! The loop of a sink that can be asked what it holds: intent → load → confirm.
//!
//! The offset `s` is committed with the intent `{e, n}` before the range `s..=e` is loaded; the
//! commit confirms the range before it and carries that range's dead letters in the same
//! transaction. Whoever takes a partition over finds the intent and settles it before anything
//! else: the loop itself does the same after every failure, so there is one way back.

mod takeover;

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    time::{Duration, Instant},
};

use event::{Hints, Origin, Waybill};
use pipeline::Halt;
use telemetry::{AbortCause, LoaderMetrics, Readiness, StageMetrics, trace::RecordSpan};
use topology::Topic;

use crate::{
    batch::{Batch, partition_of},
    config::BatchLimits,
    error::{Failed, LogError},
    intent::Intent,
    lane::{Lane, Load, intent_range},
    ledger::{Ledger, Told, now},
    log::{Commit, Log, Partition, Polled},
    patience::{IDLE_POLL, Patience, Waiting},
    record::{Numbered, Record, header},
    shutdown::Shutdown,
    sink::{Inserted, Mapped, PlacedRow, Range, Sink},
    stage_loop::number,
};

/// Without input for this long, what is loaded is confirmed, or lag never clears and no audit
/// hour closes.
const CONFIRM_AFTER: Duration = Duration::from_secs(1);

/// What the loop is made of besides its log.
pub(crate) struct SinkParts<'a, S> {
    pub(crate) name: &'static str,
    pub(crate) epoch: u16,
    pub(crate) limits: BatchLimits,
    pub(crate) sink: &'a mut S,
    /// `None`: a side table, whose rows are never dead-lettered in turn.
    pub(crate) ledger: Option<&'a mut Ledger>,
    pub(crate) metrics: &'a StageMetrics,
    pub(crate) readiness: &'a Readiness,
    pub(crate) shutdown: &'a Shutdown,
}

impl<'a, S> SinkParts<'a, S> {
    fn waiting(&self) -> Waiting<'a> {
        let (metrics, readiness) = (self.metrics, self.readiness);
        Waiting { name: self.name, metrics, readiness, shutdown: self.shutdown }
    }
}

/// The number of a record of a side table that carries none.
const UNNUMBERED: Waybill =
    Waybill { origin: Origin { epoch: 0, partition: 0, offset: 0 }, appended_at: 0 };

pub(crate) struct SinkLoop<'a, L, S> {
    log: L,
    parts: SinkParts<'a, S>,
    lanes: BTreeMap<Partition, Lane>,
    /// Records polled while an intent was being settled.
    ahead: VecDeque<Record>,
    stale: bool,
    loaded_at: Instant,
    loader: LoaderMetrics,
    patience: Patience,
}

impl<'a, L: Log, S: Sink> SinkLoop<'a, L, S> {
    pub(crate) fn new(log: L, parts: SinkParts<'a, S>) -> Self {
        let loader = LoaderMetrics::of(parts.name);
        let loaded_at = log.clock();
        Self {
            log,
            parts,
            loader,
            lanes: BTreeMap::new(),
            ahead: VecDeque::new(),
            stale: false,
            loaded_at,
            patience: Patience::new(),
        }
    }

    #[cfg(test)]
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
            Failed::Halt(_) | Failed::Log(LogError::Abort(_)) => Ok(()),
            Failed::Log(error) => Err(error),
        }
    }

    pub(crate) fn turn(&mut self) -> Result<(), LogError> {
        match self.try_turn() {
            Ok(()) => Ok(()),
            Err(Failed::Halt(halt)) => {
                self.parts.metrics.aborted(AbortCause::Halt);
                self.stale = true;
                let who = self.parts.waiting();
                // Whatever the polls bring, the lanes are taken anew afterwards.
                self.patience.wait_out(&mut self.log, who, &halt, drop)
            }
            Err(Failed::Log(LogError::Abort(detail))) => {
                tracing::warn!(sink = self.parts.name, "batch aborted: {detail}");
                self.parts.metrics.aborted(AbortCause::Abortable);
                self.stale = true;
                self.log.abort()
            }
            Err(Failed::Log(error)) => Err(error),
        }
    }

    fn try_turn(&mut self) -> Result<(), Failed> {
        if self.stale {
            self.take_lanes()?;
        }
        let batch = self.gather()?;
        if self.stale {
            // The assignment changed under the batch: its records come again.
            return Ok(());
        }
        if batch.is_empty() {
            if self.log.clock() - self.loaded_at >= CONFIRM_AFTER {
                self.commit_lanes(&[])?;
            }
            return Ok(());
        }
        self.load(batch)?;
        self.patience.restored();
        self.parts.readiness.ready();
        Ok(())
    }

    fn gather(&mut self) -> Result<Batch, LogError> {
        let mut batch = Batch::new(self.parts.limits);
        while let Some(record) = self.ahead.pop_front() {
            batch.push(record);
        }
        while !batch.is_full() {
            let wait = if batch.is_empty() { IDLE_POLL } else { self.parts.limits.dry() };
            match self.log.poll(wait)? {
                Polled::Record(record) => batch.push(record),
                Polled::Nothing => break,
                Polled::Assigned(_) | Polled::Revoked(_) => {
                    self.stale = true;
                    break;
                }
            }
        }
        Ok(batch)
    }

    /// Maps a batch, commits its intents, loads it range by range.
    fn load(&mut self, batch: Batch) -> Result<(), Failed> {
        self.parts.metrics.received(batch.records().len() as u64);
        self.parts.metrics.batch(batch.records().len(), batch.bytes());
        let mut by_partition: BTreeMap<Partition, Vec<Record>> = BTreeMap::new();
        for record in batch.into_records() {
            by_partition.entry(partition_of(&record)).or_default().push(record);
        }
        let mut loads = Vec::with_capacity(by_partition.len());
        for (partition, records) in &by_partition {
            let Some(lane) = self.lanes.get(partition) else {
                return Err(Halt::new("assignment", "a record of no lane").into());
            };
            let end = records.last().map_or(lane.start, |record| record.position.offset);
            let range = intent_range(*partition, lane.start, Intent { end, content: 0 });
            loads.push(self.map_range(range, records)?);
        }
        self.commit_lanes(&loads.iter().map(|load| load.range).collect::<Vec<_>>())?;
        for load in loads {
            if load.rows.is_empty() {
                self.loaded(load);
                continue;
            }
            if self.insert(&load.range, &load.rows)? {
                self.loaded(load);
            } else {
                self.load_in_doubt(load)?;
            }
        }
        self.loaded_at = self.log.clock();
        Ok(())
    }

    /// Reads back and loads what is missing until nothing is.
    ///
    /// The sink takes a content number once. Whoever had the range before may have been frozen
    /// before its INSERT, and send it at any time: only its number makes it a repeat of ours. So
    /// the number is left for the next one (committed before it is used) only when something was
    /// taken under it: part of its rows is there, or a sure INSERT was a repeat itself.
    fn load_in_doubt(&mut self, mut load: Load<S::Row>) -> Result<(), Failed> {
        let mut tried: Option<(BTreeSet<i64>, bool)> = None;
        loop {
            let present = self.parts.sink.present(&load.range)?;
            let missing = load.missing(&present);
            if tried.is_none() {
                self.loader.recovered(load.found(&missing));
            }
            if missing.is_empty() {
                self.loaded(load);
                return Ok(());
            }
            let is_untaken = match &tried {
                None => load.range.content > 0 || missing.len() == load.rows.len(),
                Some((before, sure)) => !sure && *before == missing,
            };
            if !is_untaken {
                load.range.content += 1;
                self.commit_lanes(&[load.range])?;
            }
            let rows: Vec<PlacedRow<S::Row>> = load.take(&missing);
            let inserted = self.insert(&load.range, &rows);
            load.put_back(rows);
            tried = Some((missing, inserted?));
        }
    }

    /// Whether the sink surely holds the rows now. If not, no INSERT of the partition is running
    /// any more.
    fn insert(&mut self, range: &Range, rows: &[PlacedRow<S::Row>]) -> Result<bool, Failed> {
        let begun = Instant::now();
        let inserted = self.parts.sink.insert(range, rows)?;
        self.loader.insert_seconds(begun.elapsed());
        let Inserted::Uncertain(detail) = inserted else { return Ok(true) };
        tracing::warn!(sink = self.parts.name, "INSERT is uncertain: {detail}");
        self.loader.uncertain();
        self.parts.sink.settle(range.topic, range.partition)?;
        Ok(false)
    }

    fn loaded(&mut self, load: Load<S::Row>) {
        self.parts.metrics.emitted(load.rows.len() as u64);
        self.loader.inserted(load.rows.len() as u64);
        for row in load.rows.iter().filter(|row| row.waybill != UNNUMBERED) {
            let age = u64::try_from(now() - row.waybill.appended_at).unwrap_or_default();
            self.loader.fresh_after(Duration::from_millis(age));
        }
        let partition = (load.range.topic, load.range.partition);
        if let Some(lane) = self.lanes.get_mut(&partition) {
            lane.advance(load.range.end + 1, load.told);
        }
    }

    /// Maps the records of a range: rows, and the fates of those that become none.
    fn map_range(&mut self, range: Range, records: &[Record]) -> Result<Load<S::Row>, Failed> {
        let mut load = Load::new(range);
        let redriven = matches!(range.topic, Topic::Redrive(_));
        let mut held = self.held_already(range.topic, records)?;
        for record in records {
            let numbered = self.number(record);
            let waybill = numbered.as_ref().ok().copied();
            let mapped = match numbered {
                Ok(waybill) if held.contains(&waybill) => {
                    (Mapped::already_loaded(), Hints::default())
                }
                Ok(waybill) => self.parts.sink.map(&Numbered { record, waybill })?,
                Err(rejected) => (Mapped::Reject(rejected), Hints::default()),
            };
            if redriven && matches!(mapped.0, Mapped::Row(_)) {
                // Redriven twice within the range: the second is a copy of the first.
                held.extend(waybill);
            }
            self.place(&mut load, record, waybill, mapped)?;
        }
        Ok(load)
    }

    /// A side table keeps records without a number too.
    fn number(&self, record: &Record) -> Result<Waybill, pipeline::Rejected> {
        match number(record, self.parts.epoch) {
            Err(_) if self.parts.ledger.is_none() => Ok(UNNUMBERED),
            other => other,
        }
    }

    fn held_already(&mut self, topic: Topic, records: &[Record]) -> Result<Vec<Waybill>, Failed> {
        if !matches!(topic, Topic::Redrive(_)) {
            return Ok(Vec::new());
        }
        let numbers: Vec<Waybill> =
            records.iter().filter_map(|record| number(record, self.parts.epoch).ok()).collect();
        Ok(self.parts.sink.loaded(&numbers)?)
    }

    fn place(
        &mut self,
        load: &mut Load<S::Row>,
        record: &Record,
        waybill: Option<Waybill>,
        (mapped, hints): (Mapped<S::Row>, Hints),
    ) -> Result<(), Failed> {
        let span = RecordSpan::start(self.parts.name, record.header(header::TRACEPARENT));
        let told = Told { record, waybill, hints: &hints, traceparent: span.traceparent() };
        match (mapped, self.parts.ledger.as_deref_mut()) {
            (Mapped::Row(row), _) => {
                let waybill = waybill.unwrap_or(UNNUMBERED);
                load.rows.push(PlacedRow { offset: record.position.offset, waybill, row });
            }
            (Mapped::Reject(rejected), Some(ledger)) => {
                self.parts.metrics.rejected(rejected.reason, 1);
                load.told.push(ledger.dead_letter(&told, rejected)?);
            }
            (Mapped::Discard(discarded), Some(ledger)) => {
                self.parts.metrics.discarded(discarded.reason, 1);
                load.told.push(ledger.discard(&told, discarded)?);
            }
            (Mapped::Reject(_) | Mapped::Discard(_), None) => {
                return Err(Halt::new("sink", "a side table keeps every record").into());
            }
        }
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
        for lane in self.lanes.values_mut() {
            lane.committed();
        }
        Ok(())
    }
}
