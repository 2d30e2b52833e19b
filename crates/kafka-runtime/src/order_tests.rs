//! Operators' orders in the stage's loop, on recorded actions.

use event::Hints;
use pipeline::Halt;
use schema_registry::Registry;
use telemetry::{Health, StageMetrics};
use topology::{Stage, Topic};

use crate::{
    commands::Controls,
    config::BatchLimits,
    ledger::Ledger,
    log::{Partition, Polled},
    processor::{Fate, Processed, Processor},
    record::{Numbered, Outgoing, Record},
    recorded::{Action, RecordedLog, record},
    shutdown::Shutdown,
    stage_loop::{StageLoop, StageParts},
};

const STAGE: Stage = Stage::IdentityStitch;

/// Tells a link for each order, unless the order says otherwise.
#[derive(Default)]
struct Follows {
    halted: bool,
    orders: Vec<String>,
}

impl Processor for Follows {
    fn process(&mut self, _: &Numbered<'_>) -> Result<Processed, Halt> {
        let fate = Fate::Emit { key: Vec::new(), value: Vec::new() };
        Ok(Processed { fate, hints: Hints::default(), side: Vec::new() })
    }

    fn follow(&mut self, order: &Record) -> Result<Vec<Outgoing>, Halt> {
        let text = String::from_utf8(order.value.clone().unwrap().into()).unwrap();
        match text.as_str() {
            "panic" => panic!("told to"),
            "halt" if !std::mem::replace(&mut self.halted, true) => {
                return Err(Halt::new("test", "told to"));
            }
            _ => self.orders.push(text),
        }
        let (topic, headers) = (Topic::IdentityLinks, Vec::new());
        Ok(vec![Outgoing { topic, partition: None, key: None, value: None, headers }])
    }
}

fn all_inputs() -> Vec<Partition> {
    STAGE.reads().into_iter().map(|topic| (topic, 0)).collect()
}

/// Plays an event and then these orders for some turns; what the loop did.
fn play(processor: &mut Follows, orders: &[&str], turns: usize) -> Vec<Action> {
    let mut log = RecordedLog::new([Polled::Assigned(all_inputs())]);
    for partition in all_inputs() {
        log = log.with_committed(partition, 0, "");
    }
    let given = || {
        let orders = (0..).zip(orders).map(|(at, text)| record(Topic::IdentityCommands, at, text));
        orders.map(Polled::Record).collect::<Vec<_>>()
    };
    log.then([Polled::Record(record(STAGE.input(), 0, "event"))]);
    log.then(given());
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let registry = Registry::offline(runtime.handle().clone()).unwrap();
    let parts = StageParts {
        stage: STAGE,
        slot_id: "identity-stitch-0",
        process: 1,
        epoch: 0,
        limits: BatchLimits::default(),
        processor,
        ledger: &mut Ledger::new(STAGE, registry),
        controls: &Controls::none(),
        metrics: &StageMetrics::of(STAGE.name()),
        readiness: &Health::new().component(STAGE.name()),
        shutdown: &Shutdown::new(),
    };
    let mut stage = StageLoop::new(log, parts);
    for _ in 0..turns {
        stage.turn().unwrap();
    }
    stage.into_log().actions
}

fn topics(actions: &[Action]) -> Vec<Topic> {
    let sent = actions.iter().filter_map(|action| match action {
        Action::Send { topic, .. } => Some(*topic),
        _ => None,
    });
    sent.collect()
}

fn offsets(actions: &[Action], topic: Topic) -> Option<i64> {
    let commits = actions.iter().rev().filter_map(|action| match action {
        Action::Commit(offsets) => Some(offsets),
        _ => None,
    });
    commits.flatten().find(|((of, _), ..)| *of == topic).map(|(_, next, _)| *next)
}

#[test]
fn an_order_has_no_fate_and_what_it_tells_is_in_the_transaction_of_its_offset() {
    let mut processor = Follows::default();
    let actions = play(&mut processor, &["unlink"], 2);
    assert_eq!(processor.orders, ["unlink"]);
    assert_eq!(topics(&actions), [Topic::StitchedEvents, Topic::IdentityLinks]);
    assert_eq!(offsets(&actions, Topic::IdentityCommands), Some(1));
    assert_eq!(offsets(&actions, STAGE.input()), Some(1));
}

#[test]
fn an_order_that_makes_the_step_panic_is_passed_over() {
    let mut processor = Follows::default();
    let actions = play(&mut processor, &["panic", "link"], 2);
    assert_eq!(processor.orders, ["link"]);
    assert_eq!(topics(&actions), [Topic::StitchedEvents, Topic::IdentityLinks]);
    assert_eq!(offsets(&actions, Topic::IdentityCommands), Some(2));
}

#[test]
fn an_order_that_meets_a_halt_aborts_its_batch_and_is_not_lost() {
    let mut processor = Follows::default();
    let actions = play(&mut processor, &["halt"], 2);
    assert!(actions.contains(&Action::Abort), "{actions:?}");
    assert_eq!(offsets(&actions, Topic::IdentityCommands), Some(0), "begun, and not passed");
    assert_eq!(processor.orders, [""; 0]);
}
