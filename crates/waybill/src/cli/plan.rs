//! The command line of `waybill plan`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use event::Millis;
use tracking_plan::SourceKind;

use super::{GatherArgs, InferArgs};

/// What to do with tracking plans.
#[derive(Debug, Subcommand)]
pub enum PlanCommand {
    /// Read plans and tell what is wrong in them, or likely a slip, with file and line.
    #[command(
        after_help = "What is wrong is an error: Waybill would not take the plan. What is likely a slip is a\nwarning: it is told, and fails only with --strict.\n\nExit codes: 0 fine, 1 an error (with --strict also a warning), 64 unreadable.\n\nExamples:\n  waybill plan check                   the folder of [plans] dir\n  waybill plan check plans/shop.yaml --strict\n  waybill plan check plans --json | jq -r '.[] | select(.severity == \"error\")'"
    )]
    Check(CheckPlansArgs),
    /// Tell what changed between two versions, and what of it would stop events that pass today.
    #[command(
        after_help = "Each change is breaking (events that pass today may be rejected or discarded), unknown (it\ndepends on what is sent, or on words of a schema that cannot be compared) or safe.\nWith --sample the events of a file are judged by both versions.\n\nExit codes: 0 nothing breaking, 1 something breaking (with --strict also unknown), or an event\nof the sample that passes today is stopped, 64 unreadable.\n\nExamples:\n  waybill plan diff plans/shop.1.yaml plans/shop.2.yaml\n  git show main:plans/shop.yaml > old.yaml; waybill plan diff old.yaml plans/shop.yaml --strict\n  waybill plan diff old.yaml new.yaml --sample events.ndjson --kind browser --json"
    )]
    Diff(DiffPlansArgs),
    /// Tell what validate would say of events in a file, without Kafka or any other part.
    #[command(
        after_help = "EVENTS has one event a line: as senders write them (Segment's members), or as\nraw-events has them (fields in snake_case).\n\nExit codes: 0 all pass, 1 an event is rejected or was denied by --deny, 64 unreadable.\n\nExamples:\n  waybill plan test plans/shop.yaml events.ndjson --kind browser\n  waybill plan test plans/shop.yaml events.ndjson --deny flags\n  waybill plan test plans/shop.yaml events.ndjson --json | jq 'select(.verdict == \"reject\")'"
    )]
    Test(TestPlanArgs),
    /// Write typed helpers for senders: a type for the properties of each event, and what sends it.
    #[command(
        after_help = "typescript: an interface and a function per event, for SDKs with track(event, properties).\npython: a TypedDict and a function per event. rust: a struct per event, and its name.\nWhat a language cannot express is unknown, Any or serde_json::Value.\n\nExit codes: 0 written, 64 unreadable.\n\nExamples:\n  waybill plan types plans/shop.yaml --lang typescript > src/events.ts\n  waybill plan types plans/shop.yaml --lang rust --out src/events.rs"
    )]
    Types(PlanTypesArgs),
    /// Print whole events of a source, one a line, to try plans on.
    #[command(
        after_help = "The events have all their values, which may be personal: keep the file where such may be kept.\nWhat validate discards (no consent, the suppression list) is not among them. From Kafka also what\nit rejects; from ClickHouse as stored, after what plans hash or drop.\n\nExamples:\n  waybill plan sample --source web/app > sample.ndjson\n  waybill plan sample --source web/app --from clickhouse --days 30 --events 50 > sample.ndjson"
    )]
    Sample(GatherArgs),
    /// Draft a plan from what a source sends.
    #[command(
        after_help = "The draft is a plan that all those events pass; it says how many had what. It lists no value that\nmay be personal. Read it before events are judged by it.\n\nExit codes: 0 drafted, 1 there is no event, 64 no such source.\n\nExamples:\n  waybill plan infer --source web/app --days 7 > plans/web-app.yaml\n  waybill plan infer --source web/app --from clickhouse --days 30 > plans/web-app.yaml\n  waybill plan infer --source web/app --sample sample.ndjson > plans/web-app.yaml"
    )]
    Infer(InferArgs),
}

/// Arguments of `plan check`.
#[derive(Debug, Args)]
pub struct CheckPlansArgs {
    /// Files, and folders of them; the folder of [plans] dir if absent.
    #[arg(value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    /// Warnings fail too.
    #[arg(long)]
    pub strict: bool,
    /// Print what was found as JSON.
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `plan diff`.
#[derive(Debug, Args)]
pub struct DiffPlansArgs {
    /// The version that holds today.
    pub old: PathBuf,
    /// The version to come.
    pub new: PathBuf,
    /// Events, one a line, that are judged by both versions: as `plan test` takes them.
    #[arg(long, value_name = "EVENTS")]
    pub sample: Option<PathBuf>,
    /// With --sample: the kind of source that the events are taken for: browser, mobile or server.
    #[arg(long, value_parser = kind, default_value = "server")]
    pub kind: SourceKind,
    /// Fail also for what cannot be told.
    #[arg(long)]
    pub strict: bool,
    /// Print it as JSON.
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `plan test`.
#[derive(Debug, Args)]
pub struct TestPlanArgs {
    /// The plan's file.
    pub plan: PathBuf,
    /// The events, one a line.
    pub events: PathBuf,
    /// The kind of source that the events are taken for: browser, mobile or server.
    #[arg(long, value_parser = kind, default_value = "server")]
    pub kind: SourceKind,
    /// Append time of the events, such as 2026-12-01T00:00:00Z; if absent now, or the time from
    /// which the plan holds if that is later.
    #[arg(long, value_parser = instant, value_name = "TIME")]
    pub at: Option<Millis>,
    /// What fails beside rejections.
    #[arg(long, value_delimiter = ',')]
    pub deny: Vec<Deny>,
    /// Print each event and its verdict as a line of JSON.
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `plan types`.
#[derive(Debug, Args)]
pub struct PlanTypesArgs {
    /// The plan's file.
    pub plan: PathBuf,
    /// The language of the helpers.
    #[arg(long)]
    pub lang: Language,
    /// Write to this file instead.
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

/// A language that helpers are written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Language {
    /// TypeScript.
    Typescript,
    /// Python 3.11 or newer.
    Python,
    /// Rust.
    Rust,
}

/// What fails beside rejections.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Deny {
    /// Events that pass with findings.
    Flags,
    /// Events that are dropped for want of consent.
    Discards,
}

pub(super) fn kind(word: &str) -> Result<SourceKind, String> {
    let known = SourceKind::ALL.into_iter().find(|kind| kind.word() == word);
    known.ok_or_else(|| {
        format!("the kinds are {}", SourceKind::ALL.map(SourceKind::word).join(", "))
    })
}

pub(super) fn instant(text: &str) -> Result<Millis, String> {
    let parsed = text.parse::<jiff::Timestamp>();
    parsed
        .map(jiff::Timestamp::as_millisecond)
        .map_err(|_| "a time is written with its offset, such as 2026-12-01T00:00:00Z".to_owned())
}
