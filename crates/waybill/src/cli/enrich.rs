//! The command line of `waybill enrich`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use event::Millis;
use tracking_plan::SourceKind;

use super::plan::{instant, kind};

/// Arguments of `enrich`.
#[derive(Debug, Args)]
pub struct EnrichArgs {
    /// Instead of the service: a look at what it does.
    #[command(subcommand)]
    pub command: Option<EnrichCommand>,
}

/// What to tell of the enrichments.
#[derive(Debug, Subcommand)]
pub enum EnrichCommand {
    /// Tell what each enrichment would add to an event, from which places of it, or why nothing.
    #[command(
        after_help = "The event is one as senders write it (Segment's members), or as raw-events has it (fields in\nsnake_case); several may follow each other. It is judged as validate would judge it, then goes\nthrough the enrichments that [enrich] asks for. Nothing is sent anywhere, and neither Kafka nor\nClickHouse is asked.\n\nThe places are JSON pointers: of all that the event has, they are enough for the fact, and none of\nthem can be spared. They are found by trying, with the code that runs.\n\nIt prints values of the event, which may be personal.\n\nExit codes: 0 explained, 1 validate or enrich lets an event go no further, 64 unreadable.\n\nExamples:\n  waybill enrich explain < event.json\n  waybill enrich explain event.json --source web/app\n  waybill enrich explain event.json --kind browser --user-agent 'Mozilla/5.0 …' --ip 203.0.113.7\n  waybill enrich explain event.json --json | jq '.enrichments[] | select(.name == \"bot\")'"
    )]
    Explain(ExplainArgs),
}

/// Arguments of `enrich explain`.
#[derive(Debug, Args)]
pub struct ExplainArgs {
    /// The event; stdin if absent, or `-`.
    #[arg(value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// The configured source that the event is taken for. If absent, the one that it names itself, as
    /// events of raw-events do, else one of --kind.
    #[arg(long, value_name = "ID", conflicts_with = "kind")]
    pub source: Option<String>,
    /// Take the event for that of a source of this kind without settings: browser, mobile or server
    /// (which it is if nothing tells another).
    #[arg(long, value_parser = kind)]
    pub kind: Option<SourceKind>,
    /// What ingest would have seen as the client's address.
    #[arg(long, value_name = "ADDRESS")]
    pub ip: Option<String>,
    /// What ingest would have seen as header User-Agent.
    #[arg(long, value_name = "TEXT")]
    pub user_agent: Option<String>,
    /// What ingest would have seen as header Accept-Language.
    #[arg(long, value_name = "TEXT")]
    pub accept_language: Option<String>,
    /// Append time of the event, such as 2026-12-01T00:00:00Z; now if absent.
    #[arg(long, value_parser = instant, value_name = "TIME")]
    pub at: Option<Millis>,
    /// Print one line of JSON for each event.
    #[arg(long)]
    pub json: bool,
}
