//! A broker in memory: partitions with transactions, and the coordinator of each transactional id.
//!
//! It speaks what librdkafka speaks, transactions v1: a producer registers a partition before its
//! first record, an EndTxn ends whatever is open under its epoch, and the markers of one
//! transaction reach the partitions one after the other.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    log::{Commit, Partition},
    record::Outgoing,
};

/// A transactional id; the producers of the input have numbers beyond the slots.
pub(super) type Slot = u8;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// Its transaction is open, or its marker is still on its way.
    Open,
    Committed,
    Aborted,
    /// A control record: it has an offset, and nobody reads it.
    Marker,
}

pub(super) struct Entry {
    pub(super) record: Option<Outgoing>,
    pub(super) state: State,
    slot: Slot,
}

/// What a transaction has done so far.
#[derive(Debug, Default)]
pub(super) struct Transaction {
    pub(super) records: Vec<(Partition, i64)>,
    pub(super) offsets: Vec<Commit>,
    partitions: BTreeSet<Partition>,
}

/// What is left to be written of a transaction that is decided.
#[derive(Debug)]
struct Ending {
    commit: bool,
    partitions: Vec<Partition>,
    offsets: Vec<Commit>,
}

#[derive(Default)]
struct Coordinator {
    epoch: u32,
    open: Option<Transaction>,
    ending: Option<Ending>,
    /// How the last transaction ended: a repeated EndTxn of that kind is answered again.
    last: Option<bool>,
}

/// Why the broker refuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refused {
    /// A newer producer has the transactional id, or the transaction timed out.
    Fenced,
    /// Nothing of the kind is open.
    NotOpen,
}

/// Which markers come at once; the others come later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Markers {
    All,
    OnlyOffsets,
    OnlyPartitions,
}

#[derive(Default)]
pub(super) struct Broker {
    logs: BTreeMap<Partition, Vec<Entry>>,
    coordinators: BTreeMap<Slot, Coordinator>,
    committed: BTreeMap<Partition, Commit>,
}

fn offset_of(index: usize) -> i64 {
    i64::try_from(index).unwrap()
}

impl Broker {
    /// `migrate` gives a group its first positions.
    pub(super) fn begin_at_start(&mut self, partition: Partition) {
        self.committed.insert(partition, Commit { partition, next: 0, metadata: String::new() });
    }

    pub(super) fn entries(&self, partition: Partition) -> &[Entry] {
        self.logs.get(&partition).map_or(&[], Vec::as_slice)
    }

    /// Appends without a transaction; its offset.
    pub(super) fn append(
        &mut self,
        to: Partition,
        record: Outgoing,
        slot: Slot,
        state: State,
    ) -> i64 {
        let log = self.logs.entry(to).or_default();
        log.push(Entry { record: Some(record), state, slot });
        offset_of(log.len() - 1)
    }

    /// Writes the marker that ends what `slot` has open in the partition.
    pub(super) fn mark(&mut self, partition: Partition, slot: Slot, commit: bool) {
        let log = self.logs.entry(partition).or_default();
        for entry in log.iter_mut().filter(|it| it.slot == slot && it.state == State::Open) {
            entry.state = if commit { State::Committed } else { State::Aborted };
        }
        log.push(Entry { record: None, state: State::Marker, slot });
    }

    /// The high watermark.
    pub(super) fn end(&self, partition: Partition) -> i64 {
        offset_of(self.entries(partition).len())
    }

    /// The last stable offset.
    pub(super) fn stable_end(&self, partition: Partition) -> i64 {
        let open = self.entries(partition).iter().position(|entry| entry.state == State::Open);
        open.map_or_else(|| self.end(partition), offset_of)
    }

    /// The first record at or after `from` that a committed read gives; without `stable`, also
    /// what is not decided.
    pub(super) fn read(
        &self,
        partition: Partition,
        from: i64,
        stable: bool,
    ) -> Option<(i64, &Outgoing)> {
        let end = if stable { self.stable_end(partition) } else { self.end(partition) };
        let entries = self.entries(partition).iter().enumerate();
        let readable =
            |state: State| state == State::Committed || (!stable && state == State::Open);
        entries
            .map(|(index, entry)| (offset_of(index), entry))
            .filter(|(offset, entry)| (from..end).contains(offset) && readable(entry.state))
            .find_map(|(offset, entry)| Some((offset, entry.record.as_ref()?)))
    }

    /// The committed offset; `None` while a transaction has one pending.
    pub(super) fn committed(&self, partition: Partition) -> Option<Commit> {
        let holds = |offsets: &[Commit]| offsets.iter().any(|it| it.partition == partition);
        let pending = self.coordinators.values().any(|it| {
            it.open.as_ref().is_some_and(|open| holds(&open.offsets))
                || it.ending.as_ref().is_some_and(|ending| ending.commit && holds(&ending.offsets))
        });
        if pending { None } else { self.last_committed(partition) }
    }

    /// The committed offset, whatever is pending.
    pub(super) fn last_committed(&self, partition: Partition) -> Option<Commit> {
        self.committed.get(&partition).cloned()
    }

    /// `init_transactions`: ends what is open and fences whoever had the id; the new epoch.
    pub(super) fn init(&mut self, slot: Slot, fence: bool) -> u32 {
        self.end_open(slot, false, Markers::All);
        self.finish(slot);
        let coordinator = self.coordinators.entry(slot).or_default();
        coordinator.epoch += u32::from(fence);
        coordinator.last = None;
        coordinator.epoch
    }

    /// The transaction took too long. False if none was open.
    pub(super) fn time_out(&mut self, slot: Slot) -> bool {
        let timed_out = self.end_open(slot, false, Markers::All).is_some();
        if timed_out {
            self.coordinators.entry(slot).or_default().epoch += 1;
        }
        timed_out
    }

    fn current(&mut self, slot: Slot, epoch: u32) -> Result<&mut Coordinator, Refused> {
        let coordinator = self.coordinators.entry(slot).or_default();
        if coordinator.epoch == epoch { Ok(coordinator) } else { Err(Refused::Fenced) }
    }

    /// Appends a record of a transaction; `register` with the first one to a partition. The
    /// broker verifies that the partition belongs to an open transaction.
    pub(super) fn produce(
        &mut self,
        (slot, epoch): (Slot, u32),
        to: Partition,
        record: Outgoing,
        register: bool,
    ) -> Result<i64, Refused> {
        self.current(slot, epoch)?;
        if register {
            self.finish(slot);
            let open = self.current(slot, epoch)?.open.get_or_insert_default();
            open.partitions.insert(to);
        }
        let open = self.current(slot, epoch)?.open.as_ref();
        if !open.is_some_and(|open| open.partitions.contains(&to)) {
            return Err(Refused::NotOpen);
        }
        let offset = self.append(to, record, slot, State::Open);
        let open = self.current(slot, epoch)?.open.as_mut();
        open.ok_or(Refused::NotOpen)?.records.push((to, offset));
        Ok(offset)
    }

    /// Adds offsets to the transaction; begins one if none is open, as AddOffsetsToTxn does.
    pub(super) fn add_offsets(
        &mut self,
        (slot, epoch): (Slot, u32),
        offsets: &[Commit],
    ) -> Result<(), Refused> {
        self.current(slot, epoch)?;
        self.finish(slot);
        let open = self.current(slot, epoch)?.open.get_or_insert_default();
        open.offsets.extend_from_slice(offsets);
        Ok(())
    }

    /// An EndTxn that arrives. What it committed, if it ended something with a commit.
    pub(super) fn end_txn(
        &mut self,
        (slot, epoch): (Slot, u32),
        commit: bool,
        markers: Markers,
    ) -> Result<Option<Transaction>, Refused> {
        let coordinator = self.current(slot, epoch)?;
        if coordinator.open.is_none() {
            let again = coordinator.last == Some(commit);
            return if again { Ok(None) } else { Err(Refused::NotOpen) };
        }
        Ok(self.end_open(slot, commit, markers).filter(|_| commit))
    }

    fn end_open(&mut self, slot: Slot, commit: bool, markers: Markers) -> Option<Transaction> {
        let coordinator = self.coordinators.entry(slot).or_default();
        let open = coordinator.open.take()?;
        coordinator.last = Some(commit);
        coordinator.ending = Some(Ending {
            commit,
            partitions: open.partitions.iter().copied().collect(),
            offsets: open.offsets.clone(),
        });
        if markers != Markers::OnlyPartitions {
            self.mark_offsets(slot);
        }
        if markers != Markers::OnlyOffsets {
            self.mark_partitions(slot);
        }
        Some(open)
    }

    pub(super) fn is_open(&self, slot: Slot) -> bool {
        self.coordinators.get(&slot).is_some_and(|it| it.open.is_some())
    }

    /// Writes the markers that are still on their way.
    pub(super) fn finish(&mut self, slot: Slot) {
        self.mark_offsets(slot);
        self.mark_partitions(slot);
    }

    fn mark_offsets(&mut self, slot: Slot) {
        let ending = self.coordinators.get_mut(&slot).and_then(|it| it.ending.as_mut());
        let Some(ending) = ending else { return };
        let offsets = std::mem::take(&mut ending.offsets);
        for commit in offsets.into_iter().filter(|_| ending.commit) {
            self.committed.insert(commit.partition, commit);
        }
    }

    fn mark_partitions(&mut self, slot: Slot) {
        let ending = self.coordinators.get_mut(&slot).and_then(|it| it.ending.as_mut());
        let Some(ending) = ending else { return };
        let commit = ending.commit;
        for partition in std::mem::take(&mut ending.partitions) {
            self.mark(partition, slot, commit);
        }
    }
}
