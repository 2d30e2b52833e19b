//! An event as a line of a sample: the fields of `raw-events`, objects as JSON.

use event::RawEvent;
use serde::{Serialize, Serializer as _};
use serde_json::value::RawValue;

use super::Sampled;
use crate::commands::times::utc_millis;

/// The event as one line of JSON, without its end. What is absent is left out, and what ingest saw of
/// the request: no plan looks at it.
pub(super) fn text(sampled: &Sampled) -> anyhow::Result<String> {
    let (origin, appended_at) = (sampled.origin.to_string(), utc_millis(sampled.appended_at));
    let found = [("origin", origin.as_str()), ("appended_at", appended_at.as_str())];
    let found = found.map(|(name, text)| (name, Member::Text(text)));
    let members = found.into_iter().chain(texts(&sampled.event)).chain(objects(&sampled.event));
    let mut line = Vec::new();
    serde_json::Serializer::new(&mut line).collect_map(members)?;
    Ok(String::from_utf8(line)?)
}

fn texts(event: &RawEvent) -> impl Iterator<Item = (&'static str, Member<'_>)> {
    let texts = [
        ("source", &event.source),
        ("type", &event.kind),
        ("message_id", &event.message_id),
        ("anonymous_id", &event.anonymous_id),
        ("user_id", &event.user_id),
        ("group_id", &event.group_id),
        ("previous_id", &event.previous_id),
        ("event", &event.event),
        ("name", &event.name),
        ("category", &event.category),
        ("channel", &event.channel),
        ("timestamp", &event.timestamp),
        ("original_timestamp", &event.original_timestamp),
        ("sent_at", &event.sent_at),
        ("received_at", &event.received_at),
        ("batch_latest_timestamp", &event.batch_latest_timestamp),
    ];
    texts.into_iter().filter_map(|(name, text)| Some((name, Member::Text(text.as_deref()?))))
}

fn objects(event: &RawEvent) -> impl Iterator<Item = (&'static str, Member<'_>)> {
    let objects = [
        ("context", &event.context),
        ("properties", &event.properties),
        ("traits", &event.traits),
        ("integrations", &event.integrations),
        ("extra", &event.extra),
        ("malformed", &event.malformed),
    ];
    objects.into_iter().filter_map(|(name, text)| Some((name, Member::of(text.as_deref()?))))
}

#[derive(Serialize)]
#[serde(untagged)]
enum Member<'a> {
    Text(&'a str),
    Json(Box<RawValue>),
}

impl<'a> Member<'a> {
    /// An object or array as it was sent; anything else stays the text that it is.
    fn of(text: &'a str) -> Self {
        if !text.trim_start().starts_with(['{', '[']) {
            return Self::Text(text);
        }
        // Within JSON the end of a line stands between tokens only.
        let one_line = text.replace(['\n', '\r'], " ");
        match RawValue::from_string(one_line) {
            Ok(json) => Self::Json(json),
            Err(_) => Self::Text(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use event::Origin;

    use super::*;
    use crate::commands::lines;

    fn sampled(event: RawEvent) -> Sampled {
        let origin = Origin { epoch: 0, partition: 3, offset: 18_446 };
        Sampled { origin, appended_at: 1_795_428_930_123, event }
    }

    fn event(properties: &str) -> RawEvent {
        RawEvent {
            source: Some("web/app".to_owned()),
            kind: Some("track".to_owned()),
            event: Some("Order \"Completed\"".to_owned()),
            properties: Some(properties.to_owned()),
            ..RawEvent::default()
        }
    }

    #[test]
    fn a_line_has_what_is_there_with_objects_as_json() {
        assert_eq!(
            text(&sampled(event("{\"n\" :1.10}"))).unwrap(),
            "{\"origin\":\"0-3-18446\",\"appended_at\":\"2026-11-23T10:15:30.123Z\",\
             \"source\":\"web/app\",\"type\":\"track\",\"event\":\"Order \\\"Completed\\\"\",\
             \"properties\":{\"n\" :1.10}}"
        );
    }

    #[test]
    fn what_is_written_is_read_back_as_it_was() {
        let deep = format!("{}1{}", "{\"a\":".repeat(500), "}".repeat(500));
        for properties in [
            "{}",
            "{\"n\":1.10,\"big\":1e999,\"a\":1,\"a\":2,\"half\":\"\\ud83d\"}",
            "[1]",
            "5",
            "\"x\"",
            "no JSON",
            "{no JSON\n}",
            "",
            &deep,
        ] {
            let event = event(properties);
            let line = text(&sampled(event.clone())).unwrap();
            assert!(!line.contains('\n'), "{line}");
            let read = lines::read(&line, "web/app", "").remove(0).event.unwrap();
            assert_eq!(read, event);
        }
    }

    #[test]
    fn line_ends_between_tokens_become_spaces() {
        let line = text(&sampled(event("{\n\"a\":\r\n1}\n"))).unwrap();
        assert!(line.ends_with("\"properties\":{ \"a\":  1}}"), "{line}");
    }
}
