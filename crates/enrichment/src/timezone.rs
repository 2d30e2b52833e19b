//! The end user's time zone.

use event::{EnrichmentFacts, Event};

use crate::{ContextView, Enrichment};

/// `context.timezone` as sent.
pub(crate) struct TimeZone;

impl Enrichment for TimeZone {
    fn name(&self) -> &'static str {
        "timezone"
    }

    fn version(&self) -> &'static str {
        "1"
    }

    fn apply(&self, _event: &Event, context: &ContextView, facts: &mut EnrichmentFacts) {
        facts.timezone.clone_from(&context.timezone);
    }
}
