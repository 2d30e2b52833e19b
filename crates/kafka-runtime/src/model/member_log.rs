//! One process's consumer and transactional producer: the model's [`Log`].
//!
//! Every call begins by waiting for its turn, so that anything can happen before it.

use std::{
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
    time::{Duration, Instant},
};

use pipeline::Halt;

use super::{
    broker::{Markers, Refused},
    consumer::{Consumer, Served},
    mutant::Mutant,
    world::{EndTxn, Happened, Seat, Trouble, World, written_to},
};
use crate::{
    error::LogError,
    log::{Commit, Extent, Log, Partition, Polled},
    processor::Changelog,
    record::{Outgoing, Position, Record},
};

/// How many turns a client waits for transactions of others to end.
const PENDING_TURNS: u32 = 6;

#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub(super) struct MemberLog {
    seat: Rc<Seat>,
    epoch: u32,
    consumer: Consumer,
    /// Member id and generation of the transaction.
    metadata: Option<(u32, i32)>,
    registered: BTreeSet<Partition>,
    /// An assignment was told.
    taken_up: bool,
    /// A transaction has begun.
    open: bool,
    offsets_sent: bool,
    tracked: Vec<Position>,
    failed: bool,
}

impl MemberLog {
    pub(super) fn open(seat: &Rc<Seat>) -> Self {
        let mut world = seat.step();
        let fence = !world.is(Mutant::OpensWithoutFencing);
        let epoch = world.broker.init(seat.slot, fence);
        drop(world);
        Self {
            consumer: Consumer::new(seat.slot),
            seat: seat.clone(),
            epoch,
            metadata: None,
            registered: BTreeSet::new(),
            taken_up: false,
            open: false,
            offsets_sent: false,
            tracked: Vec::new(),
            failed: false,
        }
    }

    fn producer(&self) -> (u8, u32) {
        (self.seat.slot, self.epoch)
    }

    /// Polls until the consumer does not have to wait for pending offsets.
    fn served(&mut self, timeout: Duration) -> Result<Polled, LogError> {
        for _ in 0..PENDING_TURNS {
            let mut world = self.seat.step();
            trouble_of_a_poll(&mut world, self.seat.slot)?;
            match self.consumer.poll(&mut world) {
                Served::Pending => world.happened(Happened::WaitedForPending),
                Served::Fenced => return Err(LogError::SlotTaken("instance id".to_owned())),
                Served::Polled(Polled::Nothing) => {
                    world.idle(timeout);
                    return Ok(Polled::Nothing);
                }
                Served::Polled(polled) => {
                    if matches!(polled, Polled::Revoked(_)) {
                        world.happened(Happened::Rebalance);
                    }
                    return Ok(polled);
                }
            }
        }
        self.seat.step().happened(Happened::PendingTimeout);
        Err(LogError::Rebuild("committed offsets: timed out".to_owned()))
    }

    /// Ends the transaction by an EndTxn that may meet trouble.
    fn end(&mut self, commit: bool) -> Result<(), LogError> {
        let producer = self.producer();
        let mut world = self.seat.step();
        let met = world.meets(self.seat.slot, |it| match it {
            Trouble::EndTxn(how) => Some(how),
            _ => None,
        });
        let lost = || LogError::Rebuild("EndTxn: transport".to_owned());
        let markers = match met {
            Some(EndTxn::Delayed) => {
                world.happened(Happened::DelayedEndTxn);
                world.on_the_way.push((producer, commit));
                return Err(lost());
            }
            Some(EndTxn::Slow(markers)) => {
                world.happened(Happened::SlowMarkers);
                markers
            }
            _ => Markers::All,
        };
        let ended = world.end_txn(producer, commit, markers).map_err(refused);
        match met {
            Some(EndTxn::ReplyLost) => {
                world.happened(Happened::LostReply);
                return Err(lost());
            }
            Some(EndTxn::Repeated) if ended.is_ok() => {
                world.happened(Happened::RepeatedEndTxn);
                world.on_the_way.push((producer, commit));
                if !world.is(Mutant::KeepsProducer) {
                    return Err(lost());
                }
            }
            _ => {}
        }
        drop(world);
        // It may die here, with the transaction ended and nobody told.
        self.seat.wait();
        ended
    }

    fn add_offsets(&mut self, offsets: &[Commit]) -> Result<(), LogError> {
        let mut world = self.seat.step();
        let (member, generation) =
            self.metadata.ok_or_else(|| LogError::Abort("not a member of the group".to_owned()))?;
        if !world.group.accepts(self.seat.slot, member, generation) {
            world.happened(Happened::GenerationRefused);
            return Err(LogError::Abort("ILLEGAL_GENERATION".to_owned()));
        }
        world.broker.add_offsets(self.producer(), offsets).map_err(refused)?;
        self.offsets_sent = true;
        Ok(())
    }

    fn altered(&self, offsets: &[Commit]) -> Vec<Commit> {
        let world = super::world::locked(&self.seat.world);
        let mut offsets = offsets.to_vec();
        for commit in &mut offsets {
            if world.is(Mutant::CommitsFetchPosition) {
                commit.next = world.broker.stable_end(commit.partition);
            }
            if world.is(Mutant::CommitsNoIntent) {
                commit.metadata.clear();
            }
        }
        offsets
    }

    fn is(&self, mutant: Mutant) -> bool {
        super::world::locked(&self.seat.world).is(mutant)
    }
}

fn trouble_of_a_poll(world: &mut World, slot: u8) -> Result<(), LogError> {
    if world.meets_one(slot, Trouble::PollHalts, Happened::HaltedPoll) {
        return Err(LogError::Halt(Halt::new("topics", "a topic is missing")));
    }
    if world.meets(slot, |it| (it == Trouble::PollFatal).then_some(())).is_some() {
        return Err(LogError::Rebuild("fatal".to_owned()));
    }
    Ok(())
}

fn refused(refused: Refused) -> LogError {
    match refused {
        Refused::Fenced => LogError::SlotTaken("PRODUCER_FENCED".to_owned()),
        Refused::NotOpen => LogError::Rebuild("INVALID_TXN_STATE".to_owned()),
    }
}

impl Log for MemberLog {
    fn poll(&mut self, timeout: Duration) -> Result<Polled, LogError> {
        let mut polled = self.served(timeout)?;
        if self.is(Mutant::IgnoresRebalances) {
            while self.taken_up && matches!(polled, Polled::Revoked(_) | Polled::Assigned(_)) {
                polled = self.served(timeout)?;
            }
            self.taken_up |= matches!(polled, Polled::Assigned(_));
        }
        Ok(polled)
    }

    fn assignment(&mut self) -> Result<BTreeSet<Partition>, LogError> {
        let mut world = self.seat.step();
        if world.is(Mutant::IgnoresRebalances) {
            return Ok(world.inputs().into_iter().collect());
        }
        let heard = Trouble::Heartbeat;
        let heard = world.meets(self.seat.slot, |it| (it == heard).then_some(())).is_some();
        if heard && self.consumer.is_lost(&world) {
            world.happened(Happened::LearntOfLoss);
            return Ok(BTreeSet::new());
        }
        Ok(self.consumer.owned())
    }

    fn begin(&mut self) -> Result<(), LogError> {
        let world = self.seat.step();
        if !(world.is(Mutant::KeepsGroupMetadata) && self.metadata.is_some()) {
            self.metadata = self.consumer.metadata();
        }
        drop(world);
        self.consumer.batch_ended();
        self.registered.clear();
        self.tracked.clear();
        (self.open, self.offsets_sent, self.failed) = (true, false, false);
        Ok(())
    }

    fn send(&mut self, record: &Outgoing, tracked: bool) -> Result<(), LogError> {
        let mut world = self.seat.step();
        let to = written_to(record);
        let met = world.meets(self.seat.slot, |it| match it {
            Trouble::Unacknowledged { arrives } => Some(arrives),
            _ => None,
        });
        if met.is_some() {
            world.happened(Happened::Unacknowledged);
            self.failed = true;
        }
        if met == Some(false) {
            return Ok(());
        }
        let register = self.registered.insert(to);
        match world.broker.produce(self.producer(), to, record.clone(), register) {
            Ok(offset) if tracked => {
                self.tracked.push(Position { topic: to.0, partition: to.1, offset });
            }
            Ok(_) => {}
            Err(_) => self.failed = true,
        }
        Ok(())
    }

    fn drain(&mut self) -> Result<Vec<Position>, LogError> {
        self.seat.wait();
        if self.is(Mutant::PollsInTransaction) {
            let all = self.consumer.owned();
            let held = std::mem::replace(&mut self.consumer.held, all);
            for _ in 0..3 {
                self.served(Duration::ZERO)?;
            }
            self.consumer.held = held;
            self.metadata = self.consumer.metadata();
        }
        if self.failed {
            return Err(LogError::Abort("delivery: message timed out".to_owned()));
        }
        Ok(std::mem::take(&mut self.tracked))
    }

    fn commit(&mut self, offsets: &[Commit]) -> Result<(), LogError> {
        self.add_offsets(&self.altered(offsets))?;
        self.end(true)?;
        self.open = false;
        Ok(())
    }

    fn abort(&mut self) -> Result<(), LogError> {
        if !std::mem::take(&mut self.open) {
            return Ok(());
        }
        self.seat.step().happened(Happened::Aborted);
        // The client ends no transaction that the broker has not heard of.
        if self.registered.is_empty() && !self.offsets_sent {
            return Ok(());
        }
        self.end(false)
    }

    fn rewind(&mut self) -> Result<Vec<Commit>, LogError> {
        for _ in 0..PENDING_TURNS {
            let mut world = self.seat.step();
            if let Some(found) = self.consumer.rewind(&world) {
                return Ok(found);
            }
            world.happened(Happened::WaitedForPending);
        }
        self.seat.step().happened(Happened::PendingTimeout);
        Err(LogError::Rebuild("committed offsets: timed out".to_owned()))
    }

    fn hold(&mut self, held: &BTreeSet<Partition>) -> Result<(), LogError> {
        let mut world = self.seat.step();
        if !held.is_empty() {
            world.happened(Happened::Paused);
        }
        self.consumer.held.clone_from(held);
        Ok(())
    }

    fn extents(
        &mut self,
        of: &BTreeSet<Partition>,
    ) -> Result<BTreeMap<Partition, Extent>, LogError> {
        let world = self.seat.step();
        let extent = |it: &Partition| (*it, Extent { start: 0, end: world.broker.stable_end(*it) });
        Ok(of.iter().map(extent).collect())
    }

    fn trouble(&self) -> Option<String> {
        None
    }

    fn lag(&self) -> Vec<(i32, i64)> {
        Vec::new()
    }

    fn changelog(&mut self) -> &mut dyn Changelog {
        self
    }

    fn clock(&self) -> Instant {
        super::world::locked(&self.seat.world).now()
    }
}

impl Changelog for MemberLog {
    /// Waits until every transaction below the end is decided: an offset may be committed by a
    /// transaction whose marker in the changelog is still on its way.
    fn replay(
        &mut self,
        from: Position,
        each: &mut dyn FnMut(Record) -> Result<(), Halt>,
    ) -> Result<i64, Halt> {
        let partition = (from.topic, from.partition);
        let end = self.seat.step().broker.end(partition);
        for _ in 0..PENDING_TURNS {
            let mut world = self.seat.step();
            if world.broker.stable_end(partition) < end && !world.is(Mutant::RestoresToLastStable) {
                world.happened(Happened::RestoreWaited);
                continue;
            }
            let end = world.broker.stable_end(partition);
            let mut next = from.offset;
            while let Some((offset, record)) = world.broker.read(partition, next, true) {
                each(super::consumer::record_of(partition, offset, record))?;
                next = offset + 1;
            }
            return Ok(end.max(from.offset));
        }
        Err(Halt::new("broker", "the changelog does not become stable"))
    }
}
