//! The step of validate.

use event::{RawEvent, ValidatedEvent};
use pipeline::{Context, Halt, Step, Verdict};
use tracking_plan::{LiveCatalog, clean};

/// Emits what passes the quality gate and rejects the rest; drops nothing and never halts.
#[derive(Debug, Clone)]
pub struct ValidateStep {
    catalog: LiveCatalog,
}

impl ValidateStep {
    /// A step that knows these sources.
    pub const fn new(catalog: LiveCatalog) -> Self {
        Self { catalog }
    }
}

impl Step for ValidateStep {
    type In = RawEvent;
    type Out = ValidatedEvent;

    fn apply(&self, event: RawEvent, cx: &Context) -> Result<Verdict<ValidatedEvent>, Halt> {
        Ok(match clean(event, cx.waybill.appended_at, &self.catalog.current()) {
            Ok((event, validation)) => Verdict::Emit(ValidatedEvent { event, validation }),
            Err(rejected) => Verdict::Reject(rejected),
        })
    }
}
