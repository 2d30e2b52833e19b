//! The users of a device, in bounded memory: what the step believes of the rule in
//! [`resolve`](crate::resolve).
//!
//! Candidates are ordered by event time, then origin. The first `limit` users, by their first
//! candidates, are held; those of others are refused. Of the candidates of one user within one
//! minute of event time only the first counts, so that each event of a busy visit need not be
//! told. For the present the last candidate holds; if it is a refused one, nobody is known.
//!
//! Who is held does not depend on the order of arrival. Of those who are refused only the last is
//! remembered: a user that is held again after others were refused, or for whom an order makes
//! room, is known by the candidates that come from then on. All of them were told, so that the
//! warehouse knows better.

use event::{DeviceOrder, DeviceUser, IdentityState, Millis, Origin};
use serde::{Deserialize, Serialize};

const MINUTE: Millis = 60_000;

/// A link that an event, or an order, proposes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Candidate<'a> {
    pub(crate) user: &'a str,
    pub(crate) time: Millis,
    pub(crate) cause: Origin,
}

/// Why a candidate does not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Refusal {
    /// An id is among those that never link.
    #[serde(rename = "blocked-value")]
    Blocked,
    /// The device has more users than it may have.
    #[serde(rename = "too-many-users")]
    TooManyUsers,
    /// The user has more devices than it may have: found over all partitions, so never told by
    /// the step, only by the resolution.
    #[serde(rename = "too-many-devices")]
    TooManyDevices,
    /// An operator ordered that the two are not linked.
    #[serde(rename = "unlinked")]
    Unlinked,
}

impl Refusal {
    /// Every reason.
    pub const ALL: [Self; 4] =
        [Self::Blocked, Self::TooManyUsers, Self::TooManyDevices, Self::Unlinked];

    /// The word that stands for it in links and views.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Blocked => "blocked-value",
            Self::TooManyUsers => "too-many-users",
            Self::TooManyDevices => "too-many-devices",
            Self::Unlinked => "unlinked",
        }
    }
}

/// What a candidate changes.
#[derive(Debug)]
pub(crate) struct Taken {
    /// The device afterwards, if it is not as before.
    pub(crate) device: Option<IdentityState>,
    /// Whether it says anything that the device's candidates did not say before.
    pub(crate) is_news: bool,
    pub(crate) refusal: Option<Refusal>,
}

/// The device with one candidate more.
pub(crate) fn take(device: &IdentityState, candidate: Candidate<'_>, limit: usize) -> Taken {
    let known = device.held.iter().find(|user| user.user_id == candidate.user);
    let held_refusal = || unlinked(device, candidate.user).then_some(Refusal::Unlinked);
    if let Some(user) = known {
        if says_nothing(user, candidate) {
            return Taken { device: None, is_news: false, refusal: held_refusal() };
        }
    } else if let Some(user) = device.refused.as_ref().filter(|it| it.user_id == candidate.user)
        && !has_room(device, limit)
        && says_nothing(user, candidate)
    {
        return Taken { device: None, is_news: false, refusal: Some(Refusal::TooManyUsers) };
    }
    let mut next = device.clone();
    enter(&mut next, candidate);
    rank(&mut next, limit);
    let is_held = next.held.iter().any(|user| user.user_id == candidate.user);
    let refusal = if is_held { held_refusal() } else { Some(Refusal::TooManyUsers) };
    Taken { is_news: true, refusal, device: (next != *device).then_some(next) }
}

/// Adds the candidate to what is known of its user.
fn enter(device: &mut IdentityState, candidate: Candidate<'_>) {
    let is_its = |user: &DeviceUser| user.user_id == candidate.user;
    if let Some(user) = device.held.iter_mut().find(|user| is_its(user)) {
        return merge(user, candidate);
    }
    let refused = device.refused.take_if(|user| is_its(user));
    let mut user = refused.unwrap_or_else(|| alone(candidate));
    merge(&mut user, candidate);
    device.held.push(user);
}

/// Whether an operator decided about the user: whom an order links or unlinks is not counted.
fn is_ordered(orders: &[DeviceOrder], user: &DeviceUser) -> bool {
    orders.iter().any(|order| order.user_id == user.user_id)
}

fn has_room(device: &IdentityState, limit: usize) -> bool {
    let counted = device.held.iter().filter(|user| !is_ordered(&device.orders, user));
    counted.count() < limit
}

/// Puts the users in order and lets those go that are too many.
fn rank(device: &mut IdentityState, limit: usize) {
    device.held.sort_by_key(first);
    let orders = std::mem::take(&mut device.orders);
    let mut counted = 0;
    let (held, more): (Vec<_>, Vec<_>) = device.held.drain(..).partition(|user| {
        let is_ordered = is_ordered(&orders, user);
        counted += usize::from(!is_ordered);
        is_ordered || counted <= limit
    });
    (device.held, device.orders) = (held, orders);
    for user in more {
        device.refused = Some(match device.refused.take() {
            Some(other) => later(other, user),
            None => user,
        });
    }
}

fn later(one: DeviceUser, other: DeviceUser) -> DeviceUser {
    if last(&one) >= last(&other) { one } else { other }
}

fn merge(user: &mut DeviceUser, candidate: Candidate<'_>) {
    let at = (candidate.time, candidate.cause);
    if at < first(user) {
        (user.first_time, user.first_cause) = at;
    }
    let (ours, theirs) = (minute(user.last_time), minute(candidate.time));
    if theirs > ours || theirs == ours && at < last(user) {
        (user.last_time, user.last_cause) = at;
    }
}

/// Whether a candidate of the same minute that is no later is there already.
fn says_nothing(user: &DeviceUser, candidate: Candidate<'_>) -> bool {
    minute(user.last_time) == minute(candidate.time)
        && last(user) <= (candidate.time, candidate.cause)
}

fn alone(candidate: Candidate<'_>) -> DeviceUser {
    DeviceUser {
        user_id: candidate.user.to_owned(),
        first_time: candidate.time,
        first_cause: candidate.cause,
        last_time: candidate.time,
        last_cause: candidate.cause,
    }
}

/// The device after an operator's order; an order that is no newer than the last changes nothing.
/// (Offsets begin anew when `identity-commands` is created anew: the time goes first.)
pub(crate) fn order(
    device: &IdentityState,
    order: &DeviceOrder,
    cause: Origin,
    limit: usize,
) -> Option<IdentityState> {
    let mut next = device.clone();
    match next.orders.iter_mut().find(|it| it.user_id == order.user_id) {
        Some(last) if (last.at, last.offset) >= (order.at, order.offset) => return None,
        Some(last) => *last = order.clone(),
        None => next.orders.push(order.clone()),
    }
    if order.linked {
        let candidate = Candidate { user: &order.user_id, time: order.at, cause };
        enter(&mut next, candidate);
    } else if let Some(user) = next.refused.take_if(|user| user.user_id == order.user_id) {
        next.held.push(user);
    }
    rank(&mut next, limit);
    Some(next)
}

/// The device without these users, whatever was told or ordered of them; `None` where it knows
/// none of them.
pub(crate) fn without(
    device: &IdentityState,
    is_erased: impl Fn(&str) -> bool,
) -> Option<IdentityState> {
    let mut next = device.clone();
    next.held.retain(|user| !is_erased(&user.user_id));
    next.refused.take_if(|user| is_erased(&user.user_id));
    next.orders.retain(|order| !is_erased(&order.user_id));
    (next != *device).then_some(next)
}

/// Whose the device is now.
pub(crate) fn present(device: &IdentityState) -> Option<&DeviceUser> {
    let latest = |a: &&DeviceUser, b: &&DeviceUser| last(a).cmp(&last(b));
    let held = device.held.iter().filter(|user| !unlinked(device, &user.user_id));
    let user = held.max_by(latest)?;
    let refused = device.refused.as_ref().filter(|it| !unlinked(device, &it.user_id));
    refused.is_none_or(|refused| last(refused) < last(user)).then_some(user)
}

fn unlinked(device: &IdentityState, user: &str) -> bool {
    device.orders.iter().any(|order| order.user_id == user && !order.linked)
}

fn first(user: &DeviceUser) -> (Millis, Origin) {
    (user.first_time, user.first_cause)
}

fn last(user: &DeviceUser) -> (Millis, Origin) {
    (user.last_time, user.last_cause)
}

/// The minute in which an event time lies, in minutes since 1970.
pub(crate) fn minute(time: Millis) -> Millis {
    time.div_euclid(MINUTE)
}
