//! Whether a record has all of the event that it was made of.

use anyhow::{Context as _, ensure};
use event::RawEvent;
use serde_json::Value;
use tracking_plan::{OVERSIZE, Oversize};

use crate::scan::{by_name, members};

/// The members of an event that have a field, and its name.
const FIELDS: [(&str, &str); 17] = [
    ("type", "type"),
    ("messageId", "message_id"),
    ("anonymousId", "anonymous_id"),
    ("userId", "user_id"),
    ("groupId", "group_id"),
    ("previousId", "previous_id"),
    ("event", "event"),
    ("name", "name"),
    ("category", "category"),
    ("channel", "channel"),
    ("timestamp", "timestamp"),
    ("originalTimestamp", "original_timestamp"),
    ("sentAt", "sent_at"),
    ("context", "context"),
    ("properties", "properties"),
    ("traits", "traits"),
    ("integrations", "integrations"),
];

/// An error names the member that is not there as it was sent; `text` is the event's JSON.
pub(crate) fn is_kept(text: &[u8], record: &RawEvent) -> anyhow::Result<()> {
    if let Some(oversize) = oversize(record) {
        let cut = oversize.bytes == text.len() && text.starts_with(oversize.start.as_bytes());
        ensure!(cut, "what is kept of a large event is not of this one");
        return Ok(());
    }
    let Some(sent) = by_name(text) else {
        ensure!(aside(record, "message") == Some(text), "what is no object is not kept");
        return Ok(());
    };
    let fields = serde_json::to_value(record)?;
    for (name, value) in sent {
        let is_nothing = value == b"null" || name == "writeKey";
        let kept = is_nothing
            || aside(record, &name) == Some(value)
            || in_field(&fields, &name, value)
            || among(record.extra.as_deref(), &name) == Some(value);
        ensure!(kept, "member {name:?} is not in the record");
    }
    Ok(())
}

fn oversize(record: &RawEvent) -> Option<Oversize> {
    serde_json::from_slice(aside(record, OVERSIZE)?).ok()
}

/// What is among the members of a wrong type.
fn aside<'r>(record: &'r RawEvent, name: &str) -> Option<&'r [u8]> {
    among(record.malformed.as_deref(), name)
}

fn among<'r>(object: Option<&'r str>, name: &str) -> Option<&'r [u8]> {
    by_name(object?.as_bytes())?.remove(name)
}

/// Whether the member's field has its text, as string, number or object.
fn in_field(fields: &Value, name: &str, value: &[u8]) -> bool {
    let Some((_, field)) = FIELDS.iter().find(|(member, _)| *member == name) else { return false };
    let Some(kept) = fields[*field].as_str() else { return false };
    if let Ok(text) = serde_json::from_slice::<String>(value) {
        // An id that says nothing is replaced.
        return text == kept || (text.is_empty() && name.ends_with("Id"));
    }
    kept.as_bytes() == value || has_members(kept.as_bytes(), value)
}

/// Whether an object has all members of another, which was laid over what its batch says.
fn has_members(whole: &[u8], part: &[u8]) -> bool {
    let Some((whole, part)) = by_name(whole).zip(by_name(part)) else { return false };
    part.iter().all(|(name, value)| whole.get(name) == Some(value))
}

/// The events of a batch; `None` where it has no array of them.
pub(crate) fn of_batch(body: &[u8]) -> anyhow::Result<Option<Vec<&[u8]>>> {
    let members = members(body).context("the body is no object")?;
    let batch = members.iter().rev().find(|(name, _)| name.as_deref() == Some("batch"));
    Ok(batch.and_then(|(_, value)| crate::scan::elements(value)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(fields: Value) -> RawEvent {
        serde_json::from_value(fields).unwrap()
    }

    #[test]
    fn an_event_of_which_a_member_is_gone_or_changed_is_not_kept() {
        let whole = serde_json::json!({
            "type": "track", "message_id": "7", "event": "E",
            "context": r#"{"b":{"y":2},"a":{"x": 1}}"#, "extra": r#"{"more":[1.50]}"#,
            "malformed": r#"{"traits":3}"#,
        });
        let sent = br#"{"type":"track","messageId":7,"event":"\u0045","context":{"a":{"x": 1}},
                        "more":[1.50],"traits":3,"writeKey":"wk","nothing":null}"#;
        is_kept(sent, &record(whole.clone())).unwrap();
        for member in ["type", "message_id", "event", "context", "extra", "malformed"] {
            let mut broken = whole.clone();
            broken[member] = Value::Null;
            assert!(is_kept(sent, &record(broken)).is_err(), "{member}");
        }
        let mut rounded = whole;
        rounded["extra"] = Value::from(r#"{"more":[1.5]}"#);
        assert!(is_kept(sent, &record(rounded)).is_err());
        assert!(is_kept(b"[1]", &record(serde_json::json!({"message_id": "m"}))).is_err());
    }
}
