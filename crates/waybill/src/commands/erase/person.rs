//! Which ids belong to the person.

use std::collections::BTreeSet;

use event::{ErasedIds, Fixed16};
use identity::{Judged, KnownDevice, Refusal, device_hash, user_hash};
use serde::Serialize;
use warehouse::{DeviceSpan, ErasedPerson};

use crate::{
    cli::EraseArgs,
    commands::identity::{Asker, Known},
};

/// Ids of one person, as known.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(super) struct Person {
    /// All user ids, merged ones included.
    pub(super) user_ids: BTreeSet<String>,
    /// Devices of nobody else.
    pub(super) anonymous_ids: BTreeSet<String>,
    /// Devices that are somebody else's too: only the person's time is erased, and they are not
    /// suppressed.
    pub(super) shared_anonymous_ids: BTreeSet<String>,
    #[serde(skip)]
    pub(super) spans: Vec<DeviceSpan>,
}

/// The id that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Whom {
    User(String),
    Device(String),
}

impl Whom {
    /// What the arguments name; clap sees to it that it is one of the two.
    pub(super) fn of(arguments: &EraseArgs) -> Self {
        match (&arguments.user_id, &arguments.anonymous_id) {
            (Some(id), _) => Self::User(id.clone()),
            (None, id) => Self::Device(id.clone().unwrap_or_default()),
        }
    }

    /// The word of the column `id_kind`.
    pub(super) const fn kind(&self) -> &'static str {
        match self {
            Self::User(_) => "user",
            Self::Device(_) => "anonymous",
        }
    }
}

/// Why there is no one person.
pub(super) const SHARED: &str = "this anonymous id has had several users, so it does not say who is \
    meant: name the person by --user-id. `waybill identity explain` shows whose it was when";

/// The person of an id; or why it is not one.
pub(super) async fn find(
    asker: &Asker,
    whom: &Whom,
) -> anyhow::Result<Result<Person, &'static str>> {
    let user = match whom {
        Whom::User(id) => id.clone(),
        Whom::Device(id) => {
            let known = asker.device(id).await?;
            let device = known.resolution.devices.get(id);
            let users: BTreeSet<String> =
                device.into_iter().flat_map(users_of).map(|user| known.names_of(user).0).collect();
            let mut users = users.into_iter();
            match (users.next(), users.next()) {
                (Some(only), None) => only,
                (Some(_), Some(_)) => return Ok(Err(SHARED)),
                _ => {
                    let anonymous_ids = BTreeSet::from([id.clone()]);
                    return Ok(Ok(Person { anonymous_ids, ..Person::default() }));
                }
            }
        }
    };
    Ok(Ok(of_user(&asker.user(&user).await?, &user)))
}

/// Everybody who was told to be a device's user, but for ids that never link.
fn users_of(device: &KnownDevice) -> impl Iterator<Item = &str> {
    let links = |it: &&Judged| it.refused != Some(Refusal::Blocked);
    device.candidates.iter().filter(links).map(|it| it.user_id.as_str())
}

fn of_user(known: &Known, user: &str) -> Person {
    let (_, names) = known.names_of(user);
    let mut person = Person { user_ids: names.into_iter().collect(), ..Person::default() };
    for (id, device) in &known.resolution.devices {
        person.take(id, device);
    }
    person
}

impl Person {
    fn take(&mut self, id: &str, device: &KnownDevice) {
        let is_hers = |user: &str| self.user_ids.contains(user);
        if !device.candidates.iter().any(|it| is_hers(&it.user_id)) {
            return;
        }
        if users_of(device).all(is_hers) {
            let holds = device.intervals.iter().any(|it| it.user_id.is_some());
            // Where no link holds (an operator's unlink, too many devices) it is nobody's.
            let ids = if holds { &mut self.anonymous_ids } else { &mut self.shared_anonymous_ids };
            ids.insert(id.to_owned());
            return;
        }
        let ends = device.intervals.iter().skip(1).map(|next| next.from).chain([None]);
        for (interval, until) in device.intervals.iter().zip(ends) {
            if interval.user_id.as_deref().is_some_and(|user| self.user_ids.contains(user)) {
                let (anonymous_id, from) = (id.to_owned(), interval.from);
                self.spans.push(DeviceSpan { anonymous_id, from, until });
            }
        }
        self.shared_anonymous_ids.insert(id.to_owned());
    }

    /// Takes ids that are known to be the person's from elsewhere.
    pub(super) fn add(&mut self, users: &BTreeSet<String>, devices: &BTreeSet<String>) {
        self.user_ids.extend(users.iter().cloned());
        self.anonymous_ids.extend(devices.iter().cloned());
        self.shared_anonymous_ids.retain(|id| !self.anonymous_ids.contains(id));
        self.spans.retain(|span| !self.anonymous_ids.contains(&span.anonymous_id));
    }

    /// Whether the other has an id that this one lacks.
    pub(super) fn lacks_of(&self, other: &Self) -> bool {
        !other.user_ids.is_subset(&self.user_ids)
            || !other.anonymous_ids.is_subset(&self.anonymous_ids)
            || !other.shared_anonymous_ids.is_subset(&self.shared_anonymous_ids)
    }

    pub(super) fn to_rows(&self) -> ErasedPerson {
        ErasedPerson {
            users: self.user_ids.iter().cloned().collect(),
            devices: self.anonymous_ids.iter().cloned().collect(),
            spans: self.spans.clone(),
        }
    }

    /// The ids as orders have them.
    pub(super) fn hashes(&self) -> ErasedIds {
        let hashes = |ids: &BTreeSet<String>, hash: fn(&str) -> Fixed16| {
            ids.iter().map(|id| hash(id)).collect()
        };
        ErasedIds {
            devices: hashes(&self.anonymous_ids, device_hash),
            shared_devices: hashes(&self.shared_anonymous_ids, device_hash),
            users: hashes(&self.user_ids, user_hash),
        }
    }
}

#[cfg(test)]
mod tests {
    use identity::{LINK, UNLINK};

    use super::*;
    use crate::commands::identity::told::{known, link, ordered};

    #[test]
    fn devices_of_the_person_alone_are_hers_and_of_others_only_her_time() {
        let of = |device: &str, link: event::IdentityLink| event::IdentityLink {
            anonymous_id: device.to_owned(),
            ..link
        };
        let told = vec![
            of("own", link(1, 1, "ann", "identify")),
            of("shared", link(1, 2, "ann", "identify")),
            of("shared", ordered(3, 3, "bob", LINK)),
            of("unlinked", link(1, 4, "ann", "identify")),
            of("unlinked", ordered(2, 5, "ann", UNLINK)),
            of("bob's", link(1, 6, "bob", "identify")),
        ];
        let person = of_user(&known(told, Vec::new()), "ann");
        assert_eq!(person.anonymous_ids, BTreeSet::from(["own".to_owned()]));
        let shared = ["shared", "unlinked"].map(str::to_owned);
        assert_eq!(person.shared_anonymous_ids, BTreeSet::from(shared));
        let span =
            DeviceSpan { anonymous_id: "shared".to_owned(), from: None, until: Some(180_000) };
        assert_eq!(person.spans, [span]);
    }

    #[test]
    fn an_id_that_is_remembered_as_hers_is_not_shared() {
        let mut person = Person {
            shared_anonymous_ids: BTreeSet::from(["d".to_owned()]),
            spans: vec![DeviceSpan { anonymous_id: "d".to_owned(), from: None, until: None }],
            ..Person::default()
        };
        let before = person.clone();
        person.add(&BTreeSet::from(["u".to_owned()]), &BTreeSet::from(["d".to_owned()]));
        assert!(person.shared_anonymous_ids.is_empty() && person.spans.is_empty());
        assert!(before.lacks_of(&person) && !person.lacks_of(&Person::default()));
    }
}
