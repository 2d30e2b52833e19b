//! A request's body, taken apart into messages.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor},
};
use serde_json::value::RawValue;

use super::{
    mapping::Envelope,
    members::{Members, is_object, string},
};

/// Why a body cannot be taken apart. The only faults for which a whole request is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BodyProblem {
    /// Not JSON. The text says where and never quotes the body.
    #[error("the body is not JSON: {0}")]
    NotJson(String),
    /// JSON, but no object.
    #[error("the body is JSON, but not a JSON object")]
    NotAnObject,
    /// No member `batch`, or not an array.
    #[error("the body has no array `batch`")]
    NoBatch,
    /// Nothing in it.
    #[error("`batch` is empty")]
    EmptyBatch,
    /// Nothing in the body of the native route.
    #[error("the body has no events: send an array of them, or one a line")]
    NoEvents,
    /// More messages than allowed.
    #[error("the body has {count} events; at most {limit} are taken in one request")]
    TooManyEvents {
        /// How many there are.
        count: usize,
        /// How many are allowed.
        limit: usize,
    },
}

/// A body taken apart; everything borrows from its bytes.
#[derive(Debug)]
pub(crate) struct Body<'a> {
    /// What the batch says for all its messages.
    pub(crate) envelope: Envelope<'a>,
    /// The messages in order.
    pub(crate) messages: Vec<&'a RawValue>,
    write_key: Option<&'a RawValue>,
}

impl<'a> Body<'a> {
    /// The body of a batch route: `{"batch":[…],"context":…,"sentAt":…}`.
    pub(crate) fn batch(bytes: &'a [u8], max_events: usize) -> Result<Self, BodyProblem> {
        if !bytes.trim_ascii_start().starts_with(b"{") {
            object(bytes)?;
        }
        let mut deserializer = serde_json::Deserializer::from_slice(bytes);
        let parts = deserializer.deserialize_map(PartsVisitor { max_events }).map_err(not_json)?;
        deserializer.end().map_err(not_json)?;
        let Messages { kept, count } = parts.batch.ok_or(BodyProblem::NoBatch)?;
        if count == 0 {
            return Err(BodyProblem::EmptyBatch);
        }
        if count > max_events {
            return Err(BodyProblem::TooManyEvents { count, limit: max_events });
        }
        let envelope = Envelope::new(parts.sent_at, parts.context, parts.integrations);
        Ok(Self { envelope, messages: kept, write_key: parts.write_key })
    }

    /// The body of a single-event route: the message itself.
    pub(crate) fn single(bytes: &'a [u8]) -> Result<Self, BodyProblem> {
        let message = object(bytes)?;
        let write_key = Members::of(message).and_then(|mut members| members.take("writeKey"));
        Ok(Self { envelope: Envelope::default(), messages: vec![message], write_key })
    }

    /// The write key in the body, if it is a text.
    pub(crate) fn write_key(&self) -> Option<String> {
        self.write_key.and_then(string)
    }
}

/// The members of a batch that mean something; what else stands there belongs to the transport.
#[derive(Default)]
struct BatchParts<'a> {
    /// `None` also for what is no array.
    batch: Option<Messages<&'a RawValue>>,
    sent_at: Option<&'a RawValue>,
    context: Option<&'a RawValue>,
    integrations: Option<&'a RawValue>,
    write_key: Option<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(field_identifier, rename_all = "camelCase")]
enum PartName {
    Batch,
    SentAt,
    Context,
    Integrations,
    WriteKey,
    #[serde(other)]
    Other,
}

/// Reads a batch in one pass: scanning its text once more costs as much as all else.
struct PartsVisitor {
    max_events: usize,
}

impl<'de> Visitor<'de> for PartsVisitor {
    type Value = BatchParts<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut parts = BatchParts::default();
        let batch = MaybeMessages(MessagesVisitor { max_events: self.max_events });
        while let Some(name) = map.next_key()? {
            match name {
                PartName::Batch => parts.batch = map.next_value_seed(batch)?,
                PartName::SentAt => parts.sent_at = map.next_value()?,
                PartName::Context => parts.context = map.next_value()?,
                PartName::Integrations => parts.integrations = map.next_value()?,
                PartName::WriteKey => parts.write_key = map.next_value()?,
                PartName::Other => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(parts)
    }
}

fn object(bytes: &[u8]) -> Result<&RawValue, BodyProblem> {
    let value: &RawValue = serde_json::from_slice(bytes).map_err(not_json)?;
    if is_object(value) { Ok(value) } else { Err(BodyProblem::NotAnObject) }
}

#[expect(clippy::needless_pass_by_value, reason = "used as a function of map_err")]
fn not_json(error: serde_json::Error) -> BodyProblem {
    BodyProblem::NotJson(error.to_string())
}

/// The first messages of a batch, and how many there are in all: a batch of ten million zeros
/// costs no more memory than one within the limit.
pub(super) struct Messages<M> {
    pub(super) kept: Vec<M>,
    pub(super) count: usize,
}

/// The messages of a body that is an array.
pub(super) fn messages(
    array: &[u8],
    max_events: usize,
) -> Result<Messages<&RawValue>, BodyProblem> {
    let mut deserializer = serde_json::Deserializer::from_slice(array);
    let visitor = MessagesVisitor { max_events };
    let messages = deserializer.deserialize_seq(visitor).map_err(not_json)?;
    deserializer.end().map_err(not_json)?;
    Ok(messages)
}

#[derive(Clone, Copy)]
struct MessagesVisitor {
    max_events: usize,
}

/// The messages of an array; `None` for any other value.
#[derive(Clone, Copy)]
struct MaybeMessages(MessagesVisitor);

impl<'de> DeserializeSeed<'de> for MaybeMessages {
    type Value = Option<Messages<&'de RawValue>>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for MaybeMessages {
    type Value = Option<Messages<&'de RawValue>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Self::Value, A::Error> {
        self.0.visit_seq(seq).map(Some)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        IgnoredAny.visit_map(map).map(|_| None)
    }

    fn visit_str<E>(self, _: &str) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }
}

impl<'de> Visitor<'de> for MessagesVisitor {
    type Value = Messages<&'de RawValue>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut kept = Vec::new();
        while kept.len() < self.max_events {
            match seq.next_element()? {
                Some(message) => kept.push(message),
                None => return Ok(Messages { count: kept.len(), kept }),
            }
        }
        let mut count = kept.len();
        while seq.next_element::<IgnoredAny>()?.is_some() {
            count += 1;
        }
        Ok(Messages { kept, count })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(body: &str) -> BodyProblem {
        Body::batch(body.as_bytes(), 3).unwrap_err()
    }

    #[test]
    fn what_is_no_batch_is_refused_with_the_reason() {
        for body in ["", "{", "hello", "{\"batch\":[}", "{\"batch\":[1,]}", "{} {}", "\u{feff}{}"] {
            let BodyProblem::NotJson(text) = problem(body) else { panic!("{body}") };
            assert!(text.contains("line 1 column"), "{body}: {text}");
        }
        for body in ["null", "1", "\"text\"", "[{\"type\":\"track\"}]"] {
            assert_eq!(problem(body), BodyProblem::NotAnObject, "{body}");
        }
        for body in ["{}", "{\"batch\":null}", "{\"batch\":{}}", "{\"batch\":\"[]\"}"] {
            assert_eq!(problem(body), BodyProblem::NoBatch, "{body}");
        }
        assert_eq!(problem("{\"batch\":[ ]}"), BodyProblem::EmptyBatch);
        assert_eq!(
            problem("{\"batch\":[1,2,3,4,5]}"),
            BodyProblem::TooManyEvents { count: 5, limit: 3 }
        );
    }

    #[test]
    fn text_that_is_not_utf8_is_not_json() {
        assert!(matches!(Body::batch(b"{\"batch\":[\"\xff\"]}", 3), Err(BodyProblem::NotJson(_))));
        assert!(matches!(Body::single(b"{\"event\":\"\xff\"}"), Err(BodyProblem::NotJson(_))));
    }

    #[test]
    fn messages_keep_their_order_and_exact_text() {
        let body = Body::batch(b" { \"batch\" : [ {\"a\": 1.50} , null, 7 ] } ", 3).unwrap();
        let texts: Vec<_> = body.messages.iter().map(|message| message.get()).collect();
        assert_eq!(texts, ["{\"a\": 1.50}", "null", "7"]);
    }

    #[test]
    fn a_write_key_counts_only_as_text() {
        let key = |body: &str| Body::batch(body.as_bytes(), 3).unwrap().write_key();
        assert_eq!(key(r#"{"batch":[1],"writeKey":"wk"}"#).as_deref(), Some("wk"));
        assert_eq!(key(r#"{"batch":[1],"writeKey":7}"#), None);
        assert_eq!(key(r#"{"batch":[1]}"#), None);
        let single = Body::single(br#"{"event":"e","writeKey":"wk"}"#).unwrap();
        assert_eq!(single.write_key().as_deref(), Some("wk"));
    }

    #[test]
    fn nesting_deep_enough_to_break_a_recursive_parser_is_taken() {
        let depth = 200_000;
        let body = format!("{{\"batch\":[{}{}]}}", "[".repeat(depth), "]".repeat(depth));
        assert_eq!(Body::batch(body.as_bytes(), 3).unwrap().messages.len(), 1);
    }
}
