//! What becomes of events that no person sent.

use std::num::NonZeroU32;

use serde::Deserialize;

/// What becomes of an event that shows signs of a program: `bots` in its source's table.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BotPolicy {
    /// Crawlers, scrapers, automated browsers.
    pub bot: BotAction,
    /// Uptime and performance checks, often the operator's own.
    pub monitoring: BotAction,
    /// Programs that fetch a page once to show a preview of a link.
    pub preview: BotAction,
    /// Most events a minute that one device can send; identity-stitch, which counts them, flags a
    /// device that sends more. None: as many as come.
    pub events_per_minute: Option<NonZeroU32>,
}

/// Whether such an event goes on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BotAction {
    /// It goes on, with the signs among its facts.
    #[default]
    Flag,
    /// It is discarded.
    Discard,
}
