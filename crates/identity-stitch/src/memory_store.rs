//! A store in memory, for unit tests only: it is lost with the process.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use identity::{Day, DeviceLink, MessageKey, Seen, Window};

use crate::store::{Covered, OpenError, Store, StoreError, Stores, Writes};

/// What one partition holds.
#[derive(Debug, Default)]
struct Held {
    count: u16,
    days: BTreeMap<Day, HashMap<MessageKey, Seen>>,
    newest_day: Option<Day>,
    devices: HashMap<String, DeviceLink>,
    covered: Covered,
}

type Shared = Arc<Mutex<Held>>;

/// Stores in memory, for unit tests only. Clones share what is held, so that a test can close and
/// open them as it would a disk.
#[derive(Debug, Clone)]
pub struct MemoryStores {
    window: Window,
    partitions: Arc<Mutex<BTreeMap<i32, Shared>>>,
}

impl MemoryStores {
    /// No partition holds anything.
    pub fn new(window_days: u16) -> Self {
        Self { window: Window { days: window_days }, partitions: Arc::default() }
    }

    /// Loses what `partition` holds, as a disk that was replaced.
    pub fn wipe(&self, partition: i32) {
        locked(&self.partitions).remove(&partition);
    }

    /// The days of which `partition` holds anything.
    pub fn days(&self, partition: i32) -> Vec<Day> {
        let held = locked(&self.partitions).get(&partition).cloned().unwrap_or_default();
        locked(&held).days.keys().copied().collect()
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Stores for MemoryStores {
    type Store = MemoryStore;

    fn open(&mut self, partition: i32, count: u16) -> Result<MemoryStore, OpenError> {
        let held = locked(&self.partitions).entry(partition).or_default().clone();
        let recorded = std::mem::replace(&mut locked(&held).count, count);
        if recorded != 0 && recorded != count {
            locked(&held).count = recorded;
            return Err(OpenError::PartitionCount { partition, recorded, now: count });
        }
        Ok(MemoryStore { window: self.window, held })
    }

    fn condemn(&mut self, partition: i32) {
        self.wipe(partition);
    }
}

/// One partition of [`MemoryStores`].
#[derive(Debug)]
pub struct MemoryStore {
    window: Window,
    held: Shared,
}

impl Store for MemoryStore {
    fn seen(&self, key: &MessageKey) -> Result<Option<Seen>, StoreError> {
        Ok(locked(&self.held).days.values().rev().find_map(|day| day.get(key)).copied())
    }

    fn newest_day(&self) -> Option<Day> {
        locked(&self.held).newest_day
    }

    fn user_of(&self, device: &str) -> Result<Option<DeviceLink>, StoreError> {
        Ok(locked(&self.held).devices.get(device).cloned())
    }

    fn covered(&self) -> Covered {
        locked(&self.held).covered
    }

    fn apply(&mut self, writes: &Writes, covered: Covered) -> Result<(), StoreError> {
        let mut held = locked(&self.held);
        for entry in &writes.entries {
            let seen =
                Seen { origin: entry.origin, fingerprint: entry.fingerprint, day: entry.day };
            held.days.entry(entry.day).or_default().insert(MessageKey::from_bytes(entry.key), seen);
            held.newest_day = held.newest_day.max(Some(entry.day));
        }
        for write in &writes.devices {
            match &write.link {
                Some(link) => held.devices.insert(write.device.clone(), link.clone()),
                None => held.devices.remove(&write.device),
            };
        }
        held.covered = covered;
        if let Some(newest) = held.newest_day {
            let oldest = self.window.oldest(newest);
            held.days.retain(|day, _| *day >= oldest);
        }
        Ok(())
    }
}
