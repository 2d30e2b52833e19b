//! A fake log for unit tests: it plays a script of polls and records every action in order, so
//! that "fate before offset" is an assertion on a list. It is no broker: what a broker does under
//! faults is played in `model`, and proved on a real one.

use std::{
    cell::Cell,
    collections::{BTreeMap, BTreeSet, VecDeque},
    rc::Rc,
    time::{Duration, Instant},
};

use pipeline::Halt;
use topology::Topic;

use crate::{
    error::LogError,
    log::{Commit, Extent, Log, Partition, Polled},
    processor::Changelog,
    record::{Outgoing, Position, Record, header},
};

/// One thing that the loop did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Action {
    Begin,
    Send { topic: Topic, reason: Option<String> },
    Drain,
    Commit(Vec<(Partition, i64, String)>),
    Abort,
    Rewind,
    Hold(usize),
}

#[derive(Default)]
pub(crate) struct RecordedLog {
    script: VecDeque<Polled>,
    ours: BTreeSet<Partition>,
    committed: BTreeMap<Partition, (i64, String)>,
    /// Where the log of a partition begins; 0 where nothing is said.
    pub(crate) starts: BTreeMap<Partition, i64>,
    open: bool,
    pub(crate) actions: Vec<Action>,
    /// How the next commits end, first one first; the rest end well.
    pub(crate) fail_commits: VecDeque<Option<LogError>>,
    /// How long each poll would have waited.
    pub(crate) waits: Vec<Duration>,
    /// By how much its clock is ahead.
    pub(crate) ahead: Rc<Cell<Duration>>,
}

impl RecordedLog {
    pub(crate) fn new(script: impl IntoIterator<Item = Polled>) -> Self {
        Self { script: script.into_iter().collect(), ..Self::default() }
    }

    pub(crate) fn with_committed(mut self, at: Partition, next: i64, metadata: &str) -> Self {
        self.committed.insert(at, (next, metadata.to_owned()));
        self
    }

    /// What becomes available to be polled next.
    pub(crate) fn then(&mut self, polled: impl IntoIterator<Item = Polled>) {
        self.script.extend(polled);
    }

    pub(crate) fn commits(&self) -> Vec<&Vec<(Partition, i64, String)>> {
        let commits = self.actions.iter().filter_map(|action| match action {
            Action::Commit(offsets) => Some(offsets),
            _ => None,
        });
        commits.collect()
    }
}

impl Log for RecordedLog {
    fn poll(&mut self, timeout: Duration) -> Result<Polled, LogError> {
        self.waits.push(timeout);
        let polled = self.script.pop_front().unwrap_or(Polled::Nothing);
        match &polled {
            Polled::Assigned(partitions) => self.ours.extend(partitions.iter().copied()),
            Polled::Revoked(partitions) => self.ours.retain(|it| !partitions.contains(it)),
            Polled::Record(_) | Polled::OutOfRange | Polled::Nothing => {}
        }
        Ok(polled)
    }

    fn assignment(&mut self) -> Result<BTreeSet<Partition>, LogError> {
        Ok(self.ours.clone())
    }

    fn begin(&mut self) -> Result<(), LogError> {
        self.open = true;
        self.actions.push(Action::Begin);
        Ok(())
    }

    fn send(&mut self, record: &Outgoing, _tracked: bool) -> Result<(), LogError> {
        let reason = record.headers.iter().find(|(name, _)| name == header::REASON);
        let reason = reason.and_then(|(_, value)| String::from_utf8(value.clone()?.into()).ok());
        self.actions.push(Action::Send { topic: record.topic, reason });
        Ok(())
    }

    fn drain(&mut self) -> Result<Vec<Position>, LogError> {
        self.actions.push(Action::Drain);
        Ok(Vec::new())
    }

    fn commit(&mut self, offsets: &[Commit]) -> Result<(), LogError> {
        if let Some(Some(error)) = self.fail_commits.pop_front() {
            return Err(error);
        }
        self.open = false;
        let told = |it: &Commit| (it.partition, it.next, it.metadata.clone());
        self.actions.push(Action::Commit(offsets.iter().map(told).collect()));
        for it in offsets {
            self.committed.insert(it.partition, (it.next, it.metadata.clone()));
        }
        Ok(())
    }

    fn abort(&mut self) -> Result<(), LogError> {
        if std::mem::take(&mut self.open) {
            self.actions.push(Action::Abort);
        }
        Ok(())
    }

    fn rewind(&mut self) -> Result<Vec<Commit>, LogError> {
        self.actions.push(Action::Rewind);
        let commit = |(at, (next, metadata)): (&Partition, &(i64, String))| Commit {
            partition: *at,
            next: *next,
            metadata: metadata.clone(),
        };
        Ok(self.committed.iter().filter(|(at, _)| self.ours.contains(at)).map(commit).collect())
    }

    fn hold(&mut self, held: &BTreeSet<Partition>) -> Result<(), LogError> {
        self.actions.push(Action::Hold(held.len()));
        Ok(())
    }

    fn extents(
        &mut self,
        of: &BTreeSet<Partition>,
    ) -> Result<BTreeMap<Partition, Extent>, LogError> {
        let extent = |partition: &Partition| {
            let start = self.starts.get(partition).copied().unwrap_or_default();
            (*partition, Extent { start, end: i64::MAX })
        };
        Ok(of.iter().map(extent).collect())
    }

    fn trouble(&self) -> Option<String> {
        None
    }

    fn clock(&self) -> Instant {
        Instant::now() + self.ahead.get()
    }

    fn lag(&self) -> Vec<(i32, i64)> {
        Vec::new()
    }

    fn changelog(&mut self) -> &mut dyn Changelog {
        self
    }
}

impl Changelog for RecordedLog {
    fn replay(
        &mut self,
        from: Position,
        _each: &mut dyn FnMut(Record) -> Result<(), Halt>,
    ) -> Result<i64, Halt> {
        Ok(from.offset)
    }
}

/// A record of `topic`/0 whose value is `text`.
pub(crate) fn record(topic: Topic, offset: i64, text: &str) -> Record {
    let waybill =
        event::Waybill { origin: event::Origin { epoch: 0, partition: 0, offset }, appended_at: 1 };
    Record {
        position: Position { topic, partition: 0, offset },
        timestamp: Some(1),
        key: None,
        value: Some(text.to_owned().into()),
        headers: vec![(header::WAYBILL.into(), Some(waybill.to_header().to_vec().into()))],
    }
}
