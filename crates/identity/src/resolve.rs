//! Who is who, in the end: which links hold, as a pure function of the set of everything that was
//! told of them. What order it was told in, and how often, does not count.
//!
//! [`stitch`](crate::stitch) believes the same as far as it knows when an event passes; the
//! warehouse works the same out in SQL over all that was told, and a test holds the two together.
//!
//! For each device, in this order:
//!
//! 1. Candidates that were refused as `blocked-value` never hold. What else was refused when it was
//!    told is judged anew.
//! 2. Of the candidates of a device and a user within one minute of event time (floor of time / 60
//!    s) only the least (event time, cause) counts. Every order to link is a candidate too, at its
//!    own time.
//! 3. Orders: the newest order about a device and a user (by time, then cause) decides. After
//!    `unlink` the candidates of the two are as if they had not been; after `link` the two are
//!    *exempt*: no limit refuses them, and none counts them.
//! 4. Users of a device in the order of their first candidates: the first `users_per_device` are
//!    held, those of others are refused.
//! 5. Devices of a user, of those that the step before holds, in the order of the first candidates
//!    that link them: the first `devices_per_user` are held, those of others are refused.
//! 6. Each candidate begins an interval of its device: of its user where it is held, of nobody where
//!    it is refused. The interval of the first candidate reaches back to the beginning, that of the
//!    last is open.

use std::collections::{BTreeMap, BTreeSet};

use event::{IdentityAlias, IdentityLink, Millis, Origin};
use serde::{Deserialize, Serialize};

use crate::{Aliases, LINK, PersonId, RULE_COMMAND, Refusal, device::minute};

/// The limits of what may be linked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// How many users a device may have.
    pub users_per_device: usize,
    /// How many devices a user may have.
    pub devices_per_user: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { users_per_device: 10, devices_per_user: 200 }
    }
}

/// A candidate link of a device, and what came of it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Judged {
    /// Event time of the cause, of an order the time of its append; milliseconds UTC.
    pub event_time: Millis,
    /// The event or order that proposes the link.
    pub cause: Origin,
    /// The user.
    pub user_id: String,
    /// [`IdentityLink::rule`].
    pub rule: String,
    /// Why it does not hold; `None` if it does.
    pub refused: Option<Refusal>,
}

/// Whose a device is for some time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Interval {
    /// Its first instant of event time, milliseconds UTC; `None` from the beginning. It ends where
    /// the next one begins.
    pub from: Option<Millis>,
    /// The user; `None` where it is nobody's, since the candidate is refused.
    pub user_id: Option<String>,
    /// The event or order whose candidate began it.
    pub cause: Origin,
}

/// What is known of one device.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownDevice {
    /// The candidates that count, and those that were blocked or unlinked, by event time and cause.
    pub candidates: Vec<Judged>,
    /// Whose it is when: by time, without gaps. Empty if no candidate is held or refused by a limit.
    pub intervals: Vec<Interval>,
}

impl KnownDevice {
    /// The interval in which this event time lies.
    pub fn at(&self, time: Millis) -> Option<&Interval> {
        self.intervals.iter().rev().find(|interval| interval.from.is_none_or(|from| from <= time))
    }
}

/// The ids of an event by which its person is found; without those that are blocked or empty.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Told<'a> {
    /// User id as sent.
    pub user_id: Option<&'a str>,
    /// Anonymous id as sent.
    pub anonymous_id: Option<&'a str>,
    /// Source and message id: every event has them.
    pub message: (&'a str, &'a str),
    /// Event time, milliseconds UTC.
    pub time: Millis,
}

/// The person of an event, as known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownPerson {
    /// [`PersonId`] as text.
    pub person_id: String,
    /// `user_id`, `link`, `anonymous_id` or `message_id`: what it follows from.
    pub basis: String,
    /// The user that stands for the person; `None` if no user is known.
    pub user_id: Option<String>,
    /// The event or order that linked the device, where the basis is `link`.
    pub link: Option<Origin>,
    /// The event or order that merged the user with another.
    pub alias: Option<Origin>,
}

/// Who is who.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Resolution {
    /// By anonymous id: every device of which anything was told.
    pub devices: BTreeMap<String, KnownDevice>,
    /// The merges of users.
    pub aliases: Aliases,
}

impl Resolution {
    /// The person of an event: its user id, else the user of its device at its time, each as
    /// merged; else the unknown person behind the device, else the one behind the message.
    pub fn person(&self, told: Told<'_>) -> KnownPerson {
        if let Some(user) = told.user_id {
            return self.user(user, None);
        }
        let Some(id) = told.anonymous_id else {
            let (source, message_id) = told.message;
            return unknown(PersonId::of_message(source, message_id), "message_id");
        };
        let interval = self.devices.get(id).and_then(|device| device.at(told.time));
        match interval.and_then(|it| Some((it.user_id.as_deref()?, it.cause))) {
            Some((user, cause)) => self.user(user, Some(cause)),
            None => unknown(PersonId::of_anonymous(id), "anonymous_id"),
        }
    }

    fn user(&self, user: &str, link: Option<Origin>) -> KnownPerson {
        let merged = self.aliases.resolve(user);
        let user = merged.map_or(user, |known| known.user_id);
        KnownPerson {
            person_id: PersonId::of_user(user).to_string(),
            basis: if link.is_some() { "link" } else { "user_id" }.to_owned(),
            user_id: Some(user.to_owned()),
            link,
            alias: merged.map(|known| known.cause),
        }
    }
}

fn unknown(person: PersonId, basis: &str) -> KnownPerson {
    let (person_id, basis) = (person.to_string(), basis.to_owned());
    KnownPerson { person_id, basis, user_id: None, link: None, alias: None }
}

/// Works out who is who from all that was told.
pub fn resolve<'a>(
    links: impl IntoIterator<Item = &'a IdentityLink>,
    aliases: impl IntoIterator<Item = &'a IdentityAlias>,
    limits: Limits,
) -> Resolution {
    let mut pairs = Pairs::default();
    links.into_iter().for_each(|link| pairs.take(link));
    let mut pairs = pairs.0;
    for pair in pairs.values_mut() {
        pair.refused = pair.newest.filter(|it| !it.linked).map(|_| Refusal::Unlinked);
    }
    let (device, user) = (|at: &At<'a>| at.device, |at: &At<'a>| at.user);
    limit(&mut pairs, device, limits.users_per_device, Refusal::TooManyUsers);
    limit(&mut pairs, user, limits.devices_per_user, Refusal::TooManyDevices);
    let mut resolution = Resolution::default();
    for (at, pair) in pairs {
        let device = resolution.devices.entry(at.device.to_owned()).or_default();
        device.candidates.extend(pair.judged(at.user));
    }
    resolution.devices.values_mut().for_each(KnownDevice::divide);
    aliases.into_iter().for_each(|alias| resolution.aliases.apply(alias));
    resolution
}

/// A device and a user.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct At<'a> {
    device: &'a str,
    user: &'a str,
}

/// A candidate: its event time, its cause, its rule.
type Candidate<'a> = (Millis, Origin, &'a str);

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Order {
    at: (Millis, Origin),
    linked: bool,
}

/// What was told of a device and a user.
#[derive(Default)]
struct Pair<'a> {
    /// The least candidate of each minute.
    candidates: BTreeMap<Millis, Candidate<'a>>,
    /// The least blocked candidate of each minute.
    blocked: BTreeMap<Millis, Candidate<'a>>,
    newest: Option<Order>,
    refused: Option<Refusal>,
}

impl Pair<'_> {
    fn is_exempt(&self) -> bool {
        self.newest.is_some_and(|order| order.linked)
    }

    fn judged(&self, user: &str) -> Vec<Judged> {
        let blocked = self.blocked.values().map(|it| (it, Some(Refusal::Blocked)));
        let all = self.candidates.values().map(|it| (it, self.refused)).chain(blocked);
        let judge = |(it, refused): (&Candidate<'_>, _)| {
            let (event_time, cause, rule) = *it;
            let (user_id, rule) = (user.to_owned(), rule.to_owned());
            Judged { event_time, cause, user_id, rule, refused }
        };
        all.map(judge).collect()
    }
}

#[derive(Default)]
struct Pairs<'a>(BTreeMap<At<'a>, Pair<'a>>);

impl<'a> Pairs<'a> {
    fn take(&mut self, link: &'a IdentityLink) {
        let at = At { device: &link.anonymous_id, user: &link.user_id };
        let pair = self.0.entry(at).or_default();
        let linked = link.kind == LINK;
        if link.rule == RULE_COMMAND {
            let order = Order { at: (link.event_time, link.cause), linked };
            pair.newest = pair.newest.max(Some(order));
        }
        if linked {
            let is_blocked = link.refused.as_deref() == Some(Refusal::Blocked.word());
            let minutes = if is_blocked { &mut pair.blocked } else { &mut pair.candidates };
            let candidate = (link.event_time, link.cause, link.rule.as_str());
            let least = minutes.entry(minute(link.event_time)).or_insert(candidate);
            *least = candidate.min(*least);
        }
    }
}

/// Refuses, of the pairs of each group that hold, all but the `most` that were linked first.
fn limit<'a, K: Ord>(
    pairs: &mut BTreeMap<At<'a>, Pair<'a>>,
    group: impl Fn(&At<'a>) -> K,
    most: usize,
    reason: Refusal,
) {
    // Ranked by the first candidate; by the ids where an order has the number of an event.
    let ranked: BTreeSet<_> = pairs
        .iter()
        .filter(|(_, pair)| pair.refused.is_none() && !pair.is_exempt())
        .filter_map(|(at, pair)| {
            let (time, cause, _) = *pair.candidates.values().next()?;
            Some((group(at), time, cause, *at))
        })
        .collect();
    let mut counted: Option<(K, usize)> = None;
    for (key, _, _, at) in ranked {
        let rank = counted.take_if(|(group, _)| *group == key).map_or(1, |(_, rank)| rank + 1);
        counted = Some((key, rank));
        if rank > most
            && let Some(pair) = pairs.get_mut(&at)
        {
            pair.refused = Some(reason);
        }
    }
}

impl KnownDevice {
    /// Puts the candidates in order and works out the intervals.
    fn divide(&mut self) {
        self.candidates.sort();
        let counts =
            |it: &&Judged| !matches!(it.refused, Some(Refusal::Blocked | Refusal::Unlinked));
        for candidate in self.candidates.iter().filter(counts) {
            let from = (!self.intervals.is_empty()).then_some(candidate.event_time);
            if from.is_some() && self.intervals.last().is_some_and(|last| last.from == from) {
                self.intervals.pop();
            }
            let user_id = candidate.refused.is_none().then(|| candidate.user_id.clone());
            self.intervals.push(Interval { from, user_id, cause: candidate.cause });
        }
    }
}
