//! The step.

use event::{
    EnrichedEvent, Event, IdentityFacts, IdentityLink, IdentityState, JournalEntry, Origin,
    StitchedEvent,
};
use pipeline::{Context, DiscardReason, Discarded, Halt, Verdict};

use crate::{
    Day, MessageKey, PersonId, Seen, State, Window, fingerprint,
    link::{advance, candidates, told},
};

/// The flag of an event whose message id came with another payload before.
pub const FLAG_OTHER_PAYLOAD: &str = "same-id-other-payload";

/// What must be remembered of a record; nothing unless it was emitted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes {
    /// What to file under which key. One entry for a new message; three for one whose id came
    /// with another payload (see [`stitch`]).
    pub seen: Vec<JournalEntry>,
    /// Candidate links, for `identity-links`.
    pub links: Vec<IdentityLink>,
    /// The device's state, where a link changed it and the device's home is this partition.
    pub device: Option<IdentityState>,
}

/// Judges one record by the past of its partition.
///
/// A message whose key is present within the window is a repeat; if the stored origin is the
/// record's own, the record is a copy that was emitted already. The same id with another payload
/// is kept and flagged, and the first occurrence stays under the message's key. So that such an
/// event is not emitted twice either, it is remembered under its payload and under its origin;
/// and the first occurrence is filed anew under today, so that it outlives them: a message key
/// that is absent means that nothing of this message is remembered.
pub fn stitch(
    event: EnrichedEvent,
    cx: &Context,
    window: Window,
    state: &dyn State,
) -> Result<(Verdict<StitchedEvent>, Changes), Halt> {
    let today = window.today(state.newest_day()?, cx.waybill.appended_at);
    let past = Past { state, oldest: window.oldest(today) };
    let message = Message::of(&event.event, cx.waybill.origin);
    let (seen, flags) = match message.judge(&past)? {
        Novelty::Dropped(discarded) => return Ok((discarded.into(), Changes::default())),
        Novelty::New => (vec![message.entry(message.key, today)], Vec::new()),
        Novelty::OtherPayload(first) => {
            (message.beside(first, today), vec![FLAG_OTHER_PAYLOAD.to_owned()])
        }
    };
    let identity = IdentityFacts { flags, ..person(&event.event, state)? };
    let links = candidates(&event.event, cx.waybill);
    let device = device_state(&event, &links, state)?;
    let EnrichedEvent { event, validation, enrichment } = event;
    let stitched = StitchedEvent { event, validation, enrichment, identity };
    Ok((Verdict::Emit(stitched), Changes { seen, links, device }))
}

/// The state as far as the window reaches.
struct Past<'a> {
    state: &'a dyn State,
    oldest: Day,
}

impl Past<'_> {
    fn seen(&self, key: &MessageKey) -> Result<Option<Seen>, Halt> {
        Ok(self.state.seen(key)?.filter(|seen| seen.day >= self.oldest))
    }
}

enum Novelty {
    New,
    OtherPayload(Seen),
    Dropped(Discarded),
}

/// What identifies the record in hand.
struct Message<'a> {
    event: &'a Event,
    origin: Origin,
    key: MessageKey,
    fingerprint: i64,
}

impl<'a> Message<'a> {
    fn of(event: &'a Event, origin: Origin) -> Self {
        let key = MessageKey::of_message(&event.source, &event.message_id);
        Self { event, origin, key, fingerprint: fingerprint(event) }
    }

    fn judge(&self, past: &Past<'_>) -> Result<Novelty, Halt> {
        let Some(first) = past.seen(&self.key)? else { return Ok(Novelty::New) };
        // Emitted with another payload than it has now (redriven after a change of plan), the event
        // stands under its origin only.
        let own = MessageKey::of_origin(self.origin);
        if first.origin == self.origin || past.seen(&own)?.is_some() {
            return Ok(Novelty::Dropped(already_emitted()));
        }
        if first.fingerprint == self.fingerprint {
            return Ok(Novelty::Dropped(repeat(first.origin)));
        }
        Ok(match past.seen(&self.payload_key())? {
            Some(same) => Novelty::Dropped(repeat(same.origin)),
            None => Novelty::OtherPayload(first),
        })
    }

    fn payload_key(&self) -> MessageKey {
        MessageKey::of_payload(&self.event.source, &self.event.message_id, self.fingerprint)
    }

    fn entry(&self, key: MessageKey, day: Day) -> JournalEntry {
        let Self { origin, fingerprint, .. } = *self;
        JournalEntry { key: key.to_bytes(), origin, fingerprint, day }
    }

    fn beside(&self, first: Seen, day: Day) -> Vec<JournalEntry> {
        let Seen { origin, fingerprint, day: _ } = first;
        vec![
            JournalEntry { key: self.key.to_bytes(), origin, fingerprint, day },
            self.entry(self.payload_key(), day),
            self.entry(MessageKey::of_origin(self.origin), day),
        ]
    }
}

fn already_emitted() -> Discarded {
    let detail = "this stage has emitted the event with this number";
    Discarded::new(DiscardReason::AlreadyEmitted, detail)
}

fn repeat(first: Origin) -> Discarded {
    let detail = format!("the same message was emitted as {first}");
    Discarded { first: Some(first), ..Discarded::new(DiscardReason::Repeat, detail) }
}

fn person(event: &Event, state: &dyn State) -> Result<IdentityFacts, Halt> {
    if let Some(user) = told(event.user_id.as_ref()) {
        return Ok(facts(PersonId::of_user(user), "user_id", Some(user.to_owned())));
    }
    let Some(device) = told(event.anonymous_id.as_ref()) else {
        let person = PersonId::of_message(&event.source, &event.message_id);
        return Ok(facts(person, "message_id", None));
    };
    Ok(match state.user_of(device)? {
        Some(link) => IdentityFacts {
            link_origin: Some(link.cause.to_string()),
            ..facts(PersonId::of_user(&link.user_id), "link", Some(link.user_id))
        },
        None => facts(PersonId::of_anonymous(device), "anonymous_id", None),
    })
}

fn facts(person: PersonId, basis: &str, user_id: Option<String>) -> IdentityFacts {
    IdentityFacts {
        person_id: person.to_string(),
        basis: basis.to_owned(),
        user_id,
        link_origin: None,
        flags: Vec::new(),
    }
}

/// A device's state lives in the partition of its device key; an event that is keyed by something
/// else (a user id, a business key) passes elsewhere and leaves the candidate link only.
fn device_state(
    event: &EnrichedEvent,
    links: &[IdentityLink],
    state: &dyn State,
) -> Result<Option<IdentityState>, Halt> {
    let home = &event.validation.device_key;
    let Some(link) = links.iter().find(|link| link.anonymous_id == *home) else { return Ok(None) };
    Ok(advance(state.user_of(home)?, link))
}
