//! A raw event as plain JSON: for producers without an Avro library, where the operator allows it.
//!
//! The value is one JSON object with the fields of `avro/raw-events.avsc` (`message_id`) or, the same,
//! with Segment's names for them (`messageId`). Of members with the same meaning the last counts;
//! `null` is as good as absent.
//!
//! - An id may be a number: it is taken for the text that it was written with.
//! - `context`, `properties`, `traits` and `integrations` are objects, kept exactly as sent, or, as
//!   in the Avro record, texts that hold one.
//! - Members that are no fields go into `extra`, over those of a member `extra`.
//! - Members of a type that does not fit go into `malformed`, which validate rejects.
//! - `writeKey` is a credential of ingest, not a part of the event, and left out.

use std::{borrow::Cow, collections::BTreeMap, fmt, sync::Arc};

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use serde_json::{Value, error::Category, value::RawValue};

use crate::{RawEvent, RequestFacts};

/// The value is not one JSON object. The text says where, never what stands there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JsonError {
    /// Some bytes are no text.
    #[error("the value is not UTF-8 at byte {0}")]
    NotUtf8(usize),
    /// The text ends inside of the object.
    #[error("the value ends inside of its JSON object")]
    EndsTooSoon,
    /// Something stands behind the object.
    #[error("something follows the JSON object at line {line} column {column}")]
    Trailing {
        /// From 1.
        line: usize,
        /// From 1.
        column: usize,
    },
    /// The text breaks JSON's rules.
    #[error("the value is not a JSON object at line {line} column {column}")]
    NotJson {
        /// From 1.
        line: usize,
        /// From 1.
        column: usize,
    },
}

/// Reads a raw event.
pub fn raw_event(value: &[u8]) -> Result<RawEvent, JsonError> {
    let text = str::from_utf8(value).map_err(|error| JsonError::NotUtf8(error.valid_up_to()))?;
    let mut json = serde_json::Deserializer::from_str(text);
    let message = Message::deserialize(&mut json).map_err(|error| broken(&error))?;
    json.end()
        .map_err(|error| JsonError::Trailing { line: error.line(), column: error.column() })?;
    Ok(message.into_event())
}

fn broken(error: &serde_json::Error) -> JsonError {
    match error.classify() {
        Category::Eof => JsonError::EndsTooSoon,
        _ => JsonError::NotJson { line: error.line(), column: error.column() },
    }
}

/// The field that a member means, by its name in the schema.
fn field(name: &str) -> Option<&'static str> {
    Some(match name {
        "source" => "source",
        "type" => "type",
        "message_id" | "messageId" => "message_id",
        "anonymous_id" | "anonymousId" => "anonymous_id",
        "user_id" | "userId" => "user_id",
        "group_id" | "groupId" => "group_id",
        "previous_id" | "previousId" => "previous_id",
        "event" => "event",
        "name" => "name",
        "category" => "category",
        "channel" => "channel",
        "timestamp" => "timestamp",
        "original_timestamp" | "originalTimestamp" => "original_timestamp",
        "sent_at" | "sentAt" => "sent_at",
        "received_at" | "receivedAt" => "received_at",
        "batch_latest_timestamp" => "batch_latest_timestamp",
        "context" => "context",
        "properties" => "properties",
        "traits" => "traits",
        "integrations" => "integrations",
        "extra" => "extra",
        "malformed" => "malformed",
        "request" => "request",
        "write_key" | "writeKey" => "write_key",
        _ => return None,
    })
}

/// Members by name, each as the exact text that was sent.
type Members<'a> = BTreeMap<Cow<'a, str>, &'a RawValue>;

/// A member of a message as its sender called it.
type Member<'a> = (Cow<'a, str>, &'a RawValue);

/// A message while its members are being taken out.
#[derive(Default)]
struct Message<'a> {
    /// By the field that they mean.
    fields: BTreeMap<&'static str, Member<'a>>,
    others: Members<'a>,
    malformed: Members<'a>,
}

impl<'a> Message<'a> {
    fn into_event(mut self) -> RawEvent {
        RawEvent {
            source: self.text("source"),
            kind: self.text("type"),
            message_id: self.id("message_id"),
            anonymous_id: self.id("anonymous_id"),
            user_id: self.id("user_id"),
            group_id: self.id("group_id"),
            previous_id: self.id("previous_id"),
            event: self.text("event"),
            name: self.text("name"),
            category: self.text("category"),
            channel: self.text("channel"),
            timestamp: self.text("timestamp"),
            original_timestamp: self.text("original_timestamp"),
            sent_at: self.text("sent_at"),
            received_at: self.text("received_at"),
            batch_latest_timestamp: self.text("batch_latest_timestamp"),
            context: self.object("context"),
            properties: self.object("properties"),
            traits: self.object("traits"),
            integrations: self.object("integrations"),
            request: self.read("request", request),
            extra: self.extra(),
            // Last: those before it add to it.
            malformed: self.all_malformed(),
        }
    }

    fn text(&mut self, field: &str) -> Option<String> {
        self.read(field, string)
    }

    fn id(&mut self, field: &str) -> Option<String> {
        self.read(field, |value| string(value).or_else(|| number(value)))
    }

    fn object(&mut self, field: &str) -> Option<String> {
        self.read(field, object)
    }

    /// A member that does not fit goes to those that are malformed.
    fn read<T>(&mut self, field: &str, read: impl Fn(&RawValue) -> Option<T>) -> Option<T> {
        let (name, value) = self.take(field)?;
        let taken = read(value);
        if taken.is_none() {
            self.malformed.insert(name, value);
        }
        taken
    }

    fn take(&mut self, field: &str) -> Option<Member<'a>> {
        self.fields.remove(field).filter(|(_, value)| !is_null(value))
    }

    /// The members that are no fields, over those that a member `extra` says.
    fn extra(&mut self) -> Option<String> {
        let others = std::mem::take(&mut self.others);
        self.over("extra", &others)
    }

    fn all_malformed(&mut self) -> Option<String> {
        let mut found = std::mem::take(&mut self.malformed);
        let text = self.over("malformed", &found);
        if self.malformed.is_empty() {
            return text;
        }
        found.append(&mut self.malformed);
        Some(text_of(&found))
    }

    /// JSON text with `members`, and beneath them those of the object that `field` says. Where it
    /// says none, what it says is malformed.
    fn over(&mut self, field: &str, members: &Members<'a>) -> Option<String> {
        let own = (!members.is_empty()).then(|| text_of(members));
        let Some((name, value)) = self.take(field) else { return own };
        let text = match object(value) {
            Some(said) if members.is_empty() => Some(said),
            Some(said) => merged(&said, members),
            None => None,
        };
        if text.is_none() {
            self.malformed.insert(name, value);
        }
        text.or(own)
    }
}

fn merged(below: &str, above: &Members<'_>) -> Option<String> {
    let mut members: Members<'_> = serde_json::from_str(below).ok()?;
    members.extend(above.iter().map(|(name, value)| (name.clone(), *value)));
    Some(text_of(&members))
}

fn text_of(members: &Members<'_>) -> String {
    let each: Vec<_> = members
        .iter()
        .map(|(name, value)| format!("{}:{}", Value::from(name.as_ref()), value.get()))
        .collect();
    format!("{{{}}}", each.join(","))
}

fn is_null(value: &RawValue) -> bool {
    value.get() == "null"
}

/// `None` for what is no JSON string, and for one that is no Unicode text.
fn string(value: &RawValue) -> Option<String> {
    serde_json::from_str(value.get()).ok()
}

fn number(value: &RawValue) -> Option<String> {
    let text = value.get();
    text.starts_with(|first: char| first == '-' || first.is_ascii_digit()).then(|| text.to_owned())
}

/// An object exactly as sent, or a text: whether that holds one is for validate to say.
fn object(value: &RawValue) -> Option<String> {
    let text = value.get();
    if text.starts_with('{') { Some(text.to_owned()) } else { string(value) }
}

/// Fields of [`RequestFacts`]. An object with another member does not fit: it would be lost.
const REQUEST_FACTS: [&str; 7] =
    ["accept_language", "client_hints", "ip", "origin", "referer", "supplied", "user_agent"];

fn request(value: &RawValue) -> Option<Arc<RequestFacts>> {
    let members: Members<'_> = serde_json::from_str(value.get()).ok()?;
    if members.keys().any(|name| !REQUEST_FACTS.contains(&name.as_ref())) {
        return None;
    }
    serde_json::from_str(value.get()).ok()
}

impl<'de: 'a, 'a> Deserialize<'de> for Message<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MessageVisitor)
    }
}

struct MessageVisitor;

impl<'de> Visitor<'de> for MessageVisitor {
    type Value = Message<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut message = Message::default();
        while let Some((name, value)) = map.next_entry::<Cow<'de, str>, &RawValue>()? {
            match field(&name) {
                Some(field) => drop(message.fields.insert(field, (name, value))),
                None if is_null(value) => drop(message.others.remove(&name)),
                None => drop(message.others.insert(name, value)),
            }
        }
        Ok(message)
    }
}
