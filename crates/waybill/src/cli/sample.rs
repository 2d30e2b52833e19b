//! The command line of `waybill plan sample` and `waybill plan infer`.

use std::{num::NonZeroU64, path::PathBuf};

use clap::{Args, ValueEnum};

/// Which events.
#[derive(Debug, Clone, Args)]
pub struct GatherArgs {
    /// Id of the source.
    #[arg(long, value_name = "ID")]
    pub source: String,
    /// Where from: kafka has events as they were sent, clickhouse what validate made of those that
    /// passed.
    #[arg(long, value_enum, default_value_t = Store::Kafka)]
    pub from: Store,
    /// Of the last so many days.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=3650))]
    pub days: u16,
    /// At most so many of each name.
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..=100_000), value_name = "N")]
    pub events: u32,
}

/// Where events are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Store {
    /// The topic raw-events.
    Kafka,
    /// The table events.
    Clickhouse,
}

/// Arguments of `plan infer`.
#[derive(Debug, Args)]
pub struct InferArgs {
    /// Which events.
    #[command(flatten)]
    pub gather: GatherArgs,
    /// The events in this file instead, one a line, as this source's.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["from", "days", "events"])]
    pub sample: Option<PathBuf>,
    /// Only what so many events have becomes a rule.
    #[arg(long, default_value = "20", value_name = "N")]
    pub at_least: NonZeroU64,
    /// Name of the plan; the source's id with a hyphen if absent.
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
}
