//! `make bench`: CPU microseconds per event of each stage, user and system, beside a bare
//! transactional librdkafka loop on the same records in the same run.
//!
//! One process runs one stage at a time over the same events; its CPU clock is read before and
//! after. The broker's, the registry's and ClickHouse's CPU are not in the figures.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "it prints its figures")]

mod bench_stages;

use std::{collections::BTreeMap, process::ExitCode};

use anyhow::Context as _;
use bench_stages::{Bench, Figure};

/// Events by default; `BENCH_EVENTS` overrides.
const EVENTS: usize = 200_000;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> anyhow::Result<()> {
    let events = std::env::vars().find(|(name, _)| name == "BENCH_EVENTS");
    let events = events
        .map(|(_, value)| value.parse().context("BENCH_EVENTS is no number"))
        .transpose()?
        .unwrap_or(EVENTS);
    let bench = Bench::start(events)?;
    let figures = bench.run()?;
    println!("\n{:<22}{:>12}{:>10}{:>14}", "stage", "us/event", "x bare", "events/s");
    let floor = figures.first().map_or(1.0, |figure| figure.cpu_us_per_event);
    for Figure { name, cpu_us_per_event, events_per_second } in &figures {
        let times = cpu_us_per_event / floor;
        println!("{name:<22}{cpu_us_per_event:>12.2}{times:>10.2}{events_per_second:>14.0}");
    }
    let json: BTreeMap<&str, serde_json::Value> = figures
        .iter()
        .map(|it| {
            let figure = serde_json::json!({
                "cpu_us_per_event": it.cpu_us_per_event,
                "events_per_second": it.events_per_second,
            });
            (it.name, figure)
        })
        .collect();
    println!("\n{}", serde_json::json!({ "events": events, "stages": json }));
    Ok(())
}
