//! What a batch has changed so far: seen by its later records, forgotten when it is aborted.

use std::{
    cell::Cell,
    collections::{BTreeMap, HashMap},
};

use event::{IdentityState, JournalEntry};
use identity::{Changes, Day, DeviceLink, MessageKey, Seen, State};
use pipeline::Halt;

use crate::store::{DeviceWrite, Store, StoreError, Writes};

/// Changes of one partition in the batch in hand.
#[derive(Debug, Default)]
pub(crate) struct Overlay {
    entries: Vec<JournalEntry>,
    seen: HashMap<MessageKey, Seen>,
    newest_day: Option<Day>,
    /// Only the last state of a device counts: the changelog is compacted.
    devices: BTreeMap<String, IdentityState>,
}

impl Overlay {
    pub(crate) fn keep(&mut self, changes: Changes) {
        for entry in changes.seen {
            let seen =
                Seen { origin: entry.origin, fingerprint: entry.fingerprint, day: entry.day };
            self.seen.insert(MessageKey::from_bytes(entry.key), seen);
            self.newest_day = self.newest_day.max(Some(entry.day));
            self.entries.push(entry);
        }
        if let Some(device) = changes.device {
            self.devices.insert(device.device_key.clone(), device);
        }
    }

    pub(crate) fn entries(&self) -> &[JournalEntry] {
        &self.entries
    }

    pub(crate) fn devices(&self) -> impl Iterator<Item = &IdentityState> {
        self.devices.values()
    }

    pub(crate) fn into_writes(self) -> Writes {
        let devices = self.devices.into_iter();
        let write = |(device, state)| DeviceWrite { device, link: Some(DeviceLink::from(state)) };
        Writes { entries: self.entries, devices: devices.map(write).collect() }
    }
}

/// The past of one partition: the batch in hand over what is stored.
pub(crate) struct View<'a, S> {
    overlay: Option<&'a Overlay>,
    store: &'a S,
    damaged: Cell<bool>,
}

impl<'a, S: Store> View<'a, S> {
    pub(crate) fn new(overlay: Option<&'a Overlay>, store: &'a S) -> Self {
        Self { overlay, store, damaged: Cell::new(false) }
    }

    /// Whether a read found the store damaged.
    pub(crate) fn found_damage(&self) -> bool {
        self.damaged.get()
    }

    fn halt(&self, error: &StoreError) -> Halt {
        if matches!(error, StoreError::Damaged(_)) {
            self.damaged.set(true);
        }
        store_halt(error)
    }
}

/// The store is a dependency like any other: what it cannot tell is waited for.
pub(crate) fn store_halt(error: &StoreError) -> Halt {
    Halt::new("state-store", error.to_string())
}

impl<S: Store> State for View<'_, S> {
    fn seen(&self, key: &MessageKey) -> Result<Option<Seen>, Halt> {
        if let Some(seen) = self.overlay.and_then(|overlay| overlay.seen.get(key)) {
            return Ok(Some(*seen));
        }
        self.store.seen(key).map_err(|error| self.halt(&error))
    }

    fn newest_day(&self) -> Result<Option<Day>, Halt> {
        Ok(self.overlay.and_then(|overlay| overlay.newest_day).max(self.store.newest_day()))
    }

    fn user_of(&self, device: &str) -> Result<Option<DeviceLink>, Halt> {
        if let Some(state) = self.overlay.and_then(|overlay| overlay.devices.get(device)) {
            return Ok(Some(state.clone().into()));
        }
        self.store.user_of(device).map_err(|error| self.halt(&error))
    }
}
