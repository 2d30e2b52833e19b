//! What is enriched.

use event::{Event, Millis};
use tracking_plan::{BotPolicy, SourceConfig};

use crate::ContextView;

/// An event and what enrichments may know of it beside.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'s, 'd> {
    /// The event, as validate let it pass.
    pub event: &'s Event<&'d str>,
    /// Its context, parsed once.
    pub context: &'s ContextView<'d>,
    /// When the broker appended it; milliseconds UTC.
    pub appended_at: Millis,
    /// What is configured of its source; `None` where that was taken out of the configuration since.
    pub source: Option<&'s SourceConfig>,
}

impl Subject<'_, '_> {
    /// What becomes of the source's events that show signs of a program.
    pub fn bots(&self) -> BotPolicy {
        self.source.map(|source| source.bots).unwrap_or_default()
    }

    /// Further domains of the source.
    pub fn internal_domains(&self) -> &[String] {
        self.source.map_or(&[], |source| &source.internal_domains)
    }
}
