//! The step.

use event::{
    BusinessEntry, ContextEntry, EnrichedEvent, IdentityAlias, IdentityFacts, IdentityLink,
    IdentityState, JournalEntry, SessionEntry, Text,
};
use pipeline::{Context, Halt, Verdict};

use crate::{
    Rules, State,
    business::{self, FLAG_TOLD_BEFORE, Telling},
    device_hash,
    link::{Ids, home, known, links, person},
    repeat::{Message, Novelty, Past},
    session::{Visit, named, visit},
};

/// The flag of an event whose message id came with another payload before.
pub const FLAG_OTHER_PAYLOAD: &str = "same-id-other-payload";

/// What must be remembered and told of a record; nothing unless it was emitted, but what an event
/// that was told before says of who is who: its source may know an id that the first did not.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes {
    /// What to file under which key. One entry for a new message; three for one whose id came
    /// with another payload (see [`stitch`]).
    pub seen: Vec<JournalEntry>,
    /// The business key that the event stands for from now on.
    pub business: Option<BusinessEntry>,
    /// The session of its device.
    pub session: Option<SessionEntry>,
    /// Whether that session begins with this event.
    pub session_begins: bool,
    /// What that session can hand down.
    pub context: Option<ContextEntry>,
    /// The users of its device.
    pub device: Option<IdentityState>,
    /// Candidate links, for `identity-links`.
    pub links: Vec<IdentityLink>,
    /// Merges of users, for `identity-aliases`.
    pub aliases: Vec<IdentityAlias>,
}

/// Judges one record by the past of its partition. What is emitted is the event as it came with these
/// facts behind its own.
///
/// A message whose key is present within the window is a repeat; if the stored origin is the
/// record's own, the record is a copy that was emitted already. The same id with another payload
/// is kept and flagged, and the first occurrence stays under the message's key. So that such an
/// event is not emitted twice either, it is remembered under its payload and under its origin;
/// and the first occurrence is filed anew under today, so that it outlives them: a message key
/// that is absent means that nothing of this message is remembered.
///
/// An event with a business key is judged by that too: what an event of the same or a higher
/// precedence told is dropped or flagged, what one of a lower precedence told is superseded. What
/// is dropped for that is not remembered as a message: it was not emitted, and its repeat meets
/// the business key again.
pub fn stitch<S: Text>(
    event: &EnrichedEvent<S>,
    cx: &Context,
    rules: &Rules,
    state: &dyn State,
) -> Result<(Verdict<IdentityFacts>, Changes), Halt> {
    let today = rules.window.today(state.newest_day()?, cx.waybill.appended_at);
    let past = Past { state, today, oldest: rules.window.oldest(today) };
    let message = Message::of(&event.event, cx.waybill.origin);
    let mut flags = Vec::new();
    let seen = match message.judge(&past)? {
        Novelty::Dropped(discarded) => return Ok((discarded.into(), Changes::default())),
        Novelty::New => message.alone(today),
        Novelty::OtherPayload(first) => {
            flags.push(FLAG_OTHER_PAYLOAD.to_owned());
            message.beside(&first, today)
        }
    };
    let told = match &event.validation.business_key {
        Some(business) => Some(business::judge(business, cx.waybill.origin, &past)?),
        None => None,
    };
    let ids = Ids::of(&event.event, rules);
    let home = home(event, &ids);
    let hash = home.map(device_hash);
    let device = home.zip(hash).map(|(device, hash)| known(device, hash, state)).transpose()?;
    let at_home = home.zip(device.as_ref());
    let links = links(&event.event, cx.waybill, at_home, rules, state);
    if let Some(Telling::Dropped(discarded)) = told {
        let (links, aliases) = (links.candidates, links.aliases);
        return Ok((discarded.into(), Changes { links, aliases, ..Changes::default() }));
    }
    let mut identity = person(&event.event, &ids, device.as_ref(), state);
    let visit = match hash {
        Some(device) => visit(event, cx.waybill, device, rules, &past)?,
        None => Visit { facts: named(event), ..Visit::default() },
    };
    flags.extend(ids.flags);
    let mut changes = Changes {
        seen,
        device: links.device,
        links: links.candidates,
        aliases: links.aliases,
        ..Changes::default()
    };
    changes.business = note_telling(told, &mut identity, &mut flags);
    note_visit(visit, &mut identity, &mut flags, &mut changes);
    identity.flags = flags;
    Ok((Verdict::Emit(identity), changes))
}

fn note_telling(
    told: Option<Telling>,
    identity: &mut IdentityFacts,
    flags: &mut Vec<String>,
) -> Option<BusinessEntry> {
    match told? {
        Telling::First(entry) => Some(entry),
        Telling::Better { entry, before } => {
            identity.supersedes = Some(before.to_string());
            Some(entry)
        }
        Telling::Flagged(first) => {
            identity.told_first = Some(first.to_string());
            flags.push(FLAG_TOLD_BEFORE.to_owned());
            None
        }
        Telling::Dropped(_) => None,
    }
}

fn note_visit(
    visit: Visit,
    identity: &mut IdentityFacts,
    flags: &mut Vec<String>,
    changes: &mut Changes,
) {
    identity.session = visit.facts;
    identity.inherited = visit.inherited;
    flags.extend(visit.flags);
    (changes.session, changes.context) = (visit.session, visit.context);
    changes.session_begins = visit.begins;
}
