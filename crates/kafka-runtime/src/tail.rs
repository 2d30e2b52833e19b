//! Moving past the markers at the end of a quiet partition.
//!
//! The last offset of a transactional topic is a marker, which no poll returns, so the offset
//! after the last record stands below the end for ever. When retention empties the partition, that
//! would look like a record that was lost. So a partition that has stood still for a minute is
//! read again from its committed offset by a client of its own: if not one record comes before
//! the end, the end is as good an offset as the one that is committed.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use pipeline::Halt;

use crate::{
    error::LogError,
    log::{Log, Partition},
    record::Position,
};

const LOOK_EVERY: Duration = Duration::from_mins(1);

/// Where partitions stood at the last look.
#[derive(Debug)]
pub(crate) struct Tails {
    looked: Instant,
    stood: BTreeMap<Partition, i64>,
}

impl Tails {
    pub(crate) fn new(now: Instant) -> Self {
        Self { looked: now, stood: BTreeMap::new() }
    }

    /// Once a minute: the partitions that have nothing but markers behind their committed offset,
    /// and their ends. `nexts` are the committed offsets of the partitions that may be read.
    pub(crate) fn passed<L: Log>(
        &mut self,
        log: &mut L,
        nexts: impl FnOnce() -> BTreeMap<Partition, i64>,
    ) -> Result<BTreeMap<Partition, i64>, LogError> {
        let now = log.clock();
        if now - self.looked < LOOK_EVERY {
            return Ok(BTreeMap::new());
        }
        self.looked = now;
        let nexts = nexts();
        let stood = std::mem::replace(&mut self.stood, nexts.clone());
        let still =
            nexts.into_iter().filter(|(partition, next)| stood.get(partition) == Some(next));
        let still: BTreeMap<Partition, i64> = still.collect();
        ends(log, &still)
    }
}

fn ends<L: Log>(
    log: &mut L,
    still: &BTreeMap<Partition, i64>,
) -> Result<BTreeMap<Partition, i64>, LogError> {
    let extents = log.extents(&still.keys().copied().collect())?;
    let mut ends = BTreeMap::new();
    for (&(topic, partition), &offset) in still {
        let extent = extents.get(&(topic, partition));
        if extent.is_none_or(|it| offset < it.start || offset >= it.end) {
            continue;
        }
        let from = Position { topic, partition, offset };
        let found = |_| Err(Halt::new("record", "there is one"));
        if let Ok(end) = log.changelog().replay(from, &mut { found }) {
            ends.insert((topic, partition), end);
        }
    }
    if ends.is_empty() {
        return Ok(ends);
    }
    // What retention took away meanwhile was not read.
    let asked: BTreeSet<Partition> = ends.keys().copied().collect();
    let extents = log.extents(&asked)?;
    let is_whole = |partition: &Partition| {
        extents.get(partition).is_some_and(|it| it.start <= still[partition])
    };
    ends.retain(|partition, _| is_whole(partition));
    Ok(ends)
}
