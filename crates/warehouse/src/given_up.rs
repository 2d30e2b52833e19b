//! Hours that keep `complete_through` from going on, and the orders to give them up.

use event::Millis;
use serde::Deserialize;

use crate::{Row, Warehouse, WarehouseError, rows::columns};

/// An hour that is not complete, and may become so.
#[derive(Debug, Clone, PartialEq, Eq, clickhouse::Row, Deserialize)]
pub struct HeldHour {
    /// Start of the hour; seconds since 1970-01-01T00:00:00Z.
    pub hour: u32,
    /// What keeps it from being complete, as `hour_states` has it.
    pub state: String,
    /// The same for a person.
    pub detail: String,
    /// The verdict that holds; 0 where there is none.
    pub revision: u64,
    /// Events of the environment, or of nobody knows which, that await repair.
    pub open_dead_letters: u64,
    /// When the newest of these was rejected; milliseconds UTC; 0 where there is none.
    pub last_dead_letter_at: Millis,
}

/// The order to give up one hour: a row of `given_up_hours`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GivenUpHour {
    /// Start of the hour; seconds since 1970-01-01T00:00:00Z.
    pub hour: u32,
    /// The verdict that it is about; 0 where there was none.
    pub revision: u64,
    /// When it was ordered; milliseconds UTC.
    pub given_up_at: Millis,
    /// Who ordered it.
    pub who: String,
    /// Why.
    pub why: String,
}

impl Row for GivenUpHour {
    const TABLE: &'static str = "given_up_hours";
    const FORMAT: u16 = 1;
    columns! {
        "hour" => |r, o| o.u32(r.hour),
        "revision" => |r, o| o.u64(r.revision),
        "given_up_at" => |r, o| o.millis(r.given_up_at),
        "who" => |r, o| o.text(&r.who),
        "why" => |r, o| o.text(&r.why),
    }
}

impl Warehouse {
    /// The hours that are not complete for an environment, without those that never will be (expired, or
    /// given up); ascending.
    pub async fn held_hours(&self, environment: &str) -> Result<Vec<HeldHour>, WarehouseError> {
        const SQL: &str = "\
            SELECT toUnixTimestamp(states.hour) AS hour, states.state AS state, states.detail AS detail, \
            states.revision AS revision, states.open_dead_letters AS open_dead_letters, \
            ifNull(letters.last, 0) AS last_dead_letter_at \
            FROM hour_states_of(environment = ?) AS states \
            LEFT JOIN (SELECT hour, toUnixTimestamp64Milli(max(failed_at)) AS last \
            FROM open_dead_letters_by_environment WHERE environment = ? OR environment IS NULL \
            GROUP BY hour) AS letters ON letters.hour = states.hour \
            WHERE states.state NOT IN ('complete', 'expired', 'given-up') ORDER BY states.hour";
        self.rows(self.question(SQL).bind(environment).bind(environment)).await
    }

    /// Up to which hour all is complete for an environment (its start; seconds since
    /// 1970-01-01T00:00:00Z); `None` where no hour is.
    pub async fn complete_through(&self, environment: &str) -> Result<Option<u32>, WarehouseError> {
        const SQL: &str = "SELECT toUnixTimestamp(assumeNotNull(it.complete_through)) AS hour \
            FROM complete_through_of(environment = ?) AS it WHERE it.complete_through IS NOT NULL";
        Ok(self.rows::<u32>(self.question(SQL).bind(environment)).await?.first().copied())
    }
}
