//! `waybill audit`: do the books balance now?

use std::time::Duration;

use audit::{Deps, State};
use schema_registry::Registry;
use tokio::runtime::Handle;
use warehouse::Warehouse;

use crate::{Exit, cli::AuditArgs, config::Config, output};

/// Closes the books up to now and says what they say.
pub(crate) async fn run(arguments: AuditArgs, config: Config) -> anyhow::Result<Exit> {
    let deps = deps(&config)?;
    let wait = Duration::from_secs(arguments.wait);
    let report =
        tokio::task::spawn_blocking(move || audit::check(&deps, wait, output::progress)).await??;
    if arguments.json {
        output::json(&report)?;
    } else {
        output::text(&report.to_string());
    }
    Ok(match report.state {
        State::Balanced => Exit::Done,
        State::Unbalanced => Exit::Failed,
        State::Open => Exit::Open,
    })
}

/// What the auditor works with.
pub(crate) fn deps(config: &Config) -> anyhow::Result<Deps> {
    Ok(Deps {
        kafka: config.kafka.clone(),
        registry: Registry::new(&config.registry, Handle::current())?,
        warehouse: Warehouse::new(&config.warehouse)?,
        runtime: Handle::current(),
        epoch: config.epoch,
    })
}
