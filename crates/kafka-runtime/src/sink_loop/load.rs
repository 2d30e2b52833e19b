//! Loading the ranges of a batch, and what is done when nobody knows how an INSERT ended.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use crashpoint::crashpoint;
use pipeline::Halt;

use super::{
    SinkLoop, UNNUMBERED,
    bundle::bundled,
    refused::{Ended, Search, TakenBy, Tried},
};
use crate::{
    batch::{Batch, partition_of},
    breaker::Breaker,
    error::Failed,
    lane::{Load, intent_range},
    ledger::now,
    log::{Log, Partition},
    metadata::Intent,
    record::Record,
    sink::{Answered, Inserted, Part, PlacedRow, Range, Sink},
};

impl<L: Log, S: Sink> SinkLoop<'_, L, S> {
    /// Maps a batch, commits its intents, sends its ranges: those of a shard in one INSERT, those of the shards
    /// side by side. What came of each is dealt with one after the other.
    pub(super) fn load(&mut self, batch: Batch) -> Result<(), Failed> {
        self.parts.metrics.received(batch.records().len() as u64);
        self.parts.metrics.batch(batch.records().len(), batch.bytes());
        let mut by_partition: BTreeMap<Partition, Vec<Record>> = BTreeMap::new();
        for record in batch.into_records() {
            by_partition.entry(partition_of(&record)).or_default().push(record);
        }
        let before = self.breaker.clone();
        let loads = self.map_batch(&by_partition);
        if loads.is_err() {
            // The same records are counted when they come again.
            self.breaker = before;
        }
        let loads = loads?;
        let (rows, no_rows): (Vec<_>, Vec<_>) =
            loads.into_iter().partition(|load| !load.rows.is_empty());
        let bundles = bundled(rows, |partition| {
            self.lanes.get(&partition).is_none_or(|lane| lane.care.is_careful())
        });
        let all = bundles.iter().flatten().chain(&no_rows);
        self.commit_lanes(&all.map(|load| load.range).collect::<Vec<_>>())?;
        crashpoint!("after-intent");
        let answers = self.insert_each(&bundles);
        self.inserting = answers.iter().map(|answer| answer.after).sum();
        for load in no_rows {
            self.loaded(load);
        }
        for (loads, answer) in bundles.into_iter().zip(answers) {
            let Some(partition) = loads.first().map(Load::partition) else { continue };
            if self.orders.is_parked(partition) {
                continue;
            }
            match self.answered(loads, &by_partition, answer) {
                // Those of the others too: they are of the same shard.
                Err(Failed::Shard(halt)) => self.park(partition, &halt),
                dealt => dealt?,
            }
        }
        self.loaded_at = self.log.clock();
        Ok(())
    }

    fn map_batch(
        &mut self,
        by_partition: &BTreeMap<Partition, Vec<Record>>,
    ) -> Result<Vec<Load<S::Row>>, Failed> {
        let mut loads = Vec::with_capacity(by_partition.len());
        for (partition, records) in by_partition {
            let Some(start) = self.lanes.get(partition).map(|lane| lane.start) else {
                return Err(Halt::new("assignment", "a record of no lane").into());
            };
            let end = records.last().map_or(start, |record| record.position.offset);
            let shards = self.parts.sink.shards();
            let intent = Intent { end, content: 0, shards, bundle: None };
            let range = intent_range(*partition, start, intent);
            loads.push(self.map_range(range, records, &[])?);
        }
        if !self.orders.breaker_is_on(now()) {
            // What is let through counts no more when the breaker is on again.
            self.breaker = Breaker::default();
        } else if let Some(why) = self.breaker.verdict(now())
            && self.parts.ledger.is_some()
        {
            return Err(Failed::Breaker(why));
        }
        Ok(loads)
    }

    fn insert_each(&mut self, bundles: &[Vec<Load<S::Row>>]) -> Vec<Answered> {
        let part = |load| -> Part<'_, S::Row> {
            let Load { range, rows, .. }: &Load<S::Row> = load;
            (range, rows)
        };
        let inserts: Vec<Vec<_>> =
            bundles.iter().map(|loads| loads.iter().map(part).collect()).collect();
        self.parts.sink.insert_each(&inserts)
    }

    /// Deals with the answer to the first INSERT of these ranges, of which there is at least one.
    fn answered(
        &mut self,
        loads: Vec<Load<S::Row>>,
        records: &BTreeMap<Partition, Vec<Record>>,
        answer: Answered,
    ) -> Result<(), Failed> {
        let ended = self.ended(&loads[0].range, answer)?;
        let ranges = loads.len();
        if let (Ended::Refused(refusal), 2..) = (&ended, ranges) {
            self.loader.refused();
            let detail = &refusal.detail;
            tracing::warn!(sink = self.parts.name, ranges, "INSERT is refused: {detail}");
        }
        for load in loads {
            let records = records.get(&load.partition()).map_or(&[][..], Vec::as_slice);
            match &ended {
                Ended::Sure => self.loaded(load),
                Ended::Refused(refusal) if ranges == 1 => {
                    let tried = Tried::refused(&load, refusal.clone());
                    self.load_in_doubt(load, records, Some(tried))?;
                }
                // Of several ranges each is tried by itself.
                Ended::Doubt | Ended::Refused(_) => self.load_in_doubt(load, records, None)?,
            }
        }
        Ok(())
    }

    /// Reads back and loads what is missing until nothing is; `tried` is an INSERT that was refused
    /// before. Its `records` are those of the range.
    pub(super) fn load_in_doubt(
        &mut self,
        load: Load<S::Row>,
        records: &[Record],
        tried: Option<Tried>,
    ) -> Result<(), Failed> {
        let before = self.breaker.clone();
        let mut search = Search::default();
        let loaded = self.load_missing(load, records, tried, &mut search);
        if loaded.is_err() {
            // The same rows are refused when they come again.
            self.breaker = before;
        } else if search.begun {
            self.orders.hold_again(&mut self.log)?;
        }
        loaded
    }

    /// The sink takes a content number once. Whoever had the range before may have been frozen
    /// before its INSERT, and send it at any time: only its number makes it a repeat of ours. So
    /// the number is left for the next one (committed before it is used) only when something was
    /// taken under it: part of its rows is there, or a sure INSERT was a repeat itself. What is refused
    /// takes nothing: rows that are tried again in smaller pieces keep the number until the first piece
    /// is taken. So does the range that a record is left out of because processes died on it.
    ///
    /// Whoever was frozen before the INSERT may have sent it after we settled the range, and only its
    /// first part was seen. So what runs is waited for before a number is left: nothing begins under it
    /// any more.
    fn load_missing(
        &mut self,
        mut load: Load<S::Row>,
        records: &[Record],
        mut tried: Option<Tried>,
        search: &mut Search,
    ) -> Result<(), Failed> {
        loop {
            let mut missing = self.missing(&load)?;
            let taken_by = if let Some(tried) = tried {
                let taken_by = tried.taken_by(&missing);
                self.judge((&mut load, records), search, &mut missing, tried)?;
                taken_by
            } else {
                self.loader.recovered(load.found(&missing));
                let whole = missing.len() == load.rows.len();
                if load.range.content > 0 || whole { TakenBy::Nobody } else { TakenBy::Somebody }
            };
            if taken_by == TakenBy::Somebody && !missing.is_empty() {
                self.settle(&load.range)?;
                missing = self.missing(&load)?;
            }
            if missing.is_empty() {
                self.loaded(load);
                return Ok(());
            }
            if taken_by != TakenBy::Nobody {
                load.range.content += 1;
                self.commit_lanes(&[load.range])?;
            }
            let piece = search.pieces.next(&missing);
            let rows: Vec<PlacedRow<S::Row>> = load.take(&piece);
            let ended = self.insert(&load.range, &rows);
            load.put_back(rows);
            tried = Some(Tried { missing, piece, ended: ended? });
        }
    }

    /// Offsets of the rows that the sink does not hold.
    fn missing(&mut self, load: &Load<S::Row>) -> Result<BTreeSet<i64>, Failed> {
        let present = self.parts.sink.present(&load.range);
        Ok(load.missing(&present.map_err(|halt| self.of_shard(halt))?))
    }

    pub(super) fn settle(&mut self, range: &Range) -> Result<(), Failed> {
        let settled = self.parts.sink.settle(range);
        settled.map_err(|halt| self.of_shard(halt))
    }

    /// Sends an INSERT; nothing of it is running any more afterwards.
    fn insert(&mut self, range: &Range, rows: &[PlacedRow<S::Row>]) -> Result<Ended, Failed> {
        let begun = Instant::now();
        let inserted = self.parts.sink.insert(&[(range, rows)]);
        self.ended(range, Answered { inserted, after: begun.elapsed() })
    }

    /// What is known once an INSERT was answered; nothing of it is running any more afterwards.
    fn ended(&mut self, range: &Range, answer: Answered) -> Result<Ended, Failed> {
        let inserted = answer.inserted.map_err(|halt| self.of_shard(halt))?;
        crashpoint!("insert-acknowledged");
        self.loader.insert_seconds(answer.after);
        match inserted {
            Inserted::Loaded => Ok(Ended::Sure),
            Inserted::Refused(refusal) => Ok(Ended::Refused(refusal)),
            Inserted::Uncertain(detail) => {
                tracing::warn!(sink = self.parts.name, "INSERT is uncertain: {detail}");
                self.loader.uncertain();
                self.settle(range)?;
                Ok(Ended::Doubt)
            }
        }
    }

    fn loaded(&mut self, load: Load<S::Row>) {
        self.parts.metrics.emitted(load.rows.len() as u64);
        self.loader.inserted(load.rows.len() as u64);
        let now = now();
        for row in load.rows.iter().filter(|row| row.waybill != UNNUMBERED) {
            let age = u64::try_from(now - row.waybill.appended_at).unwrap_or_default();
            self.loader.fresh_after(Duration::from_millis(age));
        }
        if let Some(lane) = self.lanes.get_mut(&load.partition()) {
            lane.advance(load.range.end + 1, load.told);
            if load.condemned {
                lane.care.relax();
            }
        }
    }
}
