//! Orders of operators: link, unlink, of a device and a user or of two users.

use event::{DeviceOrder, IdentityAlias, IdentityCommand, IdentityLink, IdentityState, Waybill};
use pipeline::Halt;

use crate::{
    LINK, MERGE, PersonId, RULE_COMMAND, Refusal, Rules, State, UNLINK, UNMERGE, device::order,
    device_hash, link::known,
};

/// What an order changes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ordered {
    /// The device afterwards.
    pub device: Option<IdentityState>,
    /// What to tell of it, for `identity-links`.
    pub link: Option<IdentityLink>,
    /// What to tell of two users, for `identity-aliases`.
    pub alias: Option<IdentityAlias>,
}

/// Why an order is not followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotFollowed {
    /// This version knows no such action.
    #[error("its action is neither link nor unlink")]
    Action,
    /// An order is about a device and a user, or about two users.
    #[error(
        "it must name a user_id and exactly one of anonymous_id and previous_id; none is empty, \
         and previous_id is not user_id"
    )]
    Ids,
    /// Nobody can be linked by an id that never links.
    #[error("one of its ids is in blocked_ids of [identity_stitch], and so never links")]
    Blocked,
}

/// Follows an order. `at` is its position in `identity-commands`, with the append time.
pub fn follow(
    command: &IdentityCommand,
    at: Waybill,
    rules: &Rules,
    state: &dyn State,
) -> Result<Result<Ordered, NotFollowed>, Halt> {
    let linked = match command.action.as_str() {
        LINK => true,
        UNLINK => false,
        _ => return Ok(Err(NotFollowed::Action)),
    };
    let (other, is_device) = match (&command.anonymous_id, &command.previous_id) {
        (Some(device), None) => (device, true),
        (None, Some(previous)) if *previous != command.user_id => (previous, false),
        _ => return Ok(Err(NotFollowed::Ids)),
    };
    let ids = [other, &command.user_id];
    if ids.iter().any(|id| id.is_empty()) {
        return Ok(Err(NotFollowed::Ids));
    }
    if linked && ids.iter().any(|id| rules.blocked.contains(id)) {
        return Ok(Err(NotFollowed::Blocked));
    }
    if is_device {
        return Ok(Ok(of_device(command, (other, linked), at, rules, state)?));
    }
    let alias = Some(alias(command, (other, linked), at));
    Ok(Ok(Ordered { alias, ..Ordered::default() }))
}

fn of_device(
    command: &IdentityCommand,
    (device, linked): (&str, bool),
    at: Waybill,
    rules: &Rules,
    state: &dyn State,
) -> Result<Ordered, Halt> {
    let (user_id, offset) = (command.user_id.clone(), at.origin.offset);
    let given = DeviceOrder { user_id: user_id.clone(), linked, at: at.appended_at, offset };
    let known = known(device, device_hash(device), state)?;
    let Some(next) = order(&known, &given, at.origin, rules.users_per_device) else {
        return Ok(Ordered::default());
    };
    let link = IdentityLink {
        kind: if linked { LINK } else { UNLINK }.to_owned(),
        anonymous_id: device.to_owned(),
        person_id: PersonId::of_user(&user_id).to_string(),
        user_id,
        rule: RULE_COMMAND.to_owned(),
        cause: at.origin,
        event_time: at.appended_at,
        appended_at: at.appended_at,
        refused: (!linked).then(|| Refusal::Unlinked.word().to_owned()),
        who: Some(command.who.clone()),
        why: Some(command.why.clone()),
    };
    Ok(Ordered { device: Some(next), link: Some(link), alias: None })
}

fn alias(
    command: &IdentityCommand,
    (previous, merged): (&str, bool),
    at: Waybill,
) -> IdentityAlias {
    IdentityAlias {
        kind: if merged { MERGE } else { UNMERGE }.to_owned(),
        previous_id: previous.to_owned(),
        user_id: command.user_id.clone(),
        rule: RULE_COMMAND.to_owned(),
        cause: at.origin,
        event_time: at.appended_at,
        appended_at: at.appended_at,
        who: Some(command.who.clone()),
        why: Some(command.why.clone()),
    }
}
