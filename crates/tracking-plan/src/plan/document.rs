//! A tracking plan as it is written.

use std::{collections::BTreeMap, fmt};

use event::Millis;
use jiff::Timestamp;
use serde::{Deserialize, Deserializer, de::Error as _};
use serde_json::Value;

use super::business::BusinessRule;
use super::consent::ConsentRules;
use super::naming::NamingRules;
use super::privacy::PrivacyRule;
use super::promoted::ColumnRule;

/// One version of a plan: a file `plans/<name>.yaml`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlanDocument {
    /// Name, by which sources choose the plan; several files of one name are its versions.
    pub plan: String,
    /// Version, such as `3` or `2026-11-25`: a word that stands on every event.
    #[serde(deserialize_with = "word")]
    pub version: String,
    /// From which append time it holds, until a later version does. None: from the beginning.
    #[serde(default, deserialize_with = "instant")]
    pub effective_from: Option<Millis>,
    /// What the plan is for.
    #[serde(default)]
    pub description: Option<String>,
    /// Whom to ask.
    #[serde(default)]
    pub owner: Option<String>,
    /// What becomes of an event that breaks a rule which says nothing of its own.
    #[serde(default)]
    pub on_violation: OnViolation,
    /// What becomes of a track event that no rule names.
    #[serde(default)]
    pub unplanned_events: Unplanned,
    /// What becomes of properties that an event's rule does not name.
    #[serde(default)]
    pub unplanned_properties: UnplannedProperties,
    /// How names are to be written.
    #[serde(default)]
    pub naming: NamingRules,
    /// Context that events must carry, by the kind of their source.
    #[serde(default)]
    pub context: ContextRules,
    /// Consent categories.
    #[serde(default)]
    pub consent: ConsentRules,
    /// What is hashed, masked or dropped.
    #[serde(default)]
    pub privacy: Vec<PrivacyRule>,
    /// Schemas that others refer to as `#/$defs/<name>`.
    #[serde(default, rename = "$defs")]
    pub defs: BTreeMap<String, Value>,
    /// The track events by name.
    #[serde(default)]
    pub events: BTreeMap<String, EventRule>,
    /// Rules for identify, page, screen, group and alias.
    #[serde(default)]
    pub types: BTreeMap<String, EventRule>,
}

/// What an event, or all events of a type, must be like.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EventRule {
    /// What it says about the world.
    pub description: Option<String>,
    /// Whom to ask.
    pub owner: Option<String>,
    /// Version of the rule, for people.
    pub version: Option<Value>,
    /// Why it should not be sent any more, and what to send instead.
    pub deprecated: Option<String>,
    /// What becomes of an event that breaks the rule; the plan's word if it says nothing.
    pub on_violation: Option<OnViolation>,
    /// What becomes of properties that the schema does not name; the plan's word if it says nothing.
    pub unplanned_properties: Option<UnplannedProperties>,
    /// JSON Schema 2020-12 of `properties`.
    pub properties: Option<Value>,
    /// JSON Schema 2020-12 of `traits`.
    pub traits: Option<Value>,
    /// Context beside what the plan requires of all events.
    pub context: ContextRules,
    /// What names the thing that the event tells of, where several sources tell of it.
    pub business_key: Option<BusinessRule>,
    /// Columns of the warehouse that properties, traits or parts of the context also go into, by name.
    pub columns: BTreeMap<String, ColumnRule>,
}

/// Context by the kind of source.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ContextRules {
    /// For every kind.
    pub all: ContextRule,
    /// For web pages.
    pub browser: ContextRule,
    /// For apps.
    pub mobile: ContextRule,
    /// For backends: what they must forward of their client.
    pub server: ContextRule,
}

/// What the context must have.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ContextRule {
    /// Members that must be there and say something.
    pub required: Vec<Place>,
    /// Of those: what other events of the same session may provide.
    pub inheritable: Vec<Place>,
    /// JSON Schema 2020-12 of `context`.
    pub schema: Option<Value>,
    /// What becomes of an event that breaks it.
    pub on_violation: Option<OnViolation>,
}

/// A member of the context by its JSON pointer, such as `/page/url`; or several of which one will
/// do, as a list.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(untagged)]
pub enum Place {
    /// This member.
    One(String),
    /// Any of these members.
    AnyOf(Vec<String>),
}

impl Place {
    /// The pointers of which one must be there.
    pub fn pointers(&self) -> &[String] {
        match self {
            Self::One(pointer) => std::slice::from_ref(pointer),
            Self::AnyOf(pointers) => pointers,
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.pointers().join(" or "))
    }
}

/// What becomes of an event that breaks a rule.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnViolation {
    /// It passes, with a finding among its facts.
    Flag,
    /// It becomes a dead letter.
    #[default]
    Reject,
}

/// What becomes of what the plan does not name.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Unplanned {
    /// It passes.
    Allow,
    /// It passes, with a finding among its facts.
    #[default]
    Flag,
    /// The event becomes a dead letter.
    Reject,
}

/// What becomes of properties that the plan does not name.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum UnplannedProperties {
    /// They pass.
    Allow,
    /// They pass, with a finding each.
    #[default]
    Flag,
    /// They are taken out, which the facts say.
    Strip,
    /// The event becomes a dead letter.
    Reject,
}

/// A version is a word, however YAML reads it.
fn word<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let text = match Value::deserialize(deserializer)? {
        Value::String(text) => text,
        Value::Number(number) => number.to_string(),
        _ => return Err(D::Error::custom("a version is a word or a number")),
    };
    let is_word = !text.is_empty()
        && text.len() <= 40
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_'));
    if is_word {
        Ok(text)
    } else {
        Err(D::Error::custom("a version has 1 to 40 of a-z, A-Z, 0-9, ., - and _"))
    }
}

fn instant<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Millis>, D::Error> {
    let Some(text) = Option::<String>::deserialize(deserializer)? else { return Ok(None) };
    let instant = text.parse::<Timestamp>().map_err(|_| {
        D::Error::custom("a time is written with its offset, such as 2026-12-01T00:00:00Z")
    })?;
    Ok(Some(instant.as_millisecond()))
}
