//! The command line of `waybill erase`.

use clap::Args;

use super::identity::{id, reason};

/// Arguments of `erase`.
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
#[derive(Debug, Args)]
pub struct EraseArgs {
    /// The person with this user id.
    #[arg(long, value_name = "ID", value_parser = id, required_unless_present = "anonymous_id", conflicts_with = "anonymous_id")]
    pub user_id: Option<String>,
    /// The person whose device or browser has this anonymous id.
    #[arg(long, value_name = "ID", value_parser = id)]
    pub anonymous_id: Option<String>,
    /// The reason, such as a ticket. It is kept: name nobody in it.
    #[arg(long, value_name = "TEXT", value_parser = reason)]
    pub reason: String,
    /// Only show what would be erased.
    #[arg(long, conflicts_with = "yes")]
    pub dry_run: bool,
    /// Do not ask.
    #[arg(long, short)]
    pub yes: bool,
    /// Seconds to wait for the services, and for ClickHouse to delete.
    #[arg(long, value_name = "SECONDS", default_value_t = 600)]
    pub wait: u64,
    /// Take it from me that every validate has read the suppression list: do not ask the admin
    /// ports.
    #[arg(long)]
    pub suppressed: bool,
    /// Who orders it; $USER at this host if absent.
    #[arg(long, value_name = "NAME")]
    pub who: Option<String>,
    /// Print it as JSON.
    #[arg(long)]
    pub json: bool,
}
