//! Orders to stages: pause, resume, and what a stage's breaker says.

use serde::{Deserialize, Serialize};

use crate::Millis;

/// An order to a stage. The meaning of each field is in `avro/stage-commands.avsc`.
#[expect(missing_docs, reason = "avro/stage-commands.avsc documents every field")]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StageCommand {
    pub stage: String,
    pub action: String,
    pub partition: Option<i32>,
    pub who: String,
    pub why: String,
    pub at: Millis,
    pub breaker_off_until: Option<Millis>,
    pub lost: Option<LostRange>,
}

/// Positions that left a topic before a stage had read them: `from` is lost, `to` is still there.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct LostRange {
    /// Topic of the positions.
    pub topic: String,
    /// Partition of that topic.
    pub partition: i32,
    /// First offset that was not read.
    pub from: i64,
    /// First offset that is still there.
    pub to: i64,
}

impl std::fmt::Display for LostRange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { topic, partition, from, to } = self;
        write!(f, "{topic}-{partition}, offsets {from} to {}", to - 1)
    }
}
