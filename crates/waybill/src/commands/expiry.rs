//! Positions that left the log before they were read.

use std::collections::BTreeMap;

use event::LostRange;
use kafka_runtime::{GroupPosition, KafkaConfig, ReadError, Scanner};
use topology::Topic;

/// The start of each partition's log.
pub(crate) type Starts = BTreeMap<(Topic, i32), i64>;

/// What of a group's positions lies below the start of the log. A position at the start is fine.
pub(crate) fn lost(positions: &[GroupPosition], starts: &Starts) -> Vec<LostRange> {
    let lost = |at: &GroupPosition| {
        let (from, to) = (at.offset?, *starts.get(&(at.topic, at.partition))?);
        let (topic, partition) = (at.topic.name().to_owned(), at.partition);
        (from < to).then_some(LostRange { topic, partition, from, to })
    };
    positions.iter().filter_map(lost).collect()
}

/// Asks Kafka for what `group` has lost on `topics`. Blocking.
pub(crate) fn ask(
    kafka: &KafkaConfig,
    group: &str,
    topics: &[Topic],
) -> Result<Vec<LostRange>, ReadError> {
    let mut scanner = Scanner::new(kafka, "waybill-expiry")?;
    let positions = scanner.group_positions(group, topics)?;
    let mut starts = Starts::new();
    for topic in topics {
        for bounds in scanner.bounds(*topic)? {
            starts.insert((*topic, bounds.partition), bounds.start);
        }
    }
    Ok(lost(&positions, &starts))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_lies_below_the_start_of_the_log_is_lost() {
        let topic = Topic::ValidatedEvents;
        let at =
            |partition, offset| GroupPosition { topic, partition, offset, metadata: String::new() };
        let positions = [at(0, Some(9)), at(1, Some(10)), at(2, None), at(3, Some(1))];
        let starts = Starts::from([((topic, 0), 10), ((topic, 1), 10), ((topic, 2), 10)]);
        let expected = LostRange { topic: topic.name().to_owned(), partition: 0, from: 9, to: 10 };
        assert_eq!(lost(&positions, &starts), [expected]);
    }
}
