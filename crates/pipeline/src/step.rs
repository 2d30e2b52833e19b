//! What a step is.

use event::Waybill;

use crate::Verdict;

/// What a step may know of a record besides its event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Context {
    /// The event's number and append time.
    pub waybill: Waybill,
    /// Whether an operator sent the record in again.
    pub redriven: bool,
}

/// A needed dependency is gone: the stage waits and tries the same record again. A halt is never
/// an exit, a dead letter or an attempt counted against a record.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("waiting for {dependency}: {detail}")]
pub struct Halt {
    /// What is gone, in one word of low cardinality, such as `registry`.
    pub dependency: &'static str,
    /// What was tried and what came of it.
    pub detail: String,
}

impl Halt {
    /// A halt for want of `dependency`.
    pub fn new(dependency: &'static str, detail: impl Into<String>) -> Self {
        Self { dependency, detail: detail.into() }
    }
}

/// One stage's rule, as a pure function of the event and its context.
pub trait Step {
    /// What it takes.
    type In;
    /// What it gives on.
    type Out;

    /// Judges one event.
    fn apply(&self, event: Self::In, cx: &Context) -> Result<Verdict<Self::Out>, Halt>;
}
