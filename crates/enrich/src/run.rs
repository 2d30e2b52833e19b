//! Enrich as a service.

use enrichment::Enrichments;
use kafka_runtime::{RuntimeError, Shutdown, StageSettings, StepProcessor, run_stage};
use topology::Stage;
use tracking_plan::LiveCatalog;

use crate::EnrichStep;

/// Runs enrich until asked to stop. Blocking: call it on a thread of its own.
pub fn run(
    settings: &StageSettings,
    enrichments: Enrichments,
    catalog: LiveCatalog,
    shutdown: &Shutdown,
) -> Result<(), RuntimeError> {
    let step = EnrichStep::new(enrichments, catalog);
    let processor = StepProcessor::new(step, Stage::Enrich, &settings.registry);
    run_stage(settings, Stage::Enrich, processor, shutdown)
}
