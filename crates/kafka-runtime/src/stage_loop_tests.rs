//! The stage's loop on recorded actions.

use event::Hints;
use pipeline::{DiscardReason, Discarded, Halt, RejectReason, Rejected};
use schema_registry::Registry;
use telemetry::{Health, StageMetrics};
use topology::{Stage, Topic};

use crate::{
    config::BatchLimits,
    error::LogError,
    ledger::Ledger,
    log::Polled,
    processor::{Fate, Processed, Processor},
    record::Numbered,
    recorded::{Action, RecordedLog, record},
    shutdown::Shutdown,
    stage_loop::{StageLoop, StageParts},
};

const INPUT: Topic = Topic::RawEvents;
const AT: (Topic, i32) = (INPUT, 0);

/// Does what the record's value says; counts what the loop calls.
#[derive(Default)]
struct Told {
    halts: u32,
    aborted: u32,
    committed: u32,
}

impl Processor for Told {
    fn process(&mut self, numbered: &Numbered<'_>) -> Result<Processed, Halt> {
        let fate = match numbered.record.value.as_deref().unwrap_or_default() {
            b"halt" if self.halts == 0 => {
                self.halts += 1;
                return Err(Halt::new("test", "told to"));
            }
            b"panic" => panic!("told to"),
            b"reject" => Fate::Reject(Rejected::new(RejectReason::Malformed, "told to")),
            b"discard" => Fate::Discard(Discarded {
                reason: DiscardReason::Repeat,
                detail: String::new(),
                first: None,
            }),
            _ => Fate::Emit { key: Vec::new(), value: Vec::new() },
        };
        Ok(Processed { fate, hints: Hints::default(), side: Vec::new() })
    }

    fn committed(&mut self, _written: &[crate::Position]) -> Result<(), Halt> {
        self.committed += 1;
        Ok(())
    }

    fn aborted(&mut self) {
        self.aborted += 1;
    }
}

/// Plays the script for some turns; what the loop did.
fn play(log: RecordedLog, processor: &mut Told, turns: usize) -> Vec<Action> {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let registry = Registry::offline(runtime.handle().clone()).unwrap();
    let mut ledger = Ledger::new(Stage::Validate, registry);
    let parts = StageParts {
        stage: Stage::Validate,
        epoch: 0,
        limits: BatchLimits::default(),
        processor,
        ledger: &mut ledger,
        metrics: &StageMetrics::of("validate"),
        readiness: &Health::new().component("validate"),
        shutdown: &Shutdown::new(),
    };
    let mut stage = StageLoop::new(log, parts);
    for _ in 0..turns {
        stage.turn().unwrap();
    }
    stage.into_log().actions
}

fn polled(values: &[&str]) -> Vec<Polled> {
    let records = values.iter().zip(0..).map(|(text, offset)| record(INPUT, offset, text));
    records.map(Polled::Record).collect()
}

fn script(values: &[&str]) -> RecordedLog {
    let mut log = RecordedLog::new([Polled::Assigned(vec![AT])]);
    log.then(polled(values));
    log
}

fn sent(topic: Topic, reason: Option<&str>) -> Action {
    Action::Send { topic, reason: reason.map(str::to_owned) }
}

fn committed(next: i64) -> Action {
    Action::Commit(vec![(AT, next, String::new())])
}

#[test]
fn every_fate_is_sent_and_acknowledged_before_the_offsets_in_one_transaction() {
    let mut processor = Told::default();
    let actions = play(script(&["emit", "discard", "reject", "panic"]), &mut processor, 1);
    let letters = Topic::DeadLetters(Stage::Validate);
    assert_eq!(
        actions,
        [
            Action::Begin,
            sent(Topic::ValidatedEvents, None),
            sent(Topic::DiscardedEvents, Some("repeat")),
            sent(letters, Some("malformed")),
            sent(letters, Some("step-panicked")),
            Action::Drain,
            committed(4),
        ]
    );
    assert_eq!((processor.committed, processor.aborted), (1, 0));
}

#[test]
fn a_halt_aborts_waits_paused_and_gives_the_same_records_their_fate_later() {
    let mut log = script(&["emit", "halt"]);
    // What the rewind makes the broker send again.
    log.then([Polled::Nothing, Polled::Nothing]);
    let mut processor = Told::default();
    let mut actions = play(log, &mut processor, 1);
    let tail = actions.split_off(2);
    assert_eq!(tail, [Action::Abort, Action::Pause, Action::Rewind, Action::Resume]);
    assert_eq!((processor.committed, processor.aborted), (0, 1));
}

#[test]
fn records_of_a_partition_revoked_while_the_batch_is_gathered_are_not_committed() {
    let mut log = script(&["emit", "emit"]);
    log.then([Polled::Revoked(vec![AT])]);
    let actions = play(log, &mut Told::default(), 1);
    assert_eq!(actions, []);
}

#[test]
fn an_abortable_error_aborts_and_goes_back_to_the_committed_offsets() {
    let mut log = script(&["emit"]);
    log.fail_commits.push_back(LogError::Abort("generation".to_owned()));
    let actions = play(log, &mut Told::default(), 1);
    let expected = [
        Action::Begin,
        sent(Topic::ValidatedEvents, None),
        Action::Drain,
        Action::Abort,
        Action::Rewind,
    ];
    assert_eq!(actions, expected);
}

#[test]
fn a_record_without_a_number_behind_raw_events_is_dead_lettered() {
    let mut nameless = record(Topic::Redrive(Stage::Validate), 7, "emit");
    nameless.headers.clear();
    let at = (Topic::Redrive(Stage::Validate), 0);
    let log = RecordedLog::new([Polled::Assigned(vec![AT, at]), Polled::Record(nameless)]);
    let actions = play(log, &mut Told::default(), 1);
    assert!(actions.contains(&sent(Topic::DeadLetters(Stage::Validate), Some("no-waybill"))));
    assert!(actions.contains(&Action::Commit(vec![(at, 8, String::new())])));
}
