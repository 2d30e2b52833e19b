//! The command line of `waybill audit`.

use clap::{Args, Subcommand, builder::NonEmptyStringValueParser};
use event::Millis;

const HOUR: Millis = 3_600_000;

/// Arguments of `audit`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct AuditArgs {
    /// What to order; without it the books are closed up to now.
    #[command(subcommand)]
    pub command: Option<AuditCommand>,
    /// Serve: check every hour that closes, publish the verdicts.
    #[arg(long, conflicts_with_all = ["json", "wait"])]
    pub serve: bool,
    /// Print the report as JSON.
    #[arg(long)]
    pub json: bool,
    /// Seconds to wait for the books to close.
    #[arg(long, default_value_t = 30, value_name = "SECONDS")]
    pub wait: u64,
}

/// What to order.
#[derive(Debug, Subcommand)]
pub enum AuditCommand {
    /// Give up hours of which the auditor can say no more, so that complete_through goes past them.
    #[command(
        after_help = "Shows the hours and asks first. They never become complete: hour_states calls them given-up, with who\nordered it and why, and complete_through counts them. A verdict that the auditor publishes on one\nafterwards holds again.\n\nWithout --hour: every hour that nothing can mend any more, since raw-events is no longer kept so far back\n(14 days), or its dead letters are not (30 days). A younger one, which the auditor may still judge, is\ngiven up by name only, and one with dead letters that can be redriven not at all.\n\nExit codes: 0 done (also where there is nothing to give up), 1 refused or not confirmed, 64 bad command\nline or configuration.\n\nExamples:\n  waybill audit give-up --why \"the auditor stood still from 2 to 20 November\"\n  waybill audit give-up --hour 2026-11-20T10:00:00Z --why \"three rows deleted by hand, ticket 311\" --yes --json"
    )]
    GiveUp(GiveUpArgs),
}

/// Arguments of `audit give-up`.
#[derive(Debug, Args)]
pub struct GiveUpArgs {
    /// The hour that begins then, in UTC, as complete_through.held_at tells it; may be repeated.
    #[arg(long = "hour", value_name = "TIME", value_parser = hour)]
    pub hours: Vec<u32>,
    /// Whose complete_through is held up. The order holds for all environments.
    #[arg(long, default_value = "production", value_name = "NAME")]
    pub environment: String,
    /// The reason, for whoever comes next.
    #[arg(long, value_name = "TEXT", value_parser = NonEmptyStringValueParser::new())]
    pub why: String,
    /// Who orders it; $USER at this host if absent.
    #[arg(long, value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    pub who: Option<String>,
    /// Do not ask.
    #[arg(long, short)]
    pub yes: bool,
    /// Print what was given up, and what not, as JSON.
    #[arg(long)]
    pub json: bool,
}

/// Start of an hour; seconds since 1970-01-01T00:00:00Z.
fn hour(text: &str) -> Result<u32, String> {
    // As ClickHouse writes a time, which is UTC here.
    let civil = || jiff::tz::TimeZone::UTC.to_timestamp(text.parse().ok()?).ok();
    let at = text.parse::<jiff::Timestamp>().ok().or_else(civil);
    let at = at.ok_or("write the start of an hour in UTC, such as 2026-11-20T10:00:00Z")?;
    let starts = at.as_millisecond().rem_euclid(HOUR) == 0;
    let seconds = u32::try_from(at.as_second()).ok().filter(|_| starts);
    seconds
        .ok_or_else(|| "no hour begins then; it would be such as 2026-11-20T10:00:00Z".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_hour_is_named_by_its_start_as_we_and_as_clickhouse_write_it() {
        for text in ["2026-11-20T10:00:00Z", "2026-11-20 10:00:00", "2026-11-20T12:00:00+02:00"] {
            assert_eq!(hour(text), Ok(1_795_168_800), "{text}");
        }
        for text in ["2026-11-20T10:30:00Z", "1960-11-20T10:00:00Z", "yesterday", ""] {
            assert!(hour(text).is_err_and(|it| it.contains("2026-11-20T10:00:00Z")), "{text}");
        }
    }
}
