//! A consumer group of the classic protocol: generations, static members, range assignment, which
//! is either taken back as a whole first (eager) or in what changes (cooperative).

use std::collections::{BTreeMap, BTreeSet};

use topology::Topic;

use super::broker::Slot;
use crate::log::Partition;

struct Member {
    id: u32,
    /// It has joined the rebalance that is under way.
    joined: bool,
    /// What it said that it has when it joined.
    owned: BTreeSet<Partition>,
    assigned: BTreeSet<Partition>,
}

/// How partitions move.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Assignor {
    /// Every member gives everything back before it joins.
    Eager,
    /// A member keeps what it has, and gives back what is meant for another afterwards.
    Cooperative,
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
    pub(super) assignor: Assignor,
    /// Turns the assignment, so that partitions move.
    turn: usize,
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
            assignor: Assignor::Eager,
            turn: 0,
        }
    }

    /// Joins as the instance `slot`: a known instance id takes its place over, without a
    /// rebalance if that is eager and none is under way. The new member id.
    pub(super) fn join(&mut self, slot: Slot) -> u32 {
        self.last_id += 1;
        let id = self.last_id;
        if let Some(member) = self.members.get_mut(&slot) {
            (member.id, member.joined) = (id, true);
            member.owned.clear();
            if self.assignor == Assignor::Cooperative {
                // The one before may have died with partitions that it was about to give back.
                self.rebalance(Some(slot));
            }
        } else {
            let (owned, assigned) = (BTreeSet::new(), BTreeSet::new());
            self.members.insert(slot, Member { id, joined: true, owned, assigned });
            self.turn += 1;
            self.rebalance(Some(slot));
        }
        self.complete();
        id
    }

    /// The member joins the rebalance that is under way.
    pub(super) fn rejoin(&mut self, slot: Slot, owned: BTreeSet<Partition>) {
        if let Some(member) = self.members.get_mut(&slot) {
            (member.joined, member.owned) = (true, owned);
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
            self.turn += 1;
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
        self.turn += 1;
        self.rebalance(None);
    }

    /// A member has given partitions back: they are to be assigned.
    pub(super) fn given_back(&mut self) {
        self.rebalance(None);
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

    /// The range assignor; nobody gets what another still has.
    fn assign(&mut self) {
        let owned: Vec<(Slot, Partition)> = self
            .members
            .iter()
            .flat_map(|(slot, member)| member.owned.iter().map(|it| (*slot, *it)))
            .collect();
        let count = self.members.len().max(1);
        for (index, (slot, member)) in self.members.iter_mut().enumerate() {
            let (topics, turn) = (&self.topics, self.turn);
            let ours = |number: &i32| (usize::try_from(*number).unwrap() + turn) % count == index;
            let is_free = |it: &Partition| !owned.iter().any(|(by, at)| at == it && by != slot);
            member.assigned = (0..self.partitions)
                .filter(ours)
                .flat_map(|number| topics.iter().map(move |topic| (*topic, number)))
                .filter(is_free)
                .collect();
        }
    }
}
