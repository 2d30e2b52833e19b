//! What is kept of a message that the broker would not take whole.

use std::{fmt::Write as _, sync::Arc};

use event::RawEvent;
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};
use tracking_plan::{OVERSIZE, Oversize};

use super::{
    mapping::{Arrival, GivenId},
    members::{Members, is_number, string},
};

/// How much of the message's text is kept, in bytes.
const KEPT: usize = 4096;
/// A longer text is no id and no name of an event, and would not fit beside the others.
const LONGEST_HINT: usize = 1024;

/// A raw event that says how large the message was, its SHA-256 and how it began: validate rejects
/// it, or discards it if it is of somebody on the suppression list. Who it is of is kept where it can
/// be read.
pub(crate) fn remains_of(
    message: &RawValue,
    arrival: &Arrival,
    give_id: &mut dyn FnMut() -> GivenId,
) -> RawEvent {
    let text = message.get();
    let oversize = Oversize {
        bytes: text.len(),
        sha256: hexadecimal(&Sha256::digest(text)),
        start: beginning(text).to_owned(),
    };
    let mut members = Members::of(message).unwrap_or_default();
    let mut hint = |name| {
        let value = members.take(name)?;
        // An id may be a number, here as in every other message.
        let number = || is_number(value).then(|| value.get().to_owned());
        let text = string(value).or_else(number)?;
        (text.len() <= LONGEST_HINT).then_some(text)
    };
    let message_id = hint("messageId").unwrap_or_else(|| match give_id() {
        GivenId::Derived(id) | GivenId::Minted(id) => id,
    });
    RawEvent {
        source: Some(arrival.source.clone()),
        kind: arrival.kind.map(str::to_owned).or_else(|| hint("type")),
        message_id: Some(message_id),
        anonymous_id: hint("anonymousId"),
        user_id: hint("userId"),
        previous_id: hint("previousId"),
        event: hint("event"),
        received_at: Some(arrival.received_at.clone()),
        request: Some(Arc::clone(&arrival.request)),
        malformed: Some(serde_json::json!({ OVERSIZE: oversize }).to_string()),
        ..RawEvent::default()
    }
}

fn beginning(text: &str) -> &str {
    &text[..text.floor_char_boundary(KEPT)]
}

fn hexadecimal(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        // Writing to a String cannot fail.
        let _written = write!(text, "{byte:02x}");
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn arrival() -> Arrival {
        Arrival {
            source: "web/app".to_owned(),
            received_at: "2026-11-24T00:00:00.000Z".to_owned(),
            request: Arc::default(),
            first_party_id: None,
            kind: None,
        }
    }

    fn remains(message: &str) -> RawEvent {
        let message: &RawValue = serde_json::from_str(message).unwrap();
        remains_of(message, &arrival(), &mut || GivenId::Minted("new".to_owned()))
    }

    #[test]
    fn who_it_is_of_its_length_hash_and_beginning_are_kept() {
        let long = "é".repeat(4000);
        let text =
            json!({"messageId": "m", "type": "track", "event": "E", "userId": long, "a": long});
        let text = text.to_string();
        let event = remains(&text);
        assert_eq!(event.message_id.as_deref(), Some("m"));
        assert_eq!((event.kind.as_deref(), event.event.as_deref()), (Some("track"), Some("E")));
        assert_eq!(event.user_id, None, "too long to be an id");
        let kept: Value = serde_json::from_str(event.malformed.as_deref().unwrap()).unwrap();
        let kept: Oversize = serde_json::from_value(kept[OVERSIZE].clone()).unwrap();
        assert_eq!(kept.bytes, text.len());
        assert!((KEPT - 3..=KEPT).contains(&kept.start.len()) && text.starts_with(&kept.start));
        assert_eq!(kept.sha256, hexadecimal(&Sha256::digest(&text)));
    }

    #[test]
    fn who_it_is_of_is_known_by_every_id_that_the_suppression_list_may_have() {
        let text = r#"{"messageId": 1, "userId": 4711, "anonymousId": "a", "previousId": "p"}"#;
        let event = remains(text);
        let ids = [event.message_id, event.user_id, event.anonymous_id, event.previous_id];
        assert_eq!(ids, ["1", "4711", "a", "p"].map(|id| Some(id.to_owned())));
    }

    #[test]
    fn what_is_no_object_is_kept_too() {
        let event = remains("[1,2]");
        assert_eq!(event.message_id.as_deref(), Some("new"));
        assert!(event.malformed.unwrap().contains("[1,2]"));
    }
}
