//! The six types of Segment's spec and what each requires.

use event::RawEvent;
use pipeline::{RejectReason, Rejected};

use crate::{
    findings::Findings,
    ids::{Ids, Junk},
};

/// Type of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EventType {
    Track,
    Identify,
    Page,
    Screen,
    Group,
    Alias,
}

impl EventType {
    const ALL: [Self; 6] =
        [Self::Track, Self::Identify, Self::Page, Self::Screen, Self::Group, Self::Alias];

    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Track => "track",
            Self::Identify => "identify",
            Self::Page => "page",
            Self::Screen => "screen",
            Self::Group => "group",
            Self::Alias => "alias",
        }
    }

    /// The type that the event says it has.
    pub(crate) fn of(raw: &RawEvent) -> Result<Self, Rejected> {
        let word = raw.kind.as_deref().unwrap_or_default().trim();
        Self::ALL.into_iter().find(|kind| kind.word() == word).ok_or_else(|| {
            let found = if word.is_empty() { "is absent: expected one" } else { "is none" };
            Rejected::new(
                RejectReason::UnknownType,
                format!("/type {found} of track, identify, page, screen, group, alias"),
            )
        })
    }

    /// Notes each field that the type requires and that is absent; of one that holds a placeholder
    /// the sender hears that too.
    pub(crate) fn require(self, ids: &Ids, event: Option<&str>, findings: &mut Findings) {
        let mut require = |present: bool, field: &'static str| {
            if present {
                return;
            }
            findings.missing(field);
            for junk in ids.junk.iter().filter(|junk| field.contains(junk.field)) {
                findings.invalid(junk.field, Junk::RULE);
            }
        };
        require(ids.message_id.is_some(), "/message_id");
        match self {
            Self::Track => require(event.is_some(), "/event"),
            Self::Group => require(ids.group_id.is_some(), "/group_id"),
            Self::Alias => require(ids.previous_id.is_some(), "/previous_id"),
            Self::Identify | Self::Page | Self::Screen => {}
        }
        if self == Self::Alias {
            require(ids.user_id.is_some(), "/user_id");
        } else {
            let known = ids.user_id.is_some() || ids.anonymous_id.is_some();
            require(known, "/user_id or /anonymous_id");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_is_known_by_its_word_alone() {
        for (word, known) in [
            (Some("track"), true),
            (Some(" alias "), true),
            (Some("Track"), false),
            (Some("import"), false),
            (Some(""), false),
            (None, false),
        ] {
            let raw = RawEvent { kind: word.map(str::to_owned), ..RawEvent::default() };
            assert_eq!(EventType::of(&raw).is_ok(), known, "{word:?}");
        }
    }

    #[test]
    fn each_type_names_every_field_that_it_misses() {
        for (kind, expected) in [
            (EventType::Track, "/message_id /event /user_id or /anonymous_id"),
            (EventType::Identify, "/message_id /user_id or /anonymous_id"),
            (EventType::Page, "/message_id /user_id or /anonymous_id"),
            (EventType::Screen, "/message_id /user_id or /anonymous_id"),
            (EventType::Group, "/message_id /group_id /user_id or /anonymous_id"),
            (EventType::Alias, "/message_id /previous_id /user_id"),
        ] {
            let mut findings = Findings::default();
            kind.require(&Ids::default(), None, &mut findings);
            let rejected = findings.judged(None).unwrap_err();
            assert_eq!(rejected.reason, RejectReason::MissingField);
            let named = rejected.detail.replace(" is missing", "").replace(';', "");
            assert_eq!(named, expected, "{kind:?}");
        }
    }

    #[test]
    fn a_placeholder_is_told_where_its_absence_rejects_the_event() {
        let mut raw = RawEvent {
            message_id: Some("m".to_owned()),
            anonymous_id: Some("null".to_owned()),
            group_id: Some("0".to_owned()),
            ..RawEvent::default()
        };
        let mut findings = Findings::default();
        let ids = Ids::take(&mut raw, &mut findings);
        EventType::Page.require(&ids, None, &mut findings);
        let rejected = findings.judged(None).unwrap_err();
        assert_eq!(
            rejected.detail,
            "/user_id or /anonymous_id is missing; \
             /anonymous_id holds a placeholder such as null or 0, which counts as absent"
        );
    }
}
