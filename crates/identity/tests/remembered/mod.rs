//! A past in memory, and events to play against it.

use std::{borrow::Borrow, cell::Cell, collections::BTreeMap};

use event::{
    BusinessEntry, ContextEntry, EnrichedEvent, EnrichmentFacts, Event, Fixed16, IdentityState,
    JournalEntry, Millis, Origin, SessionEntry, ValidationFacts, Waybill,
};
use identity::{Aliases, Changes, Day, MessageKey, Rules, State, device_hash, stitch};
use pipeline::{Context, Halt, Verdict};

pub(crate) const DAY_MS: Millis = 24 * 60 * 60 * 1000;

/// The defaults, with a window of 7 days.
pub(crate) fn rules() -> Rules {
    Rules::new(7)
}

#[derive(Clone, Default, PartialEq, Debug)]
pub(crate) struct Remembered {
    pub(crate) seen: BTreeMap<Fixed16, JournalEntry>,
    pub(crate) business: BTreeMap<Fixed16, BusinessEntry>,
    pub(crate) sessions: BTreeMap<Fixed16, SessionEntry>,
    pub(crate) contexts: BTreeMap<Fixed16, ContextEntry>,
    pub(crate) devices: BTreeMap<Fixed16, IdentityState>,
    pub(crate) aliases: Aliases,
    pub(crate) newest_day: Option<Day>,
    pub(crate) gone: Cell<bool>,
}

impl State for Remembered {
    fn seen(&self, key: MessageKey) -> Result<Option<JournalEntry>, Halt> {
        self.reachable()?;
        Ok(self.seen.get(&key.to_fixed()).cloned())
    }

    fn told(&self, key: MessageKey) -> Result<Option<BusinessEntry>, Halt> {
        self.reachable()?;
        Ok(self.business.get(&key.to_fixed()).cloned())
    }

    fn session(&self, device: Fixed16) -> Result<Option<SessionEntry>, Halt> {
        self.reachable()?;
        Ok(self.sessions.get(&device).cloned())
    }

    fn context(&self, device: Fixed16) -> Result<Option<ContextEntry>, Halt> {
        self.reachable()?;
        Ok(self.contexts.get(&device).cloned())
    }

    fn newest_day(&self) -> Result<Option<Day>, Halt> {
        Ok(self.newest_day)
    }

    fn device(&self, device: Fixed16) -> Result<Option<IdentityState>, Halt> {
        self.reachable()?;
        Ok(self.devices.get(&device).cloned())
    }

    fn aliases(&self) -> &Aliases {
        &self.aliases
    }
}

impl Remembered {
    fn reachable(&self) -> Result<(), Halt> {
        if self.gone.get() { Err(Halt::new("state", "gone")) } else { Ok(()) }
    }

    pub(crate) fn keep(&mut self, changes: &Changes) {
        for entry in &changes.seen {
            self.seen.insert(entry.key, entry.clone());
            self.newest_day = self.newest_day.max(Some(entry.day));
        }
        self.business.extend(changes.business.clone().map(|it| (it.key, it)));
        self.sessions.extend(changes.session.clone().map(|it| (it.device, it)));
        self.contexts.extend(changes.context.clone().map(|it| (it.device, it)));
        self.keep_device(changes.device.clone());
        changes.aliases.iter().for_each(|alias| self.aliases.apply(alias));
    }

    pub(crate) fn keep_device(&mut self, device: Option<IdentityState>) {
        self.devices.extend(device.map(|it| (device_hash(&it.device_key), it)));
    }

    pub(crate) fn play(
        &mut self,
        event: impl Borrow<EnrichedEvent>,
        cx: &Context,
    ) -> Verdict<event::IdentityFacts> {
        let (verdict, changes) = stitch(event.borrow(), cx, &rules(), self).unwrap();
        self.keep(&changes);
        verdict
    }
}

pub(crate) fn at(offset: i64, appended_at: Millis) -> Context {
    let origin = Origin { epoch: 0, partition: 0, offset };
    Context { waybill: Waybill { origin, appended_at }, redriven: false }
}

pub(crate) fn track(message_id: &str) -> EnrichedEvent {
    EnrichedEvent {
        event: Event {
            source: "web/app".into(),
            source_kind: "browser".into(),
            environment: "test".into(),
            kind: "track".into(),
            message_id: message_id.into(),
            anonymous_id: None,
            user_id: None,
            group_id: None,
            previous_id: None,
            event: Some("Signed Up".into()),
            name: None,
            category: None,
            channel: None,
            timestamp: 1_000,
            original_timestamp: None,
            sent_at: None,
            received_at: 2_000,
            context: "{}".into(),
            properties: "{}".into(),
            traits: "{}".into(),
            integrations: "{}".into(),
            extra: "{}".into(),
            request: None,
        },
        validation: ValidationFacts {
            version: "1".into(),
            device_key: message_id.into(),
            device_key_kind: "message_id".into(),
            time_basis: "timestamp".into(),
            ..ValidationFacts::default()
        },
        enrichment: EnrichmentFacts::default(),
    }
}

/// An event with these ids, keyed as validate keys it.
pub(crate) fn with_ids(
    message_id: &str,
    kind: &str,
    anonymous_id: Option<&str>,
    user_id: Option<&str>,
) -> EnrichedEvent {
    let mut enriched = track(message_id);
    enriched.event.kind = kind.into();
    enriched.event.anonymous_id = anonymous_id.map(Into::into);
    enriched.event.user_id = user_id.map(Into::into);
    enriched.validation.device_key = anonymous_id.or(user_id).unwrap_or(message_id).into();
    enriched
}
