//! What the records of a range become: rows, and the fates of those that become none.

use std::borrow::Cow;

use event::{Hints, Waybill};
use pipeline::{Halt, Rejected};
use telemetry::trace::RecordSpan;
use topology::Topic;

use super::{SinkLoop, UNNUMBERED};
use crate::{
    batch::partition_of,
    breaker::Judged,
    error::Failed,
    lane::Load,
    ledger::Told,
    log::Log,
    record::{Numbered, Record, header},
    sink::{Mapped, MappedRecord, PlacedRow, Range, Sink},
    stage_loop::{barred, condemns, in_safety, number},
};

impl<L: Log, S: Sink> SinkLoop<'_, L, S> {
    /// Maps the records of a range. Of `present` offsets the sink holds the rows already: a record
    /// that kills processes is none of ours then.
    pub(super) fn map_range(
        &mut self,
        range: Range,
        records: &[Record],
        present: &[i64],
    ) -> Result<Load<S::Row>, Failed> {
        let mut load = Load::new(range);
        load.rows.reserve(records.len());
        let redriven = matches!(range.topic, Topic::Redrive(_));
        let mut held = self.held_already(range.topic, records)?;
        for record in records {
            self.begin_record(record, range.end)?;
            let lane = self.lanes.get(&partition_of(record));
            let condemned = condemns(lane.map(|lane| &lane.care), record);
            load.condemned |= condemned;
            if condemned && present.contains(&record.position.offset) {
                continue;
            }
            let numbered = self.number(record);
            let waybill = numbered.as_ref().ok().copied();
            let (mapped, hints) = match (numbered, barred(record, condemned)) {
                (_, Some(rejected)) | (Err(rejected), None) => rejects(rejected),
                (Ok(waybill), None) if held.contains(&waybill) => {
                    (Mapped::already_loaded(), Hints::default())
                }
                (Ok(waybill), None) => {
                    let numbered = Numbered { record, waybill };
                    crashpoint::taste(record.value.as_deref().unwrap_or_default());
                    in_safety(|| self.parts.sink.map(&numbered))
                        .unwrap_or_else(|rejected| Ok(rejects(rejected)))?
                }
            };
            if redriven && matches!(mapped, Mapped::Row(_)) {
                // Redriven twice within the range: the second is a copy of the first.
                held.extend(waybill);
            }
            self.place(&mut load, record, waybill, (mapped, hints))?;
        }
        Ok(load)
    }

    /// Commits that the record was begun, where that is the lane's first or each is begun by
    /// itself.
    fn begin_record(&mut self, record: &Record, upto: i64) -> Result<(), Failed> {
        let Some(lane) = self.lanes.get_mut(&partition_of(record)) else { return Ok(()) };
        let begun = lane.begin(record.position.offset, upto);
        if lane.care.is_careful() {
            self.parts.metrics.careful_record();
        }
        if begun { self.commit_lanes(&[]) } else { Ok(()) }
    }

    /// A side table keeps records without a number too.
    pub(super) fn number(&self, record: &Record) -> Result<Waybill, Rejected> {
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
        (mapped, hints): MappedRecord<'_, S::Row>,
    ) -> Result<(), Failed> {
        let span = RecordSpan::start(self.parts.name, record.header(header::TRACEPARENT));
        let told = |hints| Told { record, waybill, hints, traceparent: span.traceparent() };
        let source = hints.source.as_deref();
        match (mapped, self.parts.ledger.as_deref_mut()) {
            (Mapped::Row(row), _) => {
                self.breaker.note(source, Judged::Accepted);
                let waybill = waybill.unwrap_or(UNNUMBERED);
                load.rows.push(PlacedRow { offset: record.position.offset, waybill, row });
            }
            (Mapped::Reject(rejected), Some(ledger)) => {
                self.breaker.note(source, Judged::Rejected(rejected.reason.word()));
                self.parts.metrics.rejected(rejected.reason, 1);
                let hints = hints.map(Cow::into_owned);
                load.told.push(ledger.dead_letter(&told(&hints), rejected)?);
            }
            (Mapped::Discard(discarded), Some(ledger)) => {
                self.breaker.note(source, Judged::Accepted);
                self.parts.metrics.discarded(discarded.reason, 1);
                let hints = hints.map(Cow::into_owned);
                load.told.push(ledger.discard(&told(&hints), discarded)?);
            }
            (Mapped::Reject(rejected), None) => {
                let at = record.position;
                let detail = format!(
                    "{}-{}@{} cannot be kept, and a side table keeps every record: {}",
                    at.topic, at.partition, at.offset, rejected.detail
                );
                return Err(Halt::new("sink", detail).into());
            }
            (Mapped::Discard(_), None) => {
                return Err(Halt::new("sink", "a side table keeps every record").into());
            }
        }
        Ok(())
    }
}

fn rejects<'r, R>(rejected: Rejected) -> MappedRecord<'r, R> {
    (Mapped::Reject(rejected), Hints::default())
}
