//! One partition's store on disk: a fjall database.
//!
//! Each day of the window has a keyspace, and what lives for ever has one ([`Drawer`]); `meta` says
//! whose store it is and how far it reaches. Changes are gathered in memory, where they are found
//! like those on disk, until there are [`FLUSH_AT`] of them or a new day begins. A flush writes them as a
//! sorted run to each keyspace and syncs it, and then, in one atomic write, what is covered now. A process that is
//! killed loses what was gathered: the changelogs have it. One that is killed within a flush finds
//! more in the store than is covered, and writes the same again. Either way the store never claims
//! to cover what it lacks, and is never ahead of the log.
//!
//! A keyspace may lose on the disk what `meta` claims all the same (a power loss on a disk that lies,
//! files that were put back). So each flush leaves its number, a stamp, in every keyspace that it
//! touches and beside it in `meta`; a keyspace whose own stamp is older than what `meta` says has
//! lost something.

use std::{collections::BTreeMap, ops::RangeInclusive, path::Path};

use event::Fixed16;
use fjall::{Database, Keyspace, KeyspaceCreateOptions, UserValue};
use identity::{Day, KEY_VERSION, Window};

use crate::{
    drawer::{Drawer, Run, STAMP},
    fjall_calls::{guarded, number},
    key_filter::Probe,
    place::{Key, Place, dated_key, device_key},
    store::{Covered, Kind, Store, StoreError, Writes},
    values::exact,
};

/// Version of this layout; a store of another one is built anew.
const FORMAT: u32 = 3;
const MIB: u64 = 1024 * 1024;
const META: &str = "meta";
const CLAIM_PREFIX: &str = "stamp/";
/// So many changes are gathered in memory, about 12 MB.
const FLUSH_AT: usize = 131_072;

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
    drawers: BTreeMap<Place, Drawer>,
    /// Changes that are not on the disk.
    gathered: BTreeMap<Place, Run>,
    window: Window,
    newest_day: Option<Day>,
    covered: Covered,
    /// What the disk covers.
    flushed: Covered,
    stamp: u64,
}

impl FjallPartition {
    pub(crate) fn open(path: &Path, owner: Owner, window: Window) -> Result<Self, Unfit> {
        let db = guarded(|| {
            Database::builder(path)
                .cache_size(8 * MIB)
                .max_journaling_size(64 * MIB)
                .max_cached_files(Some(64))
                .worker_threads(1)
                .open()
        })?;
        let meta = guarded(|| {
            db.keyspace(META, || KeyspaceCreateOptions::default().max_memtable_size(MIB))
        })?;
        check_owner(&meta, owner)?;
        let covered = Covered {
            journal: number(&meta, "journal")?.map(i64::from_be_bytes),
            state: number(&meta, "state")?.map(i64::from_be_bytes),
        };
        let mut store = Self {
            newest_day: number(&meta, "newest-day")?.map(i32::from_be_bytes),
            covered,
            flushed: covered,
            stamp: number(&meta, STAMP)?.map_or(0, u64::from_be_bytes),
            drawers: open_drawers(&db)?,
            gathered: BTreeMap::new(),
            db,
            meta,
            window,
        };
        store.check_stamps()?;
        store.drop_days()?;
        Ok(store)
    }

    /// See the module's documentation.
    fn check_stamps(&self) -> Result<(), StoreError> {
        let claims = guarded(|| {
            let items = self.meta.prefix(CLAIM_PREFIX);
            items.map(fjall::Guard::into_inner).collect::<fjall::Result<Vec<_>>>()
        })?;
        for (name, claimed) in claims {
            let name = name.get(CLAIM_PREFIX.len()..).unwrap_or_default();
            let claimed = exact(&claimed).map(u64::from_be_bytes)?;
            let place = std::str::from_utf8(name).ok().and_then(Place::named);
            let drawer = place.and_then(|place| self.drawers.get(&place));
            if drawer.map_or(0, Drawer::stamp) < claimed {
                let name = String::from_utf8_lossy(name);
                return Err(StoreError::Damaged(format!("keyspace {name} has lost writes")));
            }
        }
        Ok(())
    }

    /// Drops whole days that have left the window.
    fn drop_days(&mut self) -> Result<(), StoreError> {
        let Some(newest) = self.newest_day else { return Ok(()) };
        let oldest = self.window.oldest(newest);
        let left = |place: &&Place| matches!(place, Place::Day(day) if *day < oldest);
        while let Some(place) = self.drawers.keys().find(left).copied() {
            let claim = format!("{CLAIM_PREFIX}{place}");
            guarded(|| self.meta.remove(claim.as_str()))?;
            if let Some(drawer) = self.drawers.remove(&place) {
                guarded(|| self.db.delete_keyspace(drawer.into_keyspace()))?;
            }
        }
        Ok(())
    }

    fn put(&mut self, place: Place, key: Key, value: Option<&[u8]>) {
        self.gathered.entry(place).or_default().insert(key, value.map(UserValue::from));
    }

    /// Writes what was gathered; after an error it is still gathered.
    fn flush(&mut self) -> Result<(), StoreError> {
        self.gathered.retain(|_, run| !run.is_empty());
        if self.gathered.is_empty() && self.covered == self.flushed {
            return Ok(());
        }
        let stamp = self.stamp + 1;
        for (place, run) in &self.gathered {
            if !self.drawers.contains_key(place) {
                let room = room_of_new(&self.drawers);
                let drawer = Drawer::open(&self.db, &place.to_string(), room)?;
                self.drawers.insert(*place, drawer);
            }
            if let Some(drawer) = self.drawers.get_mut(place) {
                drawer.write(run, stamp)?;
            }
        }
        self.claim(stamp)?;
        (self.flushed, self.stamp) = (self.covered, stamp);
        // The maps of what goes on to be written keep their room.
        let newest = self.newest_day.map(Place::Day);
        self.gathered.retain(|place, _| *place == Place::Devices || Some(*place) == newest);
        self.gathered.values_mut().for_each(Run::clear);
        Ok(())
    }

    /// Says in `meta` what the disk holds now.
    fn claim(&self, stamp: u64) -> Result<(), StoreError> {
        let mut batch = self.db.batch();
        for place in self.gathered.keys() {
            let claim = format!("{CLAIM_PREFIX}{place}");
            batch.insert(&self.meta, claim.as_str(), stamp.to_be_bytes());
        }
        batch.insert(&self.meta, STAMP, stamp.to_be_bytes());
        let Covered { journal, state } = self.covered;
        for (name, offset) in [("journal", journal), ("state", state)] {
            if let Some(offset) = offset {
                batch.insert(&self.meta, name, offset.to_be_bytes());
            }
        }
        if let Some(newest) = self.newest_day {
            batch.insert(&self.meta, "newest-day", newest.to_be_bytes());
        }
        guarded(|| batch.commit())
    }

    /// Stores the filters of what nothing is added to any more, or of everything.
    fn store_filters(&mut self, all: bool) -> Result<(), StoreError> {
        let newest = self.newest_day;
        let done = |place: &Place| all || matches!(place, Place::Day(day) if Some(*day) < newest);
        let mut drawers = self.drawers.iter_mut().filter(|(place, _)| done(place));
        drawers.try_for_each(|(_, drawer)| drawer.store_filter())
    }

    /// A flush before this batch bounds what is gathered, and by a day how far back it reaches in
    /// the changelogs, which do not keep it for ever.
    fn make_room(&mut self, writes: &Writes, newest_day: Option<Day>) -> Result<(), StoreError> {
        let gathered: usize = self.gathered.values().map(Run::len).sum();
        let new_day = newest_day > self.newest_day;
        if gathered > 0 && (new_day || gathered + writes.len() > FLUSH_AT) {
            self.flush()?;
        }
        Ok(())
    }
}

impl Store for FjallPartition {
    /// What is gathered is of the newest day, but while a store catches up, when nobody asks.
    fn dated(&self, kind: Kind, key: Fixed16) -> Result<Option<(Day, Vec<u8>)>, StoreError> {
        let key = dated_key(kind, key);
        for (place, run) in self.gathered.range(days()).rev() {
            if let (Place::Day(day), Some(Some(value))) = (place, run.get(&key)) {
                return Ok(Some((*day, value.to_vec())));
            }
        }
        let probe = Probe::of(&key);
        for (place, drawer) in self.drawers.range(days()).rev() {
            if let (Place::Day(day), Some(value)) = (place, drawer.get(&key, probe)?) {
                return Ok(Some((*day, value.to_vec())));
            }
        }
        Ok(None)
    }

    fn device(&self, key: Fixed16) -> Result<Option<Vec<u8>>, StoreError> {
        let key = device_key(key);
        if let Some(value) = self.gathered.get(&Place::Devices).and_then(|run| run.get(&key)) {
            return Ok(value.as_ref().map(|value| value.to_vec()));
        }
        let Some(drawer) = self.drawers.get(&Place::Devices) else { return Ok(None) };
        Ok(drawer.get(&key, Probe::of(&key))?.map(|value| value.to_vec()))
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
        self.make_room(writes, newest_day)?;
        let oldest = newest_day.map(|newest| self.window.oldest(newest));
        for write in writes.dated.iter().filter(|write| Some(write.day) >= oldest) {
            let key = dated_key(write.kind, write.key);
            self.put(Place::Day(write.day), key, Some(&write.value));
        }
        for write in &writes.devices {
            self.put(Place::Devices, device_key(write.key), write.value.as_deref());
        }
        let new_day = newest_day > self.newest_day;
        (self.newest_day, self.covered) = (newest_day, covered);
        if new_day {
            self.store_filters(false)?;
            self.drop_days()?;
        }
        Ok(())
    }
}

fn days() -> RangeInclusive<Place> {
    Place::Day(Day::MIN)..=Place::Day(Day::MAX)
}

/// What was gathered is written, which spares the next opening to read it from the changelogs again,
/// and all keys for the filters. If it fails, nothing is lost.
impl Drop for FjallPartition {
    fn drop(&mut self) {
        if let Err(error) = self.flush().and_then(|()| self.store_filters(true)) {
            tracing::warn!("the state was not written when it was closed: {error}");
        }
    }
}

/// About how many keys a keyspace that is created now will have: as many as the newest.
fn room_of_new(drawers: &BTreeMap<Place, Drawer>) -> usize {
    drawers.range(days()).next_back().map_or(0, |(_, drawer)| drawer.keys() + drawer.keys() / 4)
}

fn open_drawers(db: &Database) -> Result<BTreeMap<Place, Drawer>, StoreError> {
    let places = db.list_keyspace_names().into_iter().filter_map(|name| Place::named(&name));
    places.map(|place| Ok((place, Drawer::open(db, &place.to_string(), 0)?))).collect()
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

#[cfg(test)]
#[path = "fjall_partition_tests.rs"]
mod tests;
