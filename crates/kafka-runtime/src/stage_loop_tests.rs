//! The stage's loop on recorded actions.

use std::{collections::VecDeque, time::Duration};

use event::{Hints, LostRange, StageCommand};
use pipeline::{DiscardReason, Discarded, Halt, RejectReason, Rejected};
use schema_registry::Registry;
use telemetry::{Health, StageMetrics};
use topology::{Stage, Topic};

use crate::{
    commands::Controls,
    config::BatchLimits,
    error::LogError,
    ledger::{Ledger, now},
    log::Polled,
    processor::{Fate, Processed, Processor},
    record::Numbered,
    recorded::{Action, RecordedLog, record},
    shutdown::Shutdown,
    stage_loop::{StageLoop, StageParts},
};

const INPUT: Topic = Topic::RawEvents;
const AT: (Topic, i32) = (INPUT, 0);
/// How long the breaker is off; longer than a hundred records take.
const LET_THROUGH: Duration = Duration::from_secs(1);

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
            b"reject late" => {
                std::thread::sleep(LET_THROUGH);
                Fate::Reject(Rejected::new(RejectReason::Malformed, "told to"))
            }
            b"reject" => Fate::Reject(Rejected::new(RejectReason::Malformed, "told to")),
            b"discard" => Fate::Discard(Discarded::new(DiscardReason::Repeat, "")),
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
    play_under(&Controls::none(), log, processor, turns).actions
}

/// The same under orders.
fn play_under(
    controls: &Controls,
    log: RecordedLog,
    processor: &mut Told,
    turns: usize,
) -> RecordedLog {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let registry = Registry::offline(runtime.handle().clone()).unwrap();
    let mut ledger = Ledger::new(Stage::Validate, registry);
    let parts = StageParts {
        stage: Stage::Validate,
        slot_id: "validate-0",
        process: 1,
        epoch: 0,
        limits: BatchLimits::default(),
        processor,
        ledger: &mut ledger,
        controls,
        metrics: &StageMetrics::of("validate"),
        readiness: &Health::new().component("validate"),
        shutdown: &Shutdown::new(),
    };
    let mut stage = StageLoop::new(log, parts);
    for _ in 0..turns {
        stage.turn().unwrap();
    }
    stage.into_log()
}

fn polled(values: &[&str]) -> Vec<Polled> {
    let records = values.iter().zip(0..).map(|(text, offset)| record(INPUT, offset, text));
    records.map(Polled::Record).collect()
}

fn script_from(metadata: &str, values: &[&str]) -> RecordedLog {
    let mut log = RecordedLog::new([Polled::Assigned(vec![AT])]).with_committed(AT, 0, metadata);
    log.then(polled(values));
    log
}

fn script(values: &[&str]) -> RecordedLog {
    script_from("", values)
}

fn sent(topic: Topic, reason: Option<&str>) -> Action {
    Action::Send { topic, reason: reason.map(str::to_owned) }
}

fn emitted() -> Action {
    sent(Topic::ValidatedEvents, None)
}

fn committed_with(next: i64, metadata: &str) -> Action {
    Action::Commit(vec![(AT, next, metadata.to_owned())])
}

fn committed(next: i64) -> Action {
    committed_with(next, "")
}

/// What taking the partition up does, and the mark that is committed before its first records are
/// handled.
fn taken_up(upto: i64) -> Vec<Action> {
    let mark = [Action::Begin, committed_with(0, &format!("attempts=1 by=1 upto={upto}"))];
    [Action::Hold(0), Action::Rewind, Action::Hold(0)].into_iter().chain(mark).collect()
}

fn after_taken_up(upto: i64, actions: impl IntoIterator<Item = Action>) -> Vec<Action> {
    taken_up(upto).into_iter().chain(actions).collect()
}

#[test]
fn every_fate_is_sent_and_acknowledged_before_the_offsets_in_one_transaction() {
    let mut processor = Told::default();
    let actions = play(script(&["emit", "discard", "reject", "panic"]), &mut processor, 2);
    let letters = Topic::DeadLetters(Stage::Validate);
    let expected = [
        Action::Begin,
        emitted(),
        sent(Topic::DiscardedEvents, Some("repeat")),
        sent(letters, Some("malformed")),
        sent(letters, Some("step-panicked")),
        Action::Drain,
        committed(4),
    ];
    assert_eq!(actions, after_taken_up(3, expected));
    assert_eq!((processor.committed, processor.aborted), (1, 0));
}

#[test]
fn a_halt_aborts_takes_its_mark_back_waits_and_goes_back_to_the_committed_offsets() {
    let mut processor = Told::default();
    let actions = play(script(&["emit", "halt"]), &mut processor, 2);
    let expected = [
        Action::Begin,
        emitted(),
        Action::Abort,
        Action::Begin,
        committed_with(0, ""),
        Action::Hold(1),
        Action::Rewind,
    ];
    assert_eq!(actions, after_taken_up(1, expected), "a halt is no attempt");
    assert_eq!((processor.committed, processor.aborted), (0, 1));
}

#[test]
fn records_of_a_partition_revoked_while_the_batch_is_gathered_are_not_committed() {
    let mut log = script(&["emit", "emit"]);
    log.then([Polled::Revoked(vec![AT])]);
    let log = play_under(&Controls::none(), log, &mut Told::default(), 2);
    assert_eq!(log.commits(), Vec::<&Vec<_>>::new());
}

#[test]
fn an_abortable_error_aborts_and_goes_back_to_the_committed_offsets() {
    let mut log = script_from("", &["emit"]);
    log.fail_commits = VecDeque::from([None, Some(LogError::Abort("generation".to_owned()))]);
    let actions = play(log, &mut Told::default(), 2);
    let expected = [Action::Begin, emitted(), Action::Drain, Action::Abort, Action::Rewind];
    assert_eq!(actions, after_taken_up(0, expected));
}

#[test]
fn a_record_without_a_number_behind_raw_events_is_dead_lettered() {
    let at = (Topic::Redrive(Stage::Validate), 0);
    let mut nameless = record(at.0, 7, "emit");
    nameless.headers.clear();
    let mut log = RecordedLog::new([Polled::Assigned(vec![AT, at])])
        .with_committed(AT, 0, "")
        .with_committed(at, 7, "");
    log.then([Polled::Record(nameless)]);
    let actions = play(log, &mut Told::default(), 2);
    assert!(actions.contains(&sent(Topic::DeadLetters(Stage::Validate), Some("no-waybill"))));
    assert!(actions.contains(&Action::Commit(vec![(at, 8, String::new())])));
}

#[test]
fn a_record_larger_than_any_topic_behind_takes_is_dead_lettered_without_being_handled() {
    let large = "x".repeat(crate::config::STAGE_MESSAGE_BYTES + 1);
    let actions = play(script(&[&large]), &mut Told::default(), 2);
    assert!(actions.contains(&sent(Topic::DeadLetters(Stage::Validate), Some("too-large"))));
}

#[test]
fn from_the_third_attempt_on_each_record_is_begun_by_itself() {
    let log = script_from("attempts=2", &["emit", "emit"]);
    let log = play_under(&Controls::none(), log, &mut Told::default(), 3);
    let commits: Vec<_> = log.commits().into_iter().map(|commit| commit[0].clone()).collect();
    let expected = [
        (AT, 0, "attempts=3 by=1 probe=0,1".to_owned()),
        (AT, 1, "attempts=3 by=1".to_owned()),
        (AT, 1, "attempts=3 by=1 probe=1,1".to_owned()),
        (AT, 2, "attempts=3 by=1".to_owned()),
    ];
    assert_eq!(commits, expected);
}

#[test]
fn a_record_on_which_two_probes_died_is_dead_lettered_and_the_next_are_handled_as_ever() {
    let log = script_from("attempts=4 probe=0,2", &["panic", "emit"]);
    let log = play_under(&Controls::none(), log, &mut Told::default(), 3);
    let letters = Topic::DeadLetters(Stage::Validate);
    assert!(log.actions.contains(&sent(letters, Some("process-killed"))));
    assert!(!log.actions.contains(&sent(letters, Some("step-panicked"))), "it was not handled");
    assert_eq!(log.commits().last(), Some(&&vec![(AT, 2, String::new())]));
}

fn ordered(action: &str, lost: Option<LostRange>) -> StageCommand {
    StageCommand {
        stage: "validate".to_owned(),
        action: action.to_owned(),
        partition: None,
        who: "ada".to_owned(),
        why: "a test".to_owned(),
        at: 1,
        breaker_off_until: None,
        lost,
    }
}

#[test]
fn a_paused_stage_holds_its_partitions_until_it_is_resumed() {
    let controls = Controls::none();
    controls.note(&ordered("pause", None));
    let log = RecordedLog::new([Polled::Assigned(vec![AT])]).with_committed(AT, 0, "");
    let log = play_under(&controls, log, &mut Told::default(), 2);
    assert_eq!(log.actions.last(), Some(&Action::Hold(1)));
    controls.note(&ordered("resume", None));
    let log = play_under(&controls, log, &mut Told::default(), 1);
    assert_eq!(log.actions.last(), Some(&Action::Hold(0)));
}

#[test]
fn the_breaker_aborts_the_batch_tells_and_holds_the_stage() {
    let controls = Controls::none();
    let log = script(&["reject"; 101]);
    let log = play_under(&controls, log, &mut Told::default(), 3);
    let letter = sent(Topic::DeadLetters(Stage::Validate), Some("malformed"));
    assert_eq!(log.actions.iter().filter(|action| **action == letter).count(), 101);
    let tail = [
        Action::Abort,
        Action::Begin,
        sent(Topic::StageCommands, None),
        Action::Drain,
        Action::Commit(Vec::new()),
        Action::Rewind,
        Action::Hold(1),
    ];
    assert!(log.actions.ends_with(&tail), "{:?}", &log.actions[log.actions.len() - 8..]);
    assert!(controls.now().unwrap().whole().unwrap().by_breaker);
}

#[test]
fn what_was_let_through_counts_no_more_when_the_breaker_is_on_again() {
    let controls = Controls::none();
    let until = now() + i64::try_from(LET_THROUGH.as_millis()).unwrap();
    let resume = StageCommand { breaker_off_until: Some(until), ..ordered("resume", None) };
    controls.note(&resume);
    let mut log = script(&["reject"; 101]);
    log.then([Polled::Nothing, Polled::Record(record(INPUT, 101, "reject late"))]);
    let log = play_under(&controls, log, &mut Told::default(), 3);
    assert_eq!(log.commits().last(), Some(&&vec![(AT, 102, String::new())]));
    assert!(controls.now().unwrap().whole().is_none(), "the breaker opened for old counts");
}

#[test]
fn a_position_below_the_log_start_is_held_until_its_range_is_given_up_by_order() {
    let controls = Controls::none();
    let mut log = RecordedLog::new([Polled::Assigned(vec![AT])]).with_committed(AT, 3, "");
    log.starts.insert(AT, 10);
    let log = play_under(&controls, log, &mut Told::default(), 2);
    assert_eq!(log.actions.last(), Some(&Action::Hold(1)));
    assert!(log.commits().is_empty(), "nothing is skipped by itself");
    let lost = LostRange { topic: INPUT.name().to_owned(), partition: 0, from: 3, to: 10 };
    controls.note(&ordered("skip-expired", Some(lost)));
    let mut log = log;
    log.then([Polled::Assigned(vec![AT])]);
    let log = play_under(&controls, log, &mut Told::default(), 1);
    assert_eq!(log.commits(), [&vec![(AT, 10, String::new())]]);
    assert_eq!(log.actions.last(), Some(&Action::Hold(0)));
}
