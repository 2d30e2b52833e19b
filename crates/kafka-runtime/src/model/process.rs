//! A process: the loop under test on a thread that moves when it is told to.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    rc::Rc,
    sync::{
        LazyLock,
        atomic::{AtomicU64, Ordering},
    },
    thread::{self, JoinHandle},
};

use schema_registry::Registry;
use telemetry::{Health, StageMetrics};
use tokio::runtime::Runtime;

use super::{
    broker::Slot,
    member_log::MemberLog,
    processors::{Remembering, Told},
    turnstile::{Baton, Killed, Report, Turnstile, turnstile},
    warehouse::Warehouse,
    world::{Happened, Kind, Seat, Shared, locked},
};
use crate::{
    commands::Controls,
    config::BatchLimits,
    error::LogError,
    ledger::Ledger,
    processor::Processor,
    shutdown::Shutdown,
    sink_loop::{SinkLoop, SinkParts},
    stage_loop::{StageLoop, StageParts},
};

/// Small batches, so that a few records are several; only a full batch or a dry input ends one.
const LIMITS: BatchLimits =
    BatchLimits { records: 4, bytes: 1 << 20, age_ms: 60_000, dry_ms: 5, pace_ms: 0, grown_ms: 0 };

/// Knows our schemas without a call.
static REGISTRY: LazyLock<(Runtime, Registry)> = LazyLock::new(|| {
    let runtime = Runtime::new().unwrap();
    let registry = Registry::offline(runtime.handle().clone()).unwrap();
    (runtime, registry)
});

/// No two processes are the same.
static LIVES: AtomicU64 = AtomicU64::new(1);

pub(super) struct Process {
    baton: Baton,
    thread: Option<JoinHandle<()>>,
    shutdown: Shutdown,
}

impl Process {
    pub(super) fn start(world: &Shared, slot: Slot, disk: u32) -> Self {
        let (baton, turnstile) = turnstile();
        let shutdown = Shutdown::new();
        let (world, asked) = (world.clone(), shutdown.clone());
        let thread = thread::spawn(move || live(world, turnstile, (slot, disk), &asked));
        Self { baton, thread: Some(thread), shutdown }
    }

    /// Lets it do so many operations. False if it has ended.
    pub(super) fn run(&mut self, world: &Shared, operations: u32) -> bool {
        let report = self.baton.grant(operations);
        self.noted(world, report)
    }

    /// Kills it where it stands.
    pub(super) fn kill(mut self, world: &Shared) {
        let report = self.baton.kill();
        self.noted(world, report);
    }

    /// Asks it to stop when the batch in hand is finished.
    pub(super) fn ask_to_stop(&self) {
        self.shutdown.request();
    }

    fn noted(&mut self, world: &Shared, report: Report) -> bool {
        let Report::Ended(panic) = report else { return true };
        if let Some(text) = panic {
            locked(world).audit.violated(format!("a process panicked: {text}"));
        }
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
        false
    }
}

/// A process from its start to its end.
fn live(world: Shared, turnstile: Turnstile, (slot, disk): (Slot, u32), shutdown: &Shutdown) {
    let life = LIVES.fetch_add(1, Ordering::Relaxed);
    let seat = Rc::new(Seat { world, turnstile, slot, disk, life });
    let ended = catch_unwind(AssertUnwindSafe(|| {
        seat.turnstile.start();
        keep(&seat, shutdown);
    }));
    let panic = ended.err().filter(|it| !it.is::<Killed>()).map(|panic| {
        let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
        text.or_else(|| panic.downcast_ref().cloned()).unwrap_or_default()
    });
    seat.turnstile.end(panic);
}

/// As the runtime keeps a slot: its clients are opened again as long as the slot is ours.
fn keep(seat: &Rc<Seat>, shutdown: &Shutdown) {
    let kind = locked(&seat.world).kind;
    let mut remembering = Remembering::new(seat.clone());
    while !shutdown.is_requested() {
        let log = MemberLog::open(seat);
        let ended = match kind {
            Kind::Stateless => stage(seat, kind, log, &mut Told(seat.clone()), shutdown),
            Kind::Stateful => stage(seat, kind, log, &mut remembering, shutdown),
            Kind::Sink => sink(seat, kind, log, &mut Warehouse::open(seat), shutdown),
        };
        match ended {
            Ok(()) | Err(LogError::SlotTaken(_)) => return,
            Err(_) => locked(&seat.world).happened(Happened::Rebuilt),
        }
    }
}

fn stage(
    seat: &Seat,
    kind: Kind,
    log: MemberLog,
    processor: &mut impl Processor,
    shutdown: &Shutdown,
) -> Result<(), LogError> {
    let stage = kind.stage();
    let parts = StageParts {
        stage,
        slot_id: "model",
        process: seat.life,
        epoch: 0,
        limits: LIMITS,
        processor,
        ledger: &mut Ledger::new(stage, REGISTRY.1.clone()),
        controls: &Controls::none(),
        metrics: &StageMetrics::of(stage.name()),
        readiness: &Health::new().component("model"),
        shutdown,
    };
    StageLoop::new(log, parts).run()
}

fn sink(
    seat: &Seat,
    kind: Kind,
    log: MemberLog,
    sink: &mut Warehouse,
    shutdown: &Shutdown,
) -> Result<(), LogError> {
    let stage = kind.stage();
    let parts = SinkParts {
        name: stage.group(),
        slot_id: "model",
        process: seat.life,
        epoch: 0,
        limits: LIMITS,
        sink,
        ledger: Some(&mut Ledger::new(stage, REGISTRY.1.clone())),
        controls: &Controls::none(),
        metrics: &StageMetrics::of(stage.name()),
        readiness: &Health::new().component("model"),
        shutdown,
    };
    SinkLoop::new(log, parts).run()
}
