//! The step of enrich.

use enrichment::Enrichments;
use event::{EnrichedEvent, ValidatedEvent};
use pipeline::{Context, Halt, Step, Verdict};

/// Emits every event with its facts; rejects and drops nothing and never halts.
pub struct EnrichStep {
    enrichments: Enrichments,
}

impl EnrichStep {
    /// A step with these enrichments.
    pub const fn new(enrichments: Enrichments) -> Self {
        Self { enrichments }
    }
}

impl Step for EnrichStep {
    type In = ValidatedEvent;
    type Out = EnrichedEvent;

    fn apply(&self, event: ValidatedEvent, _cx: &Context) -> Result<Verdict<EnrichedEvent>, Halt> {
        let ValidatedEvent { event, validation } = event;
        let enrichment = self.enrichments.apply(&event);
        Ok(Verdict::Emit(EnrichedEvent { event, validation, enrichment }))
    }
}
