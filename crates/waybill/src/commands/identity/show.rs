//! `waybill identity show`: a person.

use std::collections::BTreeMap;

use event::{IdentityAlias, IdentityLink, Millis, Origin};
use identity::{Interval, MERGE, PersonId};
use serde::Serialize;
use warehouse::{PersonEvents, PersonGroup, PersonIds};

use super::{
    known::{Asker, Known},
    words::{cause, moment},
};
use crate::{
    Exit,
    cli::{ShowArgs, WhichId},
    config::Config,
    output,
};

/// Prints the person of an id. Nothing known of it: exit code 1.
pub(super) async fn run(arguments: ShowArgs, config: &Config) -> anyhow::Result<Exit> {
    let asker = Asker::new(config, None).await?;
    let ShowArgs { id, which, json } = &arguments;
    let found = match which {
        WhichId { anonymous: true, .. } => device(&asker, id).await?,
        WhichId { user: true, .. } => user(&asker, id).await?,
        _ => match (device(&asker, id).await?, user(&asker, id).await?) {
            (Some(device), Some(user)) if device.person_id != user.person_id => {
                let message = "there are events with this anonymous id and others with this user \
                               id; say which is meant: --anonymous-id or --user-id";
                return Ok(output::refused(message, Exit::Usage));
            }
            (device, user) => user.or(device),
        },
    };
    let Some(person) = found else {
        let message = "ClickHouse has no event and no link with this id; what was sent within the \
                       last seconds may still be on its way";
        return Ok(output::refused(message, Exit::Failed));
    };
    if *json {
        return output::json(&person);
    }
    Ok(output::text(&person.to_string()))
}

/// A person. Moments are RFC 3339 texts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Profile {
    pub(super) person_id: String,
    /// The user id that stands for the person; `None` where no user is known.
    pub(super) user_id: Option<String>,
    /// All user ids of the person.
    pub(super) user_ids: Vec<String>,
    pub(super) merges: Vec<Merge>,
    pub(super) devices: Vec<Device>,
    pub(super) events: u64,
    pub(super) first_seen: Option<String>,
    pub(super) last_seen: Option<String>,
    pub(super) sessions: u64,
    pub(super) groups: Vec<Membership>,
}

/// Two user ids of the person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Merge {
    pub(super) previous_id: String,
    pub(super) user_id: String,
    /// What merged them.
    pub(super) cause: String,
    pub(super) who: Option<String>,
    pub(super) why: Option<String>,
}

/// A device, and when it is the person's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Device {
    pub(super) anonymous_id: String,
    pub(super) times: Vec<Span>,
    /// Why a link of the two does not hold, where none does.
    pub(super) refused: Option<&'static str>,
}

/// A time of a device, by event time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Span {
    /// `None`: from the beginning.
    pub(super) from: Option<String>,
    /// `None`: until now.
    pub(super) until: Option<String>,
    /// What linked it.
    pub(super) cause: String,
}

/// A group that the person's events name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Membership {
    pub(super) group_id: String,
    pub(super) events: u64,
    pub(super) first_seen: String,
    pub(super) last_seen: String,
}

async fn device(asker: &Asker, id: &str) -> anyhow::Result<Option<Profile>> {
    let known = asker.device(id).await?;
    let resolved = known.resolution.devices.get(id);
    let owner = resolved.and_then(|it| it.intervals.last()).and_then(|it| it.user_id.clone());
    if let Some(owner) = owner {
        return user(asker, &owner).await;
    }
    let person_id = PersonId::of_anonymous(id).to_string();
    let person = Profile { devices: vec![unknown(id, &known)], ..nobody(person_id) };
    let was_told = !known.links.is_empty();
    let person = with_events(asker, person, &[], &[id.to_owned()]).await?;
    Ok((person.events > 0 || was_told).then_some(person))
}

async fn user(asker: &Asker, id: &str) -> anyhow::Result<Option<Profile>> {
    let known = asker.user(id).await?;
    let (whole, user_ids) = known.names_of(id);
    let devices = devices(&known, &user_ids);
    let was_told = !known.links.is_empty() || !known.aliases.is_empty();
    let anonymous_ids: Vec<String> = devices.iter().map(|it| it.anonymous_id.clone()).collect();
    let person = Profile {
        user_id: Some(whole.clone()),
        merges: merges(&known, &user_ids),
        devices,
        ..nobody(PersonId::of_user(&whole).to_string())
    };
    let person = with_events(asker, person, &user_ids, &anonymous_ids).await?;
    let person = Profile { user_ids, ..person };
    Ok((person.events > 0 || was_told).then_some(person))
}

fn nobody(person_id: String) -> Profile {
    Profile {
        person_id,
        user_id: None,
        user_ids: Vec::new(),
        merges: Vec::new(),
        devices: Vec::new(),
        events: 0,
        first_seen: None,
        last_seen: None,
        sessions: 0,
        groups: Vec::new(),
    }
}

async fn with_events(
    asker: &Asker,
    person: Profile,
    user_ids: &[String],
    anonymous_ids: &[String],
) -> anyhow::Result<Profile> {
    let of = PersonIds { person_id: &person.person_id, user_ids, anonymous_ids };
    let PersonEvents { events, first_seen, last_seen, sessions } =
        asker.warehouse.person_events(of).await?;
    let groups = asker.warehouse.person_groups(of).await?.into_iter().map(group).collect();
    let seen = |at: Millis| (events > 0).then(|| moment(at));
    let (first_seen, last_seen) = (seen(first_seen), seen(last_seen));
    Ok(Profile { events, first_seen, last_seen, sessions, groups, ..person })
}

fn group(group: PersonGroup) -> Membership {
    Membership {
        group_id: group.group_id,
        events: group.events,
        first_seen: moment(group.first_seen),
        last_seen: moment(group.last_seen),
    }
}

/// Every device that anything links to one of the users.
fn devices(known: &Known, user_ids: &[String]) -> Vec<Device> {
    let rules: BTreeMap<Origin, &IdentityLink> =
        known.links.iter().map(|link| (link.cause, link)).collect();
    let is_ours = |user: &String| user_ids.contains(user);
    let device = |(id, device): (&String, &identity::KnownDevice)| {
        let ends = device.intervals.iter().skip(1).map(|next| next.from).chain([None]);
        let span = |(interval, until): (&Interval, Option<Millis>)| {
            interval.user_id.as_ref().filter(|user| is_ours(user))?;
            let ordered = rules.get(&interval.cause).is_some_and(|it| it.rule == "command");
            let cause = cause(interval.cause, ordered);
            Some(Span { from: interval.from.map(moment), until: until.map(moment), cause })
        };
        let times: Vec<Span> = device.intervals.iter().zip(ends).filter_map(span).collect();
        let ours = device.candidates.iter().filter(|it| is_ours(&it.user_id));
        let refusals: Vec<_> = ours.filter_map(|it| it.refused).collect();
        let refused = refusals.last().filter(|_| times.is_empty()).map(|it| it.word());
        let is_told = !times.is_empty() || refused.is_some();
        is_told.then(|| Device { anonymous_id: id.clone(), times, refused })
    };
    known.resolution.devices.iter().filter_map(device).collect()
}

/// A device that is nobody's now.
fn unknown(id: &str, known: &Known) -> Device {
    let device = known.resolution.devices.get(id);
    let last = device.and_then(|it| it.candidates.iter().rev().find_map(|it| it.refused));
    Device {
        anonymous_id: id.to_owned(),
        times: Vec::new(),
        refused: last.map(identity::Refusal::word),
    }
}

/// The merges that hold among the users.
fn merges(known: &Known, user_ids: &[String]) -> Vec<Merge> {
    let holds = |alias: &&IdentityAlias| {
        let resolved = known.resolution.aliases.resolve(&alias.previous_id);
        alias.kind == MERGE && resolved.is_some_and(|it| it.cause == alias.cause)
    };
    let ours = known.aliases.iter().filter(|it| user_ids.contains(&it.previous_id));
    let merge = |alias: &IdentityAlias| Merge {
        previous_id: alias.previous_id.clone(),
        user_id: alias.user_id.clone(),
        cause: cause(alias.cause, alias.rule == identity::RULE_COMMAND),
        who: alias.who.clone(),
        why: alias.why.clone(),
    };
    ours.filter(holds).map(merge).collect()
}

#[cfg(test)]
mod tests {
    use identity::{LINK, RULE_COMMAND, UNLINK, UNMERGE};

    use super::*;
    use crate::commands::identity::told::{alias, known, link, ordered};

    #[test]
    fn a_user_has_her_devices_from_when_to_when_and_those_that_are_refused_with_the_reason() {
        let of = |device: &str, link: IdentityLink| IdentityLink {
            anonymous_id: device.to_owned(),
            ..link
        };
        let told = vec![
            link(1, 1, "ann", "identify"),
            ordered(3, 2, "bob", LINK),
            of("shared", link(1, 3, "ann", "both-ids")),
            of("shared", ordered(2, 4, "ann", UNLINK)),
            of("crowded", link(1, 5, "bob", "identify")),
            of("crowded", link(2, 6, "ann", "identify")),
            of("another's", link(1, 7, "bob", "identify")),
        ];
        let devices = devices(&known(told, Vec::new()), &["ann".to_owned()]);
        let told: Vec<_> = devices
            .iter()
            .map(|it| {
                let span = it.times.first();
                let until = span.and_then(|it| it.until.as_deref());
                (it.anonymous_id.as_str(), it.times.len(), until, it.refused)
            })
            .collect();
        let expected = [
            ("anon", 1, Some("1970-01-01T00:03:00.000Z"), None),
            ("crowded", 0, None, Some("too-many-users")),
            ("shared", 0, None, Some("unlinked")),
        ];
        assert_eq!(told, expected);
    }

    #[test]
    fn merged_ids_are_one_person_and_an_order_tells_them_apart_again() {
        let both = known(Vec::new(), vec![alias(1, 1, MERGE, "alias")]);
        let (person, names) = both.names_of("old");
        assert_eq!((person.as_str(), names.len()), ("new", 2));
        assert_eq!(merges(&both, &names).len(), 1);
        let told = vec![alias(1, 1, MERGE, "alias"), alias(2, 2, UNMERGE, RULE_COMMAND)];
        let apart = known(Vec::new(), told);
        let (person, names) = apart.names_of("old");
        assert_eq!((person, names.clone()), ("old".to_owned(), vec!["old".to_owned()]));
        assert_eq!(merges(&apart, &names), []);
    }
}
