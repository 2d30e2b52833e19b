//! One partition's store on disk: a fjall database.
//!
//! Keyspaces: `day-<n>` (kind and key → value) for each day of the window, `devices` (device → its
//! users) and `meta`. A batch is one atomic write over all of them. It is not synced
//! to disk: after a power loss the store may be older than it was, and takes the rest from the
//! changelogs. What must not happen is that `meta` survives such a loss where a day does not, for
//! then the store would claim keys that it lacks. So each write leaves its number, a stamp, in every
//! keyspace that it touches and beside it in `meta`; a keyspace whose own stamp is older than what
//! `meta` says has lost something.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::ErrorKind,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
};

use event::Fixed16;
use fjall::{Database, Keyspace, KeyspaceCreateOptions, OwnedWriteBatch};
use identity::{Day, KEY_VERSION, Window};

use crate::{
    store::{Covered, Kind, Store, StoreError, Writes},
    values::exact,
};

/// Version of this layout; a store of another one is built anew.
const FORMAT: u32 = 2;
const MIB: u64 = 1024 * 1024;
const META: &str = "meta";
const DEVICES: &str = "devices";
const DAY_PREFIX: &str = "day-";
const STAMP_PREFIX: &str = "stamp/";
/// Holds a keyspace's own stamp; all other keys there have 16 or 17 bytes.
const STAMP_KEY: &str = "stamp";

/// Whose store this is: recorded at its first opening.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Owner {
    pub(crate) partition: i32,
    pub(crate) count: u16,
}

/// Why a database cannot serve.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Unfit {
    Store(StoreError),
    /// It was written when there were so many partitions.
    Count(u16),
}

impl From<StoreError> for Unfit {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// One partition of [`FjallStores`](crate::FjallStores).
pub struct FjallPartition {
    db: Database,
    meta: Keyspace,
    devices: Keyspace,
    days: BTreeMap<Day, Keyspace>,
    window: Window,
    newest_day: Option<Day>,
    covered: Covered,
    stamp: u64,
}

impl FjallPartition {
    pub(crate) fn open(path: &Path, owner: Owner, window: Window) -> Result<Self, Unfit> {
        let db = guarded(|| {
            Database::builder(path)
                .cache_size(16 * MIB)
                .max_journaling_size(128 * MIB)
                .worker_threads(1)
                .open()
        })?;
        let meta = keyspace(&db, META)?;
        let devices = keyspace(&db, DEVICES)?;
        check_owner(&meta, owner)?;
        let mut store = Self {
            newest_day: number(&meta, "newest-day")?.map(i32::from_be_bytes),
            covered: Covered {
                journal: number(&meta, "journal")?.map(i64::from_be_bytes),
                state: number(&meta, "state")?.map(i64::from_be_bytes),
            },
            stamp: number(&meta, STAMP_KEY)?.map_or(0, u64::from_be_bytes),
            days: open_days(&db)?,
            db,
            meta,
            devices,
            window,
        };
        store.check_stamps()?;
        store.drop_days()?;
        Ok(store)
    }

    /// See the module's documentation.
    fn check_stamps(&self) -> Result<(), StoreError> {
        let claims = guarded(|| {
            let items = self.meta.prefix(STAMP_PREFIX);
            items.map(fjall::Guard::into_inner).collect::<fjall::Result<Vec<_>>>()
        })?;
        for (name, claimed) in claims {
            let name = name.get(STAMP_PREFIX.len()..).unwrap_or_default();
            let claimed = exact(&claimed).map(u64::from_be_bytes)?;
            let held = self.keyspace_named(name);
            let own = held.map(|keyspace| number(keyspace, STAMP_KEY)).transpose()?.flatten();
            if own.map_or(0, u64::from_be_bytes) < claimed {
                let name = String::from_utf8_lossy(name);
                return Err(StoreError::Damaged(format!("keyspace {name} has lost writes")));
            }
        }
        Ok(())
    }

    fn keyspace_named(&self, name: &[u8]) -> Option<&Keyspace> {
        if name == DEVICES.as_bytes() {
            return Some(&self.devices);
        }
        self.days.get(&day_named(std::str::from_utf8(name).ok()?)?)
    }

    fn day(&mut self, day: Day) -> Result<Keyspace, StoreError> {
        if let Some(known) = self.days.get(&day) {
            return Ok(known.clone());
        }
        let created = keyspace(&self.db, &day_name(day))?;
        self.days.insert(day, created.clone());
        Ok(created)
    }

    /// Drops whole days that have left the window.
    fn drop_days(&mut self) -> Result<(), StoreError> {
        let Some(newest) = self.newest_day else { return Ok(()) };
        let kept = self.days.split_off(&self.window.oldest(newest));
        for (day, dropped) in std::mem::replace(&mut self.days, kept) {
            let claim = format!("{STAMP_PREFIX}{}", day_name(day));
            guarded(|| {
                self.meta.remove(claim.as_str())?;
                self.db.delete_keyspace(dropped)
            })?;
        }
        Ok(())
    }

    fn stamp_all(&self, batch: &mut OwnedWriteBatch, touched: &[Keyspace], stamp: u64) {
        for keyspace in touched {
            let claim = format!("{STAMP_PREFIX}{}", &**keyspace.name());
            batch.insert(keyspace, STAMP_KEY, stamp.to_be_bytes());
            batch.insert(&self.meta, claim.as_str(), stamp.to_be_bytes());
        }
        batch.insert(&self.meta, STAMP_KEY, stamp.to_be_bytes());
    }

    fn write_dated(
        &mut self,
        batch: &mut OwnedWriteBatch,
        writes: &Writes,
        oldest: Option<Day>,
    ) -> Result<Vec<Keyspace>, StoreError> {
        let kept = || writes.dated.iter().filter(|write| Some(write.day) >= oldest);
        let days: BTreeSet<Day> = kept().map(|write| write.day).collect();
        let touched = days.into_iter().map(|day| self.day(day)).collect::<Result<Vec<_>, _>>()?;
        for write in kept() {
            let Some(day) = self.days.get(&write.day) else { continue };
            batch.insert(day, dated_key(write.kind, write.key), write.value.as_slice());
        }
        Ok(touched)
    }

    fn write_devices(&self, batch: &mut OwnedWriteBatch, writes: &Writes) {
        for write in &writes.devices {
            let key = write.key.0;
            match &write.value {
                Some(value) => batch.insert(&self.devices, key, value.as_slice()),
                None => batch.remove(&self.devices, key),
            }
        }
    }
}

impl Store for FjallPartition {
    fn dated(&self, kind: Kind, key: Fixed16) -> Result<Option<(Day, Vec<u8>)>, StoreError> {
        let key = dated_key(kind, key);
        for (day, keyspace) in self.days.iter().rev() {
            if let Some(value) = guarded(|| keyspace.get(key))? {
                return Ok(Some((*day, value.to_vec())));
            }
        }
        Ok(None)
    }

    fn device(&self, key: Fixed16) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(guarded(|| self.devices.get(key.0))?.map(|value| value.to_vec()))
    }

    fn newest_day(&self) -> Option<Day> {
        self.newest_day
    }

    fn covered(&self) -> Covered {
        self.covered
    }

    fn apply(&mut self, writes: &Writes, covered: Covered) -> Result<(), StoreError> {
        let written = writes.dated.iter().map(|write| write.day).max();
        let newest_day = self.newest_day.max(written);
        let stamp = self.stamp + 1;
        let mut batch = self.db.batch();
        let oldest = newest_day.map(|newest| self.window.oldest(newest));
        let mut touched = self.write_dated(&mut batch, writes, oldest)?;
        if !writes.devices.is_empty() {
            self.write_devices(&mut batch, writes);
            touched.push(self.devices.clone());
        }
        self.stamp_all(&mut batch, &touched, stamp);
        let positions = [("journal", covered.journal), ("state", covered.state)];
        for (name, offset) in positions {
            if let Some(offset) = offset {
                batch.insert(&self.meta, name, offset.to_be_bytes());
            }
        }
        if let Some(newest) = newest_day {
            batch.insert(&self.meta, "newest-day", newest.to_be_bytes());
        }
        guarded(|| batch.commit())?;
        (self.newest_day, self.covered, self.stamp) = (newest_day, covered, stamp);
        self.drop_days()
    }
}

/// The first byte tells the kind.
fn dated_key(kind: Kind, key: Fixed16) -> [u8; 17] {
    let mut bytes = [0; 17];
    bytes[0] = match kind {
        Kind::Message => b'm',
        Kind::Business => b'b',
        Kind::Session => b's',
        Kind::Context => b'c',
    };
    bytes[1..].copy_from_slice(&key.0);
    bytes
}

fn keyspace(db: &Database, name: &str) -> Result<Keyspace, StoreError> {
    let memtable = if name == META { MIB } else { 8 * MIB };
    guarded(|| db.keyspace(name, || KeyspaceCreateOptions::default().max_memtable_size(memtable)))
}

fn day_name(day: Day) -> String {
    format!("{DAY_PREFIX}{day}")
}

fn day_named(name: &str) -> Option<Day> {
    name.strip_prefix(DAY_PREFIX)?.parse().ok()
}

fn open_days(db: &Database) -> Result<BTreeMap<Day, Keyspace>, StoreError> {
    let names = db.list_keyspace_names();
    let days = names.iter().filter_map(|name| day_named(name));
    days.map(|day| Ok((day, keyspace(db, &day_name(day))?))).collect()
}

/// Compares the owner with the recorded one, or records it.
fn check_owner(meta: &Keyspace, owner: Owner) -> Result<(), Unfit> {
    let damaged = |detail: String| Err(StoreError::Damaged(detail).into());
    let Some(format) = number(meta, "format")? else {
        return Ok(guarded(|| {
            meta.insert("key-version", KEY_VERSION.to_be_bytes())?;
            meta.insert("partition", owner.partition.to_be_bytes())?;
            meta.insert("partitions", owner.count.to_be_bytes())?;
            // The last: without it the owner counts as not recorded.
            meta.insert("format", FORMAT.to_be_bytes())
        })?);
    };
    if u32::from_be_bytes(format) != FORMAT {
        return damaged("it has another layout".to_owned());
    }
    if number(meta, "key-version")?.map(i32::from_be_bytes) != Some(KEY_VERSION) {
        return damaged("its keys have another meaning".to_owned());
    }
    if number(meta, "partition")?.map(i32::from_be_bytes) != Some(owner.partition) {
        return damaged("it is another partition's".to_owned());
    }
    match number(meta, "partitions")?.map(u16::from_be_bytes) {
        Some(count) if count == owner.count => Ok(()),
        Some(count) => Err(Unfit::Count(count)),
        None => damaged("it does not say how many partitions there were".to_owned()),
    }
}

/// A big-endian number of a keyspace.
fn number<const N: usize>(keyspace: &Keyspace, name: &str) -> Result<Option<[u8; N]>, StoreError> {
    let value = guarded(|| keyspace.get(name))?;
    value.map(|value| exact(&value)).transpose()
}

/// Calls into fjall. What it does not expect on a damaged disk may end in a panic, which must
/// not be taken for the fault of the record in hand.
fn guarded<R>(call: impl FnOnce() -> fjall::Result<R>) -> Result<R, StoreError> {
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(result) => result.map_err(|error| judged(&error)),
        Err(_) => Err(StoreError::Damaged("the database panicked".to_owned())),
    }
}

fn judged(error: &fjall::Error) -> StoreError {
    let damaged = match error {
        fjall::Error::Io(io) | fjall::Error::Storage(fjall::LsmError::Io(io)) => {
            matches!(
                io.kind(),
                ErrorKind::NotFound
                    | ErrorKind::UnexpectedEof
                    | ErrorKind::InvalidData
                    | ErrorKind::InvalidInput
                    | ErrorKind::IsADirectory
                    | ErrorKind::NotADirectory
            )
        }
        // Poisoned: a write failed, as on a full disk. What was written before may be right.
        fjall::Error::Locked | fjall::Error::Poisoned => false,
        _ => true,
    };
    let detail = error.to_string();
    if damaged { StoreError::Damaged(detail) } else { StoreError::Unavailable(detail) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::DatedWrite;

    /// What a power loss can do: `meta` reached the disk, the day that it speaks of did not.
    #[test]
    fn a_keyspace_that_lost_what_meta_claims_is_found_at_opening() {
        let dir = tempfile::tempdir().unwrap();
        let (owner, window) = (Owner { partition: 0, count: 1 }, Window { days: 7 });
        let mut store = FjallPartition::open(dir.path(), owner, window).unwrap();
        let key = Fixed16([7; 16]);
        let write = DatedWrite { kind: Kind::Message, key, day: 20, value: vec![1] };
        let writes = Writes { dated: vec![write], devices: Vec::new() };
        store.apply(&writes, Covered { journal: Some(1), state: None }).unwrap();
        store.meta.rotate_memtable_and_wait().unwrap();
        drop(store);
        for entry in std::fs::read_dir(dir.path()).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "jnl") {
                std::fs::remove_file(path).unwrap();
            }
        }
        let unfit = FjallPartition::open(dir.path(), owner, window).err().unwrap();
        let Unfit::Store(StoreError::Damaged(detail)) = unfit else { panic!("{unfit:?}") };
        assert!(detail.contains("day-20 has lost writes"), "{detail}");
    }
}
