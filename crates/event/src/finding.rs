//! What a rule of validate found at one place of an event.

use std::fmt;

use serde::{Deserialize, Serialize};

/// One thing that is wrong, where, and what came of it. The meaning of each field is in
/// `avro/validated-events.avsc`. Holds names, rules and types only, never values.
#[expect(missing_docs, reason = "avro/validated-events.avsc documents every field")]
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Finding {
    pub reason: String,
    pub pointer: String,
    pub problem: String,
    pub expected: Option<String>,
    pub actual: Option<String>,
    pub outcome: String,
    pub plan_version: Option<String>,
}

/// For a person: where, what, and what was expected and found.
impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.pointer, self.problem)?;
        match (&self.expected, &self.actual) {
            (Some(expected), Some(actual)) => write!(f, " (expected {expected}, found {actual})"),
            (Some(expected), None) => write!(f, " (expected {expected})"),
            (None, _) => Ok(()),
        }
    }
}
