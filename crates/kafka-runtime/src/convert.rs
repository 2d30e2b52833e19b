//! Between rdkafka's messages and our records.

use rdkafka::message::{BorrowedMessage, Header as KafkaHeader, Headers, Message, OwnedHeaders};
use topology::Topic;

use crate::record::{Blocks, Header, Position, Record, header};

/// Our record of a message; `None` for a topic that is not ours, which no client subscribes to.
pub(crate) fn record_of(message: &BorrowedMessage<'_>, blocks: &mut Blocks) -> Option<Record> {
    let position = Position {
        topic: Topic::from_name(message.topic())?,
        partition: message.partition(),
        offset: message.offset(),
    };
    let headers = message.headers().map_or_else(Vec::new, |headers| {
        headers
            .iter()
            .map(|header| (header::named(header.key), header.value.map(|it| blocks.copy(it))))
            .collect()
    });
    Some(Record {
        position,
        timestamp: message.timestamp().to_millis(),
        key: message.key().map(|it| blocks.copy(it)),
        value: message.payload().map(|it| blocks.copy(it)),
        headers,
    })
}

/// rdkafka's headers of ours.
pub(crate) fn owned_headers(headers: &[Header]) -> OwnedHeaders {
    let empty = OwnedHeaders::new_with_capacity(headers.len());
    headers
        .iter()
        .fold(empty, |all, (key, value)| all.insert(KafkaHeader { key, value: value.as_deref() }))
}
