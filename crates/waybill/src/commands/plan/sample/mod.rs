//! `waybill plan sample`: events to try plans on.

mod chosen;
mod gather;
mod line;

pub(super) use gather::{Sampled, gather, known};

use crate::{
    Exit,
    cli::GatherArgs,
    config::Config,
    output::{self, Reader},
};

/// Prints events, one a line.
pub(super) async fn run(arguments: &GatherArgs, config: Config) -> anyhow::Result<Exit> {
    let catalog = config.judged_sources()?;
    known(&catalog, &arguments.source)?;
    let sampled = gather(arguments, config, catalog).await?;
    output::progress(&format!(
        "{} events of {} with all their values, which may be personal: keep them where such may be kept",
        sampled.len(),
        arguments.source
    ));
    for one in &sampled {
        if output::line(&line::text(one)?) == Reader::Gone {
            break;
        }
    }
    Ok(Exit::Done)
}
