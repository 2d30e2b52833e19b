//! `make faults`: breaks the flow in every way we know, one way after another under traffic, and
//! shows for each how often the fault fired and that nothing was lost or doubled.
//!
//! A binary and not a test target, since a table that grows for an hour is what one wants to see.
//!
//! | variable | |
//! |---|---|
//! | `ONE=text,text` | only faults with one of these in their name |
//! | `QUICK=1` | the selection that `make test` runs |
//! | `REPEAT=n` | the chosen rows so often, to hunt what happens once in many |
//! | `CYCLES=n` | how often each stage is scaled up and down; 10 by default |
//! | `SHARDS=n` | so many shards of ClickHouse; what breaks ClickHouse breaks the first |
//! | `JSON=1` | the table once more, as JSON |

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "it shows what it does")]

mod crashes;
mod fault;
mod frozen;
mod inserts;
mod late_insert;
mod load;
mod network;
mod parts;
mod report;
mod run;
mod scale;
mod takeover;
mod watch;

use std::{env, process::ExitCode};

use anyhow::ensure;
use fault::Fault;
use local_stack::{JavaTuning, Progress};
use report::{Outcome, Report};
use waybill_tests::{Flow, LedgerCheck, Options, shards};

fn main() -> ExitCode {
    match all() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("faults: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Whether every row is as it should be.
fn all() -> anyhow::Result<bool> {
    let faults = chosen()?;
    let mut flow = started()?;
    let mut ledger = LedgerCheck::default();
    let mut report = Report::begin();
    let rounds = variable("REPEAT").map_or(Ok(1), |text| text.parse())?;
    let rounds = (1..=rounds).flat_map(|round| faults.iter().map(move |fault| (round, fault)));
    for (round, fault) in rounds {
        let outcome = run::run(&flow, &mut ledger, fault, round);
        let failed = outcome.failed();
        if failed {
            eprintln!("{}\nlogs and data: {}", flow.log_tails(), flow.folder().display());
        }
        report.add(outcome);
        if failed {
            // What one fault has broken must not be counted against the next.
            drop(flow);
            flow = started()?;
            ledger = LedgerCheck::default();
        }
    }
    report.end(is_set("JSON"));
    Ok(report.outcomes().iter().all(|outcome: &Outcome| !outcome.failed()))
}

/// Every fault, or those that were asked for.
fn chosen() -> anyhow::Result<Vec<Fault>> {
    let cycles = variable("CYCLES").map_or(Ok(scale::CYCLES), |text| text.parse())?;
    let mut faults = crashes::all();
    faults.extend(late_insert::all());
    faults.extend(parts::all());
    faults.extend(inserts::all());
    faults.extend(load::all());
    faults.extend(frozen::all());
    faults.extend(network::all());
    faults.extend(scale::all(cycles));
    let one = variable("ONE").unwrap_or_default();
    faults.retain(|fault| {
        let asked_for = one.split(',').any(|text| fault.name.contains(text));
        asked_for && (fault.quick || !is_set("QUICK"))
    });
    ensure!(!faults.is_empty(), "no fault has `{one}` in its name");
    Ok(faults)
}

fn started() -> anyhow::Result<Flow> {
    let progress = Progress::new(|line| eprintln!("{line}"));
    let options = Options {
        kind: "faults",
        progress,
        proxied: true,
        java: JavaTuning::QuickStart,
        shards: shards()?,
    };
    Flow::start(&options, &|line| eprintln!("{line}"))
}

fn variable(name: &str) -> Option<String> {
    let text = env::var_os(name)?.to_string_lossy().into_owned();
    (!text.is_empty()).then_some(text)
}

fn is_set(name: &str) -> bool {
    variable(name).is_some_and(|text| text != "0")
}
