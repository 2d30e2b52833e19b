//! `validated-events`: what passed the quality gate.

use serde::{Deserialize, Serialize};

use crate::{Described, Finding, Hints, Keyed, Millis, RequestFacts, Text};

/// An event made clean and typed. The meaning of each field is in `avro/validated-events.avsc`.
#[expect(missing_docs, reason = "avro/validated-events.avsc documents every field")]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event<S = String> {
    pub source: S,
    pub source_kind: S,
    pub environment: S,
    #[serde(rename = "type")]
    pub kind: S,
    pub message_id: S,
    pub anonymous_id: Option<S>,
    pub user_id: Option<S>,
    pub group_id: Option<S>,
    pub previous_id: Option<S>,
    pub event: Option<S>,
    pub name: Option<S>,
    pub category: Option<S>,
    pub channel: Option<S>,
    pub timestamp: Millis,
    pub original_timestamp: Option<Millis>,
    pub sent_at: Option<Millis>,
    pub received_at: Millis,
    pub context: S,
    pub properties: S,
    pub traits: S,
    pub integrations: S,
    pub extra: S,
    pub request: Option<RequestFacts<S>>,
}

/// What validate found and did. The meaning of each field is in `avro/validated-events.avsc`.
#[expect(missing_docs, reason = "avro/validated-events.avsc documents every field")]
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ValidationFacts<S = String> {
    pub version: S,
    pub plan_version: Option<S>,
    pub device_key: S,
    pub device_key_kind: S,
    pub time_basis: S,
    pub clock_offset_ms: Option<i64>,
    pub flags: Vec<S>,
    pub findings: Vec<Finding>,
    pub removed: Vec<S>,
    pub inheritable: Vec<S>,
    pub consent_granted: Vec<S>,
    pub consent_denied: Vec<S>,
    pub business_key: Option<BusinessKey<S>>,
}

impl<S> Event<S> {
    /// The same event, each of its texts in another form.
    pub fn map<'a, T>(&'a self, text: impl Fn(&'a S) -> T + Copy) -> Event<T> {
        let optional = |said: &'a Option<S>| said.as_ref().map(text);
        Event {
            source: text(&self.source),
            source_kind: text(&self.source_kind),
            environment: text(&self.environment),
            kind: text(&self.kind),
            message_id: text(&self.message_id),
            anonymous_id: optional(&self.anonymous_id),
            user_id: optional(&self.user_id),
            group_id: optional(&self.group_id),
            previous_id: optional(&self.previous_id),
            event: optional(&self.event),
            name: optional(&self.name),
            category: optional(&self.category),
            channel: optional(&self.channel),
            timestamp: self.timestamp,
            original_timestamp: self.original_timestamp,
            sent_at: self.sent_at,
            received_at: self.received_at,
            context: text(&self.context),
            properties: text(&self.properties),
            traits: text(&self.traits),
            integrations: text(&self.integrations),
            extra: text(&self.extra),
            request: self.request.as_ref().map(|request| request.map(text)),
        }
    }
}

impl<S: Copy> Event<S> {
    /// What names the event, of the texts that stand elsewhere.
    pub fn named(&self) -> Hints<S> {
        Hints {
            source: Some(self.source),
            event: Some(self.event.unwrap_or(self.kind)),
            message_id: Some(self.message_id),
            environment: Some(self.environment),
        }
    }
}

impl<S: Text> Event<S> {
    /// The same event, its texts borrowed from this one.
    pub fn in_place(&self) -> Event<&str> {
        self.map(|text| &**text)
    }
}

impl<S> ValidationFacts<S> {
    /// The same facts, each of their texts in another form.
    pub fn map<'a, T>(&'a self, text: impl Fn(&'a S) -> T + Copy) -> ValidationFacts<T> {
        let list = |texts: &'a Vec<S>| texts.iter().map(text).collect();
        ValidationFacts {
            version: text(&self.version),
            plan_version: self.plan_version.as_ref().map(text),
            device_key: text(&self.device_key),
            device_key_kind: text(&self.device_key_kind),
            time_basis: text(&self.time_basis),
            clock_offset_ms: self.clock_offset_ms,
            flags: list(&self.flags),
            findings: self.findings.clone(),
            removed: list(&self.removed),
            inheritable: list(&self.inheritable),
            consent_granted: list(&self.consent_granted),
            consent_denied: list(&self.consent_denied),
            business_key: self.business_key.as_ref().map(|business| BusinessKey {
                key: text(&business.key),
                rank: business.rank,
                window_days: business.window_days,
                on_repeat: text(&business.on_repeat),
            }),
        }
    }
}

impl<S: Text> ValidationFacts<S> {
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
pub struct BusinessKey<S = String> {
    pub key: S,
    pub rank: i32,
    pub window_days: i32,
    pub on_repeat: S,
}

/// The value of `validated-events`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ValidatedEvent<S = String> {
    /// The event.
    pub event: Event<S>,
    /// What validate found.
    pub validation: ValidationFacts<S>,
}

impl<S: Text> Described for Event<S> {
    fn hints(&self) -> Hints {
        self.in_place().named().map(str::to_owned)
    }

    fn source(&self) -> Option<&str> {
        Some(&self.source)
    }
}

impl<S: Text> Described for ValidatedEvent<S> {
    fn hints(&self) -> Hints {
        self.event.hints()
    }

    fn source(&self) -> Option<&str> {
        self.event.source()
    }
}

impl<S: Text> Keyed for ValidatedEvent<S> {
    fn key(&self) -> &str {
        self.validation.key()
    }
}
