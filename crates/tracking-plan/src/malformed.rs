//! Members of a message that no field of `raw-events` could take.

use std::collections::BTreeMap;

use pipeline::{RejectReason, Rejected};
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

/// Rejects an event that carries malformed members, naming them and never their values.
pub(crate) fn reject(malformed: Option<&str>) -> Result<(), Rejected> {
    let Some(text) = malformed.map(str::trim).filter(|text| !matches!(*text, "" | "null")) else {
        return Ok(());
    };
    match serde_json::from_str::<BTreeMap<String, &RawValue>>(text) {
        Ok(members) if members.is_empty() => Ok(()),
        Ok(members) => Err(rejected(&named(&members))),
        Err(_) => Err(rejected("the message")),
    }
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
    fn an_event_with_nothing_malformed_passes() {
        for malformed in [None, Some(""), Some(" {} "), Some("null")] {
            assert_eq!(reject(malformed), Ok(()));
        }
    }
}
