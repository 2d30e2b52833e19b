//! `enriched-events`: with what a server can work out.

use serde::{Deserialize, Serialize};

use crate::{Described, Event, Hints, Keyed, ValidationFacts};

/// What enrich worked out. The meaning of each field is in `avro/enriched-events.avsc`.
#[expect(missing_docs, reason = "avro/enriched-events.avsc documents every field")]
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnrichmentFacts {
    pub applied: Vec<EnrichmentRun>,
    pub user_agent: Option<UserAgentFacts>,
    pub bot: BotFacts,
    pub page: Option<PageFacts>,
    pub campaign: Option<CampaignFacts>,
    pub referrer: Option<ReferrerFacts>,
    pub locale: Option<String>,
    pub timezone: Option<String>,
}

/// One enrichment that ran.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnrichmentRun {
    /// Name of the enrichment.
    pub name: String,
    /// Version of its code or data.
    pub version: String,
}

/// The end user's software, from the user agent text.
#[expect(missing_docs, reason = "avro/enriched-events.avsc documents every field")]
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserAgentFacts {
    pub text: String,
    pub taken_from: String,
    pub browser: Option<String>,
    pub browser_version: Option<String>,
    pub os: Option<String>,
    pub os_version: Option<String>,
    pub device_class: Option<String>,
}

/// Signs that no person did this.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BotFacts {
    /// True if any indicator is present.
    pub is_bot: bool,
    /// Names of the indicators that were present.
    pub indicators: Vec<String>,
}

/// The page, split from its URL.
#[expect(missing_docs, reason = "avro/enriched-events.avsc documents every field")]
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PageFacts {
    pub url: String,
    pub host: Option<String>,
    pub path: Option<String>,
    pub query: Option<String>,
    pub title: Option<String>,
}

/// The campaign: what the sender said explicitly, else UTM parameters of the page.
#[expect(missing_docs, reason = "avro/enriched-events.avsc documents every field")]
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CampaignFacts {
    pub taken_from: String,
    pub source: Option<String>,
    pub medium: Option<String>,
    pub name: Option<String>,
    pub term: Option<String>,
    pub content: Option<String>,
    pub id: Option<String>,
}

/// Where the visit came from.
#[expect(missing_docs, reason = "avro/enriched-events.avsc documents every field")]
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReferrerFacts {
    pub url: String,
    pub host: Option<String>,
    pub medium: String,
    pub source: Option<String>,
}

/// The value of `enriched-events`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnrichedEvent {
    /// The event.
    pub event: Event,
    /// What validate found.
    pub validation: ValidationFacts,
    /// What enrich worked out.
    pub enrichment: EnrichmentFacts,
}

impl Described for EnrichedEvent {
    fn hints(&self) -> Hints {
        self.event.hints()
    }
}

impl Keyed for EnrichedEvent {
    fn key(&self) -> &str {
        &self.validation.device_key
    }
}
