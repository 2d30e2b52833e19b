//! Which events link a device to a user, and who the person of an event is.

use event::{
    EnrichedEvent, Event, Fixed16, IdentityAlias, IdentityFacts, IdentityLink, IdentityState, Text,
    Waybill,
};
use pipeline::Halt;

use crate::{
    MERGE, PersonId, Refusal, Rules, State,
    device::{Candidate, present, take},
};

/// The rule of a link that an `identify` with both ids made.
pub const RULE_IDENTIFY: &str = "identify";
/// The rule of a link, or of a merge of users, that an `alias` made.
pub const RULE_ALIAS: &str = "alias";
/// The rule of a link that any other event with both ids made.
pub const RULE_BOTH_IDS: &str = "both-ids";
/// The rule of what an operator ordered.
pub const RULE_COMMAND: &str = "command";

/// [`IdentityLink::kind`] of a link.
pub const LINK: &str = "link";
/// [`IdentityLink::kind`] of an operator's order that two ids are not linked.
pub const UNLINK: &str = "unlink";

/// The flag of an event whose user id never links and so names nobody.
pub const FLAG_BLOCKED_USER: &str = "blocked-user-id";
/// The flag of an event whose anonymous id never links and so names no device.
pub const FLAG_BLOCKED_DEVICE: &str = "blocked-anonymous-id";

/// The ids of an event that say something: senders put empty texts where they have none, and an
/// operator may block ids.
pub(crate) struct Ids<'a> {
    pub(crate) user: Option<&'a str>,
    pub(crate) device: Option<&'a str>,
    pub(crate) flags: Vec<String>,
}

impl<'a> Ids<'a> {
    pub(crate) fn of<S: Text>(event: &'a Event<S>, rules: &Rules) -> Self {
        let mut flags = Vec::new();
        let mut real = |id: Option<&'a str>, flag: &str| {
            let id = told(id)?;
            if rules.blocked.contains(id) {
                flags.push(flag.to_owned());
                return None;
            }
            Some(id)
        };
        let user = real(event.user_id.as_deref(), FLAG_BLOCKED_USER);
        let device = real(event.anonymous_id.as_deref(), FLAG_BLOCKED_DEVICE);
        Self { user, device, flags }
    }
}

fn told(id: Option<&str>) -> Option<&str> {
    id.filter(|id| !id.is_empty())
}

/// The device whose state lives in the partition of the event: an event that is keyed by
/// something else (a user id, a business key) passes elsewhere.
pub(crate) fn home<'a, S: Text>(event: &EnrichedEvent<S>, ids: &Ids<'a>) -> Option<&'a str> {
    let facts = &event.validation;
    ids.device.filter(|device| facts.business_key.is_none() && *facts.device_key == **device)
}

/// The person of the event, as far as is known here. `device` is its device's state.
pub(crate) fn person<S: Text>(
    event: &Event<S>,
    ids: &Ids<'_>,
    device: Option<&IdentityState>,
    state: &dyn State,
) -> IdentityFacts {
    let link = device.and_then(present);
    let user = ids.user.or(link.map(|link| link.user_id.as_str()));
    let Some(user) = user else {
        let (person, basis) = match ids.device {
            Some(device) => (PersonId::of_anonymous(device), "anonymous_id"),
            None => (PersonId::of_message(&event.source, &event.message_id), "message_id"),
        };
        return facts(person, basis);
    };
    let merged = state.aliases().resolve(user);
    let user = merged.map_or(user, |known| known.user_id);
    let link = link.filter(|_| ids.user.is_none());
    IdentityFacts {
        user_id: Some(user.to_owned()),
        link_origin: link.map(|link| link.last_cause.to_string()),
        alias_origin: merged.map(|known| known.cause.to_string()),
        ..facts(PersonId::of_user(user), if link.is_some() { "link" } else { "user_id" })
    }
}

fn facts(person: PersonId, basis: &str) -> IdentityFacts {
    IdentityFacts {
        person_id: person.to_string(),
        basis: basis.to_owned(),
        ..IdentityFacts::default()
    }
}

/// What an event says of who is who.
#[derive(Default)]
pub(crate) struct Links {
    /// Candidates that say something new.
    pub(crate) candidates: Vec<IdentityLink>,
    /// The device's state, where a candidate changed it.
    pub(crate) device: Option<IdentityState>,
    /// Merges of users.
    pub(crate) aliases: Vec<IdentityAlias>,
}

/// The links that the event makes: its own device's, then that of the former id of an alias.
/// Every candidate is recorded; which one holds is decided over the set of them.
pub(crate) fn links<S: Text>(
    event: &Event<S>,
    waybill: Waybill,
    home: Option<(&str, &IdentityState)>,
    rules: &Rules,
    state: &dyn State,
) -> Links {
    let mut found = Links::default();
    let Some(user) = told(event.user_id.as_deref()) else { return found };
    let own = told(event.anonymous_id.as_deref());
    let former = told(event.previous_id.as_deref())
        .filter(|former| *event.kind == *RULE_ALIAS && Some(*former) != own && *former != user);
    let merges = rules.alias_sources.contains(&*event.source);
    for device in own.into_iter().chain(former.filter(|_| !merges)) {
        let blocked = [device, user].iter().any(|id| rules.blocked.contains(id));
        let mut refusal = blocked.then_some(Refusal::Blocked);
        if let Some((_, known)) = home.filter(|(home, _)| *home == device && !blocked) {
            let cause = waybill.origin;
            let candidate = Candidate { user, time: event.timestamp, cause };
            let taken = take(known, candidate, rules.users_per_device);
            if !taken.is_news {
                continue;
            }
            refusal = taken.refusal;
            found.device = taken.device;
        }
        found.candidates.push(link(event, waybill, (device, user), refusal));
    }
    if let Some(former) = former.filter(|_| merges) {
        found.aliases.extend(alias(event, waybill, (former, user), rules, state));
    }
    found
}

fn link<S: Text>(
    event: &Event<S>,
    waybill: Waybill,
    (device, user): (&str, &str),
    refusal: Option<Refusal>,
) -> IdentityLink {
    let rule = match &*event.kind {
        "identify" => RULE_IDENTIFY,
        "alias" => RULE_ALIAS,
        _ => RULE_BOTH_IDS,
    };
    IdentityLink {
        kind: LINK.to_owned(),
        anonymous_id: device.to_owned(),
        user_id: user.to_owned(),
        person_id: PersonId::of_user(user).to_string(),
        rule: rule.to_owned(),
        cause: waybill.origin,
        event_time: event.timestamp,
        appended_at: waybill.appended_at,
        refused: refusal.map(|refusal| refusal.word().to_owned()),
        who: None,
        why: None,
    }
}

fn alias<S>(
    event: &Event<S>,
    waybill: Waybill,
    (former, user): (&str, &str),
    rules: &Rules,
    state: &dyn State,
) -> Option<IdentityAlias> {
    if [former, user].iter().any(|id| rules.blocked.contains(id)) {
        return None;
    }
    let alias = IdentityAlias {
        kind: MERGE.to_owned(),
        previous_id: former.to_owned(),
        user_id: user.to_owned(),
        rule: RULE_ALIAS.to_owned(),
        cause: waybill.origin,
        event_time: event.timestamp,
        appended_at: waybill.appended_at,
        who: None,
        why: None,
    };
    state.aliases().is_news(&alias).then_some(alias)
}

/// The state of the device that is at home here; an empty one if nothing is known of it. `hash` is its
/// [`device_hash`](crate::device_hash).
pub(crate) fn known(device: &str, hash: Fixed16, state: &dyn State) -> Result<IdentityState, Halt> {
    let known = state.device(hash)?;
    Ok(known.unwrap_or_else(|| IdentityState {
        device_key: device.to_owned(),
        ..IdentityState::default()
    }))
}
