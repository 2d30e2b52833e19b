//! Reading the partitions of one INSERT at a time while there is more than a batch holds.
//!
//! A batch of all partitions gives each place a share, and an INSERT of each share. So when a batch was full
//! the next one is of one place alone, and so on in turn, until one is not full. Where all partitions go
//! together anyway, all are read.

use std::collections::BTreeSet;

use super::{SinkLoop, bundle::Place};
use crate::{
    error::LogError,
    log::{Log, Partition},
    sink::Sink,
};

/// Which place's partitions are read alone.
#[derive(Debug, Default)]
pub(super) struct Focus {
    on: Option<Place>,
    /// The last one that was.
    last: Option<Place>,
    /// The last batch was full.
    pub(super) was_filled: bool,
}

impl Focus {
    /// The place to read for alone, of these for which something may be read and more is known to wait.
    fn next(&self, waiting: &BTreeSet<Place>) -> Option<Place> {
        if !self.was_filled || waiting.len() < 2 {
            return None;
        }
        let behind = waiting.iter().find(|place| Some(**place) > self.last);
        behind.or_else(|| waiting.first()).copied()
    }

    /// Whatever the log holds, it is not for this any more.
    pub(super) fn forget(&mut self) {
        self.on = None;
        self.was_filled = false;
    }
}

impl<L: Log, S: Sink> SinkLoop<'_, L, S> {
    /// Makes the log read the partitions of one place alone, or all again.
    pub(super) fn focus(&mut self) -> Result<(), LogError> {
        let shards = self.parts.sink.shards();
        let place = |partition: Partition| Place::of(partition, shards);
        let lag = self.log.lag();
        let waits = |(_, number): &Partition| {
            lag.iter().all(|(partition, records)| partition != number || *records > 0)
        };
        let readable = self.lanes.keys().filter(|partition| !self.orders.holds(**partition));
        let waiting = readable.filter(|partition| waits(partition)).map(|it| place(*it)).collect();
        let any_careful = self.lanes.values().any(|lane| lane.care.is_careful());
        let next = if any_careful { None } else { self.focus.next(&waiting) };
        if next == self.focus.on {
            return Ok(());
        }
        self.focus.on = next;
        let Some(alone) = next else { return self.orders.hold_again(&mut self.log) };
        self.focus.last = next;
        let is_held =
            |partition: &Partition| place(*partition) != alone || self.orders.holds(*partition);
        let held: BTreeSet<Partition> = self.lanes.keys().copied().filter(is_held).collect();
        self.log.hold(&held)
    }
}

#[cfg(test)]
mod tests {
    use topology::Topic;

    use super::*;

    fn places(shards: u32, partitions: &[i32]) -> BTreeSet<Place> {
        let partitions = partitions.iter().map(|number| (Topic::StitchedEvents, *number));
        partitions.map(|partition| Place::of(partition, shards)).collect()
    }

    #[test]
    fn one_shard_after_the_other_is_read_for_alone_as_long_as_batches_are_full() {
        let mut focus = Focus { was_filled: true, ..Focus::default() };
        let mut turns = Vec::new();
        for waiting in [&[0, 1, 3, 4][..], &[0, 1, 7], &[0, 5, 3], &[4, 1, 3], &[0, 3], &[0, 1]] {
            let next = focus.next(&places(4, waiting)).unwrap();
            focus.last = Some(next);
            turns.push(next.shard);
        }
        assert_eq!(turns, [0, 1, 3, 0, 3, 0]);
        assert_eq!(focus.next(&places(4, &[2, 6])), None, "it is alone anyway");
        assert_eq!(focus.next(&places(1, &[0, 1, 2])), None, "all go together");
        focus.was_filled = false;
        assert_eq!(focus.next(&places(4, &[0, 1])), None, "all has come");
    }
}
