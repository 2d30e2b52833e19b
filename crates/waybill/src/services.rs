//! Starting services, and stopping them in time.

use std::{sync::Arc, thread, time::Duration};

use anyhow::Context as _;
use kafka_runtime::{BatchLimits, Producer, Shutdown, StageSettings};
use schema_registry::Registry;
use telemetry::Health;
use tokio::{
    runtime::Handle,
    signal::unix::{SignalKind, signal},
    sync::oneshot,
    task::JoinSet,
};
use topology::{Service, Stage};
use tracking_plan::LiveCatalog;
use warehouse::Warehouse;

use crate::{
    Exit,
    config::Config,
    output,
    reload::{self, Files, Needed},
};

/// How long the services may take to finish what is in hand.
const DRAIN: Duration = Duration::from_secs(10);

/// What every service of a process shares.
struct Shared {
    config: Config,
    registry: Registry,
    health: Health,
    shutdown: Shutdown,
    /// The sources and the keys of first-party ids in force.
    catalog: LiveCatalog,
}

/// Runs services until SIGTERM or Ctrl-C, or until one of them fails.
pub(crate) async fn serve(services: &[Service], config: Config) -> anyhow::Result<Exit> {
    let files = Files::of(&config);
    let needed = needed(services);
    let catalog = needed.catalog(&config)?;
    let shared = Arc::new(Shared {
        registry: Registry::new(&config.registry, Handle::current())?,
        health: Health::new(),
        shutdown: Shutdown::new(),
        catalog: LiveCatalog::new(catalog),
        config,
    });
    let names: Vec<&str> = services.iter().map(|service| service.name()).collect();
    tracing::info!(services = names.join(","), version = env!("CARGO_PKG_VERSION"), "starting");
    let stopped = shared.shutdown.clone();
    let (admin, _task) =
        telemetry::admin::serve(shared.config.admin.listen, shared.health.clone(), async move {
            stopped.requested().await;
        })
        .await
        .with_context(|| format!("admin.listen {}", shared.config.admin.listen))?;
    tracing::info!(%admin, "admin port is open");
    stop_on_signal(shared.shutdown.clone())?;
    let following = Arc::clone(&shared);
    tokio::spawn(async move {
        let Shared { config, catalog, shutdown, .. } = &*following;
        reload::follow(config, needed, files, catalog, shutdown).await;
    });
    let mut running = JoinSet::new();
    for service in services {
        running.spawn(run(*service, Arc::clone(&shared)));
    }
    finish(running, &shared.shutdown).await
}

/// What these services need of the sources' files.
fn needed(services: &[Service]) -> Needed {
    let any = |judges: fn(Service) -> bool| services.iter().any(|service| judges(*service));
    if any(|it| matches!(it, Service::Ingest | Service::Validate)) {
        Needed::Rules
    } else if any(|it| it == Service::Enrich) {
        Needed::Sources
    } else {
        Needed::Nothing
    }
}

fn stop_on_signal(shutdown: Shutdown) -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate()).context("SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("SIGINT")?;
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => tracing::info!("SIGTERM: finishing what is in hand"),
            _ = interrupt.recv() => tracing::info!("interrupted: finishing what is in hand"),
        }
        shutdown.request();
    });
    Ok(())
}

/// Waits for the services. The first that fails stops the others; after a request to stop they
/// have [`DRAIN`] to finish. A close that hangs is ended with the process: what is not committed
/// comes again.
async fn finish(
    mut running: JoinSet<anyhow::Result<()>>,
    shutdown: &Shutdown,
) -> anyhow::Result<Exit> {
    let mut exit = Exit::Done;
    let deadline = async {
        shutdown.requested().await;
        tokio::time::sleep(DRAIN).await;
    };
    tokio::pin!(deadline);
    loop {
        tokio::select! {
            ended = running.join_next() => {
                let Some(ended) = ended else { return Ok(exit) };
                if let Err(error) = ended.context("a service panicked").and_then(|result| result) {
                    output::refused(&format!("{error:#}"), Exit::Failed);
                    exit = Exit::Failed;
                }
                shutdown.request();
            }
            () = &mut deadline => {
                tracing::error!("services did not finish within {DRAIN:?}: ending the process");
                std::process::exit(1);
            }
        }
    }
}

async fn run(service: Service, shared: Arc<Shared>) -> anyhow::Result<()> {
    match service {
        Service::Ingest => ingest(shared).await.context("ingest"),
        Service::Validate => {
            on_thread(service, shared, |shared, settings| {
                let config = &shared.config.validate;
                let catalog = shared.catalog.clone();
                Ok(validate::run(settings, config, catalog, &shared.shutdown)?)
            })
            .await
        }
        Service::Enrich => {
            on_thread(service, shared, |shared, settings| {
                let catalog = shared.catalog.clone();
                let enrichments = shared.config.enrichments()?;
                let transformations = shared.config.transformations()?;
                let shutdown = &shared.shutdown;
                Ok(enrich::run(settings, enrichments, transformations, catalog, shutdown)?)
            })
            .await
        }
        Service::IdentityStitch => {
            on_thread(service, shared, |shared, settings| {
                let config = &shared.config.identity_stitch;
                Ok(identity_stitch::run(settings, config, &shared.shutdown)?)
            })
            .await
        }
        Service::Forward => forward(shared).await,
        Service::Audit => audit(shared).await.context("audit"),
        Service::Producers | Service::Operators => Ok(()),
    }
}

fn settings(shared: &Shared, component: &str, batch: BatchLimits) -> StageSettings {
    StageSettings {
        kafka: shared.config.kafka.clone(),
        registry: shared.registry.clone(),
        epoch: shared.config.epoch,
        slot: shared.config.slot,
        batch,
        readiness: shared.health.stage(component, shared.config.slot),
    }
}

/// Runs a stage's loop on an OS thread of its own.
async fn on_thread(
    service: Service,
    shared: Arc<Shared>,
    body: impl FnOnce(&Shared, &StageSettings) -> anyhow::Result<()> + Send + 'static,
) -> anyhow::Result<()> {
    let settings = settings(&shared, service.name(), shared.config.batch);
    blocking(service.name(), move || body(&shared, &settings)).await
}

/// Runs blocking work on an OS thread of its own and waits for it.
async fn blocking(
    name: &str,
    work: impl FnOnce() -> anyhow::Result<()> + Send + 'static,
) -> anyhow::Result<()> {
    let (done, ended) = oneshot::channel();
    thread::Builder::new().name(name.to_owned()).spawn(move || {
        // The receiver is gone only when the process is ending anyway.
        let _process_is_ending = done.send(work());
    })?;
    ended.await.with_context(|| format!("{name} panicked"))?
}

async fn ingest(shared: Arc<Shared>) -> anyhow::Result<()> {
    let with = ingest::Dependencies {
        epoch: shared.config.epoch,
        producer: Producer::new(&shared.config.kafka)?,
        registry: shared.registry.clone(),
        catalog: shared.catalog.clone(),
        readiness: shared.health.component(Service::Ingest.name()),
        shutdown: shared.shutdown.clone(),
    };
    let bound = |address| tracing::info!(%address, "ingest listens");
    Ok(ingest::run(shared.config.ingest.clone(), with, bound).await?)
}

/// The loader of events, and one loader for each side table.
async fn forward(shared: Arc<Shared>) -> anyhow::Result<()> {
    let warehouse = Warehouse::new(&shared.config.warehouse)?;
    let mut loaders = JoinSet::new();
    let limits = shared.config.forward.batch;
    let stage = Stage::ForwardClickhouse;
    let (main, events, runtime) = (Arc::clone(&shared), warehouse.clone(), Handle::current());
    loaders.spawn(async move {
        let settings = settings(&main, stage.name(), limits);
        blocking(stage.name(), move || {
            Ok(forward::run(&settings, events, runtime, &main.shutdown)?)
        })
        .await
    });
    for spec in forward::side_tables() {
        let (side, warehouse, runtime) =
            (Arc::clone(&shared), warehouse.clone(), Handle::current());
        loaders.spawn(async move {
            let settings = settings(&side, spec.name, limits);
            blocking(spec.name, move || {
                Ok(forward::run_side_table(&settings, &spec, warehouse, runtime, &side.shutdown)?)
            })
            .await
        });
    }
    let known = Arc::clone(&shared);
    loaders.spawn(async move {
        forward::keep_persons_known(warehouse, &known.shutdown).await;
        Ok(())
    });
    while let Some(ended) = loaders.join_next().await {
        ended.context("a loader panicked").and_then(|result| result).context("forward")?;
    }
    Ok(())
}

async fn audit(shared: Arc<Shared>) -> anyhow::Result<()> {
    let deps = crate::commands::audit::deps(&shared.config)?;
    blocking(Service::Audit.name(), move || {
        let readiness = shared.health.component(Service::Audit.name());
        Ok(audit::serve(&shared.config.audit, &deps, &readiness, &shared.shutdown)?)
    })
    .await
}
