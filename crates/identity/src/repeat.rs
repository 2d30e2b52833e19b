//! Repeats: the same message of the same source.

use event::{Event, JournalEntry, Origin, Text};
use pipeline::{DiscardReason, Discarded, Halt};

use crate::{Day, MessageKey, State, fingerprint};

/// The state as far as the window reaches.
pub(crate) struct Past<'a> {
    pub(crate) state: &'a dyn State,
    /// The day that is being filled.
    pub(crate) today: Day,
    /// The oldest day that counts.
    pub(crate) oldest: Day,
}

impl Past<'_> {
    fn seen(&self, key: MessageKey) -> Result<Option<JournalEntry>, Halt> {
        Ok(self.state.seen(key)?.filter(|seen| seen.day >= self.oldest))
    }
}

pub(crate) enum Novelty {
    New,
    /// The same id came with another payload, of which this is the first occurrence.
    OtherPayload(JournalEntry),
    Dropped(Discarded),
}

/// What identifies the record in hand.
pub(crate) struct Message<'a, S> {
    event: &'a Event<S>,
    origin: Origin,
    key: MessageKey,
    fingerprint: i64,
}

impl<'a, S: Text> Message<'a, S> {
    pub(crate) fn of(event: &'a Event<S>, origin: Origin) -> Self {
        let key = MessageKey::of_message(&event.source, &event.message_id);
        Self { event, origin, key, fingerprint: fingerprint(event) }
    }

    pub(crate) fn judge(&self, past: &Past<'_>) -> Result<Novelty, Halt> {
        let Some(first) = past.seen(self.key)? else { return Ok(Novelty::New) };
        // Emitted with another payload than it has now (redriven after a change of plan), the event
        // stands under its origin only.
        let own = MessageKey::of_origin(self.origin);
        if first.origin == self.origin || past.seen(own)?.is_some() {
            return Ok(Novelty::Dropped(already_emitted()));
        }
        if first.fingerprint == self.fingerprint {
            return Ok(Novelty::Dropped(repeat(first.origin)));
        }
        Ok(match past.seen(self.payload_key())? {
            Some(same) => Novelty::Dropped(repeat(same.origin)),
            None => Novelty::OtherPayload(first),
        })
    }

    /// What to file of a new message.
    pub(crate) fn alone(&self, day: Day) -> Vec<JournalEntry> {
        vec![self.entry(self.key, day)]
    }

    /// What to file of one whose id came with another payload before.
    pub(crate) fn beside(&self, first: &JournalEntry, day: Day) -> Vec<JournalEntry> {
        vec![
            JournalEntry { day, ..first.clone() },
            self.entry(self.payload_key(), day),
            self.entry(MessageKey::of_origin(self.origin), day),
        ]
    }

    fn payload_key(&self) -> MessageKey {
        MessageKey::of_payload(&self.event.source, &self.event.message_id, self.fingerprint)
    }

    fn entry(&self, key: MessageKey, day: Day) -> JournalEntry {
        let Self { origin, fingerprint, .. } = *self;
        JournalEntry { key: key.to_fixed(), origin, fingerprint, day }
    }
}

pub(crate) fn already_emitted() -> Discarded {
    let detail = "this stage has emitted the event with this number";
    Discarded::new(DiscardReason::AlreadyEmitted, detail)
}

fn repeat(first: Origin) -> Discarded {
    let detail = format!("the same message was emitted as {first}");
    Discarded { first: Some(first), ..Discarded::new(DiscardReason::Repeat, detail) }
}
