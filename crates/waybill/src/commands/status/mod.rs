//! `waybill status`: what runs, what does not, who is to blame, and what to type.
//!
//! [`ask`] asks everybody, [`rows`] and [`diagnose`] are pure functions of what was heard, [`show`]
//! prints it.

mod ask;
mod databases;
mod diagnose;
#[cfg(test)]
mod diagnose_tests;
mod findings;
#[cfg(test)]
mod made_up;
mod rows;
mod show;
mod snapshot;
mod spools;

use diagnose::{Verdict, diagnose};

use crate::{Exit, cli::StatusArgs, config::Config, output};

/// Asks, judges, prints.
pub(crate) async fn run(arguments: &StatusArgs, config: &Config) -> anyhow::Result<Exit> {
    let snapshot = ask::snapshot(config).await;
    let rows = rows::rows(&snapshot);
    let diagnosis = diagnose(&snapshot, &rows);
    if arguments.json {
        output::json(&show::status(&snapshot, &rows, &diagnosis))?;
    } else {
        output::text(&show::text(&snapshot, &rows, &diagnosis));
    }
    Ok(match diagnosis.verdict {
        Verdict::Running => Exit::Done,
        Verdict::Waiting => Exit::Open,
        Verdict::Broken => Exit::Failed,
    })
}
