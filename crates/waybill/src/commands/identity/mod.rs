//! `waybill identity`: orders about who is who, and what is known of it.

mod causes;
mod explain;
#[cfg(test)]
mod explain_tests;
mod explain_text;
mod known;
mod order;
mod show;
mod show_text;
#[cfg(test)]
pub(in crate::commands) mod told;
mod wait;
mod words;

pub(in crate::commands) use known::{Asker, Known};

use crate::{Exit, cli::IdentityCommand, config::Config};

/// Does what was asked or ordered.
pub(crate) async fn run(command: IdentityCommand, config: Config) -> anyhow::Result<Exit> {
    match command {
        IdentityCommand::Link(arguments) => order::link(arguments, &config).await,
        IdentityCommand::Unlink(arguments) => order::unlink(arguments, &config).await,
        IdentityCommand::Show(arguments) => show::run(arguments, &config).await,
        IdentityCommand::Explain(arguments) => explain::run(arguments, &config).await,
    }
}
