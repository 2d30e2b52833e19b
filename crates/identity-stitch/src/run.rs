//! The stage as a service.

use kafka_runtime::{KafkaConfig, RuntimeError, Scanner, Shutdown, StageSettings, run_stage};
use pipeline::Halt;
use topology::Stage;

use crate::{Config, FjallStores, PartitionCount, Stitcher};

/// Runs identity-stitch until asked to stop. Blocking: call it on a thread of its own.
pub fn run(
    settings: &StageSettings,
    config: &Config,
    shutdown: &Shutdown,
) -> Result<(), RuntimeError> {
    let stores = FjallStores::new(config.state_dir.clone(), config.window_days);
    let count = partition_count(settings.kafka.clone());
    let stitcher = Stitcher::new(&settings.registry, config.window_days, stores, count);
    run_stage(settings, Stage::IdentityStitch, stitcher, shutdown)
}

/// Asked anew at each assignment: topics can be given more partitions while the stage runs.
fn partition_count(kafka: KafkaConfig) -> PartitionCount {
    Box::new(move || {
        let input = Stage::IdentityStitch.input();
        let bounds = Scanner::new(&kafka, "identity-stitch-count")
            .and_then(|scanner| scanner.bounds(input))
            .map_err(|error| Halt::new("broker", error.to_string()))?;
        u16::try_from(bounds.len())
            .map_err(|_| Halt::new("partition-count", format!("{} partitions", bounds.len())))
    })
}
