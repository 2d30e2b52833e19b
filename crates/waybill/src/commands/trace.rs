//! `waybill trace`: the life of one event.

use crate::{Exit, cli::TraceArgs, config::Config, output};

/// Looks everywhere for one origin. Found nowhere: exit code 1.
pub(crate) async fn run(arguments: TraceArgs, config: Config) -> anyhow::Result<Exit> {
    let deps = super::audit::deps(&config)?;
    let origin = arguments.origin;
    let trace = tokio::task::spawn_blocking(move || audit::trace(&deps, origin, output::progress))
        .await??;
    if arguments.json {
        output::json(&trace)?;
    } else {
        output::text(&trace.to_string());
    }
    let found = !trace.kafka.is_empty() || !trace.clickhouse.is_empty();
    Ok(if found { Exit::Done } else { Exit::Failed })
}
