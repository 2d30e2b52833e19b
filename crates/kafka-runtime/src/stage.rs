//! Running a stage: the slot, the clients, and their rebuild.

use std::{
    process,
    sync::LazyLock,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use pipeline::Halt;
use telemetry::StageMetrics;
use topology::{Stage, Topic};

use crate::{
    commands::Controls,
    config::StageSettings,
    error::{LogError, RuntimeError},
    kafka_log::{KafkaLog, SlotClients},
    ledger::Ledger,
    processor::Processor,
    shutdown::Shutdown,
    sink::Sink,
    sink_loop::{SinkLoop, SinkParts},
    stage_loop::{StageLoop, StageParts},
    trouble::Trouble,
};

/// A second failure within this time ends the process.
const REBUILD_WINDOW: Duration = Duration::from_mins(1);
/// Ids of processes come again; with the moment of the start they do not.
static PROCESS: LazyLock<u64> = LazyLock::new(|| {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    (u64::from(process::id()) << 40) ^ u64::from(since.subsec_nanos()) ^ since.as_secs()
});
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
    let controls = Controls::follow(settings, stage, shutdown);
    controls.settle(shutdown);
    let topics = stage.reads();
    let slot = Slot::new(settings, stage.group(), topics, &metrics, shutdown);
    slot.keep(|log| {
        let parts = StageParts {
            stage,
            slot_id: slot.id(),
            process: *PROCESS,
            epoch: settings.epoch,
            limits: settings.batch,
            processor: &mut processor,
            ledger: &mut ledger,
            controls: &controls,
            metrics: &metrics,
            readiness: &settings.readiness,
            shutdown,
        };
        let mut stage_loop = StageLoop::new(log, parts);
        let ended = stage_loop.run();
        (stage_loop.into_log(), ended)
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
    let topics = stage.reads();
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
    let controls = match spec.stage {
        Some(stage) => Controls::follow(settings, stage, shutdown),
        None => Controls::none(),
    };
    controls.settle(shutdown);
    let slot = Slot::new(settings, spec.name, spec.topics.clone(), &metrics, shutdown);
    slot.keep(|log| {
        let parts = SinkParts {
            name: spec.name,
            slot_id: slot.id(),
            process: *PROCESS,
            epoch: settings.epoch,
            limits: settings.batch,
            sink: &mut sink,
            ledger: ledger.as_mut(),
            controls: &controls,
            metrics: &metrics,
            readiness: &settings.readiness,
            shutdown,
        };
        let mut sink_loop = SinkLoop::new(log, parts);
        let ended = sink_loop.run();
        (sink_loop.into_log(), ended)
    })
}

/// One place in a group: its clients are rebuilt in this process as long as that helps.
struct Slot<'a> {
    clients: SlotClients,
    shutdown: &'a Shutdown,
}

impl<'a> Slot<'a> {
    fn new(
        settings: &StageSettings,
        group: &'static str,
        topics: Vec<Topic>,
        metrics: &StageMetrics,
        shutdown: &'a Shutdown,
    ) -> Self {
        let clients = SlotClients {
            kafka: settings.kafka.clone(),
            group,
            topics,
            slot_id: format!("{group}-{}", settings.slot),
            readiness: settings.readiness.clone(),
            metrics: metrics.clone(),
            trouble: Trouble::default(),
        };
        Self { clients, shutdown }
    }

    fn id(&self) -> &str {
        &self.clients.slot_id
    }

    /// Opens the slot's clients and runs `body` on them, again and again until it ends well, the
    /// slot is taken, or the clients fail twice within a minute and no broker was away.
    fn keep(
        &self,
        mut body: impl FnMut(KafkaLog) -> (KafkaLog, Result<(), LogError>),
    ) -> Result<(), RuntimeError> {
        let mut last_rebuild: Option<Instant> = None;
        while !self.shutdown.is_requested() {
            let trouble = self.clients.trouble.count();
            let ended = KafkaLog::open(&self.clients).and_then(|log| {
                let (log, ended) = body(log);
                log.close();
                ended
            });
            let Err(error) = ended else { return Ok(()) };
            match error {
                LogError::SlotTaken(detail) => {
                    return Err(RuntimeError::SlotTaken { slot: self.id().to_owned(), detail });
                }
                LogError::Halt(halt) => self.wait(&halt),
                LogError::Abort(detail) | LogError::Rebuild(detail) => {
                    tracing::warn!(slot = self.id(), "rebuilding the Kafka clients: {detail}");
                    self.clients.metrics.rebuilt();
                    if self.clients.trouble.count() > trouble {
                        self.wait(&Halt::new("broker", detail));
                        continue;
                    }
                    if last_rebuild.is_some_and(|at| at.elapsed() < REBUILD_WINDOW) {
                        let stage = self.clients.group.to_owned();
                        return Err(RuntimeError::Broken { stage, detail });
                    }
                    last_rebuild = Some(Instant::now());
                }
            }
        }
        Ok(())
    }

    fn wait(&self, halt: &Halt) {
        tracing::warn!(slot = self.id(), dependency = halt.dependency, "halted: {halt}");
        self.clients.readiness.halted(halt.dependency, halt.to_string());
        self.clients.metrics.halted(halt.dependency, true);
        self.shutdown.wait_timeout(HALT_BACKOFF);
        self.clients.metrics.halted(halt.dependency, false);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use rdkafka::{
        ClientConfig, Offset, TopicPartitionList,
        consumer::{BaseConsumer, CommitMode, Consumer as _},
        mocking::MockCluster,
        types::{RDKafkaApiKey, RDKafkaRespErr},
    };
    use telemetry::Health;

    use super::*;
    use crate::{
        config::KafkaConfig,
        log::{Commit, Log as _, Polled},
    };

    const READS: Topic = Topic::RawEvents;

    fn slot(servers: String, slot_id: &str) -> SlotClients {
        SlotClients {
            kafka: KafkaConfig { bootstrap_servers: servers, ..Default::default() },
            group: "kept",
            topics: vec![READS],
            slot_id: slot_id.to_owned(),
            readiness: Health::new().component("kept"),
            metrics: StageMetrics::of("kept"),
            trouble: Trouble::default(),
        }
    }

    /// The broker is librdkafka's own fake.
    #[test]
    fn clients_are_made_anew_as_long_as_a_partition_has_no_leader() {
        let cluster = MockCluster::new(1).unwrap();
        cluster.create_topic(READS.name(), 1, 1).unwrap();
        cluster.partition_leader(READS.name(), 0, None).unwrap();
        let shutdown = Shutdown::new();
        let slot =
            Slot { clients: slot(cluster.bootstrap_servers(), "kept-0"), shutdown: &shutdown };
        let mut made = 0;
        let kept = slot.keep(|mut log| {
            made += 1;
            if made > 3 {
                return (log, Ok(()));
            }
            let asked = log.extents(&BTreeSet::from([(READS, 0)])).map(drop);
            assert!(matches!(asked, Err(LogError::Rebuild(_))), "{asked:?}");
            (log, asked)
        });
        kept.unwrap();
        assert_eq!(made, 4);
    }

    #[test]
    fn clients_that_fail_twice_beside_a_broker_that_is_there_end_the_process() {
        let cluster = MockCluster::new(1).unwrap();
        let shutdown = Shutdown::new();
        let slot =
            Slot { clients: slot(cluster.bootstrap_servers(), "kept-1"), shutdown: &shutdown };
        let failed = || Err(LogError::Rebuild("no right to do this".to_owned()));
        let kept = slot.keep(|log| (log, failed()));
        assert!(matches!(kept, Err(RuntimeError::Broken { .. })), "{kept:?}");
    }

    /// What becomes of a slot that asks a question which the broker answers after so long, and is fenced by the
    /// commit right behind it; and how often its clients were made. The broker is librdkafka's own fake.
    fn fenced_behind_a_question(silent: Duration) -> (Result<(), RuntimeError>, u32) {
        let cluster = MockCluster::new(1).unwrap();
        cluster.create_topic(READS.name(), 1, 1).unwrap();
        let clients = slot(cluster.bootstrap_servers(), "kept-2");
        let mut first = TopicPartitionList::new();
        first.add_partition_offset(READS.name(), 0, Offset::Offset(0)).unwrap();
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", cluster.bootstrap_servers()).set("group.id", clients.group);
        config.create::<BaseConsumer>().unwrap().commit(&first, CommitMode::Sync).unwrap();
        let shutdown = Shutdown::new();
        let slot = Slot { clients, shutdown: &shutdown };
        let mut made = 0;
        let kept = slot.keep(|mut log| {
            made += 1;
            if made > 1 {
                return (log, Ok(()));
            }
            let partition = (READS, 0);
            while !matches!(log.poll(Duration::from_secs(1)), Ok(Polled::Assigned(_))) {}
            log.begin().unwrap();
            cluster.broker_round_trip_time(1, silent).unwrap();
            log.rewind().unwrap();
            cluster.broker_round_trip_time(1, Duration::ZERO).unwrap();
            let fence = RDKafkaRespErr::RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID;
            cluster.request_errors(RDKafkaApiKey::TxnOffsetCommit, &[fence]);
            let committed = log.commit(&[Commit { partition, next: 1, metadata: String::new() }]);
            (log, committed)
        });
        (kept, made)
    }

    #[test]
    fn a_fence_behind_a_question_is_by_another_process_unless_the_broker_kept_silent() {
        let (kept, made) = fenced_behind_a_question(Duration::ZERO);
        assert!(matches!(kept, Err(RuntimeError::SlotTaken { .. })), "{kept:?}");
        assert_eq!(made, 1);
        let (kept, made) = fenced_behind_a_question(Duration::from_secs(5));
        kept.unwrap();
        assert_eq!(made, 2);
    }
}
