//! Configuration of validate.

use event::Encodings;
use serde::Deserialize;

/// The `[validate]` table of the configuration file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// How values of `raw-events` and its redrive topic may be written. Confluent framing must be
    /// among them.
    pub raw_encodings: Encodings,
}
