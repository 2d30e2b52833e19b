//! Running a stage: the slot, the clients, and their rebuild.

use std::time::{Duration, Instant};

use pipeline::Halt;
use telemetry::StageMetrics;
use topology::{Stage, Topic};

use crate::{
    config::{KafkaConfig, StageSettings},
    error::{LogError, RuntimeError},
    kafka_log::KafkaLog,
    ledger::Ledger,
    processor::Processor,
    shutdown::Shutdown,
    sink::Sink,
    sink_loop::{SinkLoop, SinkParts},
    stage_loop::{StageLoop, StageParts},
};

/// A second failure within this time ends the process.
const REBUILD_WINDOW: Duration = Duration::from_mins(1);
const HALT_BACKOFF: Duration = Duration::from_secs(1);

/// Runs a transforming stage until asked to stop. Blocking: call it on a thread of its own.
pub fn run_stage<P: Processor>(
    settings: &StageSettings,
    stage: Stage,
    mut processor: P,
    shutdown: &Shutdown,
) -> Result<(), RuntimeError> {
    let metrics = StageMetrics::of(stage.name());
    let mut ledger = Ledger::new(stage, settings.registry.clone());
    let topics = stage.inputs();
    let slot = Slot::new(&settings.kafka, stage.group(), &topics, settings.slot);
    slot.keep(settings, &metrics, shutdown, |log| {
        let parts = StageParts {
            stage,
            epoch: settings.epoch,
            limits: settings.batch,
            processor: &mut processor,
            ledger: &mut ledger,
            metrics: &metrics,
            readiness: &settings.readiness,
            shutdown,
        };
        StageLoop::new(log, parts).run()
    })
}

/// A sink: which group reads which topics, and where its dead letters go.
#[derive(Debug, Clone)]
pub struct SinkSpec {
    /// Consumer group, metric label and part of the transactional id.
    pub name: &'static str,
    /// What it reads.
    pub topics: Vec<Topic>,
    /// Whose dead-letter topic takes what it rejects; `None` for a side table, which keeps every
    /// record.
    pub stage: Option<Stage>,
}

/// Runs a sink stage until asked to stop. Blocking: call it on a thread of its own.
pub fn run_sink<S: Sink>(
    settings: &StageSettings,
    stage: Stage,
    sink: S,
    shutdown: &Shutdown,
) -> Result<(), RuntimeError> {
    let topics = stage.inputs().to_vec();
    let spec = SinkSpec { name: stage.group(), topics, stage: Some(stage) };
    run_sink_of(settings, &spec, sink, shutdown)
}

/// [`run_sink`] for any set of topics: the side tables of the warehouse.
pub fn run_sink_of<S: Sink>(
    settings: &StageSettings,
    spec: &SinkSpec,
    mut sink: S,
    shutdown: &Shutdown,
) -> Result<(), RuntimeError> {
    let metrics = StageMetrics::of(spec.name);
    let mut ledger = spec.stage.map(|stage| Ledger::new(stage, settings.registry.clone()));
    let slot = Slot::new(&settings.kafka, spec.name, &spec.topics, settings.slot);
    slot.keep(settings, &metrics, shutdown, |log| {
        let parts = SinkParts {
            name: spec.name,
            epoch: settings.epoch,
            limits: settings.batch,
            sink: &mut sink,
            ledger: ledger.as_mut(),
            metrics: &metrics,
            readiness: &settings.readiness,
            shutdown,
        };
        SinkLoop::new(log, parts).run()
    })
}

/// One place in a group: its clients are rebuilt in this process as long as that helps.
pub(crate) struct Slot<'a> {
    kafka: &'a KafkaConfig,
    group: &'a str,
    topics: &'a [Topic],
    id: String,
}

impl<'a> Slot<'a> {
    pub(crate) fn new(
        kafka: &'a KafkaConfig,
        group: &'a str,
        topics: &'a [Topic],
        slot: u16,
    ) -> Self {
        Self { kafka, group, topics, id: format!("{group}-{slot}") }
    }

    /// Opens the slot's clients and runs `body` on them, again and again until it ends well, the
    /// slot is taken, or the clients fail twice within a minute.
    pub(crate) fn keep(
        &self,
        settings: &StageSettings,
        metrics: &StageMetrics,
        shutdown: &Shutdown,
        mut body: impl FnMut(KafkaLog) -> Result<(), LogError>,
    ) -> Result<(), RuntimeError> {
        let mut last_rebuild: Option<Instant> = None;
        while !shutdown.is_requested() {
            let opened = KafkaLog::open(self.kafka, self.group, self.topics, &self.id);
            let Err(error) = opened.and_then(&mut body) else { return Ok(()) };
            match error {
                LogError::SlotTaken(detail) => {
                    return Err(RuntimeError::SlotTaken { slot: self.id.clone(), detail });
                }
                LogError::Halt(halt) => self.wait(settings, metrics, shutdown, &halt),
                LogError::Abort(detail) | LogError::Rebuild(detail) => {
                    tracing::warn!(slot = self.id, "rebuilding the Kafka clients: {detail}");
                    metrics.rebuilt();
                    if last_rebuild.is_some_and(|at| at.elapsed() < REBUILD_WINDOW) {
                        let stage = self.group.to_owned();
                        return Err(RuntimeError::Broken { stage, detail });
                    }
                    last_rebuild = Some(Instant::now());
                }
            }
        }
        Ok(())
    }

    fn wait(
        &self,
        settings: &StageSettings,
        metrics: &StageMetrics,
        shutdown: &Shutdown,
        halt: &Halt,
    ) {
        tracing::warn!(slot = self.id, dependency = halt.dependency, "halted: {halt}");
        settings.readiness.halted(halt.dependency, halt.to_string());
        metrics.halted(halt.dependency, true);
        shutdown.wait_timeout(HALT_BACKOFF);
        metrics.halted(halt.dependency, false);
    }
}
