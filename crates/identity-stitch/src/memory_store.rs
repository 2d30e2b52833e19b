//! A store in memory, for unit tests only: it is lost with the process.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use event::Fixed16;
use identity::{Day, Window};

use crate::store::{Covered, Kind, OpenError, Store, StoreError, Stores, Writes};

/// What one partition holds.
#[derive(Debug, Default)]
struct Held {
    count: u16,
    days: BTreeMap<Day, HashMap<(Kind, Fixed16), Vec<u8>>>,
    newest_day: Option<Day>,
    devices: HashMap<Fixed16, Vec<u8>>,
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
    fn dated(&self, kind: Kind, key: Fixed16) -> Result<Option<(Day, Vec<u8>)>, StoreError> {
        let held = locked(&self.held);
        let mut newest = held.days.iter().rev();
        Ok(newest.find_map(|(day, all)| Some((*day, all.get(&(kind, key))?.clone()))))
    }

    fn device(&self, key: Fixed16) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(locked(&self.held).devices.get(&key).cloned())
    }

    fn newest_day(&self) -> Option<Day> {
        locked(&self.held).newest_day
    }

    fn covered(&self) -> Covered {
        locked(&self.held).covered
    }

    fn apply(&mut self, writes: &Writes, covered: Covered) -> Result<(), StoreError> {
        let mut held = locked(&self.held);
        for write in &writes.dated {
            let day = held.days.entry(write.day).or_default();
            day.insert((write.kind, write.key), write.value.clone());
            held.newest_day = held.newest_day.max(Some(write.day));
        }
        for write in &writes.devices {
            match &write.value {
                Some(value) => held.devices.insert(write.key, value.clone()),
                None => held.devices.remove(&write.key),
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
