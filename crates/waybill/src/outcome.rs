//! What the rules of validate make of an event, for commands that judge without writing.

use clap::ValueEnum;
use serde::Serialize;

/// What comes of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// It goes on, and there is nothing to say of it.
    Pass,
    /// It goes on, with findings.
    Flag,
    /// It is dropped on purpose.
    Discard,
    /// It becomes a dead letter.
    Reject,
}

impl Outcome {
    /// Every outcome.
    pub const ALL: [Self; 4] = [Self::Pass, Self::Flag, Self::Discard, Self::Reject];

    /// What an event is that had it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Pass => "passes",
            Self::Flag => "flagged",
            Self::Discard => "discarded",
            Self::Reject => "rejected",
        }
    }

    /// Whether the event goes on.
    pub const fn goes_on(self) -> bool {
        matches!(self, Self::Pass | Self::Flag)
    }
}
