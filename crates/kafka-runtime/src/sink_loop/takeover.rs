//! Taking partitions up: every intent found there is settled before anything else.

use pipeline::Halt;

use super::SinkLoop;
use crate::{
    batch::partition_of,
    care::Care,
    error::{Failed, LogError},
    lane::{Lane, intent_range},
    log::{Log, Partition, Polled},
    metadata::{Intent, Metadata},
    patience::IDLE_POLL,
    record::Record,
    sink::Sink,
};

impl<L: Log, S: Sink> SinkLoop<'_, L, S> {
    /// Takes up the partitions that are ours at their committed offsets and settles every intent
    /// found there.
    pub(super) fn take_lanes(&mut self) -> Result<(), Failed> {
        self.ahead.clear();
        self.lanes.clear();
        self.orders.forget_holds();
        self.focus.forget();
        let ours = self.log.assignment()?;
        let extents = self.log.extents(&ours)?;
        let mut committed = self.log.rewind()?;
        let onwards = self.orders.notice_expired(&committed, &extents);
        if !onwards.is_empty() {
            self.log.begin()?;
            self.log.commit(&onwards)?;
            committed = self.log.rewind()?;
        }
        self.obey()?;
        let mut doubts = Vec::new();
        for commit in committed {
            let found = Metadata::parse(&commit.metadata)
                .map_err(|detail| Halt::new("position", detail))?;
            let end = extents.get(&commit.partition).map_or(commit.next, |extent| extent.end);
            let care =
                Care::new(self.parts.process, commit.next, found, end, self.parts.limits.records);
            self.lanes.insert(commit.partition, Lane::new(commit.next, found.intent, care));
            if !self.orders.holds(commit.partition) {
                doubts.extend(found.intent.map(|intent| (commit.partition, intent)));
            }
        }
        self.stale = false;
        self.taken_at = self.log.clock();
        for (partition, intent) in doubts {
            if self.orders.is_parked(partition) {
                continue;
            }
            tracing::info!(sink = self.parts.name, ?partition, %intent, "settling an intent");
            match self.settle_doubt(partition, intent) {
                Err(Failed::Shard(halt)) => self.park(partition, &halt),
                settled => {
                    if !settled? {
                        self.stale = true;
                        return Ok(());
                    }
                }
            }
        }
        self.heard = self.log.clock();
        self.orders.show(None);
        Ok(())
    }

    /// Settles the range that was in doubt. False if the assignment changed meanwhile.
    fn settle_doubt(&mut self, partition: Partition, intent: Intent) -> Result<bool, Failed> {
        let Some(records) = self.read_range(partition, intent.end)? else { return Ok(false) };
        let start = self.lanes.get(&partition).map_or(0, |lane| lane.start);
        let range = intent_range(partition, start, intent);
        self.settle(&range)?;
        let present = self.parts.sink.present(&range);
        let present = present.map_err(|halt| self.of_shard(halt))?;
        let load = self.map_range(range, &records, &present)?;
        self.load_in_doubt(load, &records, None)?;
        Ok(true)
    }

    /// Polls until the range's last record came; what else comes is kept for later. `None` if the
    /// assignment changed meanwhile.
    fn read_range(&mut self, of: Partition, end: i64) -> Result<Option<Vec<Record>>, LogError> {
        let mut found = Vec::new();
        let kept: Vec<Record> = self.ahead.drain(..).collect();
        for record in kept {
            self.sort_out(record, of, end, &mut found);
        }
        while found.last().is_none_or(|last: &Record| last.position.offset < end) {
            if self.parts.shutdown.is_requested() {
                return Ok(None);
            }
            match self.log.poll(IDLE_POLL)? {
                Polled::Record(record) => self.sort_out(record, of, end, &mut found),
                Polled::Nothing => self.orders.show(self.log.trouble()),
                Polled::Assigned(_) | Polled::Revoked(_) | Polled::OutOfRange => return Ok(None),
            }
        }
        Ok(Some(found))
    }

    fn sort_out(&mut self, record: Record, of: Partition, end: i64, found: &mut Vec<Record>) {
        let partition = partition_of(&record);
        if partition == of && record.position.offset <= end {
            found.push(record);
        } else if !self.orders.is_parked(partition) {
            self.ahead.push_back(record);
        }
    }
}
