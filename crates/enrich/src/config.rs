//! Configuration of enrich.

use serde::Deserialize;

/// The `[enrich]` table of the configuration file. It has no keys yet: the enrichments that need
/// an operator's data are still to come.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {}
