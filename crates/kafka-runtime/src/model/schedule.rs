//! What can happen, as a list that proptest makes and shrinks.

use std::fmt;

use proptest::prelude::*;

use super::{
    broker::{Markers, Slot},
    group::Assignor,
    table::Arrival,
    world::{EndTxn, Insert, Kind, PARTITIONS, SLOTS, Trouble},
};

/// One thing that happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// The slot's process does so many operations; one is started if there is none.
    Run(Slot, u32),
    /// The slot's process is killed where it stands.
    Crash(Slot),
    /// Another process starts in the slot; the old one is frozen.
    Replace(Slot),
    /// The process that was frozen last does so many operations.
    WakeZombie(u32),
    /// The slot's process is asked to stop, and given so many operations.
    Stop(Slot, u32),
    /// The slot's disk is lost with its process.
    LoseDisk(Slot),
    /// The group has not heard of the slot for too long.
    SessionTimeout(Slot),
    /// The group waits no longer for those who have not joined.
    RebalanceTimeout,
    /// Somebody makes the group rebalance.
    Rebalance,
    /// The broker aborts the slot's open transaction and fences its producer.
    TransactionTimeout(Slot),
    /// The next operation of its kind meets this.
    Arm(Slot, Trouble),
    /// The oldest EndTxn on its way arrives.
    LateEndTxn,
    /// The late markers of the slot's last transaction are written.
    Markers(Slot),
    /// INSERTs that are still running arrive.
    Arrive,
    /// An input record.
    Input { redriven: bool, partition: i32, what: u8, how: Input },
    /// The open input transactions are ended.
    EndInput { commit: bool },
}

/// How an input record is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Input {
    Plain,
    /// In a transaction that is aborted.
    Aborted,
    /// In a transaction that stays open.
    Open,
}

fn slot() -> impl Strategy<Value = Slot> {
    0..SLOTS
}

fn input() -> impl Strategy<Value = Step> {
    let how =
        prop_oneof![6 => Just(Input::Plain), 1 => Just(Input::Aborted), 1 => Just(Input::Open)];
    (prop::bool::weighted(0.3), 0..PARTITIONS, 0..16_u8, how)
        .prop_map(|(redriven, partition, what, how)| Step::Input { redriven, partition, what, how })
}

fn arrival() -> impl Strategy<Value = Arrival> {
    prop_oneof![Just(Arrival::All), Just(Arrival::Half), Just(Arrival::Nothing)]
}

fn end_txn() -> impl Strategy<Value = Trouble> {
    prop_oneof![
        2 => Just(EndTxn::Delayed),
        2 => Just(EndTxn::Repeated),
        1 => Just(EndTxn::ReplyLost),
        2 => Just(EndTxn::Slow(Markers::OnlyOffsets)),
        1 => Just(EndTxn::Slow(Markers::OnlyPartitions)),
    ]
    .prop_map(Trouble::EndTxn)
}

fn insert() -> impl Strategy<Value = Trouble> {
    prop_oneof![
        Just(Insert::LostBefore),
        Just(Insert::LostAfter),
        Just(Insert::Partly),
        arrival().prop_map(Insert::Trickles),
        arrival().prop_map(Insert::Late),
        arrival().prop_map(Insert::LateAndAway),
    ]
    .prop_map(Trouble::Insert)
}

/// A choice by weights, of which some may be zero.
fn weighted<T: std::fmt::Debug + 'static>(
    choices: Vec<(u32, BoxedStrategy<T>)>,
) -> impl Strategy<Value = T> {
    let choices = choices.into_iter().filter(|(weight, _)| *weight > 0);
    prop::strategy::Union::new_weighted(choices.collect())
}

fn trouble(kind: Kind) -> impl Strategy<Value = Trouble> {
    let (steps, stores, inserts) = match kind {
        Kind::Stateless => (2, 0, 0),
        Kind::Stateful => (2, 2, 0),
        Kind::Sink => (0, 0, 8),
    };
    weighted(vec![
        (8, end_txn().boxed()),
        (2, any::<bool>().prop_map(|arrives| Trouble::Unacknowledged { arrives }).boxed()),
        (2, Just(Trouble::Heartbeat).boxed()),
        (1, Just(Trouble::PollHalts).boxed()),
        (1, Just(Trouble::PollFatal).boxed()),
        (steps, Just(Trouble::StepHalts).boxed()),
        (stores, Just(Trouble::StoreFails).boxed()),
        (inserts, insert().boxed()),
        (inserts / 4, Just(Trouble::Away).boxed()),
    ])
}

fn step(kind: Kind) -> impl Strategy<Value = Step> {
    let (disks, sink) = (u32::from(kind == Kind::Stateful), 2 * u32::from(kind == Kind::Sink));
    weighted(vec![
        (
            24,
            (slot(), 1..24_u32).prop_map(|(slot, operations)| Step::Run(slot, operations)).boxed(),
        ),
        (10, input().boxed()),
        (10, (slot(), trouble(kind)).prop_map(|(slot, it)| Step::Arm(slot, it)).boxed()),
        (3, slot().prop_map(Step::Crash).boxed()),
        (2, slot().prop_map(Step::Replace).boxed()),
        (3, (1..24_u32).prop_map(Step::WakeZombie).boxed()),
        (
            1,
            (slot(), 1..24_u32).prop_map(|(slot, operations)| Step::Stop(slot, operations)).boxed(),
        ),
        (disks, slot().prop_map(Step::LoseDisk).boxed()),
        (3, slot().prop_map(Step::SessionTimeout).boxed()),
        (2, Just(Step::RebalanceTimeout).boxed()),
        (3, Just(Step::Rebalance).boxed()),
        (2, slot().prop_map(Step::TransactionTimeout).boxed()),
        (3, Just(Step::LateEndTxn).boxed()),
        (1, slot().prop_map(Step::Markers).boxed()),
        (sink, Just(Step::Arrive).boxed()),
        (1, any::<bool>().prop_map(|commit| Step::EndInput { commit }).boxed()),
    ])
}

/// Prints a step per line.
#[derive(Clone)]
pub(super) struct Schedule {
    pub(super) assignor: Assignor,
    pub(super) steps: Vec<Step>,
}

impl fmt::Debug for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.assignor)?;
        self.steps.iter().try_for_each(|step| write!(f, "\n  {step:?},"))
    }
}

/// A stage with state is only ever run with the eager one: see `not_co_partitioned`.
fn assignor(kind: Kind) -> impl Strategy<Value = Assignor> {
    let cooperative = u32::from(kind != Kind::Stateful);
    weighted(vec![
        (2, Just(Assignor::Eager).boxed()),
        (cooperative, Just(Assignor::Cooperative).boxed()),
    ])
}

/// Schedules: some input, processes on their way, then anything. A sink often has all partitions at first: only
/// then do their ranges go in one INSERT.
pub(super) fn schedules(kind: Kind) -> impl Strategy<Value = Schedule> {
    let inputs = prop::collection::vec(input(), 2..8);
    let rest = prop::collection::vec(step(kind), 10..70);
    let begun = if kind == Kind::Sink { 1..=SLOTS } else { SLOTS..=SLOTS };
    (assignor(kind), inputs, begun, rest).prop_map(|(assignor, mut steps, begun, rest)| {
        // Joined, assigned, and at the first record.
        steps.extend((0..2).flat_map(|_| (0..begun).map(|slot| Step::Run(slot, 3))));
        steps.extend(rest);
        Schedule { assignor, steps }
    })
}
