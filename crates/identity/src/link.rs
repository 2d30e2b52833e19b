//! Which events link a device to a user.

use event::{Event, IdentityLink, IdentityState, Waybill};

use crate::{DeviceLink, PersonId};

/// The rule of a link that an `identify` with both ids made.
pub const RULE_IDENTIFY: &str = "identify";
/// The rule of a link that an `alias` made.
pub const RULE_ALIAS: &str = "alias";
/// The rule of a link that any other event with both ids made.
pub const RULE_BOTH_IDS: &str = "both-ids";

/// An id that says something: senders put empty texts where they have none.
pub(crate) fn told(id: Option<&String>) -> Option<&str> {
    id.map(String::as_str).filter(|id| !id.is_empty())
}

/// The candidate links that the event makes, in order: its own device, then the former id of an
/// alias. Every candidate is recorded; which one holds is decided over the set of them.
pub(crate) fn candidates(event: &Event, waybill: Waybill) -> Vec<IdentityLink> {
    let Some(user) = told(event.user_id.as_ref()) else { return Vec::new() };
    let own = told(event.anonymous_id.as_ref());
    let former = told(event.previous_id.as_ref())
        .filter(|former| event.kind == "alias" && Some(*former) != own && *former != user);
    own.into_iter().chain(former).map(|device| link(event, waybill, device, user)).collect()
}

fn link(event: &Event, waybill: Waybill, device: &str, user: &str) -> IdentityLink {
    let rule = match event.kind.as_str() {
        "identify" => RULE_IDENTIFY,
        "alias" => RULE_ALIAS,
        _ => RULE_BOTH_IDS,
    };
    IdentityLink {
        kind: "link".to_owned(),
        anonymous_id: device.to_owned(),
        user_id: user.to_owned(),
        person_id: PersonId::of_user(user).to_string(),
        rule: rule.to_owned(),
        cause: waybill.origin,
        event_time: event.timestamp,
        appended_at: waybill.appended_at,
    }
}

/// The device's state after the candidate; `None` if it is as before. For the present the latest
/// link holds, by event time, then origin, in whatever order they arrive.
pub(crate) fn advance(current: Option<DeviceLink>, link: &IdentityLink) -> Option<IdentityState> {
    let Some(current) = current else { return Some(state(link, 1)) };
    let other = i32::from(current.user_id != link.user_id);
    let users = current.users.saturating_add(other);
    if (link.event_time, link.cause) > (current.event_time, current.cause) {
        return Some(state(link, users));
    }
    (users != current.users).then(|| IdentityState {
        device_key: link.anonymous_id.clone(),
        user_id: current.user_id,
        cause: current.cause,
        event_time: current.event_time,
        users,
    })
}

fn state(link: &IdentityLink, users: i32) -> IdentityState {
    IdentityState {
        device_key: link.anonymous_id.clone(),
        user_id: link.user_id.clone(),
        cause: link.cause,
        event_time: link.event_time,
        users,
    }
}
