//! Of which events too much did not arrive.

use serde::Deserialize;

use crate::{Warehouse, WarehouseError};

/// At most so many are named; the worst come first.
const NAMED: u64 = 1_000;

/// Events of one source and name of which more than a share awaits repair or is lost.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, clickhouse::Row, Deserialize)]
pub struct Shortfall {
    /// Start of the hour of append; seconds since 1970-01-01T00:00:00Z.
    pub hour: u32,
    /// Id of the source; empty where it could not be read.
    pub source: String,
    /// Event name, else its type; empty where it could not be read.
    pub event: String,
    /// Events that came in.
    pub accepted: u64,
    /// Of these, in an open dead letter, missing or expired. What was dropped or erased on purpose
    /// is not among them.
    pub short: u64,
}

impl Warehouse {
    /// The events of production, by hour from `since` on (seconds since 1970-01-01T00:00:00Z), source
    /// and name, of which more than `tolerance` (0.0 to 1.0) did not arrive, the worst first.
    pub async fn shortfalls(
        &self,
        since: u32,
        tolerance: f64,
    ) -> Result<Vec<Shortfall>, WarehouseError> {
        const SQL: &str = "SELECT toUnixTimestamp(completeness.hour) AS hour, source, event, accepted, \
            toUInt64(arraySum(mapValues(open_dead_letters)) + missing + expired) AS short \
            FROM completeness \
            WHERE completeness.hour >= toDateTime(?, 'UTC') AND short > accepted * ? \
            ORDER BY short / accepted DESC, short DESC, hour, source, event LIMIT ?";
        self.rows(self.question(SQL).bind(since).bind(tolerance).bind(NAMED)).await
    }
}
