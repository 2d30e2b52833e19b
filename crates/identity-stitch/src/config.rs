//! What an operator can set.

use std::{num::NonZeroU32, path::PathBuf};

use event::Millis;
use identity::Rules;
use serde::Deserialize;

/// Configuration of identity-stitch. All but `state_dir` must be the same in every instance.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Directory of the embedded stores, one subdirectory for each partition. It may be lost: it
    /// is rebuilt from the changelogs.
    pub state_dir: PathBuf,
    /// For how many whole days before the current one a repeat is recognised. The retention of
    /// `identity-journal` must be longer.
    pub window_days: u16,
    /// How many users one device may have before further ones are refused.
    pub users_per_device: NonZeroU32,
    /// Ids that never link, in any case of their letters.
    pub blocked_ids: Vec<String>,
    /// Sources whose `alias` calls merge two users.
    pub alias_sources: Vec<String>,
    /// Minutes without an event of a device after which its next one begins a new session.
    pub session_gap_minutes: NonZeroU32,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            state_dir: PathBuf::from("state/identity-stitch"),
            window_days: 7,
            users_per_device: NonZeroU32::MIN.saturating_add(9),
            blocked_ids: Vec::new(),
            alias_sources: Vec::new(),
            session_gap_minutes: NonZeroU32::MIN.saturating_add(29),
        }
    }
}

impl Config {
    /// The settings of the step.
    pub fn rules(&self) -> Rules {
        Rules {
            users_per_device: usize::try_from(self.users_per_device.get()).unwrap_or(usize::MAX),
            blocked: self.blocked_ids.iter().collect(),
            alias_sources: self.alias_sources.iter().cloned().collect(),
            session_gap: Millis::from(self.session_gap_minutes.get()) * 60_000,
            ..Rules::new(self.window_days)
        }
    }
}
