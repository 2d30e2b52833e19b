//! The ids of an event.

use event::RawEvent;

use crate::{findings::Findings, placeholder::is_placeholder, told_id::ToldId};

/// Longest message id, in characters (Segment's spec; facts of the SDKs in use).
pub const MAX_MESSAGE_ID_CHARS: usize = 100;

/// A field in which a placeholder stood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Junk {
    /// Its path.
    pub(crate) field: &'static str,
    /// The flag of an event that goes on without it.
    pub(crate) flag: &'static str,
}

impl Junk {
    /// The rule that it breaks, where its absence rejects the event.
    pub(crate) const RULE: &str = "holds a placeholder such as null or 0, which counts as absent";
}

const MESSAGE: Junk = Junk { field: "/message_id", flag: "junk-message-id" };
const ANONYMOUS: Junk = Junk { field: "/anonymous_id", flag: "junk-anonymous-id" };
const USER: Junk = Junk { field: "/user_id", flag: "junk-user-id" };
const GROUP: Junk = Junk { field: "/group_id", flag: "junk-group-id" };
const GROUP_IN_CONTEXT: Junk = Junk { field: "/context/groupId", flag: GROUP.flag };
const PREVIOUS: Junk = Junk { field: "/previous_id", flag: "junk-previous-id" };

/// Ids without the spaces around them; an empty one and a placeholder are absent. (A placeholder
/// for a message id would make repeats of all events that have it.)
#[derive(Debug, Default)]
pub(crate) struct Ids {
    pub(crate) message_id: Option<String>,
    pub(crate) anonymous_id: Option<String>,
    pub(crate) user_id: Option<String>,
    pub(crate) group_id: Option<String>,
    pub(crate) previous_id: Option<String>,
    /// Whether the event names its group nowhere but in its context, if it does.
    pub(crate) group_is_of_context: bool,
    /// Where placeholders stood.
    pub(crate) junk: Vec<Junk>,
}

impl Ids {
    /// Takes the ids out of the event.
    pub(crate) fn take(raw: &mut RawEvent, findings: &mut Findings) -> Self {
        let mut junk = Vec::new();
        let mut real = |id, place| {
            let id = trimmed(id)?;
            if is_placeholder(&id) {
                junk.push(place);
                return None;
            }
            Some(id)
        };
        let mut ids = Self {
            message_id: real(raw.message_id.take(), MESSAGE),
            anonymous_id: real(raw.anonymous_id.take(), ANONYMOUS),
            user_id: real(raw.user_id.take(), USER),
            group_id: real(raw.group_id.take(), GROUP),
            previous_id: real(raw.previous_id.take(), PREVIOUS),
            group_is_of_context: false,
            junk,
        };
        ids.group_is_of_context = ids.group_id.is_none();
        ids.group_from_context(raw.context.as_deref().unwrap_or_default());
        if ids.message_id.as_ref().is_some_and(|id| id.chars().count() > MAX_MESSAGE_ID_CHARS) {
            findings.invalid("/message_id", "is longer than 100 characters");
        }
        ids
    }

    /// The group as the context names it that passes on: nothing that a rule hides is an id.
    pub(crate) fn look_again_for_the_group(&mut self, context: &str) {
        let told = self.junk.len();
        self.group_from_context(context);
        // What stands there now is no fault of the sender.
        self.junk.truncate(told);
    }

    /// Takes the group from this context where the event itself names none: Segment's spec has
    /// `context.groupId` for calls that are no group call.
    fn group_from_context(&mut self, context: &str) {
        if !self.group_is_of_context {
            return;
        }
        self.group_id = None;
        match ToldId::at(context, &["groupId".to_owned()]) {
            ToldId::Id(id) => self.group_id = Some(id),
            ToldId::Junk(_) if self.junk.iter().all(|junk| junk.flag != GROUP.flag) => {
                self.junk.push(GROUP_IN_CONTEXT);
            }
            ToldId::Junk(_) | ToldId::Other(_) | ToldId::Absent => {}
        }
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
    fn a_placeholder_counts_as_absent_and_its_field_is_named() {
        let null = || Some(" NULL ".to_owned());
        let mut raw = RawEvent {
            message_id: null(),
            anonymous_id: null(),
            user_id: Some("u-1".to_owned()),
            group_id: null(),
            previous_id: null(),
            ..RawEvent::default()
        };
        let ids = Ids::take(&mut raw, &mut Findings::default());
        assert_eq!(ids.user_id.as_deref(), Some("u-1"));
        let others = [ids.message_id, ids.anonymous_id, ids.group_id, ids.previous_id];
        assert_eq!(others, [const { None }; 4]);
        let fields: Vec<&str> = ids.junk.iter().map(|junk| junk.field).collect();
        assert_eq!(fields, ["/message_id", "/anonymous_id", "/group_id", "/previous_id"]);
        assert_eq!(ids.junk[1].flag, "junk-anonymous-id");
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
