//! What an operator can set.

use std::path::PathBuf;

use serde::Deserialize;

/// Configuration of identity-stitch.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Directory of the embedded stores, one subdirectory for each partition. It may be lost: it
    /// is rebuilt from the changelogs.
    pub state_dir: PathBuf,
    /// For how many whole days before the current one a repeat is recognised. The retention of
    /// `identity-journal` must be longer.
    pub window_days: u16,
}

impl Default for Config {
    fn default() -> Self {
        Self { state_dir: PathBuf::from("state/identity-stitch"), window_days: 7 }
    }
}
