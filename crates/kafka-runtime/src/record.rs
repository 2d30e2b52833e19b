//! A Kafka record as the stages see it.

use std::borrow::Cow;

use bytes::{Bytes, BytesMut};
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
pub type Header = (Cow<'static, str>, Option<Bytes>);

/// A record that was read. Its bytes may stand in one block with those of others ([`Blocks`]), which is
/// kept as long as any of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Where it stands.
    pub position: Position,
    /// Kafka timestamp; milliseconds UTC. On `raw-events` the broker's append time.
    pub timestamp: Option<Millis>,
    /// Key.
    pub key: Option<Bytes>,
    /// Value.
    pub value: Option<Bytes>,
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
        size(self.key.as_deref(), self.value.as_deref(), &self.headers)
    }
}

fn size(key: Option<&[u8]>, value: Option<&[u8]>, headers: &[Header]) -> usize {
    let header = |(name, value): &Header| name.len() + value.as_ref().map_or(0, Bytes::len);
    let headers: usize = headers.iter().map(header).sum();
    key.map_or(0, <[u8]>::len) + value.map_or(0, <[u8]>::len) + headers
}

/// Bytes of a block, if nothing in it is larger.
const BLOCK_BYTES: usize = 8 * 1_024;

/// Copies of bytes one behind the other in large blocks: records come by the thousand and go together,
/// and three allocations for each of them would lie scattered.
#[derive(Default)]
pub(crate) struct Blocks(BytesMut);

impl Blocks {
    pub(crate) fn copy(&mut self, bytes: &[u8]) -> Bytes {
        if self.0.capacity() < bytes.len() {
            self.0 = BytesMut::with_capacity(bytes.len().max(BLOCK_BYTES));
        }
        self.0.extend_from_slice(bytes);
        self.0.split().freeze()
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
        size(self.key.as_deref(), self.value.as_deref(), &self.headers)
    }
}
