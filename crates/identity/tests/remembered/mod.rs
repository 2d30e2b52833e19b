//! A past in memory, and events to play against it.

use std::{cell::Cell, collections::BTreeMap};

use event::{EnrichedEvent, EnrichmentFacts, Event, Millis, Origin, ValidationFacts, Waybill};
use identity::{Changes, Day, DeviceLink, MessageKey, Seen, State, Window, stitch};
use pipeline::{Context, Halt, Verdict};

pub(crate) const WINDOW: Window = Window { days: 7 };
pub(crate) const DAY_MS: Millis = 24 * 60 * 60 * 1000;

#[derive(Clone, Default, PartialEq, Debug)]
pub(crate) struct Remembered {
    pub(crate) seen: BTreeMap<MessageKey, Seen>,
    pub(crate) newest_day: Option<Day>,
    pub(crate) devices: BTreeMap<String, DeviceLink>,
    pub(crate) gone: Cell<bool>,
}

impl State for Remembered {
    fn seen(&self, key: &MessageKey) -> Result<Option<Seen>, Halt> {
        self.reachable()?;
        Ok(self.seen.get(key).copied())
    }

    fn newest_day(&self) -> Result<Option<Day>, Halt> {
        Ok(self.newest_day)
    }

    fn user_of(&self, device: &str) -> Result<Option<DeviceLink>, Halt> {
        self.reachable()?;
        Ok(self.devices.get(device).cloned())
    }
}

impl Remembered {
    fn reachable(&self) -> Result<(), Halt> {
        if self.gone.get() { Err(Halt::new("state", "gone")) } else { Ok(()) }
    }

    pub(crate) fn keep(&mut self, changes: &Changes) {
        for entry in &changes.seen {
            let seen =
                Seen { origin: entry.origin, fingerprint: entry.fingerprint, day: entry.day };
            self.seen.insert(MessageKey::from_bytes(entry.key), seen);
            self.newest_day = self.newest_day.max(Some(entry.day));
        }
        if let Some(device) = changes.device.clone() {
            self.devices.insert(device.device_key.clone(), device.into());
        }
    }

    pub(crate) fn play(
        &mut self,
        event: EnrichedEvent,
        cx: &Context,
    ) -> Verdict<event::StitchedEvent> {
        let (verdict, changes) = stitch(event, cx, WINDOW, self).unwrap();
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
