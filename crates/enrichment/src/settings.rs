//! The `[enrich]` table of the configuration file.

use serde::Deserialize;
use transformation::TransformationSettings;

use crate::{
    BotSettings, ClickIdSettings, GeoSettings, IpSettings, UrlParameterSettings, UserAgentSettings,
};

/// What the operator says of the enrichments.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Names of enrichments that do not run.
    pub disabled: Vec<String>,
    /// The operator's databases of places and networks.
    pub geo: GeoSettings,
    /// What may travel on of IP addresses.
    pub ip: IpSettings,
    /// Browser, system and device.
    pub user_agent: UserAgentSettings,
    /// Signs of programs.
    pub bot: BotSettings,
    /// Which click ids are looked for.
    pub click_ids: ClickIdSettings,
    /// Which parameters are taken out of URLs.
    pub url_parameters: UrlParameterSettings,
    /// Programs of the operator, in their order; they run after all enrichments.
    pub transformations: Vec<TransformationSettings>,
}

/// Something in the settings that cannot stand.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("enrich.{key}: {problem}; {remedy}")]
pub struct SettingsProblem {
    /// Path of the key below `enrich`.
    pub key: String,
    /// What is wrong.
    pub problem: String,
    /// How to mend it.
    pub remedy: String,
}
