//! The sink's loop on recorded actions.

use std::{
    cell::Cell,
    collections::{BTreeSet, VecDeque},
    rc::Rc,
    time::Duration,
};

use event::{Hints, Waybill};
use pipeline::{Halt, RejectReason, Rejected};
use schema_registry::Registry;
use telemetry::{Health, StageMetrics};
use topology::{Stage, Topic};

use crate::{
    commands::Controls,
    config::BatchLimits,
    ledger::Ledger,
    log::Polled,
    record::Numbered,
    recorded::{Action, RecordedLog, record},
    shutdown::Shutdown,
    sink::{Answered, Inserted, Mapped, MappedRecord, Part, PlacedRow, Range, Refusal, Sink},
    sink_loop::{SinkLoop, SinkParts},
};

pub(crate) const INPUT: Topic = Topic::StitchedEvents;
pub(crate) const AT: (Topic, i32) = (INPUT, 0);

/// A table in memory, for these tests only: a set of offsets, and a script of what goes wrong.
#[derive(Default)]
pub(crate) struct Table {
    pub(crate) held: BTreeSet<i64>,
    pub(crate) inserts: Vec<(i64, i64, u32, Vec<i64>)>,
    pub(crate) settled: u32,
    /// What arrives in which settling, the first being 1.
    pub(crate) arriving: Vec<(u32, i64)>,
    /// For the next INSERTs: how many rows arrive, and what the answer is.
    pub(crate) trouble: VecDeque<(usize, Result<Inserted, Halt>)>,
    /// Rows that it refuses, unless they are plain.
    pub(crate) refuses: BTreeSet<i64>,
    pub(crate) refuses_plain: bool,
    /// Which row it names when it refuses; the first of the refused if `None`.
    pub(crate) names: Option<usize>,
    /// Offsets that are held as plain rows.
    pub(crate) plain: BTreeSet<i64>,
    /// How long it says that each INSERT took.
    pub(crate) takes: Duration,
    /// Its shards; 0 is one.
    pub(crate) shards: u32,
    /// How long it takes to settle a range, by a clock that this moves.
    pub(crate) settles_in: Duration,
    pub(crate) clock: Rc<Cell<Duration>>,
}

impl Table {
    fn refused(&self, rows: &[PlacedRow<Form>]) -> Option<Refusal> {
        let refuses = |row: &PlacedRow<Form>| {
            self.refuses.contains(&row.offset) && (row.row == Form::Usual || self.refuses_plain)
        };
        let first = rows.iter().position(refuses)?;
        Some(Refusal {
            detail: "exception 469 told to".to_owned(),
            row: Some(self.names.unwrap_or(first)),
        })
    }
}

/// How a row of the table is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    Usual,
    Plain,
}

impl Sink for Table {
    type Row = Form;

    fn shards(&self) -> u32 {
        self.shards.max(1)
    }

    fn map<'r>(&mut self, record: &Numbered<'r>) -> Result<MappedRecord<'r, Form>, Halt> {
        let mapped = match record.record.value.as_deref() {
            Some(b"panic") => panic!("told to"),
            Some(b"reject") => Mapped::Reject(Rejected::new(RejectReason::RefusedRow, "told to")),
            _ => Mapped::Row(Form::Usual),
        };
        Ok((mapped, Hints { source: Some("web/app".into()), ..Hints::default() }))
    }

    fn plain(&mut self, _record: &Numbered<'_>) -> Result<Option<Form>, Halt> {
        Ok(Some(Form::Plain))
    }

    fn loaded(&mut self, waybills: &[Waybill]) -> Result<Vec<Waybill>, Halt> {
        Ok(waybills.iter().copied().filter(|it| self.held.contains(&it.origin.offset)).collect())
    }

    fn insert(&mut self, parts: &[Part<'_, Form>]) -> Result<Inserted, Halt> {
        let rows: Vec<PlacedRow<Form>> =
            parts.iter().flat_map(|(_, rows)| rows.iter().cloned()).collect();
        let offsets: Vec<i64> = rows.iter().map(|row| row.offset).collect();
        let (arrive, answer) =
            self.trouble.pop_front().unwrap_or_else(|| match self.refused(&rows) {
                Some(refusal) => (0, Ok(Inserted::Refused(refusal))),
                None => (rows.len(), Ok(Inserted::Loaded)),
            });
        for offset in offsets.iter().take(arrive) {
            assert!(self.held.insert(*offset), "{offset} twice");
        }
        let plain = rows.iter().take(arrive).filter(|row| row.row == Form::Plain);
        self.plain.extend(plain.map(|row| row.offset));
        let range = parts[0].0;
        self.inserts.push((range.start, range.end, range.content, offsets));
        answer
    }

    fn insert_each(&mut self, inserts: &[Vec<Part<'_, Form>>]) -> Vec<Answered> {
        let after = self.takes;
        inserts.iter().map(|parts| Answered { inserted: self.insert(parts), after }).collect()
    }

    fn settle(&mut self, _range: &Range) -> Result<(), Halt> {
        self.settled += 1;
        let now = self.arriving.iter().filter(|(settling, _)| *settling == self.settled);
        self.held.extend(now.map(|(_, offset)| *offset));
        self.clock.set(self.clock.get() + self.settles_in);
        Ok(())
    }

    fn present(&mut self, range: &Range) -> Result<Vec<i64>, Halt> {
        Ok(self.held.range(range.start..=range.end).copied().collect())
    }
}

pub(crate) fn play(log: RecordedLog, table: &mut Table, turns: usize) -> RecordedLog {
    play_under(&Controls::none(), log, table, turns)
}

/// The same under orders.
pub(crate) fn play_under(
    controls: &Controls,
    log: RecordedLog,
    table: &mut Table,
    turns: usize,
) -> RecordedLog {
    play_as(true, controls, log, table, turns)
}

/// The same as a stage with dead letters, or as a side table.
pub(crate) fn play_as(
    is_stage: bool,
    controls: &Controls,
    log: RecordedLog,
    table: &mut Table,
    turns: usize,
) -> RecordedLog {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let registry = Registry::offline(runtime.handle().clone()).unwrap();
    let mut ledger = Ledger::new(Stage::ForwardClickhouse, registry);
    let parts = SinkParts {
        name: "forward-clickhouse",
        slot_id: "forward-clickhouse-0",
        process: 1,
        epoch: 0,
        limits: BatchLimits::for_sink(),
        sink: table,
        ledger: is_stage.then_some(&mut ledger),
        controls,
        metrics: &StageMetrics::of("forward-clickhouse"),
        readiness: &Health::new().component("forward"),
        shutdown: &Shutdown::new(),
    };
    let mut sink = SinkLoop::new(log, parts);
    for _ in 0..turns {
        sink.turn().unwrap();
    }
    sink.into_log()
}

pub(crate) fn polled(offsets: std::ops::Range<i64>) -> Vec<Polled> {
    offsets.map(|offset| Polled::Record(record(INPUT, offset, "row"))).collect()
}

pub(crate) fn assigned(next: i64, metadata: &str) -> RecordedLog {
    RecordedLog::new([Polled::Assigned(vec![AT])]).with_committed(AT, next, metadata)
}

/// A range of either of two partitions.
pub(crate) fn two_ranges() -> RecordedLog {
    let other = (INPUT, 1);
    let mut log = RecordedLog::new([Polled::Assigned(vec![AT, other])])
        .with_committed(AT, 0, "")
        .with_committed(other, 100, "");
    log.then(records_of_two());
    log.then([Polled::Nothing, Polled::Nothing]);
    log
}

/// The records of both.
pub(crate) fn records_of_two() -> Vec<Polled> {
    let of_other = (100..103).map(|offset| {
        let mut record = record(INPUT, offset, "row");
        record.position.partition = 1;
        Polled::Record(record)
    });
    polled(0..3).into_iter().chain(of_other).collect()
}

pub(crate) fn committed(next: i64, metadata: &str) -> Vec<((Topic, i32), i64, String)> {
    vec![(AT, next, metadata.to_owned())]
}

#[test]
fn the_intent_is_committed_before_the_rows_and_confirmed_with_the_next_one() {
    let mut log = assigned(0, "");
    log.then(polled(0..3));
    log.then([Polled::Nothing]);
    log.then(polled(3..5));
    let mut table = Table::default();
    let log = play(log, &mut table, 3);
    let expected = [
        committed(0, "attempts=1 by=1 upto=2"),
        committed(0, "load:2,0 attempts=1 by=1 upto=2"),
        committed(3, "load:4,0"),
    ];
    assert_eq!(log.commits(), expected.iter().collect::<Vec<_>>());
    assert_eq!(table.inserts, [(0, 2, 0, vec![0, 1, 2]), (3, 4, 0, vec![3, 4])]);
}

/// By the pace alone the second batch would end sooner: the first one's INSERT took longer.
#[test]
fn the_next_batch_may_be_gathered_for_as_long_as_the_last_ones_inserts_took() {
    let mut log = assigned(0, "");
    for offset in [0, 1] {
        log.then(polled(offset..offset + 1));
        log.then([Polled::Nothing]);
    }
    let mut table = Table { takes: Duration::from_millis(600), ..Table::default() };
    let log = play(log, &mut table, 3);
    assert_eq!(table.held, BTreeSet::from([0, 1]));
    let last = log.waits.last().unwrap();
    let expected = Duration::from_millis(400)..=Duration::from_millis(600);
    assert!(expected.contains(last), "{last:?}");
}

#[test]
fn a_dead_letter_travels_with_the_commit_that_moves_past_its_record() {
    let mut log = assigned(0, "");
    log.then([Polled::Record(record(INPUT, 0, "reject")), Polled::Nothing]);
    log.then(polled(1..2));
    let log = play(log, &mut Table::default(), 3);
    let letter = Action::Send {
        topic: Topic::DeadLetters(Stage::ForwardClickhouse),
        reason: Some("refused-row".to_owned()),
    };
    let at = log.actions.iter().position(|action| *action == letter).unwrap();
    let next = log.actions[at..].iter().find(|action| matches!(action, Action::Commit(_)));
    assert_eq!(next, Some(&Action::Commit(committed(1, "load:1,0"))));
}

#[test]
fn a_record_redriven_twice_within_a_range_becomes_one_row() {
    let at = (Topic::Redrive(Stage::ForwardClickhouse), 0);
    let mut log = RecordedLog::new([Polled::Assigned(vec![at])]).with_committed(at, 0, "");
    let mut again = record(at.0, 1, "row");
    again.headers = record(at.0, 0, "row").headers;
    log.then([Polled::Record(record(at.0, 0, "row")), Polled::Record(again), Polled::Nothing]);
    let mut table = Table::default();
    play(log, &mut table, 2);
    assert_eq!(table.inserts, [(0, 1, 0, vec![0])]);
}

#[test]
fn a_redriven_record_that_the_warehouse_holds_is_discarded_as_a_copy() {
    let at = (Topic::Redrive(Stage::ForwardClickhouse), 0);
    let mut log = RecordedLog::new([Polled::Assigned(vec![at])]).with_committed(at, 0, "");
    let redriven = Polled::Record(record(at.0, 0, "row"));
    log.then([redriven, Polled::Nothing, Polled::Record(record(at.0, 1, "row"))]);
    let mut table = Table { held: BTreeSet::from([0]), ..Table::default() };
    let log = play(log, &mut table, 3);
    let discard =
        Action::Send { topic: Topic::DiscardedEvents, reason: Some("already-loaded".to_owned()) };
    assert!(log.actions.contains(&discard), "{:?}", log.actions);
    assert_eq!(table.inserts.len(), 1, "only the record that was missing is loaded");
}

#[test]
fn a_record_that_panics_the_mapping_is_dead_lettered_and_the_rest_is_loaded() {
    let mut log = assigned(0, "");
    log.then([Polled::Record(record(INPUT, 0, "panic")), Polled::Record(record(INPUT, 1, "row"))]);
    log.then([Polled::Nothing]);
    log.then(polled(2..3));
    let mut table = Table::default();
    let log = play(log, &mut table, 3);
    let letter = Action::Send {
        topic: Topic::DeadLetters(Stage::ForwardClickhouse),
        reason: Some("step-panicked".to_owned()),
    };
    assert!(log.actions.contains(&letter));
    assert_eq!(table.held, BTreeSet::from([1, 2]));
}
