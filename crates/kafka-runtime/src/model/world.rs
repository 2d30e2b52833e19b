//! Everything that outlives a process: broker, group, tables, disks, and the trouble that waits.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use topology::{Stage, Topic};

use super::{
    audit::Audit,
    broker::{Broker, Markers, Refused, Slot},
    disk::Disk,
    group::Group,
    mutant::Mutant,
    table::{Arrival, Table},
    turnstile::Turnstile,
};
use crate::{log::Partition, record::Outgoing};

/// Partitions of each input topic.
pub(super) const PARTITIONS: i32 = 2;
/// Processes that share the group.
pub(super) const SLOTS: Slot = 2;
/// What is under test.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Stateless,
    Stateful,
    Sink,
}

impl Kind {
    pub(super) fn stage(self) -> Stage {
        match self {
            Self::Stateless => Stage::Validate,
            Self::Stateful => Stage::IdentityStitch,
            Self::Sink => Stage::ForwardClickhouse,
        }
    }
}

/// What happens to the request that ends a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum EndTxn {
    /// It stays on the way; the client gives up.
    Delayed,
    /// It is answered at the second attempt; the first stays on the way.
    Repeated,
    /// It is done; the client never hears of it.
    ReplyLost,
    /// It is done; some markers come later.
    Slow(Markers),
}

/// What an INSERT meets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Insert {
    LostBefore,
    LostAfter,
    Partly,
    /// Half of it is there when the client gives up; later so much of the other half arrives.
    Trickles(Arrival),
    /// It is still running when the client gives up; later so much of it arrives.
    Late(Arrival),
    /// As before, but the warehouse looks gone.
    LateAndAway(Arrival),
}

/// Trouble that waits for the next operation of its kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trouble {
    EndTxn(EndTxn),
    /// A record is not acknowledged; it may be in the log or not.
    Unacknowledged {
        arrives: bool,
    },
    /// The consumer's background thread learns that its session is lost.
    Heartbeat,
    /// A poll says that a topic cannot be read.
    PollHalts,
    /// The consumer fails for good.
    PollFatal,
    /// A dependency of the step is gone.
    StepHalts,
    /// The store does not take a batch that is committed.
    StoreFails,
    Insert(Insert),
    /// The warehouse does not answer.
    Away,
}

/// What the model must have met for a run to count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Happened {
    Crash,
    CrashInTransaction,
    Replaced,
    ZombieWoke,
    Stopped,
    SessionTimeout,
    RebalanceTimeout,
    Rebalance,
    RevokedMidBatch,
    RevokedInPart,
    LearntOfLoss,
    GenerationRefused,
    Fenced,
    TransactionTimeout,
    DelayedEndTxn,
    RepeatedEndTxn,
    LostReply,
    SlowMarkers,
    LateEndTxnApplied,
    LateEndTxnFenced,
    LateEndTxnWithNothingOpen,
    Unacknowledged,
    Aborted,
    Rebuilt,
    WaitedForPending,
    PendingTimeout,
    HaltedPoll,
    HaltedStep,
    Paused,
    RestoreWaited,
    StoreFailed,
    DiskLost,
    InsertLostBefore,
    InsertLostAfter,
    InsertPartly,
    InsertTrickled,
    InsertLate,
    ArrivedInSettle,
    ArrivedByItself,
    DroppedByToken,
    RefusedByTable,
    RefusedPartly,
    RefusedAlone,
    Away,
    ReadBackAll,
    ReadBackNone,
    ReadBackSome,
    CopyDiscarded,
    /// Ranges of several partitions were sent in one INSERT.
    Bundle,
    /// A range of those was sent by itself, under the name of all.
    BundleSettled,
    /// A range was begun under another number of shards than whoever has it now is configured for.
    OtherShards,
}

impl Happened {
    /// Whether a process lost partitions in the middle of its work: who takes them up cannot tell
    /// that from a death.
    fn ends_a_hold(self) -> bool {
        matches!(
            self,
            Self::Crash
                | Self::Replaced
                | Self::SessionTimeout
                | Self::RebalanceTimeout
                | Self::Fenced
        )
    }
}

pub(super) struct World {
    pub(super) kind: Kind,
    pub(super) mutant: Option<Mutant>,
    pub(super) broker: Broker,
    pub(super) group: Group,
    pub(super) audit: Audit,
    pub(super) table: Table,
    /// So many sinks have been opened.
    pub(super) sinks: u32,
    /// What a slot's present process keeps over restarts.
    pub(super) disks: BTreeMap<u32, Disk>,
    pub(super) seen: BTreeMap<Happened, u64>,
    /// Requests on their way: who, under which epoch, commit or abort.
    pub(super) on_the_way: Vec<((Slot, u32), bool)>,
    troubles: Vec<(Slot, Trouble)>,
    pub(super) inputs_written: i64,
    begun: Instant,
    passed: Duration,
}

pub(super) type Shared = Arc<Mutex<World>>;

pub(super) fn locked(world: &Shared) -> MutexGuard<'_, World> {
    world.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A process's place in the world.
pub(super) struct Seat {
    pub(super) world: Shared,
    pub(super) turnstile: Turnstile,
    pub(super) slot: Slot,
    pub(super) disk: u32,
    /// Number of the process.
    pub(super) life: u64,
}

impl Seat {
    /// Waits for its turn, and does nothing.
    pub(super) fn wait(&self) {
        self.turnstile.pass();
    }

    /// Waits for its turn, then has the world to itself for one operation.
    pub(super) fn step(&self) -> MutexGuard<'_, World> {
        self.turnstile.pass();
        locked(&self.world)
    }
}

impl World {
    pub(super) fn new(kind: Kind, mutant: Option<Mutant>) -> Self {
        let mut world = Self {
            kind,
            mutant,
            broker: Broker::default(),
            group: Group::new(&kind.stage().reads(), PARTITIONS),
            audit: Audit::default(),
            table: Table::default(),
            sinks: 0,
            disks: BTreeMap::new(),
            seen: BTreeMap::new(),
            on_the_way: Vec::new(),
            troubles: Vec::new(),
            inputs_written: 0,
            begun: Instant::now(),
            passed: Duration::ZERO,
        };
        for partition in world.inputs() {
            world.broker.begin_at_start(partition);
        }
        world
    }

    pub(super) fn inputs(&self) -> Vec<Partition> {
        let numbers = 0..PARTITIONS;
        let topics = self.kind.stage().reads();
        numbers.flat_map(|number| topics.iter().map(move |topic| (*topic, number))).collect()
    }

    pub(super) fn is(&self, mutant: Mutant) -> bool {
        self.mutant == Some(mutant)
    }

    pub(super) fn happened(&mut self, what: Happened) {
        *self.seen.entry(what).or_default() += 1;
        self.audit.deaths += u64::from(what.ends_a_hold());
    }

    pub(super) fn now(&self) -> Instant {
        self.begun + self.passed
    }

    /// Nothing came for so long. A model's time runs fast: nobody waits for it.
    pub(super) fn idle(&mut self, timeout: Duration) {
        self.passed += timeout * 4;
    }

    /// Something took so long.
    pub(super) fn pass(&mut self, time: Duration) {
        self.passed += time;
    }

    pub(super) fn arm(&mut self, slot: Slot, trouble: Trouble) {
        self.troubles.push((slot, trouble));
    }

    pub(super) fn calm(&mut self) {
        self.troubles.clear();
    }

    /// The first trouble that waits for the slot and fits.
    pub(super) fn meets<T>(
        &mut self,
        slot: Slot,
        fits: impl Fn(Trouble) -> Option<T>,
    ) -> Option<T> {
        let at = self.troubles.iter().position(|(of, it)| *of == slot && fits(*it).is_some())?;
        fits(self.troubles.remove(at).1)
    }

    pub(super) fn meets_one(&mut self, slot: Slot, trouble: Trouble, what: Happened) -> bool {
        let met = self.meets(slot, |it| (it == trouble).then_some(())).is_some();
        if met {
            self.happened(what);
        }
        met
    }

    /// An EndTxn arrives at the broker.
    pub(super) fn end_txn(
        &mut self,
        producer: (Slot, u32),
        commit: bool,
        markers: Markers,
    ) -> Result<(), Refused> {
        if let Some(done) = self.broker.end_txn(producer, commit, markers)? {
            let copies = self.audit.committed(&self.broker, self.kind.stage(), &done);
            (0..copies).for_each(|_| self.happened(Happened::CopyDiscarded));
        }
        Ok(())
    }

    /// The oldest EndTxn that is on its way arrives.
    pub(super) fn deliver_late(&mut self) {
        if self.on_the_way.is_empty() {
            return;
        }
        let (producer, commit) = self.on_the_way.remove(0);
        let what = match self.end_txn(producer, commit, Markers::All) {
            Ok(()) => Happened::LateEndTxnApplied,
            Err(Refused::Fenced) => Happened::LateEndTxnFenced,
            Err(Refused::NotOpen) => Happened::LateEndTxnWithNothingOpen,
        };
        self.happened(what);
    }

    /// Whether everything readable is committed past, and nothing is left in doubt.
    pub(super) fn is_drained(&self) -> bool {
        self.inputs().into_iter().all(|partition| {
            let committed = self.broker.committed(partition);
            committed.is_some_and(|it| {
                self.broker.read(partition, it.next, true).is_none()
                    && !it.metadata.contains("load:")
            })
        })
    }

    /// Where the group stands on each partition, for a person.
    pub(super) fn where_it_stands(&self) -> String {
        let stands = |partition: &Partition| {
            let committed = self.broker.committed(*partition);
            let end = self.broker.end(*partition);
            format!("{partition:?} of {end}: {committed:?}")
        };
        let lines: Vec<String> = self.inputs().iter().map(stands).collect();
        lines.join("; ")
    }

    pub(super) fn close(&mut self) {
        let inputs = self.inputs();
        self.audit.close(&self.broker, self.kind.stage(), &inputs);
    }
}

/// Partitions of the changelog and of what a stage writes.
pub(super) fn written_to(record: &Outgoing) -> Partition {
    (record.topic, record.partition.unwrap_or(0))
}

/// The slots of the model.
pub(super) fn slots() -> BTreeSet<Slot> {
    (0..SLOTS).collect()
}

/// What one changelog partition is called.
pub(super) fn journal(number: i32) -> Partition {
    (Topic::IdentityJournal, number)
}
