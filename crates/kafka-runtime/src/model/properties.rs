//! The properties, over some thousands of schedules each.

use std::{cell::RefCell, collections::BTreeMap};

use proptest::test_runner::{Config, TestCaseError, TestRunner};

use super::{
    play::play,
    schedule::schedules,
    world::{Happened, Kind},
};

/// Schedules of each property, unless `PROPTEST_CASES` says otherwise.
const CASES: u32 = 2_000;
/// What proptest takes when nobody says otherwise.
const UNASKED: u32 = 256;

pub(super) fn config() -> Config {
    let asked = Config::default();
    let cases = if asked.cases == UNASKED { CASES } else { asked.cases };
    Config { cases, failure_persistence: None, max_shrink_iters: 4_000, ..asked }
}

/// Plays schedules; what happened in all of them.
fn hold(kind: Kind) -> BTreeMap<Happened, u64> {
    let seen = RefCell::new(BTreeMap::<Happened, u64>::new());
    let held = TestRunner::new(config()).run(&schedules(kind), |schedule| {
        let outcome = play(kind, None, &schedule);
        for (what, times) in outcome.seen {
            *seen.borrow_mut().entry(what).or_default() += times;
        }
        if outcome.violations.is_empty() {
            return Ok(());
        }
        Err(TestCaseError::fail(outcome.violations.join("\n")))
    });
    if let Err(failed) = held {
        panic!("{kind:?}: {failed}");
    }
    let seen = seen.into_inner();
    println!("{kind:?}: {seen:#?}");
    seen
}

/// What every loop must have met.
const EVERYWHERE: &[Happened] = &[
    Happened::Crash,
    Happened::CrashInTransaction,
    Happened::Replaced,
    Happened::ZombieWoke,
    Happened::Stopped,
    Happened::SessionTimeout,
    Happened::RebalanceTimeout,
    Happened::Rebalance,
    Happened::RevokedMidBatch,
    Happened::LearntOfLoss,
    Happened::GenerationRefused,
    Happened::Fenced,
    Happened::TransactionTimeout,
    Happened::DelayedEndTxn,
    Happened::RepeatedEndTxn,
    Happened::LostReply,
    Happened::SlowMarkers,
    Happened::LateEndTxnApplied,
    Happened::LateEndTxnFenced,
    Happened::Unacknowledged,
    Happened::Aborted,
    Happened::Rebuilt,
    Happened::WaitedForPending,
    Happened::PendingTimeout,
    Happened::HaltedPoll,
    Happened::Paused,
];

/// A run counts only if every fault fired; fewer schedules than usual promise nothing.
fn assert_happened(seen: &BTreeMap<Happened, u64>, besides: &[Happened]) {
    if config().cases < CASES {
        return;
    }
    let expected = EVERYWHERE.iter().chain(besides);
    let never: Vec<_> = expected.filter(|it| !seen.contains_key(it)).collect();
    assert!(never.is_empty(), "never happened: {never:?}");
}

#[test]
fn a_stage_without_state_gives_every_record_one_fate_whatever_happens() {
    assert_happened(&hold(Kind::Stateless), &[Happened::HaltedStep, Happened::RevokedInPart]);
}

#[test]
fn a_stage_with_state_gives_every_record_one_fate_and_emits_every_key_once_whatever_happens() {
    let besides =
        [Happened::HaltedStep, Happened::RestoreWaited, Happened::StoreFailed, Happened::DiskLost];
    assert_happened(&hold(Kind::Stateful), &besides);
}

#[test]
fn a_sink_loads_every_row_once_whatever_happens() {
    let besides = [
        Happened::RevokedInPart,
        Happened::InsertLostBefore,
        Happened::InsertLostAfter,
        Happened::InsertPartly,
        Happened::InsertTrickled,
        Happened::InsertLate,
        Happened::ArrivedInSettle,
        Happened::ArrivedByItself,
        Happened::DroppedByToken,
        Happened::RefusedByTable,
        Happened::RefusedPartly,
        Happened::RefusedAlone,
        Happened::Away,
        Happened::ReadBackAll,
        Happened::ReadBackNone,
        Happened::ReadBackSome,
        Happened::CopyDiscarded,
        Happened::OtherShards,
        Happened::Bundle,
        Happened::BundleSettled,
    ];
    assert_happened(&hold(Kind::Sink), &besides);
}
