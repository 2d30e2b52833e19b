//! The loader at full batches: all events lie in one partition when it begins, so that its INSERTs are
//! as large as the limits of a batch let them be.

use std::fs;

use anyhow::{Context as _, ensure};
use kafka_runtime::Admin;
use topology::{Stage, Topic};
use tracking_plan::LiveCatalog;

use crate::{
    bench_plans::{Planned, catalog},
    bench_stages::{Bench, Figure},
};

const STAGE: Stage = Stage::ForwardClickhouse;

/// What loading cost, and in which pieces it was done.
pub(crate) struct LoaderFigure {
    /// The loader over `stitched-events`.
    pub(crate) loading: Figure,
    /// The bare loop over the same records.
    pub(crate) bare: Figure,
    /// Rows of an INSERT on average, the last one with what was left included.
    pub(crate) rows_per_insert: f64,
    /// Bytes of keys, values and headers as the loader counts them for its batches.
    pub(crate) bytes_per_event: f64,
    /// Memory that the loader took at the most, beyond what the process had before.
    pub(crate) peak_mib: u64,
}

/// Sends the events through the stages before it and measures the loader.
#[expect(clippy::cast_precision_loss, reason = "figures for a person")]
pub(crate) fn run(events: usize) -> anyhow::Result<LoaderFigure> {
    let bench = Bench::start(events, 1)?;
    let admin = Admin::new(&bench.kafka)?;
    let unplanned = LiveCatalog::new(catalog(Planned::Not)?);
    for stage in Stage::ALL {
        admin.first_positions(stage.group(), &stage.reads())?;
    }
    for stage in Stage::ALL.into_iter().filter(|stage| *stage != STAGE) {
        eprintln!("running {stage}");
        bench.until_through(stage, &unplanned)?;
    }
    let bare = bench.bare(Topic::StitchedEvents)?;
    // The peak so far is forgotten (proc(5)).
    fs::write("/proc/self/clear_refs", "5")?;
    let (before, resident) = (Told::now()?, status_mib("VmRSS:")?);
    let loading = bench.measure(STAGE.name(), || bench.until_through(STAGE, &unplanned))?;
    let told = Told::now()?;
    let rows = told.rows - before.rows;
    let all = rows >= events as f64;
    ensure!(all, "{rows} rows were loaded of {events} events");
    Ok(LoaderFigure {
        loading,
        bare,
        rows_per_insert: rows / (told.inserts - before.inserts),
        bytes_per_event: (told.bytes - before.bytes) / rows,
        peak_mib: status_mib("VmHWM:")?.saturating_sub(resident),
    })
}

/// What the loader's metrics say.
struct Told {
    rows: f64,
    inserts: f64,
    bytes: f64,
}

impl Told {
    fn now() -> anyhow::Result<Self> {
        let text = telemetry::metrics::encode()?;
        let of = |name: &str, label: &str| metric(&text, name, label);
        Ok(Self {
            rows: of("waybill_loader_inserted_rows_total", "sink")?,
            inserts: of("waybill_loader_insert_seconds_count", "sink")?,
            bytes: of("waybill_stage_batch_bytes_sum", "stage")?,
        })
    }
}

/// A metric of the loader; 0 before it has run.
fn metric(text: &str, name: &str, label: &str) -> anyhow::Result<f64> {
    let begins = format!("{name}{{{label}=\"{STAGE}\"}} ");
    let Some(value) = text.lines().find_map(|line| line.strip_prefix(&begins)) else {
        return Ok(0.0);
    };
    value.parse().with_context(|| format!("{name} is no number"))
}

/// A line of this process's status.
fn status_mib(name: &str) -> anyhow::Result<u64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix(name)).context("no such line")?;
    let kib: u64 = line.trim().trim_end_matches(" kB").parse()?;
    Ok(kib / 1024)
}
