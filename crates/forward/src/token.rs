//! The names of an INSERT: what deduplicates it and what it is killed by.

use std::fmt;

use kafka_runtime::{Bundle, Range};
use topology::Topic;

/// Names an INSERT: of those with the same range, format and content number ClickHouse takes one, and of
/// those with the same bundle and format, as long as the content number is 0. Which rows that one had is
/// told by the read-back: after a refused INSERT a piece of the range goes under the same number. Prints as
/// `epoch-topic-partition-start-end-format-content`, with the first range and the digest of the bundle (as
/// `b` and hexadecimal digits) in place of the range and the content number.
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
        let Self { epoch, range, format } = *self;
        if let (Some(bundle), 0) = (range.bundle, range.content) {
            return write!(f, "{}{format}-b{:x}", of_bundle(epoch, &range, &bundle), bundle.digest);
        }
        let Range { topic, partition, start, end, content, .. } = range;
        write!(f, "{}{start}-{end}-{format}-{content}", prefix(epoch, topic, partition))
    }
}

/// What the ids of all INSERTs that a range may be in begin with.
pub(crate) fn prefixes(epoch: u16, range: &Range) -> Vec<String> {
    let own = prefix(epoch, range.topic, range.partition);
    let bundle = range.bundle.map(|bundle| of_bundle(epoch, range, &bundle));
    // The bundle's first range is in it anyway.
    let other = bundle.filter(|bundle| !bundle.starts_with(&own));
    [Some(own), other].into_iter().flatten().collect()
}

fn of_bundle(epoch: u16, range: &Range, bundle: &Bundle) -> String {
    let Bundle { partition, start, end, .. } = *bundle;
    format!("{}{start}-{end}-", prefix(epoch, range.topic, partition))
}

/// What the ids of all INSERTs of a partition begin with. It ends in `-`, or partition 1 would
/// stop partition 11.
fn prefix(epoch: u16, topic: Topic, partition: i32) -> String {
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
        bundle: None,
    };
    const BUNDLE: Bundle = Bundle { partition: 1, start: 7, end: 9, digest: 0xab };

    fn token(epoch: u16, format: u16, range: Range) -> String {
        Token { epoch, range, format }.to_string()
    }

    #[test]
    fn a_token_spells_out_the_range_format_and_content() {
        assert_eq!(token(2, 1, RANGE), "2-stitched-events-3-100-199-1-0");
    }

    #[test]
    fn the_ranges_of_a_bundle_have_one_token_until_something_was_taken_under_it() {
        let bundled = Range { bundle: Some(BUNDLE), ..RANGE };
        assert_eq!(token(2, 1, bundled), "2-stitched-events-1-7-9-1-bab");
        let first = Range { partition: 1, start: 7, end: 9, ..bundled };
        assert_eq!(token(2, 1, first), token(2, 1, bundled));
        let other = Range { bundle: Some(Bundle { digest: 0xac, ..BUNDLE }), ..RANGE };
        assert_ne!(token(2, 1, other), token(2, 1, bundled));
        let next = Range { content: 1, ..bundled };
        assert_eq!(token(2, 1, next), "2-stitched-events-3-100-199-1-1");
    }

    #[test]
    fn every_insert_that_a_range_may_be_in_is_found_by_its_id() {
        let bundled = Range { bundle: Some(BUNDLE), ..RANGE };
        let found = prefixes(2, &bundled);
        assert_eq!(found, ["2-stitched-events-3-", "2-stitched-events-1-7-9-"]);
        let first = Range { partition: 1, start: 7, end: 9, ..bundled };
        assert_eq!(prefixes(2, &first), ["2-stitched-events-1-"]);
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
