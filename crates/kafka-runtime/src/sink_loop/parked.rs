//! A shard that is away holds up its own partitions, and no others.
//!
//! They are set aside as they stand, intents and all, and taken up anew after a while like those of a
//! process that comes back: what is in doubt is settled before anything else. What the log brings of
//! them meanwhile is dropped; it comes again.

use std::{collections::BTreeSet, time::Duration};

use pipeline::Halt;
use telemetry::AbortCause;

use super::SinkLoop;
use crate::{
    batch::partition_of,
    error::Failed,
    log::{Log, Partition},
    sink::{Sink, shard_of},
};

/// How long before a shard that was away is asked again.
const AWAY_FOR: Duration = Duration::from_secs(5);

impl<L: Log, S: Sink> SinkLoop<'_, L, S> {
    /// What a halt of one shard means: of the only one it is one of the sink.
    pub(super) fn of_shard(&self, halt: Halt) -> Failed {
        if self.parts.sink.shards() > 1 { Failed::Shard(halt) } else { Failed::Halt(halt) }
    }

    /// Sets the partitions of this one's shard aside.
    pub(super) fn park(&mut self, partition: Partition, halt: &Halt) {
        let shards = self.parts.sink.shards();
        let shard = |(_, number): Partition| shard_of(number, shards);
        let same = |other| shard(other) == shard(partition);
        let mut parked = BTreeSet::from([partition]);
        for (other, lane) in self.lanes.iter_mut().filter(|(other, _)| same(**other)) {
            // To wait is no attempt.
            lane.take_back();
            parked.insert(*other);
        }
        self.ahead.retain(|record| !parked.contains(&partition_of(record)));
        self.parts.metrics.aborted(AbortCause::Halt);
        self.orders.park(parked, halt, self.log.clock() + AWAY_FOR);
    }
}
