//! What has changed in the tables since a moment, asked by the server's own clock.

use event::Millis;
use serde::Deserialize;

use crate::{Warehouse, WarehouseError};

/// Origins of one partition and hour of append among which rows were loaded, or erased, lately.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clickhouse::Row, Deserialize)]
pub struct ChangedOrigins {
    /// Epoch of the log.
    pub epoch: u16,
    /// Partition of `raw-events`.
    pub partition: i32,
    /// First offset of those that changed.
    pub first: i64,
    /// Last offset of those that changed, inclusive.
    pub last: i64,
    /// When the last of them changed; milliseconds UTC by the server's clock.
    pub changed_at: Millis,
}

impl Warehouse {
    /// The server's clock, of several hosts the one that is furthest behind: each dates the rows that it
    /// takes. Milliseconds UTC.
    pub async fn clock(&self) -> Result<Millis, WarehouseError> {
        const SQL: &str = "SELECT toUnixTimestamp64Milli(now64(3))";
        let question = self.question(SQL);
        let now: Vec<Vec<Millis>> = self.at_all(|host| self.rows_at(host, &question)).await?;
        let none = || WarehouseError::Unreadable("a time without a row".to_owned());
        now.into_iter().flatten().min().ok_or_else(none)
    }

    /// Where rows of `events` were loaded or erased at or after `since` (milliseconds UTC by the
    /// server's clock). An erasure notes an event, then deletes it, then is told to be done: an event
    /// of it changes with each of these.
    pub async fn changed_origins(
        &self,
        since: Millis,
    ) -> Result<Vec<ChangedOrigins>, WarehouseError> {
        const SQL: &str = "\
            SELECT origin_epoch AS epoch, origin_partition AS partition, \
            min(origin_offset) AS first, max(origin_offset) AS last, \
            toUnixTimestamp64Milli(max(at)) AS changed_at FROM (\
            SELECT origin_epoch, origin_partition, origin_offset, appended_at, loaded_at AS at FROM events \
            WHERE loaded_at >= fromUnixTimestamp64Milli(?, 'UTC') \
            UNION ALL \
            SELECT origin_epoch, origin_partition, origin_offset, appended_at, \
            greatest(erased_at, told.last_at) AS at FROM erased_events \
            LEFT JOIN (SELECT erasure, max(told_at) AS last_at FROM erasures GROUP BY erasure) AS told \
            USING erasure \
            WHERE at >= fromUnixTimestamp64Milli(?, 'UTC')) \
            GROUP BY epoch, partition, toStartOfHour(appended_at) \
            ORDER BY epoch, partition, first";
        self.rows(self.question(SQL).bind(since).bind(since)).await
    }
}
