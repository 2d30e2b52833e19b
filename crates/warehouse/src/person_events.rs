//! What is stored of one event's ids, and of one person's events.

use event::{Millis, Origin};
use serde::Deserialize;

use crate::{Warehouse, WarehouseError};

/// The ids of an event, and its person as it was emitted. Times are milliseconds UTC.
#[derive(Debug, Clone, PartialEq, Eq, clickhouse::Row, Deserialize)]
#[expect(missing_docs, reason = "the comments of the table's columns document every field")]
pub struct EventIds {
    pub source: String,
    pub event_name: String,
    pub message_id: String,
    pub anonymous_id: Option<String>,
    pub user_id: Option<String>,
    pub timestamp: Millis,
    pub person_id: String,
    pub person_basis: String,
    pub person_user_id: Option<String>,
    pub identity_flags: Vec<String>,
}

/// The events of a person as known. Times are event times, milliseconds UTC.
#[derive(Debug, Clone, PartialEq, Eq, clickhouse::Row, Deserialize)]
pub struct PersonEvents {
    /// How many.
    pub events: u64,
    /// The first; of no meaning if there are none.
    pub first_seen: Millis,
    /// The last; of no meaning if there are none.
    pub last_seen: Millis,
    /// Sessions, each of one device.
    pub sessions: u64,
}

/// A group that events of a person name. Times are event times, milliseconds UTC.
#[derive(Debug, Clone, PartialEq, Eq, clickhouse::Row, Deserialize)]
pub struct PersonGroup {
    /// Its id, as sent.
    pub group_id: String,
    /// How many events name it.
    pub events: u64,
    /// The first of them.
    pub first_seen: Millis,
    /// The last of them.
    pub last_seen: Millis,
}

/// Whose events are asked for.
#[derive(Debug, Clone, Copy)]
pub struct PersonIds<'a> {
    /// The person, as known.
    pub person_id: &'a str,
    /// All user ids that events of the person may have.
    pub user_ids: &'a [String],
    /// All anonymous ids that they may have.
    pub anonymous_ids: &'a [String],
}

/// Most ids that a question names to make use of the indexes; a person with more is looked for in
/// all events.
const MOST_IDS: usize = 2_000;

impl Warehouse {
    /// The ids of the event with this origin.
    pub async fn event_ids(&self, origin: Origin) -> Result<Option<EventIds>, WarehouseError> {
        const SQL: &str = "SELECT toString(source) AS source, toString(event_name) AS event_name, \
            message_id, anonymous_id, user_id, \
            toUnixTimestamp64Milli(events.timestamp) AS timestamp, person_id, \
            toString(person_basis) AS person_basis, person_user_id, \
            CAST(events.identity_flags, 'Array(String)') AS identity_flags FROM events \
            WHERE origin_epoch = ? AND origin_partition = ? AND origin_offset = ? LIMIT 1";
        let query =
            self.question(SQL).bind(origin.epoch).bind(origin.partition).bind(origin.offset);
        Ok(self.rows(query).await?.pop())
    }

    /// How many events a person has, since when and until when.
    pub async fn person_events(&self, of: PersonIds<'_>) -> Result<PersonEvents, WarehouseError> {
        const COLUMNS: &str = "count() AS events, \
            toUnixTimestamp64Milli(min(events_resolved.timestamp)) AS first_seen, \
            toUnixTimestamp64Milli(max(events_resolved.timestamp)) AS last_seen, \
            uniqExactIf((anonymous_id, session_id), isNotNull(session_id)) AS sessions";
        let mut rows: Vec<PersonEvents> = self.of_person(COLUMNS, "", of).await?;
        rows.pop().ok_or_else(|| WarehouseError::Unreadable("a count has one row".to_owned()))
    }

    /// The groups that a person's events name, the latest first; at most a thousand.
    pub async fn person_groups(
        &self,
        of: PersonIds<'_>,
    ) -> Result<Vec<PersonGroup>, WarehouseError> {
        const COLUMNS: &str = "assumeNotNull(events_resolved.group_id) AS group_id, \
            count() AS events, \
            toUnixTimestamp64Milli(min(events_resolved.timestamp)) AS first_seen, \
            toUnixTimestamp64Milli(max(events_resolved.timestamp)) AS last_seen";
        const MORE: &str = " AND isNotNull(events_resolved.group_id) GROUP BY group_id \
            ORDER BY last_seen DESC, group_id LIMIT 1000";
        self.of_person(COLUMNS, MORE, of).await
    }

    async fn of_person<T: clickhouse::RowOwned + clickhouse::RowRead>(
        &self,
        columns: &str,
        more: &str,
        of: PersonIds<'_>,
    ) -> Result<Vec<T>, WarehouseError> {
        let base = format!("SELECT {columns} FROM events_resolved WHERE known_person_id = ?");
        if of.user_ids.len() + of.anonymous_ids.len() > MOST_IDS {
            let query = self.question(&format!("{base}{more}")).bind(of.person_id);
            return self.rows(query).await;
        }
        let sql = format!("{base} AND (user_id IN ? OR anonymous_id IN ?){more}");
        let query = self.question(&sql).bind(of.person_id);
        self.rows(query.bind(never_empty(of.user_ids)).bind(never_empty(of.anonymous_ids))).await
    }
}

/// ClickHouse knows no type of an empty list; no id is empty.
fn never_empty(ids: &[String]) -> Vec<&str> {
    if ids.is_empty() { vec![""] } else { ids.iter().map(String::as_str).collect() }
}
