//! The names of an INSERT: what deduplicates it and what it is killed by.

use std::fmt;

use kafka_runtime::Range;
use topology::Topic;

/// Names an INSERT: of those with the same range, format and content number ClickHouse takes one.
/// Which rows that one had is told by the read-back: after a refused INSERT a piece of the range goes
/// under the same number. Prints as `epoch-topic-partition-start-end-format-content`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Token {
    /// Epoch of the log.
    pub epoch: u16,
    /// The range.
    pub range: Range,
    /// Version of the bytes that a record becomes ([`warehouse::Row::FORMAT`]).
    pub format: u16,
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Range { topic, partition, start, end, content, shards: _ } = self.range;
        let prefix = prefix(self.epoch, topic, partition);
        write!(f, "{prefix}{start}-{end}-{}-{content}", self.format)
    }
}

/// What the ids of all INSERTs of a partition begin with. It ends in `-`, or partition 1 would
/// stop partition 11.
pub(crate) fn prefix(epoch: u16, topic: Topic, partition: i32) -> String {
    format!("{epoch}-{topic}-{partition}-")
}

#[cfg(test)]
mod tests {
    use topology::Stage;

    use super::*;

    const RANGE: Range = Range {
        topic: Topic::StitchedEvents,
        partition: 3,
        start: 100,
        end: 199,
        content: 0,
        shards: 1,
    };

    fn token(epoch: u16, format: u16, range: Range) -> String {
        Token { epoch, range, format }.to_string()
    }

    #[test]
    fn a_token_spells_out_the_range_format_and_content() {
        assert_eq!(token(2, 1, RANGE), "2-stitched-events-3-100-199-1-0");
    }

    #[test]
    fn whatever_changes_the_rows_changes_the_token() {
        let base = token(0, 1, RANGE);
        let redrive = Topic::Redrive(Stage::ForwardClickhouse);
        for (case, other) in [
            ("epoch", token(1, 1, RANGE)),
            ("format", token(0, 2, RANGE)),
            ("topic", token(0, 1, Range { topic: redrive, ..RANGE })),
            ("partition", token(0, 1, Range { partition: 4, ..RANGE })),
            ("start", token(0, 1, Range { start: 101, ..RANGE })),
            ("end", token(0, 1, Range { end: 198, ..RANGE })),
            ("content", token(0, 1, Range { content: 1, ..RANGE })),
        ] {
            assert_ne!(other, base, "{case}");
        }
    }

    #[test]
    fn the_prefix_of_a_partition_is_of_its_tokens_and_no_others() {
        let one = prefix(0, Topic::StitchedEvents, 1);
        assert!(token(0, 1, Range { partition: 1, ..RANGE }).starts_with(&one));
        assert!(!token(0, 1, Range { partition: 11, ..RANGE }).starts_with(&one));
    }
}
