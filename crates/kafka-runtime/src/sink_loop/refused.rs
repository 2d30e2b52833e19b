//! Rows that the sink refuses: each is found, told and left out, and the rest is loaded.

use std::{borrow::Cow, time::Duration};

use event::Hints;
use pipeline::{Halt, RejectReason, Rejected};
use telemetry::trace::RecordSpan;
use topology::Topic;

use super::{SinkLoop, UNNUMBERED};
use crate::{
    error::{Failed, LogError},
    lane::Load,
    ledger::{Told, now},
    log::{Log, Polled},
    pieces::{Piece, Pieces},
    record::{Numbered, Record, header},
    sink::{Mapped, PlacedRow, Refusal, Sink},
    stage_loop::in_safety,
};

/// After so many refused rows of a range of which none was taken, as many are tried from all over
/// it: if they are refused too, it is not the rows that are at fault.
const SUSPICIOUS: usize = 20;

/// How an INSERT ended. Nothing of it is running any more.
#[derive(Debug)]
pub(super) enum Ended {
    /// The sink surely holds the rows.
    Sure,
    /// Nobody knows what of it is there.
    Doubt,
    /// It was refused.
    Refused(Refusal),
}

/// Who used a content number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TakenBy {
    /// Nothing was taken under it.
    Nobody,
    /// Our last INSERT, all of which is there.
    Us,
    /// An INSERT of which more may still be on its way.
    Somebody,
}

/// An INSERT that is to be read back.
#[derive(Debug)]
pub(super) struct Tried {
    /// What was missing before it.
    pub(super) missing: Piece,
    /// What it was to load.
    pub(super) piece: Piece,
    pub(super) ended: Ended,
}

impl Tried {
    /// The first INSERT of a range, which was refused.
    pub(super) fn refused<R>(load: &Load<R>, refusal: Refusal) -> Self {
        let all = load.offsets();
        Self { missing: all.clone(), piece: all, ended: Ended::Refused(refusal) }
    }

    /// Who took its content number, now that this is missing.
    pub(super) fn taken_by(&self, missing: &Piece) -> TakenBy {
        match self.ended {
            Ended::Sure if self.piece.is_disjoint(missing) => TakenBy::Us,
            Ended::Doubt | Ended::Refused(_) if self.missing == *missing => TakenBy::Nobody,
            _ => TakenBy::Somebody,
        }
    }
}

/// The search for refused rows in one range.
#[derive(Debug, Default)]
pub(super) struct Search {
    pub(super) pieces: Pieces,
    /// Something was refused: everything is held, and polled between two INSERTs.
    pub(super) begun: bool,
}

impl<L: Log, S: Sink> SinkLoop<'_, L, S> {
    /// Draws the consequences of an INSERT, now that this is still missing.
    pub(super) fn judge(
        &mut self,
        (load, records): (&mut Load<S::Row>, &[Record]),
        search: &mut Search,
        missing: &mut Piece,
        tried: Tried,
    ) -> Result<(), Failed> {
        let Tried { missing: before, piece, ended } = tried;
        let refusal = match ended {
            Ended::Sure if before == *missing => {
                // A repeat: something had been taken under the number.
                search.pieces.push(piece);
                return Ok(());
            }
            Ended::Sure => {
                search.pieces.taken(&piece);
                self.breaker.any_taken();
                return Ok(());
            }
            Ended::Doubt => {
                search.pieces.push(piece);
                return Ok(());
            }
            Ended::Refused(refusal) => refusal,
        };
        self.loader.refused();
        self.stay_in_the_group(search)?;
        match piece.first() {
            Some(&offset) if piece.len() == 1 => {
                if missing.contains(&offset) {
                    let record = record_at(records, offset)?;
                    self.refused_alone((load, record), search, missing, &refusal)?;
                }
                Ok(())
            }
            _ => {
                let (detail, rows) = (&refusal.detail, piece.len());
                tracing::warn!(sink = self.parts.name, rows, "INSERT is refused: {detail}");
                search.pieces.split(&piece, refusal.row);
                Ok(())
            }
        }
    }

    /// The search may take minutes: whoever does not poll is taken for dead.
    fn stay_in_the_group(&mut self, search: &mut Search) -> Result<(), LogError> {
        if !search.begun {
            search.begun = true;
            let ours = self.log.assignment()?;
            self.log.hold(&ours)?;
        }
        match self.log.poll(Duration::ZERO)? {
            Polled::Nothing => Ok(()),
            Polled::Record(record) => {
                self.ahead.push_back(record);
                Ok(())
            }
            Polled::Assigned(_) | Polled::Revoked(_) | Polled::OutOfRange => {
                let detail = "the assignment changed while refused rows were looked for";
                Err(LogError::Abort(detail.to_owned()))
            }
        }
    }

    /// A row was refused with no other beside it.
    fn refused_alone(
        &mut self,
        (load, record): (&mut Load<S::Row>, &Record),
        search: &mut Search,
        missing: &mut Piece,
        refusal: &Refusal,
    ) -> Result<(), Failed> {
        let offset = record.position.offset;
        let alone = Piece::from([offset]);
        if self.parts.ledger.is_none() {
            self.make_plain(load, record, refusal)?;
            search.pieces.push(alone);
            return Ok(());
        }
        self.tell_refused(load, record, refusal)?;
        missing.remove(&offset);
        load.take(&alone);
        load.refused += 1;
        if !self.orders.breaker_is_on(now()) {
            return Ok(());
        }
        if let Some(why) = self.breaker.verdict(now()) {
            return Err(Failed::Breaker(why));
        }
        if missing.len() == load.rows.len() && !matches!(load.range.topic, Topic::Redrive(_)) {
            suspect_the_sink(load, &mut search.pieces, missing, refusal)?;
        }
        Ok(())
    }

    /// The dead letter of a refused row.
    fn tell_refused(
        &mut self,
        load: &mut Load<S::Row>,
        record: &Record,
        refusal: &Refusal,
    ) -> Result<(), Failed> {
        let reason = RejectReason::RefusedRow;
        let (waybill, hints) = self.described(record)?;
        let span = RecordSpan::start(self.parts.name, record.header(header::TRACEPARENT));
        let told = Told { record, waybill, hints: &hints, traceparent: span.traceparent() };
        if let Some(ledger) = self.parts.ledger.as_deref_mut() {
            let rejected = Rejected::new(reason, refusal.detail.clone());
            load.told.push(ledger.dead_letter(&told, rejected)?);
        }
        self.breaker.refused(hints.source.as_deref(), reason.word());
        self.parts.metrics.rejected(reason, 1);
        Ok(())
    }

    /// What may be said of a record, which became a row: it is mapped again, since few are refused.
    fn described(&mut self, record: &Record) -> Result<(Option<event::Waybill>, Hints), Halt> {
        let Ok(waybill) = self.number(record) else { return Ok((None, Hints::default())) };
        let mapped = in_safety(|| self.parts.sink.map(&Numbered { record, waybill }));
        match mapped {
            Ok(Ok((Mapped::Row(_), hints))) => Ok((Some(waybill), hints.map(Cow::into_owned))),
            Ok(Err(halt)) => Err(halt),
            _ => Ok((Some(waybill), Hints::default())),
        }
    }

    /// A side table keeps every record: in its plainest form, if nothing else.
    fn make_plain(
        &mut self,
        load: &mut Load<S::Row>,
        record: &Record,
        refusal: &Refusal,
    ) -> Result<(), Failed> {
        let (at, detail) = (record.position, &refusal.detail);
        let name = format!("{}-{}@{}", at.topic, at.partition, at.offset);
        let waybill = self.number(record).unwrap_or(UNNUMBERED);
        let row = if load.plain.insert(at.offset) {
            self.parts.sink.plain(&Numbered { record, waybill })?
        } else {
            None
        };
        let Some(row) = row else {
            let detail =
                format!("{name} is refused, and a side table keeps every record: {detail}");
            return Err(Halt::new("sink", detail).into());
        };
        tracing::warn!(sink = self.parts.name, "{name} is kept as raw text: {detail}");
        load.take(&Piece::from([at.offset]));
        load.put_back(vec![PlacedRow { offset: at.offset, waybill, row }]);
        Ok(())
    }
}

/// No row of the range was taken so far.
fn suspect_the_sink<R>(
    load: &Load<R>,
    pieces: &mut Pieces,
    missing: &Piece,
    refusal: &Refusal,
) -> Result<(), Failed> {
    let rows = load.refused;
    if rows >= 2 * SUSPICIOUS || (rows >= SUSPICIOUS && missing.is_empty()) {
        let detail = &refusal.detail;
        let why = format!(
            "{rows} rows from all over a range were refused one by one and none was taken; the \
             last: {detail}"
        );
        return Err(Failed::Breaker(why));
    }
    if rows == SUSPICIOUS {
        pieces.sample(missing, SUSPICIOUS);
    }
    Ok(())
}

fn record_at(records: &[Record], offset: i64) -> Result<&Record, Halt> {
    let found = records.iter().find(|record| record.position.offset == offset);
    found.ok_or_else(|| Halt::new("sink", "a row of no record was refused"))
}
