//! `make bench`: CPU microseconds per event of each stage, user and system, beside a bare
//! transactional librdkafka loop over the records of its input right before it.
//!
//! One process runs one stage at a time over the same events; its CPU clock is read before and
//! after. Then ingest, the real process, beside a loop that only parses, encodes and produces. The
//! broker's, the registry's and ClickHouse's CPU are not in the figures.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "it prints its figures")]

mod bench_enrichments;
mod bench_events;
mod bench_identity;
mod bench_ingest;
mod bench_loader;
mod bench_plans;
mod bench_stages;

use std::{collections::BTreeMap, process::ExitCode};

use anyhow::{Context as _, ensure};
use bench_enrichments::EnrichmentFigure;
use bench_ingest::{IngestFigure, IngestFigures};
use bench_loader::LoaderFigure;
use bench_stages::{Bench, Beside, Figure, PARTITIONS};
use mimalloc::MiMalloc;
use rustix::time::{ClockId, clock_gettime};
use serde_json::json;

/// That of the binary `waybill`.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

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
    let only = std::env::vars().find(|(name, only)| name == "ONE" && !only.is_empty());
    let wanted = |part: &str| only.as_ref().is_none_or(|(_, only)| only == part);
    ensure!(
        ["stages", "loader", "enrichments", "ingest", "identity"].into_iter().any(wanted),
        "ONE names no part of the bench: stages, loader, enrichments, ingest or identity"
    );
    let enrichments = wanted("enrichments").then(|| enrichments(events)).transpose()?;
    let stages = wanted("stages").then(|| stages(events)).transpose()?;
    let loader = wanted("loader").then(|| loader(events)).transpose()?;
    let ingest = wanted("ingest").then(|| ingest(events)).transpose()?;
    let identity = wanted("identity").then(|| identity(events)).transpose()?;
    println!(
        "\n{}",
        json!({
            "events": events,
            "enrichments": enrichments,
            "stages": stages,
            "loader": loader,
            "ingest": ingest,
            "identity": identity,
        })
    );
    Ok(())
}

fn enrichments(events: usize) -> anyhow::Result<serde_json::Value> {
    let folder = tempfile::tempdir()?;
    let figures = bench_enrichments::run(events, folder.path())?;
    println!("\n{:<22}{:>12}", "enrichment", "ns/event");
    for EnrichmentFigure { name, cpu_ns_per_event } in &figures {
        println!("{name:<22}{cpu_ns_per_event:>12.0}");
    }
    let all: f64 = figures.iter().map(|figure| figure.cpu_ns_per_event).sum();
    println!("{:<22}{all:>12.0}", "together");
    let figures = figures.iter().map(|it| (it.name.clone(), json!(it.cpu_ns_per_event)));
    Ok(figures.collect::<serde_json::Map<_, _>>().into())
}

fn stages(events: usize) -> anyhow::Result<serde_json::Value> {
    let figures = Bench::start(events, PARTITIONS)?.run()?;
    println!(
        "\n{:<22}{:>12}{:>12}{:>10}{:>14}",
        "stage", "us/event", "bare loop", "x bare", "events/s"
    );
    for Beside { stage: Figure { name, cpu_us_per_event, events_per_second }, bare } in &figures {
        let (bare, times) = (bare.cpu_us_per_event, cpu_us_per_event / bare.cpu_us_per_event);
        println!(
            "{name:<22}{cpu_us_per_event:>12.2}{bare:>12.2}{times:>10.2}{events_per_second:>14.0}"
        );
    }
    let by_name: BTreeMap<&str, serde_json::Value> = figures
        .iter()
        .map(|Beside { stage, bare }| {
            let figure = json!({
                "cpu_us_per_event": stage.cpu_us_per_event,
                "bare_us_per_event": bare.cpu_us_per_event,
                "events_per_second": stage.events_per_second,
            });
            (stage.name, figure)
        })
        .collect();
    Ok(json!(by_name))
}

/// One run of the loader wavers by a tenth and more: each is shown, the one in the middle counts.
const LOADER_RUNS: usize = 3;

fn loader(events: usize) -> anyhow::Result<serde_json::Value> {
    println!(
        "\n{:<22}{:>12}{:>10}{:>14}{:>14}{:>14}{:>10}",
        "loader", "us/event", "x bare", "events/s", "rows/INSERT", "bytes/event", "peak MiB"
    );
    let mut runs = Vec::new();
    for _ in 0..LOADER_RUNS {
        let run = bench_loader::run(events)?;
        let LoaderFigure { loading, bare, rows_per_insert, bytes_per_event, peak_mib } = &run;
        println!(
            "{:<22}{:>12.2}{:>10.2}{:>14.0}{rows_per_insert:>14.0}{bytes_per_event:>14.0}{peak_mib:>10}",
            loading.name,
            loading.cpu_us_per_event,
            loading.cpu_us_per_event / bare.cpu_us_per_event,
            loading.events_per_second
        );
        runs.push(run);
    }
    runs.sort_by(|a, b| a.loading.cpu_us_per_event.total_cmp(&b.loading.cpu_us_per_event));
    let all: Vec<f64> = runs.iter().map(|run| run.loading.cpu_us_per_event).collect();
    // What one run has taken, the allocator may have kept for the next.
    let peak_mib = runs.iter().map(|run| run.peak_mib).max();
    let middle = &runs[LOADER_RUNS / 2];
    let us = middle.loading.cpu_us_per_event;
    println!("in the middle: {us:.2} us; goal: 6 us at 20,000 rows in an INSERT");
    Ok(json!({
        "cpu_us_per_event": us,
        "cpu_us_per_event_of_each": all,
        "bare_us_per_event": middle.bare.cpu_us_per_event,
        "events_per_second": middle.loading.events_per_second,
        "rows_per_insert": middle.rows_per_insert,
        "bytes_per_event": middle.bytes_per_event,
        "peak_mib": peak_mib,
    }))
}

fn ingest(events: usize) -> anyhow::Result<serde_json::Value> {
    let IngestFigures { figures, half_load_p50_ms, half_load_p99_ms, peak_mib } =
        bench_ingest::run(events)?;
    println!(
        "\n{:<22}{:>12}{:>12}{:>10}{:>14}",
        "ingest, events/request", "us/event", "loop", "x loop", "events/s"
    );
    for figure in &figures {
        let IngestFigure { per_request, cpu_us_per_event, floor_us_per_event, events_per_second } =
            figure;
        let times = cpu_us_per_event / floor_us_per_event;
        println!(
            "{per_request:<22}{cpu_us_per_event:>12.2}{floor_us_per_event:>12.2}{times:>10.2}{events_per_second:>14.0}"
        );
    }
    println!("goal: 1.5 x the loop at 100 events in a request");
    println!(
        "time to 200 at half of that rate: p50 {half_load_p50_ms:.1} ms, p99 {half_load_p99_ms:.1} ms (goal 30)"
    );
    println!("most memory: {peak_mib} MiB (goal 150)");
    let by_size: Vec<_> = figures
        .iter()
        .map(|it| {
            json!({
                "per_request": it.per_request,
                "cpu_us_per_event": it.cpu_us_per_event,
                "floor_us_per_event": it.floor_us_per_event,
                "events_per_second": it.events_per_second,
            })
        })
        .collect();
    Ok(json!({
        "by_size": by_size,
        "half_load_ms": { "p50": half_load_p50_ms, "p99": half_load_p99_ms },
        "peak_mib": peak_mib,
    }))
}

fn identity(events: usize) -> anyhow::Result<serde_json::Value> {
    let rows = bench_identity::run(events)?;
    println!(
        "\n{:<22}{:>12}{:>10}{:>12}{:>10}{:>12}",
        "identity-stitch, keys", "us/event", "x bare", "restore s", "peak MiB", "disk B/key"
    );
    for row in &rows {
        let name = format!("{}, {} d, {} p", row.keys, row.days, row.partitions);
        let times = row.cpu_us_per_event / row.bare_us_per_event;
        println!(
            "{name:<22}{:>12.2}{times:>10.2}{:>12.1}{:>10}{:>12.0}",
            row.cpu_us_per_event, row.restore_seconds, row.peak_mib, row.disk_bytes_per_key
        );
    }
    println!(
        "goals: 3.5 x bare; 1.3 x the cost with 100,000 keys; 512 MiB; 5,000,000 keys of a partition in 20 s"
    );
    Ok(rows.iter().map(bench_identity::Row::json).collect())
}

/// CPU seconds of this process so far, user and system, all threads.
#[expect(clippy::cast_precision_loss, reason = "seconds need no 53 bits")]
pub(crate) fn cpu_seconds() -> f64 {
    let spent = clock_gettime(ClockId::ProcessCPUTime);
    spent.tv_sec as f64 + spent.tv_nsec as f64 / 1e9
}
