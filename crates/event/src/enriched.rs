//! `enriched-events`: with what a server can work out.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{Described, Event, Hints, Keyed, ValidationFacts, shared_runs};

/// What enrich worked out. The meaning of each field is in `avro/enriched-events.avsc`.
#[expect(missing_docs, reason = "avro/enriched-events.avsc documents every field")]
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnrichmentFacts {
    #[serde(deserialize_with = "shared_runs::deserialize")]
    pub applied: Arc<[EnrichmentRun]>,
    pub user_agent: Option<Arc<UserAgentFacts>>,
    pub bot: BotFacts,
    pub page: Option<PageFacts>,
    pub campaign: Option<CampaignFacts>,
    pub referrer: Option<ReferrerFacts>,
    pub locale: Option<String>,
    pub timezone: Option<String>,
    pub click_ids: Vec<ClickId>,
    pub geo: Option<GeoFacts>,
    pub network: Option<NetworkFacts>,
    pub ip: Option<IpFacts>,
    pub money: Option<MoneyFacts>,
    pub flags: Vec<String>,
    pub derived: Vec<Derived>,
    pub removed: Vec<String>,
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
pub struct UserAgentFacts {
    pub text: String,
    pub taken_from: String,
    pub browser: Option<String>,
    pub browser_version: Option<String>,
    pub os: Option<String>,
    pub os_version: Option<String>,
    pub device_class: Option<String>,
    pub device_brand: Option<String>,
    pub device_model: Option<String>,
}

/// Signs that no person did this.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BotFacts {
    /// True if any indicator is present.
    pub is_bot: bool,
    /// Names of the indicators that were present.
    pub indicators: Vec<String>,
    /// `bot`, `monitoring` or `preview`.
    pub class: Option<String>,
    /// Most events a minute that the source expects of one device.
    pub rate_limit: Option<i32>,
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

/// An id that an advertising network put into the URL of the page.
#[expect(missing_docs, reason = "avro/enriched-events.avsc documents every field")]
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClickId {
    pub name: String,
    pub value: String,
    pub network: String,
}

/// Where the end user's address is, by the operator's database.
#[expect(missing_docs, reason = "avro/enriched-events.avsc documents every field")]
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GeoFacts {
    pub country: Option<String>,
    pub region: Option<String>,
    pub city: Option<String>,
    pub timezone: Option<String>,
}

/// Whose network the end user's address belongs to, by the operator's database.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetworkFacts {
    /// Number of the autonomous system.
    pub asn: Option<i64>,
    /// Who runs it.
    pub organisation: Option<String>,
}

/// The end user's address, as it may travel on.
#[expect(missing_docs, reason = "avro/enriched-events.avsc documents every field")]
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct IpFacts {
    pub address: Option<String>,
    pub taken_from: String,
    pub kind: String,
    pub policy: String,
}

/// Amounts of money among the properties.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MoneyFacts {
    /// ISO 4217 code.
    pub currency: Option<String>,
    /// The amounts, by property.
    pub amounts: Vec<Amount>,
}

/// A property that is an amount.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Amount {
    /// Name of the property, such as `revenue`.
    pub property: String,
    /// The amount as a plain decimal, such as `1234.5`.
    pub value: String,
}

/// A value that was worked out and differs from what the sender says.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Derived {
    /// Which field it is of, such as `campaign.source`.
    pub field: String,
    /// The value that was worked out.
    pub value: String,
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

    fn source(&self) -> Option<&str> {
        self.event.source()
    }
}

impl Keyed for EnrichedEvent {
    fn key(&self) -> &str {
        self.validation.key()
    }
}
