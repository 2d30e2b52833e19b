//! The step of validate.

use event::{Millis, RawEvent, ValidatedEvent};
use pipeline::{Context, Halt, Step, Verdict};
use tracking_plan::{LiveCatalog, clean};

/// Emits what passes the quality gate and rejects the rest; discards what must not be kept. Halts
/// where a newer plan may be in force that this process has not read: nothing passes unchecked.
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
        let (known_until, appended_at) = (self.catalog.known_until(), cx.waybill.appended_at);
        if appended_at <= known_until {
            return Ok(clean(event, appended_at, &self.catalog.current()));
        }
        Err(Halt::new("plan", unread(appended_at.saturating_sub(known_until))))
    }
}

fn unread(behind: Millis) -> String {
    format!(
        "the plans could not be read for the events that come now ({behind} ms past what is known): \
         the log says what is wrong with them; if it says nothing, the broker's clock is ahead of \
         this machine's"
    )
}
