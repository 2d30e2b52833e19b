//! What a step says of an event.

use event::{Finding, Origin};

use crate::{DiscardReason, RejectReason};

/// What a step says of an event; every event gets exactly one.
#[must_use = "an event without a verdict is lost"]
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict<T> {
    /// It goes on.
    Emit(T),
    /// It is dropped on purpose.
    Discard(Discarded),
    /// It is put aside with the reason, to be mended and redriven.
    Reject(Rejected),
}

/// Why and in favour of what an event was dropped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Discarded {
    /// The reason.
    pub reason: DiscardReason,
    /// More, for a person; never a value that may be personal.
    pub detail: String,
    /// For a repeat: the first occurrence.
    pub first: Option<Origin>,
    /// Environment of the source, where the step knows what the event itself does not say.
    pub environment: Option<String>,
}

impl Discarded {
    /// A drop for `reason`, with words for a person.
    pub fn new(reason: DiscardReason, detail: impl Into<String>) -> Self {
        Self { reason, detail: detail.into(), first: None, environment: None }
    }
}

/// Why an event was rejected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejected {
    /// The reason.
    pub reason: RejectReason,
    /// What is wrong and where, for a person; never a value that may be personal.
    pub detail: String,
    /// The same for a program, where rules were applied to fields: what rejected, and what did not.
    pub findings: Vec<Finding>,
    /// Version of the tracking plan in force, where there is one.
    pub plan_version: Option<String>,
    /// Environment of the source, where the step knows what the event itself does not say.
    pub environment: Option<String>,
}

impl Rejected {
    /// A rejection for `reason`, with words for a person.
    pub fn new(reason: RejectReason, detail: impl Into<String>) -> Self {
        Self {
            reason,
            detail: detail.into(),
            findings: Vec::new(),
            plan_version: None,
            environment: None,
        }
    }
}

impl<T> From<Rejected> for Verdict<T> {
    fn from(rejected: Rejected) -> Self {
        Self::Reject(rejected)
    }
}

impl<T> From<Discarded> for Verdict<T> {
    fn from(discarded: Discarded) -> Self {
        Self::Discard(discarded)
    }
}
