//! Events to try a tracking plan on, as they are stored.

use event::Millis;
use serde::Deserialize;

use crate::{Warehouse, WarehouseError};

/// Most events that one sample has.
const MOST_EVENTS: u32 = 50_000;

/// A row of `events`, as far as the sender told it. Times are milliseconds UTC.
#[derive(Debug, Clone, PartialEq, Eq, clickhouse::Row, Deserialize)]
#[expect(missing_docs, reason = "the comments of the table's columns document every field")]
pub struct StoredEvent {
    pub origin_epoch: u16,
    pub origin_partition: i32,
    pub origin_offset: i64,
    pub appended_at: Millis,
    pub source: String,
    pub kind: String,
    pub event_name: String,
    pub message_id: String,
    pub anonymous_id: Option<String>,
    pub user_id: Option<String>,
    pub group_id: Option<String>,
    pub previous_id: Option<String>,
    pub name: Option<String>,
    pub category: Option<String>,
    pub channel: Option<String>,
    pub original_timestamp: Option<Millis>,
    pub sent_at: Option<Millis>,
    pub received_at: Millis,
    pub context: String,
    pub properties: String,
    pub traits: String,
    pub integrations: String,
    pub extra: String,
}

impl Warehouse {
    /// Of each name at most so many events of this source that were appended since, in the order of
    /// their origins, each once. Which ones is chance, and the same ones again as long as there are
    /// no others.
    pub async fn sample(
        &self,
        source: &str,
        since: Millis,
        of_each_name: u32,
    ) -> Result<Vec<StoredEvent>, WarehouseError> {
        // The aliases would hide the columns: those are named with their table.
        const SQL: &str = "SELECT origin_epoch, origin_partition, origin_offset, \
            toUnixTimestamp64Milli(events.appended_at) AS appended_at, \
            toString(events.source) AS source, toString(events.type) AS kind, \
            toString(events.event_name) AS event_name, message_id, anonymous_id, user_id, \
            group_id, previous_id, name, category, \
            CAST(events.channel, 'Nullable(String)') AS channel, \
            if(isNull(events.original_timestamp), NULL, \
            toUnixTimestamp64Milli(assumeNotNull(events.original_timestamp))) AS original_timestamp, \
            if(isNull(events.sent_at), NULL, \
            toUnixTimestamp64Milli(assumeNotNull(events.sent_at))) AS sent_at, \
            toUnixTimestamp64Milli(events.received_at) AS received_at, \
            context, properties, traits, integrations, extra FROM events \
            WHERE events.source = ? AND events.appended_at >= fromUnixTimestamp64Milli(?) \
            AND (origin_epoch, origin_partition, origin_offset) IN (\
            SELECT origin_epoch, origin_partition, origin_offset FROM events \
            WHERE source = ? AND appended_at >= fromUnixTimestamp64Milli(?) \
            ORDER BY sipHash64(origin_epoch, origin_partition, origin_offset) \
            LIMIT ? BY type, event_name LIMIT ?) \
            ORDER BY origin_epoch, origin_partition, origin_offset \
            LIMIT 1 BY origin_epoch, origin_partition, origin_offset";
        let query = self
            .question(SQL)
            .bind(source)
            .bind(since)
            .bind(source)
            .bind(since)
            .bind(of_each_name)
            .bind(MOST_EVENTS);
        self.rows(query).await
    }
}
