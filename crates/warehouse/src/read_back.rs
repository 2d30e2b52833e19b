//! What the tables hold, asked by position or by origin; never by a time column, never FINAL.
//!
//! What must be sure is asked of each shard by itself, of a host that has caught up, and put together
//! here ([`Copies`]); a host that answers for all shards may ask one that lags behind. Ranges are inclusive
//! at both ends.

use event::{Millis, Origin};
use serde::Deserialize;

use crate::copies::Run;
use crate::question::Query;
use crate::{Copies, Shard, Warehouse, WarehouseError};

/// Offsets of one IN list: ClickHouse parses 256 KiB of a query.
const ORIGINS_AT_ONCE: usize = 5_000;

/// Positions of one partition that rows of a table were made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PositionRange {
    /// The shard that they are loaded into.
    pub shard: Shard,
    /// The table.
    pub table: &'static str,
    /// Epoch of the log under which they are loaded.
    pub epoch: u16,
    /// Topic.
    pub topic: &'static str,
    /// Partition.
    pub partition: i32,
    /// First offset.
    pub start: i64,
    /// Last offset, inclusive.
    pub end: i64,
}

/// Origins of one partition of `raw-events`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OriginRange {
    /// Epoch of the log.
    pub epoch: u16,
    /// Partition of `raw-events`.
    pub partition: i32,
    /// First offset.
    pub start: i64,
    /// Last offset, inclusive.
    pub end: i64,
}

/// One row of `events`, as far as it names an event to a person.
#[derive(Debug, Clone, PartialEq, Eq, clickhouse::Row, Deserialize)]
pub struct LoadedEvent {
    /// Source of the event.
    pub source: String,
    /// Event name, else its type.
    pub event_name: String,
    /// The sender's own id of the message.
    pub message_id: String,
    /// Topic of the record that the row was made of.
    pub position_topic: String,
    /// Its partition.
    pub position_partition: i32,
    /// Its offset.
    pub position_offset: i64,
    /// When ClickHouse took the row; milliseconds UTC.
    pub loaded_at: Millis,
}

impl Warehouse {
    /// Which offsets of the range the table has rows of, ascending, each once.
    pub async fn present(&self, range: &PositionRange) -> Result<Vec<i64>, WarehouseError> {
        // The table is one of our own constants.
        let sql = format!(
            "SELECT DISTINCT position_offset FROM {} \
             WHERE position_epoch = ? AND position_topic = ? AND position_partition = ? \
             AND position_offset BETWEEN ? AND ? ORDER BY position_offset",
            self.stored(range.table)
        );
        let query = self
            .question(&sql)
            .bind(range.epoch)
            .bind(range.topic)
            .bind(range.partition)
            .bind(range.start)
            .bind(range.end);
        self.agreed_rows(range.shard, range.table, &query).await
    }

    /// Which of these origins are in `events`, in no particular order.
    pub async fn loaded_origins(&self, origins: &[Origin]) -> Result<Vec<Origin>, WarehouseError> {
        let sql = format!(
            "SELECT DISTINCT origin_offset FROM {} \
             WHERE origin_epoch = ? AND origin_partition = ? AND origin_offset IN ? \
             ORDER BY origin_offset",
            self.stored("events")
        );
        let mut sorted = origins.to_vec();
        sorted.sort_unstable();
        let mut loaded = Vec::new();
        let same_log = |a: &Origin, b: &Origin| (a.epoch, a.partition) == (b.epoch, b.partition);
        for chunk in sorted.chunk_by(same_log).flat_map(|log| log.chunks(ORIGINS_AT_ONCE)) {
            let Some(&first) = chunk.first() else { continue };
            let offsets: Vec<i64> = chunk.iter().map(|origin| origin.offset).collect();
            let query = self.question(&sql).bind(first.epoch).bind(first.partition).bind(offsets);
            for shard in self.every_shard() {
                let found: Vec<i64> = self.agreed_rows(shard, "events", &query).await?;
                loaded.extend(found.into_iter().map(|offset| Origin { offset, ..first }));
            }
        }
        Ok(loaded)
    }

    /// How often `events` has each offset of the range. A merge may have folded a duplicate before it is
    /// asked for.
    pub async fn copies(&self, range: &OriginRange) -> Result<Copies, WarehouseError> {
        let sql = format!(
            "SELECT min(offset) AS first, max(offset) AS last, copies FROM (\
             SELECT offset, copies, \
             offset - toInt64(row_number() OVER (PARTITION BY copies ORDER BY offset)) AS run FROM (\
             SELECT origin_offset AS offset, count() AS copies FROM {} \
             WHERE origin_epoch = ? AND origin_partition = ? AND origin_offset BETWEEN ? AND ? \
             GROUP BY offset)) GROUP BY run, copies ORDER BY first",
            self.stored("events")
        );
        let query = self.about(&sql, range);
        let mut runs = Vec::new();
        for shard in self.every_shard() {
            runs.extend(self.caught_up_rows::<Run>(shard, "events", &query).await?);
        }
        Ok(Copies::of(runs))
    }

    /// The offsets of the range that were erased on request, as contiguous runs (first, last),
    /// ascending. An erasure notes an event here before it deletes it from `events`.
    pub async fn erased_ranges(
        &self,
        range: &OriginRange,
    ) -> Result<Vec<(i64, i64)>, WarehouseError> {
        let sql = format!(
            "SELECT min(offset) AS first, max(offset) AS last FROM (\
             SELECT offset, offset - toInt64(row_number() OVER (ORDER BY offset)) AS run FROM (\
             SELECT DISTINCT origin_offset AS offset FROM {} \
             WHERE origin_epoch = ? AND origin_partition = ? AND origin_offset BETWEEN ? AND ?\
             )) GROUP BY run ORDER BY first",
            self.stored("erased_events")
        );
        self.caught_up_rows(Shard::HOME, "erased_events", &self.about(&sql, range)).await
    }

    /// The erasures that named an event, with when they noted it (milliseconds UTC), oldest first.
    pub async fn erasures_of(
        &self,
        origin: Origin,
    ) -> Result<Vec<(String, Millis)>, WarehouseError> {
        let sql = format!(
            "SELECT erasure, toUnixTimestamp64Milli(max(erased_at)) AS at FROM {} \
             WHERE origin_epoch = ? AND origin_partition = ? AND origin_offset BETWEEN ? AND ? \
             GROUP BY erasure ORDER BY at",
            self.stored("erased_events")
        );
        let Origin { epoch, partition, offset } = origin;
        let range = OriginRange { epoch, partition, start: offset, end: offset };
        self.caught_up_rows(Shard::HOME, "erased_events", &self.about(&sql, &range)).await
    }

    /// Every row of `events` with this origin, oldest first: none, one, or a duplicate's copies.
    pub async fn describe(&self, origin: Origin) -> Result<Vec<LoadedEvent>, WarehouseError> {
        const SQL: &str = "SELECT toString(source) AS source, toString(event_name) AS event_name, \
            message_id, toString(position_topic) AS position_topic, position_partition, \
            position_offset, toUnixTimestamp64Milli(events.loaded_at) AS loaded_at FROM events \
            WHERE origin_epoch = ? AND origin_partition = ? AND origin_offset BETWEEN ? AND ? \
            ORDER BY events.loaded_at";
        let Origin { epoch, partition, offset } = origin;
        let range = OriginRange { epoch, partition, start: offset, end: offset };
        self.rows(self.about(SQL, &range)).await
    }

    fn about(&self, sql: &str, range: &OriginRange) -> Query {
        self.question(sql).bind(range.epoch).bind(range.partition).bind(range.start).bind(range.end)
    }
}
