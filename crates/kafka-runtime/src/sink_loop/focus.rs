//! Reading one partition at a time while there is more than a batch holds.
//!
//! A batch of all partitions gives each shard of the sink a share, and a sink makes a block of each share. So when a
//! batch was full the next one is of one partition alone, and so on in turn, until one is not full.

use std::collections::BTreeSet;

use super::SinkLoop;
use crate::{
    error::LogError,
    log::{Log, Partition},
    sink::Sink,
};

/// Which partition is read alone.
#[derive(Debug, Default)]
pub(super) struct Focus {
    on: Option<Partition>,
    /// The last one that was.
    last: Option<Partition>,
    /// The last batch was full.
    pub(super) was_filled: bool,
}

impl Focus {
    /// The partition to read alone, of these that may be read and of which more is known to wait.
    fn next(&self, waiting: &BTreeSet<Partition>) -> Option<Partition> {
        if !self.was_filled || waiting.len() < 2 {
            return None;
        }
        let behind = waiting.iter().find(|partition| Some(**partition) > self.last);
        behind.or_else(|| waiting.first()).copied()
    }

    /// Whatever the log holds, it is not for this any more.
    pub(super) fn forget(&mut self) {
        self.on = None;
        self.was_filled = false;
    }
}

impl<L: Log, S: Sink> SinkLoop<'_, L, S> {
    /// Makes the log read one partition alone, or all again.
    pub(super) fn focus(&mut self) -> Result<(), LogError> {
        let may_be_read = |partition: &Partition| !self.orders.holds(*partition);
        let readable: BTreeSet<Partition> =
            self.lanes.keys().copied().filter(may_be_read).collect();
        let any_careful = self.lanes.values().any(|lane| lane.care.is_careful());
        let lag = self.log.lag();
        let waits = |(_, number): &Partition| {
            lag.iter().all(|(partition, records)| partition != number || *records > 0)
        };
        let waiting: BTreeSet<Partition> = readable.iter().copied().filter(waits).collect();
        let next = if any_careful { None } else { self.focus.next(&waiting) };
        if next == self.focus.on {
            return Ok(());
        }
        self.focus.on = next;
        let Some(alone) = next else { return self.orders.hold_again(&mut self.log) };
        self.focus.last = next;
        let mut held: BTreeSet<Partition> = self.lanes.keys().copied().collect();
        held.remove(&alone);
        self.log.hold(&held)
    }
}

#[cfg(test)]
mod tests {
    use topology::Topic;

    use super::*;

    fn partitions(numbers: &[i32]) -> BTreeSet<Partition> {
        numbers.iter().map(|number| (Topic::StitchedEvents, *number)).collect()
    }

    #[test]
    fn one_partition_after_the_other_is_read_alone_as_long_as_batches_are_full() {
        let mut focus = Focus { was_filled: true, ..Focus::default() };
        let mut turns = Vec::new();
        for waiting in [&[0, 1, 3][..], &[0, 1, 3], &[0, 1, 3], &[0, 1, 3], &[0, 3], &[0, 1]] {
            let next = focus.next(&partitions(waiting)).unwrap();
            focus.last = Some(next);
            turns.push(next.1);
        }
        assert_eq!(turns, [0, 1, 3, 0, 3, 0]);
        assert_eq!(focus.next(&partitions(&[2])), None, "it is alone anyway");
        focus.was_filled = false;
        assert_eq!(focus.next(&partitions(&[0, 1])), None, "all has come");
    }
}
