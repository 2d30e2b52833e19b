//! The processors under the stage's loop: one without state, and one that remembers keys as
//! identity-stitch does.

use std::{collections::BTreeMap, panic::resume_unwind, rc::Rc};

use event::Hints;
use pipeline::{DiscardReason, Discarded, Halt, RejectReason, Rejected};
use topology::Topic;

use super::{
    broker::Slot,
    disk::Store,
    mutant::Mutant,
    world::{Happened, Seat, Shared, Trouble, journal, locked},
};
use crate::{
    processor::{Changelog, Fate, Processed, Processor},
    record::{Numbered, Outgoing, Position, Record},
};

fn alone(fate: Fate) -> Processed {
    Processed { fate, hints: Hints::default(), side: Vec::new() }
}

fn repeat() -> Processed {
    alone(Fate::Discard(Discarded::new(DiscardReason::Repeat, "")))
}

/// Not a place where a process is killed: a panic of the step is caught.
fn halted(world: &Shared, slot: Slot) -> Result<(), Halt> {
    if locked(world).meets_one(slot, Trouble::StepHalts, Happened::HaltedStep) {
        return Err(Halt::new("test", "told to"));
    }
    Ok(())
}

/// Does what the record's value says.
pub(super) struct Told(pub(super) Rc<Seat>);

impl Processor for Told {
    fn process(&mut self, numbered: &Numbered<'_>) -> Result<Processed, Halt> {
        halted(&self.0.world, self.0.slot)?;
        Ok(match numbered.record.value.as_deref().unwrap_or_default() {
            b"discard" => repeat(),
            b"reject" => alone(Fate::Reject(Rejected::new(RejectReason::Malformed, "told to"))),
            b"panic" => resume_unwind(Box::new("told to")),
            value => alone(Fate::Emit { key: Vec::new(), value: value.to_vec() }),
        })
    }
}

/// Emits each key once.
pub(super) struct Remembering {
    seat: Rc<Seat>,
    open: BTreeMap<i32, Store>,
    /// Keys of the batch in hand, by partition.
    overlays: BTreeMap<i32, Vec<Vec<u8>>>,
}

impl Remembering {
    pub(super) fn new(seat: Rc<Seat>) -> Self {
        Self { seat, open: BTreeMap::new(), overlays: BTreeMap::new() }
    }

    fn is(&self, mutant: Mutant) -> bool {
        locked(&self.seat.world).is(mutant)
    }

    /// In one atomic write: the keys and the position that they cover.
    fn store(&mut self, number: i32, keys: Vec<Vec<u8>>, covered: i64) {
        let Some(store) = self.open.get_mut(&number) else { return };
        store.keys.extend(keys);
        store.covered = store.covered.max(covered);
        let mut world = locked(&self.seat.world);
        world.disks.entry(self.seat.disk).or_default().insert(number, store.clone());
    }
}

impl Processor for Remembering {
    fn process(&mut self, numbered: &Numbered<'_>) -> Result<Processed, Halt> {
        halted(&self.seat.world, self.seat.slot)?;
        let Record { position, value, .. } = numbered.record;
        let key = value.as_deref().unwrap_or_default().to_vec();
        let Some(store) = self.open.get(&position.partition) else {
            return Err(Halt::new("state-store", "not open"));
        };
        let overlay = self.overlays.entry(position.partition).or_default();
        if store.keys.contains(&key) || overlay.contains(&key) {
            return Ok(repeat());
        }
        overlay.push(key.clone());
        Ok(alone(Fate::Emit { key: key.clone(), value: key }))
    }

    fn assigned(&mut self, partitions: &[i32], log: &mut dyn Changelog) -> Result<(), Halt> {
        self.aborted();
        self.open.clear();
        for &number in partitions {
            let disk = locked(&self.seat.world).disks.entry(self.seat.disk).or_default().clone();
            let mut store = disk.get(&number).cloned().unwrap_or_default();
            let (topic, partition) = journal(number);
            let from = Position { topic, partition, offset: store.covered };
            if !self.is(Mutant::NeverRestores) {
                let keys = &mut store.keys;
                store.covered = log.replay(from, &mut |record| {
                    keys.extend(
                        record.value.unwrap_or_default().split(|it| *it == b' ').map(Vec::from),
                    );
                    Ok(())
                })?;
            }
            self.open.insert(number, store);
        }
        Ok(())
    }

    fn revoked(&mut self, partitions: &[i32]) {
        for number in partitions {
            self.open.remove(number);
            self.overlays.remove(number);
        }
    }

    /// One record per partition with all its keys.
    fn changes(&mut self) -> Result<Vec<Outgoing>, Halt> {
        self.overlays.retain(|_, keys| !keys.is_empty());
        if self.is(Mutant::StoresBeforeCommit) {
            for (number, keys) in self.overlays.clone() {
                self.store(number, keys, 0);
            }
        }
        let change = |(number, keys): (&i32, &Vec<Vec<u8>>)| Outgoing {
            topic: Topic::IdentityJournal,
            partition: Some(*number),
            key: None,
            value: Some(keys.join(&b' ')),
            headers: Vec::new(),
        };
        Ok(self.overlays.iter().map(change).collect())
    }

    fn committed(&mut self, written: &[Position]) -> Result<(), Halt> {
        let mut world = self.seat.step();
        let fails = world.meets_one(self.seat.slot, Trouble::StoreFails, Happened::StoreFailed);
        drop(world);
        let overlays = std::mem::take(&mut self.overlays);
        if fails {
            return Err(Halt::new("state-store", "told to"));
        }
        if written.len() != overlays.len() {
            return Err(Halt::new("state-store", "positions are missing"));
        }
        for ((number, keys), at) in overlays.into_iter().zip(written) {
            self.store(number, keys, at.offset + 1);
        }
        Ok(())
    }

    fn aborted(&mut self) {
        self.overlays.clear();
    }
}
