//! Validate as a service.

use kafka_runtime::{RuntimeError, Shutdown, StageSettings, StepProcessor, run_stage};
use topology::Stage;
use tracking_plan::LiveCatalog;

use crate::{Config, ValidateStep};

/// Runs validate until asked to stop. Blocking: call it on a thread of its own.
pub fn run(
    settings: &StageSettings,
    config: &Config,
    catalog: LiveCatalog,
    shutdown: &Shutdown,
) -> Result<(), RuntimeError> {
    let step = ValidateStep::new(catalog);
    let registry = &settings.registry;
    let decoder = registry.raw_decoder(config.raw_encodings);
    let processor = StepProcessor::new(step, Stage::Validate, registry, decoder);
    run_stage(settings, Stage::Validate, processor, shutdown)
}
