//! `enriched-events`: with what a server can work out.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{Described, Event, Hints, Keyed, Text, ValidationFacts, shared_runs};

/// What enrich worked out. The meaning of each field is in `avro/enriched-events.avsc`.
#[expect(missing_docs, reason = "avro/enriched-events.avsc documents every field")]
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnrichmentFacts<S = String> {
    #[serde(deserialize_with = "shared_runs::deserialize")]
    pub applied: Arc<[EnrichmentRun]>,
    pub user_agent: Option<Arc<UserAgentFacts<S>>>,
    pub bot: BotFacts<S>,
    pub page: Option<PageFacts<S>>,
    pub campaign: Option<CampaignFacts<S>>,
    pub referrer: Option<ReferrerFacts<S>>,
    pub locale: Option<S>,
    pub timezone: Option<S>,
    pub click_ids: Vec<ClickId<S>>,
    pub geo: Option<GeoFacts<S>>,
    pub network: Option<NetworkFacts<S>>,
    pub ip: Option<IpFacts<S>>,
    pub money: Option<MoneyFacts<S>>,
    pub flags: Vec<S>,
    pub derived: Vec<Derived<S>>,
    pub removed: Vec<S>,
}

/// One enrichment that ran.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnrichmentRun {
    /// Name of the enrichment.
    pub name: String,
    /// Version of its code or data.
    pub version: String,
}

/// The end user's software and device, from the user agent text and client hints.
#[expect(missing_docs, reason = "avro/enriched-events.avsc documents every field")]
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserAgentFacts<S = String> {
    pub text: S,
    pub taken_from: S,
    pub browser: Option<S>,
    pub browser_version: Option<S>,
    pub os: Option<S>,
    pub os_version: Option<S>,
    pub device_class: Option<S>,
    pub device_brand: Option<S>,
    pub device_model: Option<S>,
}

/// Signs that no person did this.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BotFacts<S = String> {
    /// True if any indicator is present.
    pub is_bot: bool,
    /// Names of the indicators that were present.
    pub indicators: Vec<S>,
    /// `bot`, `monitoring` or `preview`.
    pub class: Option<S>,
    /// Most events a minute that the source expects of one device.
    pub rate_limit: Option<i32>,
}

/// The page, split from its URL.
#[expect(missing_docs, reason = "avro/enriched-events.avsc documents every field")]
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PageFacts<S = String> {
    pub url: S,
    pub host: Option<S>,
    pub path: Option<S>,
    pub query: Option<S>,
    pub title: Option<S>,
}

/// The campaign: what the sender said explicitly, else UTM parameters of the page.
#[expect(missing_docs, reason = "avro/enriched-events.avsc documents every field")]
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CampaignFacts<S = String> {
    pub taken_from: S,
    pub source: Option<S>,
    pub medium: Option<S>,
    pub name: Option<S>,
    pub term: Option<S>,
    pub content: Option<S>,
    pub id: Option<S>,
}

/// Where the visit came from.
#[expect(missing_docs, reason = "avro/enriched-events.avsc documents every field")]
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReferrerFacts<S = String> {
    pub url: S,
    pub host: Option<S>,
    pub medium: S,
    pub source: Option<S>,
}

/// An id that an advertising network put into the URL of the page.
#[expect(missing_docs, reason = "avro/enriched-events.avsc documents every field")]
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClickId<S = String> {
    pub name: S,
    pub value: S,
    pub network: S,
}

/// Where the end user's address is, by the operator's database.
#[expect(missing_docs, reason = "avro/enriched-events.avsc documents every field")]
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GeoFacts<S = String> {
    pub country: Option<S>,
    pub region: Option<S>,
    pub city: Option<S>,
    pub timezone: Option<S>,
}

/// Whose network the end user's address belongs to, by the operator's database.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetworkFacts<S = String> {
    /// Number of the autonomous system.
    pub asn: Option<i64>,
    /// Who runs it.
    pub organisation: Option<S>,
}

/// The end user's address, as it may travel on.
#[expect(missing_docs, reason = "avro/enriched-events.avsc documents every field")]
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct IpFacts<S = String> {
    pub address: Option<S>,
    pub taken_from: S,
    pub kind: S,
    pub policy: S,
}

/// Amounts of money among the properties.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MoneyFacts<S = String> {
    /// ISO 4217 code.
    pub currency: Option<S>,
    /// The amounts, by property.
    pub amounts: Vec<Amount<S>>,
}

/// A property that is an amount.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Amount<S = String> {
    /// Name of the property, such as `revenue`.
    pub property: S,
    /// The amount as a plain decimal, such as `1234.5`.
    pub value: S,
}

/// A value that was worked out and differs from what the sender says.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Derived<S = String> {
    /// Which field it is of, such as `campaign.source`.
    pub field: S,
    /// The value that was worked out.
    pub value: S,
}

/// The value of `enriched-events`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnrichedEvent<S = String> {
    /// The event.
    pub event: Event<S>,
    /// What validate found.
    pub validation: ValidationFacts<S>,
    /// What enrich worked out.
    pub enrichment: EnrichmentFacts<S>,
}

impl<S: Text> Described for EnrichedEvent<S> {
    fn hints(&self) -> Hints {
        self.event.hints()
    }

    fn source(&self) -> Option<&str> {
        self.event.source()
    }
}

impl<S: Text> Keyed for EnrichedEvent<S> {
    fn key(&self) -> &str {
        self.validation.key()
    }
}
