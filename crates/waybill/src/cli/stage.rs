//! The command line of `waybill stage`.

use clap::{Args, Subcommand, builder::NonEmptyStringValueParser};
use topology::Stage;

/// What to order.
#[derive(Debug, Subcommand)]
pub enum StageCommand {
    /// Let a stage, or one partition of it, stand still until a resume.
    #[command(
        after_help = "What comes in meanwhile waits in Kafka until it expires: see `waybill status`.\nThe order holds across restarts.\n\nExamples:\n  waybill stage pause enrich --why \"new referrer list\"\n  waybill stage pause validate --partition 3 --why \"poison record at 0-3-18446\""
    )]
    Pause(OrderArgs),
    /// Let it go on: lifts a pause and what a breaker stopped.
    #[command(
        after_help = "Without --partition everything is lifted.\n\nExamples:\n  waybill stage resume enrich --why \"list is in\"\n  waybill stage resume validate --let-through 30 --why \"the bad events are real; keep them as dead letters\""
    )]
    Resume(ResumeArgs),
    /// Give up positions that left the log before the stage had read them.
    #[command(
        after_help = "Shows what is lost and asks first. The audit books these events as expired, by range.\n\nExample:\n  waybill stage skip-expired enrich --why \"stood still over the holidays\""
    )]
    SkipExpired(SkipArgs),
    /// Who ordered what, and why; newest last.
    #[command(after_help = "Examples:\n  waybill stage log\n  waybill stage log validate --json")]
    Log(LogArgs),
}

/// Arguments of `stage pause`.
#[derive(Debug, Args)]
pub struct OrderArgs {
    /// validate, enrich, identity-stitch or forward-clickhouse.
    #[arg(value_parser = stage)]
    pub stage: Stage,
    /// This partition of its inputs only.
    #[arg(long, value_name = "P")]
    pub partition: Option<u16>,
    /// The reason, for whoever comes next.
    #[arg(long, value_name = "TEXT", value_parser = NonEmptyStringValueParser::new())]
    pub why: String,
    /// Who orders it; $USER at this host if absent.
    #[arg(long, value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    pub who: Option<String>,
}

/// Arguments of `stage resume`.
#[derive(Debug, Args)]
pub struct ResumeArgs {
    /// Which, why and who.
    #[command(flatten)]
    pub order: OrderArgs,
    /// Keep the breaker out of the way for so many minutes: what is bad becomes dead letters.
    #[arg(long, value_name = "MINUTES", conflicts_with = "partition", value_parser = clap::value_parser!(u32).range(1..=10_080))]
    pub let_through: Option<u32>,
}

/// Arguments of `stage skip-expired`.
#[derive(Debug, Args)]
pub struct SkipArgs {
    /// Which, why and who.
    #[command(flatten)]
    pub order: OrderArgs,
    /// Do not ask.
    #[arg(long, short)]
    pub yes: bool,
}

/// Arguments of `stage log`.
#[derive(Debug, Args)]
pub struct LogArgs {
    /// Of this stage only.
    #[arg(value_parser = stage)]
    pub stage: Option<Stage>,
    /// Print it as JSON.
    #[arg(long)]
    pub json: bool,
}

fn stage(name: &str) -> Result<Stage, String> {
    Stage::from_name(name).ok_or_else(|| {
        let names = Stage::ALL.map(Stage::name).join(", ");
        format!("there is no such stage; the stages are {names}")
    })
}
