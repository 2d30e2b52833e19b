//! `make load`: the whole flow on this machine under a steady load, measured from outside.
//!
//! Batches of 100 events go out by HTTP at fixed times, whatever the answers do. One event of each
//! batch is a probe: ClickHouse is asked until it is there, and the time since the 200 is what
//! accepted to queryable means here. Exits 0 only if the rate was carried, no request was refused,
//! the 99th percentile is within [`Settings::queryable_within`] and the books balance.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "it prints its figures")]

mod clock;
mod events;
mod generator;
mod hops;
mod probes;
mod report;
mod settings;
mod shares;
mod usage;

use std::{
    fs,
    process::ExitCode,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, anyhow};
use local_stack::{JavaTuning, Progress};
use waybill_tests::{Flow, Options};

use generator::{Generator, Sent};
use hops::Hops;
use probes::Probes;
use report::Report;
use settings::Settings;
use usage::Usage;

const SETTLE_WITHIN: Duration = Duration::from_mins(2);

fn main() -> ExitCode {
    match load() {
        Ok(problems) if problems.is_empty() => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("load: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// What is wrong with the result.
fn load() -> anyhow::Result<Vec<String>> {
    let settings = Settings::from(std::env::vars())?;
    let load_before = load_average()?;
    let flow = started()?;
    let measured = measure(&flow, settings);
    if measured.is_err() {
        eprintln!("{}", flow.log_tails());
    }
    let Measured { sent, probes, usage, hops } = measured?;
    eprintln!("waiting until everything has settled: waybill audit --wait");
    let audit = flow.audit(SETTLE_WITHIN)?;
    let report =
        Report { settings, load_before, sent: &sent, probes: &probes, usage, hops, audit: &audit };
    let problems = report.problems();
    report.print(&problems);
    if settings.json {
        println!("{}", report.json(&problems));
    }
    Ok(problems)
}

fn started() -> anyhow::Result<Flow> {
    let progress = Progress::new(|line| eprintln!("{line}"));
    let options =
        Options { kind: "load", progress, proxied: false, java: JavaTuning::LongRun, shards: 1 };
    let flow = Flow::start(&options, &|line| eprintln!("{line}"))?;
    eprintln!("ready; logs and data in {}", flow.folder().display());
    Ok(flow)
}

struct Measured {
    sent: Vec<Sent>,
    probes: Probes,
    usage: Usage,
    hops: Hops,
}

/// Sends and asks for the probes; CPU and hops are taken over the time behind the warm-up.
fn measure(flow: &Flow, settings: Settings) -> anyhow::Result<Measured> {
    let probes = Probes::default();
    let generator = Generator::new(settings);
    let Settings { rate, seconds, warm_up, .. } = settings;
    eprintln!("{rate} events/s: {warm_up} s to warm up, then {seconds} s");
    thread::scope(|scope| {
        let asking = scope.spawn(|| probes.ask(flow));
        let sending = scope.spawn(|| {
            let sent = generator.send(flow, &probes);
            probes.no_more();
            sent
        });
        let watched = watch(flow, &generator);
        let sent = sending.join().map_err(|_| anyhow!("the generator panicked"))?;
        asking.join().map_err(|_| anyhow!("the poller panicked"))?.context("asking for probes")?;
        let (usage, hops) = watched?;
        Ok((sent?, usage, hops))
    })
    .map(|(sent, usage, hops)| Measured { sent, probes, usage, hops })
}

fn watch(flow: &Flow, generator: &Generator) -> anyhow::Result<(Usage, Hops)> {
    let (begin, end) = generator.window();
    sleep_until(begin);
    let (usage, hops) = (Usage::now(flow)?, Hops::now(flow)?);
    sleep_until(end);
    Ok((Usage::now(flow)?.since(&usage), Hops::now(flow)?.since(&hops)))
}

fn sleep_until(when: Instant) {
    thread::sleep(when.saturating_duration_since(Instant::now()));
}

/// Of the last minute, before anything of ours runs.
fn load_average() -> anyhow::Result<f64> {
    let text = fs::read_to_string("/proc/loadavg")?;
    let first = text.split(' ').next().context("/proc/loadavg is empty")?;
    Ok(first.parse()?)
}
