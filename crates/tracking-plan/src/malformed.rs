//! Members of a message that no field of `raw-events` could take.

use std::collections::BTreeMap;

use pipeline::{RejectReason, Rejected};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// Names that may stand in a reason: the members of Segment's protocol, and `message` for a
/// message that is no object. A name that a sender made up may itself be personal.
const NAMES: &[&str] = &[
    "anonymousId",
    "category",
    "channel",
    "context",
    "event",
    "extra",
    "groupId",
    "integrations",
    "message",
    "messageId",
    "name",
    "originalTimestamp",
    "previousId",
    "properties",
    "receivedAt",
    "sentAt",
    "source",
    "timestamp",
    "traits",
    "type",
    "userId",
    // As the fields of `raw-events` are called.
    "anonymous_id",
    "group_id",
    "message_id",
    "original_timestamp",
    "previous_id",
    "received_at",
    "sent_at",
    "user_id",
];

/// Under which name ingest keeps what is left of an event that the broker would not take.
pub const OVERSIZE: &str = "oversize";

/// What ingest keeps of an event that the broker would not take, as a member of `malformed`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Oversize {
    /// Bytes of the event's JSON text.
    pub bytes: usize,
    /// SHA-256 of that text, in hexadecimal digits.
    pub sha256: String,
    /// How the text begins.
    pub start: String,
}

/// Rejects an event that carries malformed members, naming them and never their values.
pub(crate) fn reject(malformed: Option<&str>) -> Result<(), Rejected> {
    let Some(text) = malformed.map(str::trim).filter(|text| !matches!(*text, "" | "null")) else {
        return Ok(());
    };
    let Ok(members) = serde_json::from_str::<BTreeMap<String, &RawValue>>(text) else {
        return Err(rejected("the message"));
    };
    if members.is_empty() {
        return Ok(());
    }
    let oversize = oversize(&members).map(|oversize| too_large(&oversize));
    Err(oversize.unwrap_or_else(|| rejected(&named(&members))))
}

fn oversize(members: &BTreeMap<String, &RawValue>) -> Option<Oversize> {
    serde_json::from_str(members.get(OVERSIZE)?.get()).ok()
}

fn too_large(Oversize { bytes, sha256, start }: &Oversize) -> Rejected {
    let detail = format!(
        "the event had {bytes} bytes (SHA-256 {sha256}), more than the broker takes; its first {} are kept",
        start.len()
    );
    Rejected::new(RejectReason::EventTooLarge, detail)
}

fn named(members: &BTreeMap<String, &RawValue>) -> String {
    let known = members.keys().filter(|name| NAMES.contains(&name.as_str()));
    let mut names: Vec<String> = known.map(|name| format!("/{name}")).collect();
    match members.len() - names.len() {
        0 => {}
        others => names.push(format!("{others} more")),
    }
    names.join(", ")
}

fn rejected(what: &str) -> Rejected {
    Rejected::new(RejectReason::Malformed, format!("of a type that does not fit: {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn malformed_members_are_named_without_their_values() {
        for (malformed, expected) in [
            (r#"{"userId":{"ada":1},"event":5}"#, "/event, /userId"),
            (r#"{"message":[1,2]}"#, "/message"),
            (r#"{"ada@example.com":1,"type":2}"#, "/type, 1 more"),
            ("not json", "the message"),
            ("[1]", "the message"),
        ] {
            let rejected = reject(Some(malformed)).unwrap_err();
            assert_eq!(rejected.reason, RejectReason::Malformed);
            assert_eq!(rejected.detail, format!("of a type that does not fit: {expected}"));
        }
    }

    #[test]
    fn what_is_left_of_an_oversized_event_is_told_by_length_and_hash() {
        let malformed = r#"{"oversize":{"bytes":2000000,"sha256":"ab12","start":"{\"secret"}}"#;
        let rejected = reject(Some(malformed)).unwrap_err();
        assert_eq!(rejected.reason, RejectReason::EventTooLarge);
        assert!(rejected.detail.contains("2000000 bytes (SHA-256 ab12)"), "{}", rejected.detail);
        assert!(!rejected.detail.contains("secret"));
        let other = reject(Some(r#"{"oversize":7}"#)).unwrap_err();
        assert_eq!(other.reason, RejectReason::Malformed);
    }

    #[test]
    fn an_event_with_nothing_malformed_passes() {
        for malformed in [None, Some(""), Some(" {} "), Some("null")] {
            assert_eq!(reject(malformed), Ok(()));
        }
    }
}
