//! A consumer group of the classic protocol: generations, static members, range assignment.

use std::collections::{BTreeMap, BTreeSet};

use topology::Topic;

use super::broker::Slot;
use crate::log::Partition;

struct Member {
    id: u32,
    /// It has joined the rebalance that is under way.
    joined: bool,
    assigned: BTreeSet<Partition>,
}

/// How the group sees one that claims to be a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// Another process has taken the instance id.
    Fenced,
    /// Its session timed out.
    Unknown,
    /// A rebalance is under way, and it has not joined yet.
    ToJoin,
    /// It waits for the others to join.
    Waiting,
    /// The assignment of this generation is ready.
    Stable(i32),
}

pub(super) struct Group {
    topics: Vec<Topic>,
    partitions: i32,
    pub(super) generation: i32,
    rebalancing: bool,
    members: BTreeMap<Slot, Member>,
    last_id: u32,
}

impl Group {
    pub(super) fn new(topics: &[Topic], partitions: i32) -> Self {
        Self {
            topics: topics.to_vec(),
            partitions,
            generation: 0,
            rebalancing: false,
            members: BTreeMap::new(),
            last_id: 0,
        }
    }

    /// Joins as the instance `slot`: a known instance id takes its place over, without a
    /// rebalance if none is under way. The new member id.
    pub(super) fn join(&mut self, slot: Slot) -> u32 {
        self.last_id += 1;
        let id = self.last_id;
        if let Some(member) = self.members.get_mut(&slot) {
            (member.id, member.joined) = (id, true);
        } else {
            self.members.insert(slot, Member { id, joined: true, assigned: BTreeSet::new() });
            self.rebalance(Some(slot));
        }
        self.complete();
        id
    }

    /// The member joins the rebalance that is under way.
    pub(super) fn rejoin(&mut self, slot: Slot) {
        if let Some(member) = self.members.get_mut(&slot) {
            member.joined = true;
        }
        self.complete();
    }

    pub(super) fn standing(&self, slot: Slot, id: u32) -> Standing {
        match self.members.get(&slot) {
            None => Standing::Unknown,
            Some(member) if member.id != id => Standing::Fenced,
            Some(member) if self.rebalancing && !member.joined => Standing::ToJoin,
            Some(_) if self.rebalancing => Standing::Waiting,
            Some(_) => Standing::Stable(self.generation),
        }
    }

    /// Whether the group takes offsets of this member and generation, as TxnOffsetCommit asks it:
    /// member and generation are fenced, the ownership of partitions is not.
    pub(super) fn accepts(&self, slot: Slot, id: u32, generation: i32) -> bool {
        self.members.get(&slot).is_some_and(|it| it.id == id) && self.generation == generation
    }

    pub(super) fn assigned(&self, slot: Slot) -> BTreeSet<Partition> {
        self.members.get(&slot).map(|member| member.assigned.clone()).unwrap_or_default()
    }

    /// The session timed out. False if the slot was no member.
    pub(super) fn expel(&mut self, slot: Slot) -> bool {
        let expelled = self.members.remove(&slot).is_some();
        if expelled {
            self.rebalance(None);
            self.complete();
        }
        expelled
    }

    /// Whoever has not joined the rebalance is expelled. Whether there was one.
    pub(super) fn rebalance_timeout(&mut self) -> bool {
        let before = self.members.len();
        if self.rebalancing {
            self.members.retain(|_, member| member.joined);
            self.complete();
        }
        before != self.members.len()
    }

    /// Somebody asked for a rebalance: new subscription, more partitions, an operator.
    pub(super) fn disturb(&mut self) {
        if !self.rebalancing {
            self.rebalance(None);
        }
    }

    fn rebalance(&mut self, joined: Option<Slot>) {
        if self.rebalancing {
            return;
        }
        self.rebalancing = true;
        for (slot, member) in &mut self.members {
            member.joined = Some(*slot) == joined;
        }
    }

    fn complete(&mut self) {
        if self.rebalancing && self.members.values().all(|member| member.joined) {
            self.rebalancing = false;
            self.generation += 1;
            self.assign();
        }
    }

    /// The range assignor, turned by the generation so that partitions move.
    fn assign(&mut self) {
        let count = self.members.len().max(1);
        let turn = usize::try_from(self.generation).unwrap();
        for (index, member) in self.members.values_mut().enumerate() {
            let (topics, partitions) = (&self.topics, 0..self.partitions);
            let ours = |number: &i32| (usize::try_from(*number).unwrap() + turn) % count == index;
            member.assigned = partitions
                .filter(ours)
                .flat_map(|number| topics.iter().map(move |topic| (*topic, number)))
                .collect();
        }
    }
}
