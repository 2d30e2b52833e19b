//! Running each stage by itself over the same events.

use std::{
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};
use kafka_runtime::{
    Admin, BatchLimits, KafkaConfig, Outgoing, Producer, Scanner, Shutdown, StageSettings,
    TopicSettings, bare_pass_through,
};
use local_stack::{Progress, Stack, StackConfig};
use schema_registry::{Registry, RegistryConfig};
use telemetry::Health;
use tokio::runtime::Runtime;
use topology::{Stage, TOPICS, Topic};
use tracking_plan::LiveCatalog;
use transformation::Transformations;
use warehouse::{Warehouse, WarehouseConfig};

use crate::{
    bench_enrichments::{enrich_settings, opened},
    bench_events::raw_event,
    bench_plans::{Planned, catalog},
    cpu_seconds,
};

pub(crate) const PARTITIONS: u16 = 6;
/// Events that are sent at once while the log is filled.
const CHUNK: usize = 5_000;
const PATIENCE: Duration = Duration::from_mins(10);
/// Runs of validate whose source has a plan.
const WITH_PLANS: [(&str, Planned); 4] = [
    ("validate, plan of 200", Planned::ByRank(200)),
    ("validate, plan of 2000", Planned::ByRank(2_000)),
    ("the same 200 in turn", Planned::InTurn(200)),
    ("the same 2000 in turn", Planned::InTurn(2_000)),
];

/// What a stage cost.
pub(crate) struct Figure {
    /// Stage, or the bare loop.
    pub(crate) name: &'static str,
    /// CPU microseconds per event, user and system, of this process.
    pub(crate) cpu_us_per_event: f64,
    /// Events per second, with the broker on the same cores.
    pub(crate) events_per_second: f64,
}

/// What a stage cost, beside the bare loop over the records of its input right before it.
pub(crate) struct Beside {
    pub(crate) stage: Figure,
    pub(crate) bare: Figure,
}

/// A stack whose `raw-events` holds the events.
pub(crate) struct Bench {
    pub(crate) runtime: Runtime,
    pub(crate) kafka: KafkaConfig,
    pub(crate) registry: Registry,
    warehouse: Warehouse,
    pub(crate) folder: tempfile::TempDir,
    pub(crate) stack: Stack,
    pub(crate) events: usize,
    partitions: u16,
}

impl Bench {
    /// Starts the parts, migrates and fills `raw-events`.
    pub(crate) fn start(events: usize, partitions: u16) -> anyhow::Result<Self> {
        let runtime = Runtime::new()?;
        let folder = tempfile::tempdir()?;
        let mut wanted = StackConfig::new(folder.path().join("stack"));
        wanted.progress = Progress::new(|line| eprintln!("{line}"));
        let stack = runtime.block_on(Stack::start(wanted))?;
        let kafka =
            KafkaConfig { bootstrap_servers: stack.bootstrap_servers(), ..KafkaConfig::default() };
        let at = RegistryConfig { url: stack.registry_url(), ..RegistryConfig::default() };
        let registry = Registry::new(&at, runtime.handle().clone())?;
        let at = WarehouseConfig { url: stack.clickhouse_url(), ..WarehouseConfig::default() };
        let warehouse = Warehouse::new(&at)?;
        let bench = Self { runtime, kafka, registry, warehouse, folder, stack, events, partitions };
        bench.runtime.block_on(bench.migrate())?;
        eprintln!("writing {events} events to {}", Topic::RawEvents);
        bench.fill(Planned::Not)?;
        Ok(bench)
    }

    async fn migrate(&self) -> anyhow::Result<()> {
        let admin = Admin::new(&self.kafka)?;
        let settings = TopicSettings { partitions: self.partitions, ..TopicSettings::default() };
        admin.apply(&admin.plan(&settings).await?, &settings).await?;
        for spec in TOPICS {
            self.registry.register(spec.topic).await?;
        }
        self.warehouse.migrate_apply().await?;
        Ok(())
    }

    /// Appends the events; their names are those of such a plan.
    fn fill(&self, planned: Planned) -> anyhow::Result<()> {
        let encoder = self.registry.encoder(Topic::RawEvents)?;
        let producer = Producer::new(&self.kafka)?;
        for first in (0..self.events).step_by(CHUNK) {
            let numbers = first..(first + CHUNK).min(self.events);
            let records: Result<Vec<Outgoing>, _> = numbers
                .map(|number| {
                    let event = raw_event(number, planned);
                    let key = event.anonymous_id.clone().map(String::into_bytes);
                    let value = Some(encoder.encode(&event)?);
                    let (topic, headers) = (Topic::RawEvents, Vec::new());
                    Ok::<_, anyhow::Error>(Outgoing { topic, partition: None, key, value, headers })
                })
                .collect();
            self.runtime.block_on(producer.send_all(records?))?;
        }
        Ok(())
    }

    /// The bare loop over the records of a topic.
    pub(crate) fn bare(&self, from: Topic) -> anyhow::Result<Figure> {
        let (to, partitions) = (Topic::IdentityLinks, self.partitions);
        self.measure("bare pass-through", || {
            bare_pass_through(&self.kafka, from, to, partitions, self.events)
                .context("the bare loop")
        })
    }

    /// Each stage in the order of the flow, then validate with plans.
    pub(crate) fn run(&self) -> anyhow::Result<Vec<Beside>> {
        // What comes first would pay for a broker and caches that are cold.
        self.bare(Topic::RawEvents)?;
        let mut figures = Vec::new();
        let admin = Admin::new(&self.kafka)?;
        let unplanned = LiveCatalog::new(catalog(Planned::Not)?);
        for stage in Stage::ALL {
            admin.first_positions(stage.group(), &stage.reads())?;
            figures.push(self.beside(stage.name(), stage, &unplanned)?);
        }
        for (name, planned) in WITH_PLANS {
            self.fill(planned)?;
            // Plans are compiled once, not for each event.
            let catalog = LiveCatalog::new(catalog(planned)?);
            figures.push(self.beside(name, Stage::Validate, &catalog)?);
        }
        Ok(figures)
    }

    fn beside(
        &self,
        name: &'static str,
        stage: Stage,
        catalog: &LiveCatalog,
    ) -> anyhow::Result<Beside> {
        let bare = self.bare(stage.input())?;
        let stage = self.measure(name, || self.until_through(stage, catalog))?;
        Ok(Beside { stage, bare })
    }

    #[expect(clippy::cast_precision_loss, reason = "figures for a person")]
    pub(crate) fn measure(
        &self,
        name: &'static str,
        work: impl FnOnce() -> anyhow::Result<()>,
    ) -> anyhow::Result<Figure> {
        eprintln!("measuring {name}");
        let (cpu, begun) = (cpu_seconds(), Instant::now());
        work()?;
        let events = self.events as f64;
        Ok(Figure {
            name,
            cpu_us_per_event: (cpu_seconds() - cpu) * 1e6 / events,
            events_per_second: events / begun.elapsed().as_secs_f64(),
        })
    }

    /// Runs a stage until it has committed past everything that its input holds.
    pub(crate) fn until_through(&self, stage: Stage, catalog: &LiveCatalog) -> anyhow::Result<()> {
        let shutdown = Shutdown::new();
        let mut scanner = Scanner::new(&self.kafka, "waybill-bench")?;
        thread::scope(|scope| {
            let running = scope.spawn(|| self.run_stage(stage, catalog, &shutdown));
            let through = until_committed(stage, &mut scanner);
            shutdown.request();
            match running.join() {
                Ok(ended) => ended.with_context(|| stage.name())?,
                Err(_) => bail!("{stage} panicked"),
            }
            through
        })
    }

    fn run_stage(
        &self,
        stage: Stage,
        catalog: &LiveCatalog,
        shutdown: &Shutdown,
    ) -> anyhow::Result<()> {
        let mut settings = StageSettings {
            kafka: self.kafka.clone(),
            registry: self.registry.clone(),
            epoch: 0,
            slot: 0,
            batch: BatchLimits::default(),
            readiness: Health::new().component(stage.name()),
        };
        match stage {
            Stage::Validate => {
                let config = validate::Config::default();
                validate::run(&settings, &config, catalog.clone(), shutdown)?;
            }
            Stage::Enrich => {
                let opened = opened(&enrich_settings(self.folder.path())?, &[])?;
                let none = Transformations::default();
                enrich::run(&settings, opened, none, catalog.clone(), shutdown)?;
            }
            Stage::IdentityStitch => {
                let config = identity_stitch::Config {
                    state_dir: self.folder.path().join("identity-stitch"),
                    ..identity_stitch::Config::default()
                };
                identity_stitch::run(&settings, &config, shutdown)?;
            }
            Stage::ForwardClickhouse => {
                settings.batch = BatchLimits::for_sink();
                let runtime = self.runtime.handle().clone();
                forward::run(&settings, self.warehouse.clone(), runtime, shutdown)?;
            }
        }
        Ok(())
    }
}

/// Waits until the stage has committed past what its input holds.
pub(crate) fn until_committed(stage: Stage, scanner: &mut Scanner) -> anyhow::Result<()> {
    let begun = Instant::now();
    let ends = scanner.bounds(stage.input())?;
    while begun.elapsed() < PATIENCE {
        let at = scanner.group_positions(stage.group(), &[stage.input()])?;
        // The last offset of a transactional topic is a marker, which nobody commits past.
        let through = ends.iter().all(|end| {
            at.iter().any(|at| {
                at.partition == end.partition
                    && at.metadata.is_empty()
                    && at.offset.is_some_and(|offset| offset + 1 >= end.stable_end)
            })
        });
        if through {
            return Ok(());
        }
        thread::sleep(Duration::from_millis(100));
    }
    bail!("{stage} was not through after {PATIENCE:?}")
}
