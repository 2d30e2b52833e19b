//! The step of enrich.

use std::time::Instant;

use enrichment::LiveEnrichments;
use event::{BotFacts, EnrichedEvent, EnrichmentFacts, Event, ValidatedEvent};
use pipeline::{Context, DiscardReason, Discarded, Halt, RejectReason, Rejected, Step, Verdict};
use tracking_plan::{BotAction, BotPolicy, LiveCatalog};
use transformation::{Stopped, Transformations};

/// Emits every event with its facts; discards those of programs where the source says so, and what the
/// operator's transformations filter. Never halts: what cannot be looked up is absent.
pub struct EnrichStep {
    enrichments: LiveEnrichments,
    transformations: Transformations,
    catalog: LiveCatalog,
}

impl EnrichStep {
    /// A step with these enrichments for these sources.
    pub fn new(enrichments: impl Into<LiveEnrichments>, catalog: LiveCatalog) -> Self {
        let transformations = Transformations::default();
        Self { enrichments: enrichments.into(), transformations, catalog }
    }

    /// The same, and then these transformations.
    #[must_use]
    pub fn with(self, transformations: Transformations) -> Self {
        Self { transformations, ..self }
    }

    /// Last, so that no program sees what may not travel on.
    fn transformed(&self, mut event: Box<EnrichedEvent>) -> Verdict<Box<EnrichedEvent>> {
        let EnrichedEvent { event: sent, enrichment, .. } = &mut *event;
        match transform(&self.transformations, sent, enrichment) {
            Ok(()) => Verdict::Emit(event),
            Err(Stopped::Filtered { name }) => {
                Discarded::new(DiscardReason::Filtered, format!("transformation {name}")).into()
            }
            Err(Stopped::Failed { detail }) => {
                Rejected::new(RejectReason::TransformationFailed, detail).into()
            }
        }
    }
}

/// The clock only ends what no count of expressions would end soon, so it begins when it is first asked.
fn transform(
    transformations: &Transformations,
    event: &mut Event,
    facts: &mut EnrichmentFacts,
) -> Result<(), Stopped> {
    let mut began = None;
    transformations
        .apply(event, facts, &mut |limit| began.get_or_insert_with(Instant::now).elapsed() > limit)
}

impl Step for EnrichStep {
    type In = ValidatedEvent;
    /// Boxed, since it has two kilobytes and is handed on several times.
    type Out = Box<EnrichedEvent>;

    fn apply(
        &self,
        event: ValidatedEvent,
        cx: &Context,
    ) -> Result<Verdict<Box<EnrichedEvent>>, Halt> {
        let ValidatedEvent { mut event, validation } = event;
        let catalog = self.catalog.current();
        let source = catalog.source(&event.source).map(|source| &source.config);
        let enrichment =
            self.enrichments.current().apply(&mut event, cx.waybill.appended_at, source);
        let policy = source.map(|source| source.bots).unwrap_or_default();
        Ok(match unwanted(&enrichment.bot, policy) {
            Some(discarded) => discarded.into(),
            None => self.transformed(Box::new(EnrichedEvent { event, validation, enrichment })),
        })
    }
}

fn unwanted(bot: &BotFacts, policy: BotPolicy) -> Option<Discarded> {
    let class = bot.class.as_deref()?;
    let action = match class {
        "monitoring" => policy.monitoring,
        "preview" => policy.preview,
        _ => policy.bot,
    };
    (action == BotAction::Discard).then(|| {
        Discarded::new(DiscardReason::Bot, format!("{class}: {}", bot.indicators.join(", ")))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_source_does_not_want_is_discarded() {
        let discard = BotAction::Discard;
        let policies = [
            ("bot", BotPolicy { bot: discard, ..BotPolicy::default() }),
            ("monitoring", BotPolicy { monitoring: discard, ..BotPolicy::default() }),
            ("preview", BotPolicy { preview: discard, ..BotPolicy::default() }),
        ];
        for class in ["bot", "monitoring", "preview"] {
            let facts = BotFacts {
                is_bot: true,
                indicators: vec!["headless".to_owned()],
                class: Some(class.to_owned()),
                rate_limit: None,
            };
            assert_eq!(unwanted(&facts, BotPolicy::default()), None, "{class}");
            for (named, policy) in policies {
                let discarded = unwanted(&facts, policy);
                let told = discarded.map(|it| (it.reason, it.detail));
                let expected =
                    (named == class).then(|| (DiscardReason::Bot, format!("{class}: headless")));
                assert_eq!(told, expected, "{class} {named}");
            }
        }
        let all = BotPolicy {
            bot: discard,
            monitoring: discard,
            preview: discard,
            ..BotPolicy::default()
        };
        assert_eq!(unwanted(&BotFacts::default(), all), None, "a person");
    }
}
