//! The end user's time zone.

use event::EnrichmentFacts;

use crate::{Enrichment, Subject};

/// `context.timezone` as sent.
pub(crate) struct TimeZone;

impl Enrichment for TimeZone {
    fn name(&self) -> &'static str {
        "timezone"
    }

    fn version(&self) -> &'static str {
        "1"
    }

    fn apply(&self, subject: &Subject<'_>, facts: &mut EnrichmentFacts) {
        let Subject { context, .. } = *subject;
        facts.timezone.clone_from(&context.timezone);
    }
}
