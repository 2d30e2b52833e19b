//! Events in a file, one a line: as a sender writes them, or as `raw-events` has them.

use std::{borrow::Cow, collections::BTreeMap};

use event::RawEvent;
use serde_json::{Map, Value, value::RawValue};

/// A line that says something.
#[derive(Debug)]
pub(super) struct Line {
    /// Its number, counted from 1.
    pub(super) number: usize,
    /// The event; or why it is none, without its text.
    pub(super) event: Result<RawEvent, String>,
}

/// Members that only a raw event has: its fields in `snake_case`.
const OF_RAW_EVENTS: [&str; 13] = [
    "source",
    "message_id",
    "anonymous_id",
    "user_id",
    "group_id",
    "previous_id",
    "original_timestamp",
    "sent_at",
    "received_at",
    "batch_latest_timestamp",
    "extra",
    "malformed",
    "request",
];
/// Members that only a sender's message has.
const OF_MESSAGES: [&str; 7] =
    ["messageId", "anonymousId", "userId", "groupId", "previousId", "originalTimestamp", "sentAt"];
/// Fields of a raw event that hold the text of an object, and may be written as one.
const OBJECTS: [&str; 6] =
    ["context", "properties", "traits", "integrations", "extra", "malformed"];

type Members<'a> = BTreeMap<Cow<'a, str>, &'a RawValue>;

/// The events of a text as this source's. `received_at` is for those that say nothing of it.
pub(super) fn read(text: &str, source: &str, received_at: &str) -> Vec<Line> {
    let filled = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    filled
        .map(|(index, line)| {
            let number = index + 1;
            let event = event(line, source, received_at, number).map(|mut event| {
                event.source = Some(source.to_owned());
                event
            });
            Line { number, event }
        })
        .collect()
}

/// The event of one JSON text. Of a message without an id, `number` makes one.
pub(super) fn event(
    line: &str,
    source: &str,
    received_at: &str,
    number: usize,
) -> Result<RawEvent, String> {
    let value: &RawValue = serde_json::from_str(line).map_err(|error| {
        format!("the line is not JSON: {:?} at column {}", error.classify(), error.column())
    })?;
    match serde_json::from_str::<Members<'_>>(line) {
        Ok(members) if is_raw_event(&members) => raw_event(&members),
        _ => Ok(ingest::raw_event_of(value, source, received_at, &format!("line-{number}"))),
    }
}

fn is_raw_event(members: &Members<'_>) -> bool {
    let has = |names: &[&str]| names.iter().any(|name| members.contains_key(*name));
    has(&OF_RAW_EVENTS) && !has(&OF_MESSAGES)
}

/// Members that are no field, such as where a record was found, are left aside.
fn raw_event(members: &Members<'_>) -> Result<RawEvent, String> {
    let mut fields = Map::new();
    for (name, value) in members {
        let text = value.get();
        let is_object = OBJECTS.contains(&name.as_ref()) && text.starts_with(['{', '[']);
        let field = if is_object {
            Value::from(text)
        } else {
            serde_json::from_str(text).map_err(|_| format!("/{name} is no Unicode text"))?
        };
        fields.insert(name.clone().into_owned(), field);
    }
    serde_path_to_error::deserialize(Value::Object(fields))
        .map_err(|error| format!("/{} is not what a raw event has there", error.path()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(line: &str) -> Result<RawEvent, String> {
        read(line, "plan/test", "2026-12-01T00:00:00Z").remove(0).event
    }

    #[test]
    fn a_senders_message_becomes_what_ingest_would_write() {
        let event = one(r#"{"type":"track","event":"A","userId":7,"properties":{"n":1.10}}"#);
        let event = event.unwrap();
        assert_eq!(event.user_id.as_deref(), Some("7"));
        assert_eq!(event.properties.as_deref(), Some(r#"{"n":1.10}"#));
        assert_eq!(event.received_at.as_deref(), Some("2026-12-01T00:00:00Z"));
        assert_eq!(event.message_id.as_deref(), Some("line-1"));
        assert_eq!(event.request.unwrap().supplied, ["message_id"]);
    }

    #[test]
    fn a_raw_event_is_taken_as_it_is_with_its_objects_as_json_or_as_text() {
        for properties in [r#"{"n":1.10}"#, r#""{\"n\":1.10}""#] {
            let line = format!(
                r#"{{"origin":"0-1-2","source":"web/app","type":"track","message_id":"m","properties":{properties},"request":{{"supplied":["message_id"]}}}}"#
            );
            let event = one(&line).unwrap();
            assert_eq!(event.source.as_deref(), Some("plan/test"));
            assert_eq!(event.message_id.as_deref(), Some("m"));
            assert_eq!(event.properties.as_deref(), Some(r#"{"n":1.10}"#));
            assert_eq!(event.received_at, None);
        }
    }

    #[test]
    fn a_line_that_cannot_be_read_is_told_without_its_text_and_the_others_stand() {
        let lines =
            read("{\"secret\" 1}\n\n{\"message_id\":{\"secret\":1}}\n{}\n", "plan/test", "");
        let told: Vec<(usize, Option<String>)> =
            lines.into_iter().map(|line| (line.number, line.event.err())).collect();
        assert_eq!(told[0].1.as_deref(), Some("the line is not JSON: Syntax at column 11"));
        assert_eq!(told[1].1.as_deref(), Some("/message_id is not what a raw event has there"));
        assert_eq!((told[1].0, &told[2]), (3, &(4, None)));
    }
}
