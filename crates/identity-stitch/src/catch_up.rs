//! Brings a store up to its changelogs.

use kafka_runtime::{Changelog, Position, Record};
use pipeline::Halt;
use topology::Topic;

use crate::{
    codecs::Codecs,
    overlay::store_halt,
    store::{Covered, Store, StoreError, Writes},
};

/// The store takes this many changes at once; a process that is killed meanwhile goes on there.
const CHANGES_PER_WRITE: usize = 20_000;
/// Progress is told each time so many changes were taken.
const CHANGES_PER_REPORT: usize = 1_000_000;

/// Why a store could not be brought up to its changelogs.
#[derive(Debug)]
pub(crate) enum Behind {
    /// The log, the registry or the disk cannot be reached now.
    Halt(Halt),
    /// The store found itself damaged: it must be wiped and built anew.
    Damaged(String),
}

/// Applies to `store` what the changelogs of `partition` hold beyond what it covers.
pub(crate) fn catch_up<S: Store>(
    partition: i32,
    store: &mut S,
    codecs: &mut Codecs,
    log: &mut dyn Changelog,
) -> Result<(), Behind> {
    for topic in [Topic::IdentityJournal, Topic::IdentityState] {
        let covered = store.covered();
        let mut taken =
            Taken { topic, covered, writes: Writes::default(), total: 0, store: &mut *store };
        let offset = taken.reached().unwrap_or(0);
        let mut failed = None;
        let next = log.replay(Position { topic, partition, offset }, &mut |record| {
            taken.take(&record, codecs).map_err(|behind| halt_for(behind, &mut failed))
        });
        if let Some(detail) = failed {
            return Err(Behind::Damaged(detail));
        }
        taken.reach(next.map_err(Behind::Halt)?);
        taken.write()?;
        if taken.total > 0 {
            tracing::info!(partition, topic = topic.name(), changes = taken.total, "caught up");
        }
    }
    Ok(())
}

/// A replay can be stopped with a halt only: what is more than that is put aside.
fn halt_for(behind: Behind, failed: &mut Option<String>) -> Halt {
    match behind {
        Behind::Halt(halt) => halt,
        Behind::Damaged(detail) => {
            *failed = Some(detail.clone());
            Halt::new("state-store", detail)
        }
    }
}

/// Changes on their way from one changelog into the store.
struct Taken<'a, S> {
    topic: Topic,
    covered: Covered,
    writes: Writes,
    total: usize,
    store: &'a mut S,
}

impl<S: Store> Taken<'_, S> {
    fn take(&mut self, record: &Record, codecs: &mut Codecs) -> Result<(), Behind> {
        if self.topic == Topic::IdentityJournal {
            self.writes.dated.extend(codecs.journal(record).map_err(Behind::Halt)?);
        } else {
            self.writes.devices.push(codecs.device(record).map_err(Behind::Halt)?);
        }
        self.reach(record.position.offset + 1);
        if self.writes.len() >= CHANGES_PER_WRITE {
            self.write()?;
        }
        Ok(())
    }

    fn reached(&self) -> Option<i64> {
        if self.topic == Topic::IdentityJournal { self.covered.journal } else { self.covered.state }
    }

    fn reach(&mut self, next: i64) {
        if self.topic == Topic::IdentityJournal {
            self.covered.journal = Some(next);
        } else {
            self.covered.state = Some(next);
        }
    }

    fn write(&mut self) -> Result<(), Behind> {
        if self.covered == self.store.covered() && self.writes.is_empty() {
            return Ok(());
        }
        let before = self.total / CHANGES_PER_REPORT;
        self.total += self.writes.len();
        let written = self.store.apply(&self.writes, self.covered);
        written.map_err(|error| match error {
            StoreError::Damaged(detail) => Behind::Damaged(detail),
            StoreError::Unavailable(_) => Behind::Halt(store_halt(&error)),
        })?;
        self.writes = Writes::default();
        if self.total / CHANGES_PER_REPORT > before {
            let reached = self.reached();
            tracing::info!(topic = self.topic.name(), changes = self.total, reached, "restoring");
        }
        Ok(())
    }
}
