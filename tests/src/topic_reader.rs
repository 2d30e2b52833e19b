//! Reading topics to their ends as of now.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use anyhow::ensure;
use kafka_runtime::{KafkaConfig, Position, Record, Scanner};
use topology::Topic;

const READ_WITHIN: Duration = Duration::from_mins(2);
const POLL: Duration = Duration::from_millis(50);

/// Next offset by topic and partition.
pub(crate) type Offsets = BTreeMap<(Topic, i32), i64>;

/// Calls `each` with everything committed in these topics from `next` on (a partition that is not
/// in it: from its start), up to their ends as of now, to which `next` is moved.
pub(crate) fn read_on(
    kafka: &KafkaConfig,
    topics: &[Topic],
    next: &mut Offsets,
    mut each: impl FnMut(Record),
) -> anyhow::Result<()> {
    let mut scanner = Scanner::new(kafka, "waybill-tests")?;
    let mut starts = Vec::new();
    let mut ends = Offsets::new();
    for topic in topics {
        for bounds in scanner.bounds(*topic)? {
            let partition = (*topic, bounds.partition);
            let offset = next.get(&partition).copied().unwrap_or_default().max(bounds.start);
            if offset < bounds.stable_end {
                starts.push(Position { topic: *topic, partition: bounds.partition, offset });
                ends.insert(partition, bounds.stable_end);
            }
        }
    }
    if starts.is_empty() {
        return Ok(());
    }
    scanner.assign(&starts)?;
    let begun = Instant::now();
    let end = |at: &Position| ends.get(&(at.topic, at.partition)).copied().unwrap_or_default();
    loop {
        ensure!(begun.elapsed() < READ_WITHIN, "reading {topics:?} to its end takes too long");
        if let Some(record) = scanner.poll(POLL)? {
            // What came after the ends were asked for is for the next time.
            if record.position.offset < end(&record.position) {
                each(record);
            }
            continue;
        }
        if scanner.positions()?.iter().all(|at| at.offset >= end(at)) {
            next.extend(ends);
            return Ok(());
        }
    }
}
