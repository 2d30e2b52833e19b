//! What each enrichment adds to an event, and why. The reasons are found by trying: what is left out of
//! the event without which a fact would be another is where the fact comes from. So they are those of
//! the code that runs, whatever it does.

mod case;
mod leaves;
mod nothing;
mod places;

use event::{Event, Millis};
use serde::Serialize;
use tracking_plan::SourceConfig;

use crate::Enrichments;
use case::Case;

pub use nothing::{Instead, Nothing};

/// What one enrichment or removal does with an event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Explained {
    /// Its name.
    pub name: String,
    /// Version of its code and data.
    pub version: String,
    /// The facts that it adds or changes, by name.
    pub facts: Vec<Explanation>,
    /// The places of the event that it changes.
    pub changes: Vec<Change>,
    /// Why it does neither.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nothing: Option<Nothing>,
}

/// A fact and where it comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Explanation {
    /// Path in the facts, such as `campaign.source`.
    pub field: String,
    /// The value; `None` where it is taken out.
    pub value: Option<String>,
    /// JSON pointers of the places that are enough for it, and none of which can be spared. Those that
    /// the enrichment prefers where several say the same. Empty: it depends on none.
    pub from: Vec<String>,
}

/// A place of the event that is not as it was.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Change {
    /// JSON pointer.
    pub place: String,
    /// What stands there now, as JSON or text; `None` where nothing does.
    pub value: Option<String>,
}

impl Enrichments {
    /// Explains an event step by step. It runs each enrichment many times: for people, not for the flow.
    pub fn explain(
        &self,
        event: &Event,
        appended_at: Millis,
        source: Option<&SourceConfig>,
    ) -> Vec<Explained> {
        let case = Case { enrichments: self, appended_at, source };
        let reading = (0..self.reading.len()).map(|index| case.reading(event, index));
        let mut explained: Vec<Explained> = reading.collect();
        explained.extend(case.removals(event));
        explained
    }

    /// JSON pointers of what the enrichment or removal of this name reads, those that it prefers first.
    pub fn reads(&self, name: &str) -> &'static [&'static str] {
        let reading = self.reading.iter().find(|it| it.name() == name).map(|it| it.reads());
        let removal = || self.removals.iter().find(|it| it.name() == name).map(|it| it.reads());
        reading.or_else(removal).unwrap_or_default()
    }
}
