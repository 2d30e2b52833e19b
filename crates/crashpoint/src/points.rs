//! The one list of points.

/// A place in the code at which the process may be made to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Point {
    /// Its name.
    pub name: &'static str,
    /// What has happened when it is reached, and what has not.
    pub meaning: &'static str,
}

const fn point(name: &'static str, meaning: &'static str) -> Point {
    Point { name, meaning }
}

/// Every point there is. A test holds that each is in the code, and that the crash matrix has it.
pub const POINTS: [Point; 13] = [
    point("after-poll", "a batch is in hand, no transaction is open"),
    point("mid-send", "some of a batch's records are with the producer"),
    point("dead-letter-sent", "a dead letter is with the producer"),
    point("after-send", "all of a batch is acknowledged, its offsets are not sent"),
    point("after-offsets", "the offsets are in the transaction, it is not committed"),
    point("after-commit", "the transaction is committed, nothing else knows it"),
    point("before-store", "committed; a partition's changes are not in its store"),
    point("after-store", "a partition's changes are in its store, maybe not the next one's"),
    point("after-intent", "the loader's intent is committed, nothing of the range is sent"),
    point("insert-half-sent", "ClickHouse has half of an INSERT's body"),
    point("insert-acknowledged", "ClickHouse has said yes, Kafka does not know it"),
    point("in-revoke", "partitions were taken away, what is in hand of theirs is not dropped"),
    point("before-answer", "the broker has the events, their sender has no answer"),
];

/// Whether a point of this name is in the list.
pub const fn is_named(name: &str) -> bool {
    let mut index = 0;
    while index < POINTS.len() {
        if same(POINTS[index].name.as_bytes(), name.as_bytes()) {
            return true;
        }
        index += 1;
    }
    false
}

/// `==` is not const.
const fn same(one: &[u8], other: &[u8]) -> bool {
    if one.len() != other.len() {
        return false;
    }
    let mut index = 0;
    while index < one.len() {
        if one[index] != other[index] {
            return false;
        }
        index += 1;
    }
    true
}
