//! What `waybill status --json` says.

use std::{fmt, time::Duration};

use serde_json::Value;

/// An answer of `waybill status`.
#[derive(Debug, Clone, PartialEq)]
pub struct Status {
    /// Exit code: 0 all runs, 1 broken, 2 waiting.
    pub code: i32,
    /// The status as JSON.
    pub json: Value,
    /// How long the command took.
    pub took: Duration,
}

impl Status {
    /// What is to blame, if anything.
    pub fn culprit(&self) -> Option<&str> {
        self.json["diagnosis"]["culprit"].as_str()
    }

    /// What is wrong with it, in one word.
    pub fn kind(&self) -> Option<&str> {
        self.json["diagnosis"]["kind"].as_str()
    }

    /// What is wrong with it.
    pub fn detail(&self) -> &str {
        self.json["diagnosis"]["detail"].as_str().unwrap_or_default()
    }

    /// What to type first.
    pub fn next(&self) -> &str {
        self.json["diagnosis"]["next"][0].as_str().unwrap_or_default()
    }

    /// The rows with this name.
    pub fn rows_of(&self, name: &str) -> Vec<&Value> {
        let rows = self.json["rows"].as_array().into_iter().flatten();
        rows.filter(|row| row["name"] == name).collect()
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "exit {} after {:?}: {:#}", self.code, self.took, self.json)
    }
}
