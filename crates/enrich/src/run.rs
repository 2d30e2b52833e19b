//! Enrich as a service.

use kafka_runtime::{RuntimeError, Shutdown, StageSettings, run_stage};
use topology::Stage;
use tracking_plan::LiveCatalog;
use transformation::Transformations;

use crate::{EnrichStep, Opened, processor::Enricher};

/// Runs enrich until asked to stop. Blocking: call it on a thread of its own.
pub fn run(
    settings: &StageSettings,
    enrichments: impl Into<Opened>,
    transformations: Transformations,
    catalog: LiveCatalog,
    shutdown: &Shutdown,
) -> Result<(), RuntimeError> {
    let opened: Opened = enrichments.into();
    let step = EnrichStep::new(opened.live(), catalog).with(transformations);
    opened.follow(shutdown.clone());
    let processor = Enricher::new(step, &settings.registry);
    run_stage(settings, Stage::Enrich, processor, shutdown)
}
