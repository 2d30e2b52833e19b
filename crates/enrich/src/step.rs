//! The step of enrich.

use std::{borrow::Cow, sync::Arc, time::Instant};

use enrichment::{Enrichments, Facts, LiveEnrichments};
use event::{BotFacts, EnrichedEvent, Event, Text, ValidatedEvent};
use pipeline::{Context, DiscardReason, Discarded, RejectReason, Rejected, Verdict};
use tracking_plan::{BotAction, BotPolicy, LiveCatalog, SourceCatalog};
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

    /// The rules in force now. One event is judged by one of them.
    pub fn in_force(&self) -> InForce<'_> {
        InForce {
            enrichments: self.enrichments.current(),
            transformations: &self.transformations,
            catalog: self.catalog.current(),
        }
    }
}

/// What events are judged by at one moment. Facts may stand in it, so it outlives them.
pub struct InForce<'s> {
    enrichments: Arc<Enrichments>,
    transformations: &'s Transformations,
    catalog: Arc<SourceCatalog>,
}

impl InForce<'_> {
    /// Judges one event. What is emitted has its texts in the event, or here, but for those that change.
    pub fn apply<'d, S: Text>(
        &'d self,
        event: &'d ValidatedEvent<S>,
        cx: &Context,
    ) -> Verdict<EnrichedEvent<Cow<'d, str>>> {
        let ValidatedEvent { event, validation } = event;
        let source = self.catalog.source(&event.source).map(|source| &source.config);
        let (event, enrichment) = self.enrichments.apply(event, cx.waybill.appended_at, source);
        let policy = source.map(|source| source.bots).unwrap_or_default();
        if let Some(discarded) = unwanted(&enrichment.bot, policy) {
            return discarded.into();
        }
        let validation = validation.map(|text| Cow::Borrowed(&**text));
        self.transformed(EnrichedEvent { event, validation, enrichment })
    }

    /// Last, so that no program sees what may not travel on.
    fn transformed<'d>(
        &self,
        mut event: EnrichedEvent<Cow<'d, str>>,
    ) -> Verdict<EnrichedEvent<Cow<'d, str>>> {
        match transform(self.transformations, &mut event.event, &mut event.enrichment) {
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
fn transform<'d>(
    transformations: &Transformations,
    event: &mut Event<Cow<'d, str>>,
    facts: &mut Facts<'d>,
) -> Result<(), Stopped> {
    let mut began = None;
    transformations
        .apply(event, facts, &mut |limit| began.get_or_insert_with(Instant::now).elapsed() > limit)
}

fn unwanted(bot: &BotFacts<Cow<'_, str>>, policy: BotPolicy) -> Option<Discarded> {
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
                indicators: vec!["headless".into()],
                class: Some(class.into()),
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
