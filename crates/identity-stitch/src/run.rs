//! The stage as a service.

use identity::Aliases;
use kafka_runtime::{
    Feed, Followed, KafkaConfig, RuntimeError, Scanner, Shutdown, StageSettings, Told, run_stage,
};
use pipeline::Halt;
use topology::{Stage, Topic};

use crate::{Config, FjallStores, Past, Stitcher, codecs::users_of_key, stitcher::PartitionCount};

/// Runs identity-stitch until asked to stop. Blocking: call it on a thread of its own.
pub fn run(
    settings: &StageSettings,
    config: &Config,
    shutdown: &Shutdown,
) -> Result<(), RuntimeError> {
    let past = Past {
        stores: FjallStores::new(config.state_dir.clone(), config.window_days),
        partition_count: partition_count(settings.kafka.clone()),
        aliases: aliases(settings, shutdown),
    };
    let stitcher = Stitcher::new(&settings.registry, config.rules(), settings.epoch, past);
    run_stage(settings, Stage::IdentityStitch, stitcher, shutdown)
}

/// The merges of users, from all instances.
fn aliases(settings: &StageSettings, shutdown: &Shutdown) -> Followed<Aliases> {
    let feed = Feed {
        topic: Topic::IdentityAliases,
        kafka: settings.kafka.clone(),
        registry: settings.registry.clone(),
        client: format!("{}-{}-aliases", Stage::IdentityStitch, settings.slot),
    };
    let aliases =
        Followed::follow_compacted(feed, shutdown, |aliases: &mut Aliases, told| match told {
            Told::Record(alias) => aliases.apply(&alias),
            Told::Gone(key) => {
                if let Some((previous, user)) = users_of_key(key) {
                    aliases.forget(previous, user);
                }
            }
        });
    aliases.settle(shutdown);
    aliases
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
