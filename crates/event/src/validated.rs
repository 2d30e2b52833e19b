//! `validated-events`: what passed the quality gate.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{Described, Finding, Hints, Keyed, Millis, RequestFacts};

/// An event made clean and typed. The meaning of each field is in `avro/validated-events.avsc`.
#[expect(missing_docs, reason = "avro/validated-events.avsc documents every field")]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    pub source: String,
    pub source_kind: String,
    pub environment: String,
    #[serde(rename = "type")]
    pub kind: String,
    pub message_id: String,
    pub anonymous_id: Option<String>,
    pub user_id: Option<String>,
    pub group_id: Option<String>,
    pub previous_id: Option<String>,
    pub event: Option<String>,
    pub name: Option<String>,
    pub category: Option<String>,
    pub channel: Option<String>,
    pub timestamp: Millis,
    pub original_timestamp: Option<Millis>,
    pub sent_at: Option<Millis>,
    pub received_at: Millis,
    pub context: String,
    pub properties: String,
    pub traits: String,
    pub integrations: String,
    pub extra: String,
    pub request: Option<Arc<RequestFacts>>,
}

/// What validate found and did. The meaning of each field is in `avro/validated-events.avsc`.
#[expect(missing_docs, reason = "avro/validated-events.avsc documents every field")]
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ValidationFacts {
    pub version: String,
    pub plan_version: Option<String>,
    pub device_key: String,
    pub device_key_kind: String,
    pub time_basis: String,
    pub clock_offset_ms: Option<i64>,
    pub flags: Vec<String>,
    pub findings: Vec<Finding>,
    pub removed: Vec<String>,
    pub inheritable: Vec<String>,
    pub consent_granted: Vec<String>,
    pub consent_denied: Vec<String>,
    pub business_key: Option<BusinessKey>,
}

impl ValidationFacts {
    /// The key of the record behind validate: the business key if there is one, else the device
    /// key.
    pub fn key(&self) -> &str {
        self.business_key.as_ref().map_or(&self.device_key, |business| &business.key)
    }
}

/// What the event tells of, by its plan. The meaning of each field is in
/// `avro/validated-events.avsc`.
#[expect(missing_docs, reason = "avro/validated-events.avsc documents every field")]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BusinessKey {
    pub key: String,
    pub rank: i32,
    pub window_days: i32,
    pub on_repeat: String,
}

/// The value of `validated-events`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ValidatedEvent {
    /// The event.
    pub event: Event,
    /// What validate found.
    pub validation: ValidationFacts,
}

impl Described for Event {
    fn hints(&self) -> Hints {
        Hints {
            source: Some(self.source.clone()),
            event: Some(self.event.as_ref().unwrap_or(&self.kind).clone()),
            message_id: Some(self.message_id.clone()),
            environment: Some(self.environment.clone()),
        }
    }

    fn source(&self) -> Option<&str> {
        Some(&self.source)
    }
}

impl Described for ValidatedEvent {
    fn hints(&self) -> Hints {
        self.event.hints()
    }

    fn source(&self) -> Option<&str> {
        self.event.source()
    }
}

impl Keyed for ValidatedEvent {
    fn key(&self) -> &str {
        self.validation.key()
    }
}
