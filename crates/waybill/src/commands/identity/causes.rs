//! What was told of a device and of users, each with what came of it.

use event::{IdentityAlias, IdentityLink, Millis, Origin};
use identity::{Interval as Resolved, Judged, KnownDevice, MERGE, RULE_COMMAND, UNLINK};
use serde::Serialize;

use super::{
    known::Known,
    words::{cause, moment},
};

/// It is in force, or its link holds.
const HOLDS: &str = "holds";
/// A later order about the same two ids counts instead.
const TAKEN_BACK: &str = "taken-back";
/// An earlier word of the same minute says the same.
const SAID_BEFORE: &str = "said-before";
/// Another word on the same two users counts, or a later merge of the same user.
const OUTDONE: &str = "outdone";

/// A candidate link, or an order about one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct LinkTold {
    /// Waybill number of the event, or `order` and its position in `identity-commands`.
    pub(super) cause: String,
    /// `link` or `unlink`.
    pub(super) kind: String,
    pub(super) user_id: String,
    /// `identify`, `alias`, `both-ids` or `command`.
    pub(super) rule: String,
    pub(super) event_time: String,
    /// When it was appended: before, nobody knew of it.
    pub(super) told_at: String,
    /// `holds`, `said-before`, `taken-back`, or the reason for which it is refused.
    pub(super) verdict: &'static str,
    pub(super) who: Option<String>,
    pub(super) why: Option<String>,
}

/// Whose the device is for some time of events.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Interval {
    /// `None`: from the beginning.
    pub(super) from: Option<String>,
    /// `None`: until now.
    pub(super) until: Option<String>,
    /// `None`: nobody's.
    pub(super) user_id: Option<String>,
    /// What began it.
    pub(super) cause: String,
}

/// A merge of two users, or an order about one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct AliasTold {
    /// Waybill number of the event, or `order` and its position in `identity-commands`.
    pub(super) cause: String,
    /// `merge` or `unmerge`.
    pub(super) kind: String,
    pub(super) previous_id: String,
    pub(super) user_id: String,
    /// `alias` or `command`.
    pub(super) rule: String,
    pub(super) event_time: String,
    pub(super) told_at: String,
    /// `holds` or `outdone`.
    pub(super) verdict: &'static str,
    pub(super) who: Option<String>,
    pub(super) why: Option<String>,
}

/// Everything that was told of the device, by event time and cause.
pub(super) fn links(known: &Known, device: &str) -> Vec<LinkTold> {
    let nothing = KnownDevice::default();
    let resolved = known.resolution.devices.get(device).unwrap_or(&nothing);
    let of_device = || known.links.iter().filter(|link| link.anonymous_id == device);
    let told = |link: &IdentityLink| LinkTold {
        cause: cause(link.cause, link.rule == RULE_COMMAND),
        kind: link.kind.clone(),
        user_id: link.user_id.clone(),
        rule: link.rule.clone(),
        event_time: moment(link.event_time),
        told_at: moment(link.appended_at),
        verdict: verdict(link, newest_order(of_device(), &link.user_id), resolved),
        who: link.who.clone(),
        why: link.why.clone(),
    };
    of_device().map(told).collect()
}

/// Time and cause of the newest order about the device and this user.
fn newest_order<'a>(
    links: impl Iterator<Item = &'a IdentityLink>,
    user: &str,
) -> Option<(Millis, Origin)> {
    let orders = links.filter(|link| link.user_id == user && link.rule == RULE_COMMAND);
    orders.map(|order| (order.event_time, order.cause)).max()
}

fn verdict(
    link: &IdentityLink,
    newest: Option<(Millis, Origin)>,
    device: &KnownDevice,
) -> &'static str {
    let is_order = link.rule == RULE_COMMAND;
    if is_order && newest != Some((link.event_time, link.cause)) {
        return TAKEN_BACK;
    }
    if link.kind == UNLINK {
        return HOLDS;
    }
    let is_it = |it: &&Judged| it.cause == link.cause && it.user_id == link.user_id;
    match device.candidates.iter().find(is_it) {
        Some(judged) => judged.refused.map_or(HOLDS, identity::Refusal::word),
        // An order holds, even if an event of its minute says the same.
        None if is_order => HOLDS,
        None => SAID_BEFORE,
    }
}

/// Whose the device is when.
pub(super) fn intervals(known: &Known, device: &str) -> Vec<Interval> {
    let Some(resolved) = known.resolution.devices.get(device) else { return Vec::new() };
    let is_order = |at: Origin, user: Option<&String>| {
        let mut began = known.links.iter().filter(|link| link.cause == at);
        began.any(|link| link.rule == RULE_COMMAND && user.is_none_or(|it| *it == link.user_id))
    };
    // Another candidate of the same user changes nothing.
    let mut changes: Vec<&Resolved> = resolved.intervals.iter().collect();
    changes.dedup_by(|next, last| next.user_id == last.user_id);
    let ends = changes.iter().skip(1).map(|next| next.from).chain([None]);
    let interval = |(it, until): (&&Resolved, Option<Millis>)| Interval {
        from: it.from.map(moment),
        until: until.map(moment),
        user_id: it.user_id.clone(),
        cause: cause(it.cause, is_order(it.cause, it.user_id.as_ref())),
    };
    changes.iter().zip(ends).map(interval).collect()
}

/// Everything that was told of the users, by event time and cause.
pub(super) fn aliases(known: &Known) -> Vec<AliasTold> {
    let told = |alias: &IdentityAlias| AliasTold {
        cause: cause(alias.cause, alias.rule == RULE_COMMAND),
        kind: alias.kind.clone(),
        previous_id: alias.previous_id.clone(),
        user_id: alias.user_id.clone(),
        rule: alias.rule.clone(),
        event_time: moment(alias.event_time),
        told_at: moment(alias.appended_at),
        verdict: if holds(known, alias) { HOLDS } else { OUTDONE },
        who: alias.who.clone(),
        why: alias.why.clone(),
    };
    known.aliases.iter().map(told).collect()
}

/// A merge holds if it is the one that leads on from its user; an order that two are two persons
/// if it is the last word on them (an order goes before any event).
fn holds(known: &Known, alias: &IdentityAlias) -> bool {
    if alias.kind == MERGE {
        let resolved = known.resolution.aliases.resolve(&alias.previous_id);
        return resolved.is_some_and(|it| it.cause == alias.cause);
    }
    let rank = |it: &IdentityAlias| (it.rule == RULE_COMMAND, it.event_time, it.cause);
    let same = known
        .aliases
        .iter()
        .filter(|it| it.previous_id == alias.previous_id && it.user_id == alias.user_id);
    same.map(rank).max() == Some(rank(alias))
}
