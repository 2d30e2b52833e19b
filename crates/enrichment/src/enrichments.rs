//! The ordered list.

use event::{EnrichmentFacts, EnrichmentRun, Event};

use crate::{
    ContextView, bot::Bot, campaign::Campaign, locale::Locale, page::Page, referrer::Referrer,
    timezone::TimeZone, user_agent::UserAgent,
};

/// One thing that a server can work out. Pure: the same event always gives the same facts.
pub trait Enrichment: Send + Sync {
    /// Its name, as [`EnrichmentFacts::applied`] tells it.
    fn name(&self) -> &'static str;

    /// Version of its code or data: changes whenever the same event may get other facts.
    fn version(&self) -> &str;

    /// Writes its own facts and no others.
    fn apply(&self, event: &Event, context: &ContextView, facts: &mut EnrichmentFacts);
}

/// Every enrichment, in the order in which they run.
pub struct Enrichments(Vec<Box<dyn Enrichment>>);

impl Enrichments {
    /// The built-in list. Compiles patterns, so make it once.
    pub fn built_in() -> Self {
        Self(vec![
            Box::new(UserAgent::default()),
            // Reads the facts of UserAgent.
            Box::new(Bot::default()),
            Box::new(Page),
            Box::new(Campaign),
            Box::new(Referrer::built_in()),
            Box::new(Locale),
            Box::new(TimeZone),
        ])
    }

    /// What all of them work out about the event. Its context is parsed once.
    pub fn apply(&self, event: &Event) -> EnrichmentFacts {
        let context = ContextView::of(event);
        let mut facts = EnrichmentFacts { applied: self.runs(), ..EnrichmentFacts::default() };
        for enrichment in &self.0 {
            enrichment.apply(event, &context, &mut facts);
        }
        facts
    }

    fn runs(&self) -> Vec<EnrichmentRun> {
        self.0.iter().map(|enrichment| run(enrichment.as_ref())).collect()
    }
}

fn run(enrichment: &dyn Enrichment) -> EnrichmentRun {
    EnrichmentRun { name: enrichment.name().to_owned(), version: enrichment.version().to_owned() }
}
