//! What tests say was told.

use event::{IdentityAlias, IdentityLink, Millis, Origin};
use identity::{LINK, Limits, PersonId, RULE_COMMAND, resolve};

use super::known::Known;

pub(in crate::commands) const MINUTE: Millis = 60_000;

pub(in crate::commands) fn origin(offset: i64) -> Origin {
    Origin { epoch: 0, partition: 3, offset }
}

/// A link of the device `anon` in this minute.
pub(in crate::commands) fn link(
    minute: Millis,
    offset: i64,
    user: &str,
    rule: &str,
) -> IdentityLink {
    IdentityLink {
        kind: LINK.to_owned(),
        anonymous_id: "anon".to_owned(),
        user_id: user.to_owned(),
        person_id: PersonId::of_user(user).to_string(),
        rule: rule.to_owned(),
        cause: origin(offset),
        event_time: minute * MINUTE,
        appended_at: minute * MINUTE + 5_000,
        refused: None,
        who: None,
        why: None,
    }
}

pub(in crate::commands) fn ordered(
    minute: Millis,
    offset: i64,
    user: &str,
    kind: &str,
) -> IdentityLink {
    let (who, why) = (Some("ada@desk".to_owned()), Some("a shared computer".to_owned()));
    IdentityLink { kind: kind.to_owned(), who, why, ..link(minute, offset, user, RULE_COMMAND) }
}

pub(in crate::commands) fn alias(
    minute: Millis,
    offset: i64,
    kind: &str,
    rule: &str,
) -> IdentityAlias {
    let who = (rule == RULE_COMMAND).then(|| "ada@desk".to_owned());
    IdentityAlias {
        kind: kind.to_owned(),
        previous_id: "old".to_owned(),
        user_id: "new".to_owned(),
        rule: rule.to_owned(),
        cause: origin(offset),
        event_time: minute * MINUTE,
        appended_at: minute * MINUTE + 5_000,
        why: who.as_ref().map(|_| "one customer".to_owned()),
        who,
    }
}

/// What follows where a device may have one user.
pub(in crate::commands) fn known(links: Vec<IdentityLink>, aliases: Vec<IdentityAlias>) -> Known {
    let limits = Limits { users_per_device: 1, ..Limits::default() };
    let resolution = resolve(&links, &aliases, limits);
    Known { links, aliases, resolution }
}
