//! What a batch has changed so far: seen by its later records, forgotten when it is aborted.

use std::cell::Cell;

use event::{BusinessEntry, ContextEntry, Fixed16, IdentityState, JournalEntry, SessionEntry};
use foldhash::HashMap;
use identity::{Aliases, Changes, Day, Erased, MessageKey, State, device_hash};
use pipeline::Halt;

use crate::{
    store::{DeviceWrite, Store, StoreError, Writes},
    values::{Dated, device_gone, device_write, read_device},
};

/// What a batch makes of a device.
#[derive(Debug, Clone)]
pub(crate) enum Device {
    Known(IdentityState),
    /// Nothing is kept of it.
    Forgotten(String),
}

impl Device {
    pub(crate) fn key(&self) -> &str {
        match self {
            Self::Known(state) => &state.device_key,
            Self::Forgotten(key) => key,
        }
    }

    fn state(&self) -> Option<&IdentityState> {
        match self {
            Self::Known(state) => Some(state),
            Self::Forgotten(_) => None,
        }
    }

    fn write(&self) -> DeviceWrite {
        self.state().map_or_else(|| device_gone(self.key()), device_write)
    }
}

/// Changes of one partition in the batch in hand. But for the messages only the last state under
/// a key counts.
#[derive(Debug, Default)]
pub(crate) struct Overlay {
    entries: Vec<JournalEntry>,
    seen: HashMap<Fixed16, JournalEntry>,
    business: HashMap<Fixed16, BusinessEntry>,
    sessions: HashMap<Fixed16, SessionEntry>,
    contexts: HashMap<Fixed16, ContextEntry>,
    devices: HashMap<Fixed16, Device>,
    newest_day: Option<Day>,
}

impl Overlay {
    pub(crate) fn keep(&mut self, changes: Changes) {
        for entry in changes.seen {
            self.newest_day = self.newest_day.max(Some(entry.day));
            self.seen.insert(entry.key, entry.clone());
            self.entries.push(entry);
        }
        self.business.extend(changes.business.map(|it| (it.key, it)));
        self.sessions.extend(changes.session.map(|it| (it.device, it)));
        self.contexts.extend(changes.context.map(|it| (it.device, it)));
        if let Some(device) = changes.device {
            self.keep_device(device);
        }
    }

    pub(crate) fn keep_device(&mut self, device: IdentityState) {
        self.put(Device::Known(device));
    }

    /// What an order to forget somebody changes of the state.
    pub(crate) fn keep_erased(&mut self, erased: Erased) {
        self.sessions.extend(erased.sessions.into_iter().map(|it| (it.device, it)));
        self.contexts.extend(erased.contexts.into_iter().map(|it| (it.device, it)));
        erased.devices.into_iter().map(Device::Known).for_each(|it| self.put(it));
        erased.forgotten.into_iter().map(Device::Forgotten).for_each(|it| self.put(it));
    }

    fn put(&mut self, device: Device) {
        self.devices.insert(device_hash(device.key()), device);
    }

    pub(crate) fn entries(&self) -> &[JournalEntry] {
        &self.entries
    }

    pub(crate) fn business(&self) -> impl Iterator<Item = &BusinessEntry> {
        self.business.values()
    }

    pub(crate) fn sessions(&self) -> impl Iterator<Item = &SessionEntry> {
        self.sessions.values()
    }

    pub(crate) fn contexts(&self) -> impl Iterator<Item = &ContextEntry> {
        self.contexts.values()
    }

    pub(crate) fn devices(&self) -> impl Iterator<Item = &Device> {
        self.devices.values()
    }

    pub(crate) fn to_writes(&self) -> Writes {
        let messages = self.entries.iter().map(Dated::write);
        let business = self.business().map(Dated::write);
        let sessions = self.sessions().map(Dated::write);
        let contexts = self.contexts().map(Dated::write);
        Writes {
            dated: messages.chain(business).chain(sessions).chain(contexts).collect(),
            devices: self.devices().map(Device::write).collect(),
        }
    }
}

/// The past of one partition: the batch in hand over what is stored.
pub(crate) struct View<'a, S> {
    overlay: Option<&'a Overlay>,
    store: &'a S,
    aliases: &'a Aliases,
    damaged: Cell<bool>,
}

impl<'a, S: Store> View<'a, S> {
    pub(crate) fn new(overlay: Option<&'a Overlay>, store: &'a S, aliases: &'a Aliases) -> Self {
        Self { overlay, store, aliases, damaged: Cell::new(false) }
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

    fn dated<T: Dated + Clone + 'a>(
        &self,
        key: Fixed16,
        changed: impl FnOnce(&'a Overlay) -> Option<&'a T>,
    ) -> Result<Option<T>, Halt> {
        if let Some(changed) = self.overlay.and_then(changed) {
            return Ok(Some(changed.clone()));
        }
        let stored = self
            .store
            .dated(T::KIND, key)
            .and_then(|found| found.map(|(day, value)| T::read(key, day, &value)).transpose());
        stored.map_err(|error| self.halt(&error))
    }
}

/// The store is a dependency like any other: what it cannot tell is waited for.
pub(crate) fn store_halt(error: &StoreError) -> Halt {
    Halt::new("state-store", error.to_string())
}

impl<S: Store> State for View<'_, S> {
    fn newest_day(&self) -> Result<Option<Day>, Halt> {
        Ok(self.overlay.and_then(|overlay| overlay.newest_day).max(self.store.newest_day()))
    }

    fn seen(&self, key: MessageKey) -> Result<Option<JournalEntry>, Halt> {
        let key = key.to_fixed();
        self.dated(key, |overlay| overlay.seen.get(&key))
    }

    fn told(&self, key: MessageKey) -> Result<Option<BusinessEntry>, Halt> {
        let key = key.to_fixed();
        self.dated(key, |overlay| overlay.business.get(&key))
    }

    fn session(&self, device: Fixed16) -> Result<Option<SessionEntry>, Halt> {
        self.dated(device, |overlay| overlay.sessions.get(&device))
    }

    fn context(&self, device: Fixed16) -> Result<Option<ContextEntry>, Halt> {
        self.dated(device, |overlay| overlay.contexts.get(&device))
    }

    fn device(&self, device: Fixed16) -> Result<Option<IdentityState>, Halt> {
        if let Some(changed) = self.overlay.and_then(|overlay| overlay.devices.get(&device)) {
            return Ok(changed.state().cloned());
        }
        let stored = self.store.device(device);
        let read = stored.and_then(|value| value.map(|value| read_device(&value)).transpose());
        read.map_err(|error| self.halt(&error))
    }

    fn aliases(&self) -> &Aliases {
        self.aliases
    }
}
