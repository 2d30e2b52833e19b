//! Loading a batch range by range, and what is done when nobody knows how an INSERT ended.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use crashpoint::crashpoint;
use pipeline::Halt;

use super::{SinkLoop, UNNUMBERED};
use crate::{
    batch::{Batch, partition_of},
    breaker::Breaker,
    error::Failed,
    lane::{Load, intent_range},
    ledger::now,
    log::{Log, Partition},
    metadata::Intent,
    record::Record,
    sink::{Inserted, PlacedRow, Range, Sink},
};

impl<L: Log, S: Sink> SinkLoop<'_, L, S> {
    /// Maps a batch, commits its intents, loads it range by range.
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
        self.commit_lanes(&loads.iter().map(|load| load.range).collect::<Vec<_>>())?;
        crashpoint!("after-intent");
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
            let range = intent_range(*partition, start, Intent { end, content: 0 });
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

    /// Reads back and loads what is missing until nothing is.
    ///
    /// The sink takes a content number once. Whoever had the range before may have been frozen
    /// before its INSERT, and send it at any time: only its number makes it a repeat of ours. So
    /// the number is left for the next one (committed before it is used) only when something was
    /// taken under it: part of its rows is there, or a sure INSERT was a repeat itself; and when
    /// the complete range is not what is to be loaded.
    pub(super) fn load_in_doubt(&mut self, mut load: Load<S::Row>) -> Result<(), Failed> {
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
            let whole = missing.len() == load.rows.len() && !load.condemned;
            let is_untaken = match &tried {
                None => load.range.content > 0 || whole,
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
        crashpoint!("insert-acknowledged");
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
            if load.condemned {
                lane.care.relax();
            }
        }
    }
}
