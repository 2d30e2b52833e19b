//! How the auditor works.

use serde::Deserialize;

/// The `[audit]` table of the configuration file.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Seconds between two looks at the open hours.
    pub interval_seconds: u64,
    /// Seconds after an hour's end before it is closed: the broker's clock and ours may differ by
    /// less than this.
    pub grace_seconds: u64,
    /// Minutes after an hour's end from which it has been open too long.
    pub open_alarm_minutes: u64,
    /// Share of what came in, 0.0 to 1.0, that the warehouse may lack before an alarm.
    pub tolerance: f64,
}

impl Default for Config {
    fn default() -> Self {
        Self { interval_seconds: 60, grace_seconds: 60, open_alarm_minutes: 30, tolerance: 0.05 }
    }
}
