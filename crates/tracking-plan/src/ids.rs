//! The ids of an event.

use event::RawEvent;

use crate::findings::Findings;

/// Longest message id, in characters (Segment's spec; facts of the SDKs in use).
pub const MAX_MESSAGE_ID_CHARS: usize = 100;

/// Ids without the spaces around them; an empty one is absent.
#[expect(clippy::struct_field_names, reason = "the names of the fields of `raw-events`")]
#[derive(Debug, Default)]
pub(crate) struct Ids {
    pub(crate) message_id: Option<String>,
    pub(crate) anonymous_id: Option<String>,
    pub(crate) user_id: Option<String>,
    pub(crate) group_id: Option<String>,
    pub(crate) previous_id: Option<String>,
}

impl Ids {
    /// Takes the ids out of the event.
    pub(crate) fn take(raw: &mut RawEvent, findings: &mut Findings) -> Self {
        let ids = Self {
            message_id: trimmed(raw.message_id.take()),
            anonymous_id: trimmed(raw.anonymous_id.take()),
            user_id: trimmed(raw.user_id.take()),
            group_id: trimmed(raw.group_id.take()),
            previous_id: trimmed(raw.previous_id.take()),
        };
        if ids.message_id.as_ref().is_some_and(|id| id.chars().count() > MAX_MESSAGE_ID_CHARS) {
            findings.invalid("/message_id", "is longer than 100 characters");
        }
        ids
    }
}

fn trimmed(id: Option<String>) -> Option<String> {
    let id = id?;
    let text = id.trim();
    match text.len() {
        0 => None,
        same if same == id.len() => Some(id),
        _ => Some(text.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_lose_the_spaces_around_them_and_empty_ones_are_absent() {
        for (sent, expected) in [
            (Some("a-1"), Some("a-1")),
            (Some("  a 1\n"), Some("a 1")),
            (Some(" \t"), None),
            (Some(""), None),
            (None, None),
        ] {
            assert_eq!(trimmed(sent.map(str::to_owned)).as_deref(), expected, "{sent:?}");
        }
    }

    #[test]
    fn the_length_of_a_message_id_is_counted_in_characters() {
        for (id, fits) in [("é".repeat(100), true), ("x".repeat(101), false)] {
            let mut raw = RawEvent { message_id: Some(id), ..RawEvent::default() };
            let mut findings = Findings::default();
            Ids::take(&mut raw, &mut findings);
            assert_eq!(findings.judged(None).is_ok(), fits);
        }
    }
}
