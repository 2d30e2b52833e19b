//! Configuration of validate.

use serde::Deserialize;

/// The `[validate]` table of the configuration file. It has no keys yet: the sources have tables
/// of their own, and tracking plans are still to come.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {}
