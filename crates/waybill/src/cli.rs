//! The command line.

mod audit;
mod enrich;
mod erase;
mod identity;
mod plan;
mod sample;
mod stage;
mod tail;

use std::{net::SocketAddr, path::PathBuf};

pub use audit::{AuditArgs, AuditCommand, GiveUpArgs};
pub use enrich::{EnrichArgs, EnrichCommand, ExplainArgs};
pub use erase::EraseArgs;
pub use identity::{ExplainIdentityArgs, IdentityCommand, PairArgs, ShowArgs, WhichId};
pub use plan::{
    CheckPlansArgs, Deny, DiffPlansArgs, Language, PlanCommand, PlanTypesArgs, TestPlanArgs,
};
pub use sample::{GatherArgs, InferArgs, Store};
pub use stage::{LogArgs, OrderArgs, ResumeArgs, SkipArgs, StageCommand};
pub use tail::{Since, TailArgs};

use clap::{Args, Parser, Subcommand};

/// Server-side event tracking that can prove it delivered every event.
#[derive(Debug, Parser)]
#[command(
    name = "waybill",
    version,
    propagate_version = true,
    after_help = "Examples:\n  waybill up                         everything on this machine, without Docker\n  waybill --config w.toml migrate    show what is to be made, ask, make it\n  waybill audit --wait 60            do the books balance?\n  waybill trace 0-3-18446            the life of one event\n\nExit codes: 0 done, 1 failed or unbalanced, 2 open (audit), 64 bad command line or configuration."
)]
pub struct Cli {
    /// Configuration file.
    #[arg(long, global = true, env = "WAYBILL_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Collect events over HTTP and write them to raw-events.
    Ingest,
    /// Judge raw events: the quality gate.
    Validate,
    /// Add what a server can work out; or, with `explain`, tell what it adds to an event and why.
    Enrich(EnrichArgs),
    /// Drop repeats and link identities.
    IdentityStitch,
    /// Load ClickHouse.
    Forward,
    /// Compare every topic with ClickHouse: now, or every hour with --serve; give up hours by order.
    #[command(
        after_help = "Exit codes: 0 balanced, 1 unbalanced, 2 open.\n\nExamples:\n  waybill audit\n  waybill audit --wait 60 --json\n  waybill audit --serve\n  waybill audit give-up --why \"the auditor stood still for a month\""
    )]
    Audit(AuditArgs),
    /// All six services in one process.
    Run,
    /// A local stack (Kafka, registry, ClickHouse), migrated, with all six services.
    #[command(
        after_help = "Needs Java 21 or newer, Maven, npm, tar and cc; says what is missing.\n\nExample:\n  waybill up --dir .stack"
    )]
    Up(UpArgs),
    /// Make topics, schemas and tables as this version needs them.
    #[command(
        after_help = "Shows the plan first and asks: topics, schemas, tables, for how long rows are kept ([warehouse.keep_days])\nand, with [warehouse] cluster, that all of it is made on every replica. Idempotent; safe to run twice\nat once.\n\nWith --backfill the promoted columns of tracking plans are also worked out for rows that were\nloaded before them, month by month. It may be broken off: ClickHouse ends the month that it is\nat, and the next run goes on with those that are left.\n\nExit codes: 0 done, 1 refused or failed, 64 bad command line or configuration.\n\nExamples:\n  waybill migrate\n  waybill migrate --yes --json\n  waybill migrate --backfill"
    )]
    Migrate(MigrateArgs),
    /// Check the configuration; with --online also Kafka, the registry and ClickHouse. With
    /// --events-per-day: how much disk that load needs.
    #[command(
        after_help = "Examples:\n  waybill check --online\n  waybill check --example > waybill.toml\n  waybill check --events-per-day 50000000 --event-bytes 800"
    )]
    Check(CheckArgs),
    /// The life of one event by its waybill number.
    #[command(after_help = "Example:\n  waybill trace 0-3-18446 --json")]
    Trace(TraceArgs),
    /// Show events as they come, each with its verdict and the reasons; never a property's value.
    #[command(
        after_help = "The verdict is what validate says of the event, by the sources and plans that this configuration\nnames. Lines of one partition come in their order; partitions take turns.\n\nExamples:\n  waybill tail --source web/app\n  waybill tail --since 10m --verdict flag,reject\n  waybill tail --until-end --json | jq -r .reason | sort | uniq -c"
    )]
    Tail(TailArgs),
    /// What runs, what does not, who is to blame, and what to type next.
    #[command(
        after_help = "Asks Kafka, the registry, ClickHouse and every admin port of [status] admin; answers within\n10 s also when all of them are down.\n\nExit codes: 0 all runs, 1 something is down, halted or stopped by its breaker, 2 something is\npaused, starting or restoring.\n\nExamples:\n  waybill status\n  waybill status --json | jq -r .diagnosis.next[]"
    )]
    Status(StatusArgs),
    /// Pause and resume stages, give up what has expired, and see who did so and why.
    #[command(subcommand)]
    Stage(StageCommand),
    /// Who is who and why; link and unlink ids by order.
    #[command(subcommand)]
    Identity(IdentityCommand),
    /// Forget a person: in ClickHouse, in the state of identity-stitch, and from now on.
    #[command(
        after_help = "Shows what would be erased and asks first. Then: puts the ids on the suppression list and waits until\nevery validate has it; deletes from ClickHouse; waits for what is on its way; has identity-stitch\nforget; deletes what arrived meanwhile. Says what remains in which topic until when. Broken off, the\nsame command goes on; done, it may be repeated.\n\nExit codes: 0 done (also where nothing was found), 1 failed or not confirmed, 2 begun, and waits for\nsomething, 64 bad command line or configuration.\n\nExamples:\n  waybill erase --user-id user-42 --reason \"ticket 311\" --dry-run\n  waybill erase --user-id user-42 --reason \"ticket 311\"\n  waybill erase --anonymous-id anon-7f3 --reason \"ticket 312\" --yes --json > report.json"
    )]
    Erase(EraseArgs),
    /// Tracking plans: draft them from what flows, and check them before they judge events.
    #[command(subcommand)]
    Plan(PlanCommand),
    /// Send events to ingest and measure the answers.
    #[command(
        after_help = "Example:\n  waybill load --events 10000 --per-request 100 --write-key wk_web"
    )]
    Load(LoadArgs),
}

/// Arguments of `up`.
#[derive(Debug, Args)]
pub struct UpArgs {
    /// Where the stack keeps its data and logs.
    #[arg(long, default_value = ".stack", value_name = "DIR")]
    pub dir: PathBuf,
    /// Take free ports instead of the well-known ones.
    #[arg(long)]
    pub free_ports: bool,
}

/// Arguments of `migrate`.
#[derive(Debug, Args)]
pub struct MigrateArgs {
    /// Do not ask.
    #[arg(long, short)]
    pub yes: bool,
    /// Also work out promoted columns anew where rows are older than they are.
    #[arg(long)]
    pub backfill: bool,
    /// Print plan and result as JSON.
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `status`.
#[derive(Debug, Args)]
pub struct StatusArgs {
    /// Print it as JSON.
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `check`.
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// Also ask Kafka, the registry and ClickHouse.
    #[arg(long)]
    pub online: bool,
    /// Print an example of every key instead.
    #[arg(long)]
    pub example: bool,
    /// Tell how much disk so many events a day need instead.
    #[arg(long, value_name = "N", conflicts_with_all = ["online", "example"])]
    pub events_per_day: Option<u64>,
    /// With --events-per-day: bytes of an event as JSON.
    #[arg(long, value_name = "B", default_value_t = 675, requires = "events_per_day")]
    pub event_bytes: u64,
    /// With --events-per-day: what is left of an event once compressed, percent.
    #[arg(long, value_name = "PERCENT", default_value_t = 35, requires = "events_per_day")]
    pub compressed_percent: u64,
    /// With --events-per-day: events that are rejected, and as many discarded, percent.
    #[arg(long, value_name = "PERCENT", default_value_t = 1, requires = "events_per_day")]
    pub rejected_percent: u64,
    /// Print the result as JSON.
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `trace`.
#[derive(Debug, Args)]
pub struct TraceArgs {
    /// Waybill number: epoch-partition-offset.
    pub origin: event::Origin,
    /// Print it as JSON.
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `load`.
#[derive(Debug, Args)]
pub struct LoadArgs {
    /// Where ingest listens.
    #[arg(long, default_value = "127.0.0.1:8080", value_name = "ADDRESS")]
    pub target: SocketAddr,
    /// Write key of the source to send as.
    #[arg(long, value_name = "KEY")]
    pub write_key: String,
    /// Events in all.
    #[arg(long, default_value_t = 10_000)]
    pub events: u64,
    /// Events per request.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..=2500))]
    pub per_request: u64,
    /// Events per second; as fast as it goes if absent.
    #[arg(long, value_name = "EVENTS")]
    pub rate: Option<u64>,
    /// Requests in flight at once.
    #[arg(long, default_value_t = 8)]
    pub connections: usize,
    /// Print the result as JSON.
    #[arg(long)]
    pub json: bool,
}
