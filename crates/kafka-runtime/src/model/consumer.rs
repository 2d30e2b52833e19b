//! One process's consumer: membership, assignment, positions.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;

use super::{
    broker::Slot,
    group::{Assignor, Standing},
    mutant::Mutant,
    world::{Happened, World},
};
use crate::{
    log::{Commit, Partition, Polled},
    record::{Outgoing, Position, Record},
};

/// What a poll came to.
pub(super) enum Served {
    Polled(Polled),
    /// The committed offsets of the assignment cannot be read yet.
    Pending,
    /// Another process has the instance id.
    Fenced,
}

pub(super) struct Consumer {
    slot: Slot,
    member: Option<u32>,
    generation: i32,
    positions: BTreeMap<Partition, i64>,
    /// Nothing of these is fetched.
    pub(super) held: BTreeSet<Partition>,
    /// Records since the last rebalance.
    polled: u32,
    turn: usize,
    /// It has given partitions back that the group is to assign again.
    gave_back: bool,
}

pub(super) fn record_of(partition: Partition, offset: i64, record: &Outgoing) -> Record {
    Record {
        position: Position { topic: partition.0, partition: partition.1, offset },
        timestamp: Some(1),
        key: record.key.clone().map(Bytes::from),
        value: record.value.clone().map(Bytes::from),
        headers: record.headers.clone(),
    }
}

impl Consumer {
    pub(super) fn new(slot: Slot) -> Self {
        Self {
            slot,
            member: None,
            generation: -1,
            positions: BTreeMap::new(),
            held: BTreeSet::new(),
            polled: 0,
            turn: 0,
            gave_back: false,
        }
    }

    pub(super) fn owned(&self) -> BTreeSet<Partition> {
        self.positions.keys().copied().collect()
    }

    pub(super) fn metadata(&self) -> Option<(u32, i32)> {
        self.member.map(|member| (member, self.generation))
    }

    pub(super) fn is_lost(&self, world: &World) -> bool {
        let standing = self.member.map(|member| world.group.standing(self.slot, member));
        matches!(standing, Some(Standing::Unknown | Standing::Fenced))
    }

    pub(super) fn poll(&mut self, world: &mut World) -> Served {
        let Some(member) = self.member else {
            (self.member, self.generation) = (Some(world.group.join(self.slot)), -1);
            return Served::Polled(Polled::Nothing);
        };
        match world.group.standing(self.slot, member) {
            Standing::Fenced => {
                world.happened(Happened::Fenced);
                Served::Fenced
            }
            Standing::Unknown => {
                self.member = None;
                self.revoked(world)
            }
            Standing::ToJoin => {
                let revoked = match world.group.assignor {
                    Assignor::Eager => self.revoked(world),
                    Assignor::Cooperative => Served::Polled(Polled::Nothing),
                };
                world.group.rejoin(self.slot, self.owned());
                revoked
            }
            Standing::Waiting => Served::Polled(Polled::Nothing),
            Standing::Stable(generation) if generation != self.generation => {
                self.assigned(world, generation)
            }
            Standing::Stable(_) => Served::Polled(self.next(world)),
        }
    }

    fn revoked(&mut self, world: &mut World) -> Served {
        let revoked: Vec<Partition> = std::mem::take(&mut self.positions).into_keys().collect();
        if self.polled > 0 && !revoked.is_empty() {
            world.happened(Happened::RevokedMidBatch);
        }
        self.polled = 0;
        Served::Polled(if revoked.is_empty() { Polled::Nothing } else { Polled::Revoked(revoked) })
    }

    /// Gives back what is not ours any more, then starts each new partition at its committed
    /// offset.
    fn assigned(&mut self, world: &mut World, generation: i32) -> Served {
        let assigned = world.group.assigned(self.slot);
        let owned = self.owned();
        let taken: Vec<Partition> = owned.difference(&assigned).copied().collect();
        if !taken.is_empty() {
            self.positions.retain(|partition, _| assigned.contains(partition));
            self.gave_back = true;
            world.happened(Happened::RevokedInPart);
            return Served::Polled(Polled::Revoked(taken));
        }
        let new: Vec<Partition> = assigned.difference(&owned).copied().collect();
        let Some(found) = committed(world, new.iter()) else { return Served::Pending };
        self.generation = generation;
        self.positions.extend(found.iter().map(|it| (it.partition, it.next)));
        // As librdkafka does: a partition that is assigned is fetched.
        self.held.retain(|partition| !new.contains(partition));
        if std::mem::take(&mut self.gave_back) {
            world.group.given_back();
        }
        Served::Polled(Polled::Assigned(new))
    }

    /// The next record of the partition whose turn it is.
    fn next(&mut self, world: &World) -> Polled {
        self.turn += 1;
        let count = self.positions.len();
        let turn = self.turn % count.max(1);
        let stable = !world.is(Mutant::ReadsUncommitted);
        let from_turn = (turn..count).chain(0..turn);
        let order: Vec<Partition> = self.positions.keys().copied().collect();
        for partition in from_turn.map(|index| order[index]) {
            if self.held.contains(&partition) {
                continue;
            }
            let position = self.positions.entry(partition).or_default();
            if let Some((offset, record)) = world.broker.read(partition, *position, stable) {
                *position = offset + 1;
                self.polled += 1;
                return Polled::Record(record_of(partition, offset, record));
            }
        }
        Polled::Nothing
    }

    /// Goes back to what is committed; `None` while that is pending.
    pub(super) fn rewind(&mut self, world: &World) -> Option<Vec<Commit>> {
        let found = committed(world, self.positions.keys())?;
        self.positions = found.iter().map(|it| (it.partition, it.next)).collect();
        Some(found)
    }

    /// What was polled is committed or dropped.
    pub(super) fn batch_ended(&mut self) {
        self.polled = 0;
    }
}

fn committed<'p>(
    world: &World,
    partitions: impl Iterator<Item = &'p Partition>,
) -> Option<Vec<Commit>> {
    let unstable = world.is(Mutant::ReadsUnstableOffsets);
    partitions
        .map(|partition| match world.broker.committed(*partition) {
            None if unstable => world.broker.last_committed(*partition),
            committed => committed,
        })
        .collect()
}
