//! A Kafka record as the stages see it.

use std::borrow::Cow;

use event::{Millis, Waybill};
use topology::Topic;

/// Where a record stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Position {
    /// Topic.
    pub topic: Topic,
    /// Partition.
    pub partition: i32,
    /// Offset.
    pub offset: i64,
}

/// Names of the headers that Waybill writes.
pub mod header {
    /// The event's number and append time ([`event::Waybill::to_header`]).
    pub const WAYBILL: &str = "waybill";
    /// On dead letters and discards: the stage.
    pub const STAGE: &str = "stage";
    /// On dead letters and discards: the reason's word.
    pub const REASON: &str = "reason";
    /// On redriven records: the position of the dead letter that it takes up, `partition-offset`
    /// in the dead-letter topic of the same stage.
    pub const SETTLES: &str = "settles";
    /// W3C trace context.
    pub const TRACEPARENT: &str = "traceparent";

    /// The name, without a copy where it is one of these.
    pub(crate) fn named(name: &str) -> std::borrow::Cow<'static, str> {
        let ours =
            [WAYBILL, STAGE, REASON, SETTLES, TRACEPARENT].into_iter().find(|it| *it == name);
        ours.map_or_else(|| name.to_owned().into(), Into::into)
    }
}

/// A header: name and value. The names that Waybill writes are not copied for each record.
pub type Header = (Cow<'static, str>, Option<Vec<u8>>);

/// A record that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Where it stands.
    pub position: Position,
    /// Kafka timestamp; milliseconds UTC. On `raw-events` the broker's append time.
    pub timestamp: Option<Millis>,
    /// Key.
    pub key: Option<Vec<u8>>,
    /// Value.
    pub value: Option<Vec<u8>>,
    /// Headers in order.
    pub headers: Vec<Header>,
}

impl Record {
    /// The value of the first header with this name.
    pub fn header(&self, name: &str) -> Option<&[u8]> {
        self.headers.iter().find(|(key, _)| key == name).and_then(|(_, value)| value.as_deref())
    }

    /// Bytes of key, value and headers.
    pub fn size(&self) -> usize {
        let headers: usize =
            self.headers.iter().map(|(k, v)| k.len() + v.as_ref().map_or(0, Vec::len)).sum();
        self.key.as_ref().map_or(0, Vec::len) + self.value.as_ref().map_or(0, Vec::len) + headers
    }
}

/// A record with its number.
#[derive(Debug, Clone, Copy)]
pub struct Numbered<'a> {
    /// The record.
    pub record: &'a Record,
    /// The event's number: from the position on `raw-events`, from the header elsewhere.
    pub waybill: Waybill,
}

/// A record to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outgoing {
    /// Topic.
    pub topic: Topic,
    /// Partition; `None` lets the key decide (murmur2, as the Java client does).
    pub partition: Option<i32>,
    /// Key.
    pub key: Option<Vec<u8>>,
    /// Value.
    pub value: Option<Vec<u8>>,
    /// Headers in order.
    pub headers: Vec<Header>,
}

impl Outgoing {
    /// Bytes of key, value and headers.
    pub fn size(&self) -> usize {
        let headers: usize =
            self.headers.iter().map(|(k, v)| k.len() + v.as_ref().map_or(0, Vec::len)).sum();
        self.key.as_ref().map_or(0, Vec::len) + self.value.as_ref().map_or(0, Vec::len) + headers
    }
}
