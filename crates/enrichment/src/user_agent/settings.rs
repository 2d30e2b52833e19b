//! `user_agent` of the settings.

use serde::Deserialize;

/// What the operator says of browsers and devices.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct UserAgentSettings {
    /// Whether brand and model are worked out from the text with the patterns of uap-core.
    pub device_detail: bool,
}
