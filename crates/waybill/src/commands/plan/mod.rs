//! `waybill plan`: tracking plans in the hands of those who write them.

mod check;
mod diff;
mod files;
mod infer;
mod lint;
mod replay;
mod sample;
mod test;
mod types;
pub(super) mod walk;

use std::fmt;

use crate::{Exit, cli::PlanCommand, config::Config, output};

/// Does what was asked for.
pub(crate) async fn run(command: &PlanCommand, config: Config) -> anyhow::Result<Exit> {
    let done = match command {
        PlanCommand::Check(arguments) => check::run(arguments, &config),
        PlanCommand::Diff(arguments) => diff::run(arguments, &config),
        PlanCommand::Test(arguments) => test::run(arguments, &config),
        PlanCommand::Types(arguments) => types::run(arguments),
        PlanCommand::Sample(arguments) => sample::run(arguments, config).await,
        PlanCommand::Infer(arguments) => infer::run(arguments, config).await,
    };
    done.or_else(|error| {
        let unusable = error.downcast::<Unusable>()?;
        Ok(output::refused(&unusable.0, Exit::Usage))
    })
}

/// What was named on the command line cannot be used at all.
#[derive(Debug)]
struct Unusable(String);

impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Unusable {}
