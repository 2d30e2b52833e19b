//! What `waybill audit --json` says.

use std::fmt;

use serde_json::Value;

/// An answer of `waybill audit`.
#[derive(Debug, Clone, PartialEq)]
pub struct Audit {
    /// Exit code: 0 balanced, 1 unbalanced, 2 open.
    pub code: i32,
    /// The report.
    pub report: AuditReport,
}

/// The report as JSON.
#[derive(Debug, Clone, PartialEq)]
pub struct AuditReport(pub Value);

/// An origin that the auditor names.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct NamedOrigin {
    /// Waybill number as text.
    pub origin: String,
    /// Source of the event.
    pub source: String,
    /// Name of the event.
    pub event: String,
    /// Message id.
    pub message_id: String,
}

/// How many events have which fate.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Books {
    /// Numbered.
    pub raw: u64,
    /// In the warehouse.
    pub loaded: u64,
    /// Dropped on purpose.
    pub discarded: u64,
    /// With an open dead letter.
    pub dead: u64,
    /// Erased on request.
    pub erased: u64,
}

impl AuditReport {
    /// The origins that did not arrive.
    pub fn missing(&self) -> Vec<NamedOrigin> {
        self.named("missing")
    }

    /// The origins that the warehouse holds more than once.
    pub fn duplicated(&self) -> Vec<NamedOrigin> {
        self.named("duplicated")
    }

    /// How many origins have expired, and been given up.
    pub fn expired(&self) -> u64 {
        self.0["expired"].as_u64().unwrap_or_default()
    }

    /// The stage that holds an open span.
    pub fn held_by(&self) -> Option<&str> {
        self.0["held_by"].as_str()
    }

    /// The counts.
    pub fn books(&self) -> Books {
        let number = |field: &str| self.0[field].as_u64().unwrap_or_default();
        Books {
            raw: number("raw"),
            loaded: number("loaded"),
            discarded: number("discarded"),
            dead: number("dead"),
            erased: number("erased"),
        }
    }

    /// How many origins were seen in a topic.
    pub fn seen_in(&self, topic: &str) -> u64 {
        self.0["topics"][topic].as_u64().unwrap_or_default()
    }

    fn named(&self, field: &str) -> Vec<NamedOrigin> {
        let text = |of: &Value, field: &str| of[field].as_str().unwrap_or_default().to_owned();
        let named = |of: &Value| NamedOrigin {
            origin: text(of, "origin"),
            source: text(of, "source"),
            event: text(of, "event"),
            message_id: text(of, "message_id"),
        };
        self.0[field].as_array().into_iter().flatten().map(named).collect()
    }
}

impl Audit {
    /// The verdict's word.
    pub fn verdict(&self) -> &'static str {
        match self.code {
            0 => "balanced",
            1 => "unbalanced",
            _ => "open",
        }
    }
}

impl fmt::Display for Audit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {:#}", self.verdict(), self.report.0)
    }
}
