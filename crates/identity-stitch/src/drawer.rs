//! One keyspace of a partition's database: what is filed under one day, or what lives for ever.
//!
//! Keys come in sorted runs (fjall's ingestion): a run is a table of its own, synced to the disk
//! before it counts. So nothing goes through fjall's journal and memtable, which cost an absent key
//! a search in each. What the keyspace lacks is told by a [`KeyFilter`] in memory; fjall's own
//! filters are off. Beside the keys lie, under names that are no 17 bytes:
//!
//! - `stamp`: the number of the flush that wrote the newest run;
//! - `filter` and `filter/<part><chunk>`: the filter, as of that stamp. Without it, or with that of
//!   an older stamp (the process was killed), opening reads all keys.

use std::sync::Arc;

use fjall::{
    CompressionType, Database, Keyspace, KeyspaceCreateOptions, UserValue,
    compaction::Leveled,
    config::{CompressionPolicy, FilterPolicy, PartitioningPolicy, PinningPolicy},
};
use foldhash::HashMap;

use crate::{
    fjall_calls::{guarded, number},
    key_filter::{BLOCK_BYTES, KeyFilter, Part, Probe},
    place::Key,
    store::StoreError,
    values::exact,
};

/// What a run does to keys; `None` removes one.
pub(crate) type Run = HashMap<Key, Option<UserValue>>;

/// Holds a keyspace's own stamp.
pub(crate) const STAMP: &str = "stamp";
const FILTER: &str = "filter";
/// Part and chunk follow, two and four bytes.
const FILTER_PREFIX: &str = "filter/";
const CHUNK: usize = 1024 * BLOCK_BYTES;
/// With fewer keys the filter is not worth storing: all keys are read in less than 0.1 s.
const WORTH_STORING: usize = 250_000;
const TABLE_BYTES: u64 = 16 * 1024 * 1024;
/// So many runs are merged at once.
const RUNS_PER_MERGE: u8 = 8;

pub(crate) struct Drawer {
    keyspace: Keyspace,
    filter: KeyFilter,
    stamp: u64,
    /// Whether the filter on the disk is that in memory.
    stored: bool,
}

impl Drawer {
    /// Opens or creates it; a new one is to have about `room` keys.
    pub(crate) fn open(db: &Database, name: &str, room: usize) -> Result<Self, StoreError> {
        let keyspace = guarded(|| db.keyspace(name, options))?;
        let stamp = number(&keyspace, STAMP)?.map_or(0, u64::from_be_bytes);
        let stored = if stamp == 0 { None } else { stored_filter(&keyspace, stamp)? };
        let (filter, stored) = match stored {
            Some(filter) => (filter, true),
            None => (read_keys(&keyspace, room)?, false),
        };
        Ok(Self { keyspace, filter, stamp, stored })
    }

    pub(crate) fn stamp(&self) -> u64 {
        self.stamp
    }

    /// About how many keys it has.
    pub(crate) fn keys(&self) -> usize {
        self.filter.keys()
    }

    /// `probe` is that of `key`.
    pub(crate) fn get(&self, key: &Key, probe: Probe) -> Result<Option<UserValue>, StoreError> {
        if !self.filter.may_have(probe) {
            return Ok(None);
        }
        guarded(|| self.keyspace.get(key))
    }

    /// Writes a run, all or nothing, and syncs it. The same run may be written again.
    pub(crate) fn write(&mut self, run: &Run, stamp: u64) -> Result<(), StoreError> {
        let own = UserValue::from(stamp.to_be_bytes());
        let mut sorted: Vec<(&[u8], Option<&UserValue>)> =
            run.iter().map(|(key, value)| (&key[..], value.as_ref())).collect();
        sorted.push((STAMP.as_bytes(), Some(&own)));
        self.ingest(sorted)?;
        (self.stamp, self.stored) = (stamp, false);
        for key in run.keys() {
            self.filter.add(Probe::of(key));
        }
        Ok(())
    }

    fn ingest(&self, mut run: Vec<(&[u8], Option<&UserValue>)>) -> Result<(), StoreError> {
        run.sort_unstable_by_key(|(key, _)| *key);
        guarded(|| {
            let mut ingestion = self.keyspace.start_ingestion()?;
            for (key, value) in run {
                match value {
                    Some(value) => ingestion.write(key, value.clone())?,
                    None => ingestion.write_tombstone(key)?,
                }
            }
            ingestion.finish()
        })
    }

    /// Stores the filter if that is worth it and was not done.
    pub(crate) fn store_filter(&mut self) -> Result<(), StoreError> {
        if self.stored || self.keys() < WORTH_STORING { Ok(()) } else { self.write_filter() }
    }

    fn write_filter(&mut self) -> Result<(), StoreError> {
        let mut run = vec![(FILTER.as_bytes().to_vec(), UserValue::from(self.header()))];
        for (part, index) in self.filter.parts().iter().zip(0_u16..) {
            for (chunk, number) in part.to_bytes().chunks(CHUNK).zip(0_u32..) {
                run.push((chunk_key(index, number), UserValue::from(chunk)));
            }
        }
        self.ingest(run.iter().map(|(key, value)| (&key[..], Some(value))).collect())?;
        self.stored = true;
        Ok(())
    }

    /// The stamp, then of each part how many keys and how many bytes it has.
    fn header(&self) -> Vec<u8> {
        let sizes = |part: &Part| [part.keys() as u64, part.bytes() as u64];
        let parts = self.filter.parts().iter().flat_map(sizes);
        std::iter::once(self.stamp).chain(parts).flat_map(u64::to_be_bytes).collect()
    }

    /// The folder of its files.
    #[cfg(test)]
    pub(crate) fn path(&self) -> &std::path::Path {
        self.keyspace.path()
    }

    /// The keyspace, to be dropped with all that is in it.
    pub(crate) fn into_keyspace(self) -> Keyspace {
        self.keyspace
    }
}

/// Keys are random and values small: nothing to compress. Small tables keep merges small.
fn options() -> KeyspaceCreateOptions {
    let merges =
        Leveled::default().with_l0_threshold(RUNS_PER_MERGE).with_table_target_size(TABLE_BYTES);
    KeyspaceCreateOptions::default()
        .data_block_compression_policy(CompressionPolicy::all(CompressionType::None))
        .filter_policy(FilterPolicy::disabled())
        .index_block_pinning_policy(PinningPolicy::all(true))
        .index_block_partitioning_policy(PartitioningPolicy::all(false))
        .filter_block_partitioning_policy(PartitioningPolicy::all(false))
        .compaction_strategy(Arc::new(merges))
}

fn chunk_key(part: u16, chunk: u32) -> Vec<u8> {
    [FILTER_PREFIX.as_bytes(), &part.to_be_bytes(), &chunk.to_be_bytes()].concat()
}

/// The filter, if the one that is stored is that of `stamp`.
fn stored_filter(keyspace: &Keyspace, stamp: u64) -> Result<Option<KeyFilter>, StoreError> {
    let Some(header) = guarded(|| keyspace.get(FILTER))? else { return Ok(None) };
    let (own, sizes) = header.split_first_chunk().ok_or_else(|| odd(FILTER))?;
    if u64::from_be_bytes(*own) != stamp {
        return Ok(None);
    }
    let mut parts = Vec::new();
    for (size, index) in sizes.chunks(16).zip(0_u16..) {
        let (keys, bytes) = size.split_at_checked(8).ok_or_else(|| odd(FILTER))?;
        let chunks = stored_chunks(keyspace, index)?;
        let Some(part) = Part::from_bytes(&chunks, number_of(keys)?) else { return Ok(None) };
        if part.bytes() != number_of(bytes)? {
            return Ok(None);
        }
        parts.push(part);
    }
    Ok(KeyFilter::of_parts(parts))
}

fn stored_chunks(keyspace: &Keyspace, part: u16) -> Result<Vec<u8>, StoreError> {
    guarded(|| {
        let mut bytes = Vec::new();
        for item in keyspace.prefix([FILTER_PREFIX.as_bytes(), &part.to_be_bytes()].concat()) {
            bytes.extend_from_slice(&item.value()?);
        }
        Ok(bytes)
    })
}

fn number_of(bytes: &[u8]) -> Result<usize, StoreError> {
    usize::try_from(u64::from_be_bytes(exact(bytes)?)).map_err(|_| odd(FILTER))
}

fn odd(name: &str) -> StoreError {
    StoreError::Damaged(format!("the value of {name} cannot be read"))
}

/// The filter of the keys that are there.
fn read_keys(keyspace: &Keyspace, room: usize) -> Result<KeyFilter, StoreError> {
    guarded(|| {
        let mut filter = KeyFilter::with_room(room);
        for item in keyspace.iter() {
            if let Ok(key) = <&Key>::try_from(&*item.key()?) {
                filter.add(Probe::of(key));
            }
        }
        Ok(filter)
    })
}

#[cfg(test)]
#[path = "drawer_tests.rs"]
mod tests;
