//! Validate as a service.

use kafka_runtime::{RuntimeError, Shutdown, StageSettings, StepProcessor, run_stage};
use topology::Stage;
use tracking_plan::LiveCatalog;

use crate::ValidateStep;

/// Runs validate until asked to stop. Blocking: call it on a thread of its own.
pub fn run(
    settings: &StageSettings,
    catalog: LiveCatalog,
    shutdown: &Shutdown,
) -> Result<(), RuntimeError> {
    let step = ValidateStep::new(catalog);
    let processor = StepProcessor::new(step, Stage::Validate, &settings.registry);
    run_stage(settings, Stage::Validate, processor, shutdown)
}
