//! `bot` of the settings.

use serde::Deserialize;

/// What the operator says of programs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BotSettings {
    /// Numbers of autonomous systems that are data centres, beside the built-in list.
    pub datacenter_asns: Vec<u32>,
}
