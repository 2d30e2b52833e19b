//! `waybill up`: everything on this machine, without Docker.

use kafka_runtime::KafkaConfig;
use local_stack::{PortChoice, Ports, Progress, Stack, StackConfig};
use topology::Service;

use super::migrate::Parts;
use crate::{Exit, cli::UpArgs, config::Config, output, services};

/// Starts the parts, migrates, runs all six services until asked to stop, stops the parts.
pub(crate) async fn run(arguments: UpArgs, mut config: Config) -> anyhow::Result<Exit> {
    let mut wanted = StackConfig::new(arguments.dir.clone());
    wanted.ports =
        if arguments.free_ports { PortChoice::Free } else { PortChoice::Fixed(Ports::WELL_KNOWN) };
    wanted.progress = Progress::new(output::progress);
    let stack = Stack::start(wanted).await?;
    config.kafka =
        KafkaConfig { bootstrap_servers: stack.bootstrap_servers(), ..KafkaConfig::default() };
    config.registry.url = stack.registry_url();
    config.warehouse.url = stack.clickhouse_url();
    // The local stack has one host, and no cluster.
    config.warehouse.replicas.clear();
    config.warehouse.more_shards.clear();
    config.warehouse.cluster = None;
    config.identity_stitch.state_dir = arguments.dir.join("identity-stitch");
    let parts = Parts::new(&config)?;
    let plan = parts.whole_plan(&config).await?;
    parts.apply(&config, &plan).await?;
    announce(&config);
    let exit = services::serve(&Service::RUNNABLE, config).await;
    stack.stop().await?;
    exit
}

fn announce(config: &Config) {
    output::progress(&format!(
        "Kafka      {}\nregistry   {}\nClickHouse {}\ningest     http://{}\nadmin      http://{}\nCtrl-C stops all",
        config.kafka.bootstrap_servers,
        config.registry.url,
        config.warehouse.url,
        config.ingest.listen,
        config.admin.listen
    ));
    if config.sources.is_empty() {
        output::progress("no source is configured: every event will be refused; see [sources]");
    }
}
