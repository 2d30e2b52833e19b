//! Noting what is to go, and deleting it.

use std::{collections::BTreeMap, time::Duration};

use serde::Deserialize;
use tokio::time::{Instant, sleep};

use super::{ErasedPerson, Place, find::EVENTS};
use crate::{Warehouse, WarehouseError};

/// The tables that hold something of persons.
pub const DELETED_FROM: [&str; 6] = [
    "events",
    "dead_letters",
    "discarded_events",
    "deliveries",
    "identity_links",
    "identity_aliases",
];

const LOOK_EVERY: Duration = Duration::from_millis(300);
/// Positions of one mutation: their text stays far below what ClickHouse parses of a query then.
const PLACES_AT_ONCE: usize = 10_000;
const QUERY_BYTES: &str = "4194304";
/// How often a table is looked at again when rows are left that came in meanwhile.
const ROUNDS: usize = 3;

/// How far a mutation has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    /// The table.
    pub table: &'static str,
    /// Parts of it that are still to be written anew.
    pub parts_to_do: u64,
}

#[derive(clickhouse::Row, Deserialize)]
struct Mutations {
    open: u64,
    parts_to_do: u64,
    failed: String,
}

/// Deletes; tells how far it has come, and gives up after `patience` without an end.
pub struct Eraser<'a> {
    warehouse: &'a Warehouse,
    erasure: &'a str,
    patience: Duration,
    progress: &'a mut (dyn FnMut(Progress) + Send),
}

impl Warehouse {
    /// What deletes for the erasure with this id.
    pub fn eraser<'a>(
        &'a self,
        erasure: &'a str,
        patience: Duration,
        progress: &'a mut (dyn FnMut(Progress) + Send),
    ) -> Eraser<'a> {
        Eraser { warehouse: self, erasure, patience, progress }
    }

    /// Makes the dictionaries of persons anew, which forget whose links are gone.
    pub async fn forget_persons(&self) -> Result<(), WarehouseError> {
        for name in ["identity_devices", "identity_users", "identity_groups"] {
            self.execute_at_all(self.statement(&format!("SYSTEM RELOAD DICTIONARY {name}")))
                .await?;
        }
        Ok(())
    }
}

impl Eraser<'_> {
    /// Notes the numbers of the person's events, and deletes the events. Returns how many rows.
    pub async fn events(&mut self, person: &ErasedPerson) -> Result<u64, WarehouseError> {
        let sql = format!(
            "INSERT INTO {} SELECT DISTINCT origin_epoch, origin_partition, \
             origin_offset, events.appended_at, source, event_name, toDate(events.timestamp), \
             {{erasure:String}}, now64(3) FROM events WHERE {EVENTS}",
            self.warehouse.stored("erased_events")
        );
        let note = self.warehouse.of_erased(&sql, person).param("erasure", self.erasure);
        self.warehouse.execute(note).await?;
        self.delete("events", &self.noted()).await
    }

    /// Notes and deletes discards of what the person's events told again, and of what was noted.
    pub async fn discards(&mut self) -> Result<u64, WarehouseError> {
        let noted = self.noted();
        let firsts = noted.replace("origin_epoch, origin_partition, origin_offset) IN", FIRSTS);
        self.note_rejected("discarded_events", "discarded_at", &firsts).await?;
        self.delete("discarded_events", &noted).await
    }

    /// Deletes what destinations got of what was noted.
    pub async fn deliveries(&mut self) -> Result<u64, WarehouseError> {
        self.delete("deliveries", &self.noted()).await
    }

    /// Deletes the rows of a side table at these places. Those of dead letters and discards that
    /// have a number are noted.
    pub async fn rows(
        &mut self,
        table: &'static str,
        places: &[Place],
    ) -> Result<u64, WarehouseError> {
        let mut rows = 0;
        for places in places.chunks(PLACES_AT_ONCE) {
            let condition = at(places);
            match table {
                "dead_letters" => self.note_rejected(table, "failed_at", &condition).await?,
                "discarded_events" => self.note_rejected(table, "discarded_at", &condition).await?,
                _ => {}
            }
            rows += self.delete(table, &condition).await?;
        }
        Ok(rows)
    }

    /// The rows whose number the erasure has noted.
    fn noted(&self) -> String {
        format!(
            "(origin_epoch, origin_partition, origin_offset) IN (SELECT origin_epoch, \
             origin_partition, origin_offset FROM {}.erased_events WHERE erasure = '{}')",
            self.warehouse.database, self.erasure
        )
    }

    async fn note_rejected(
        &self,
        table: &str,
        time: &str,
        condition: &str,
    ) -> Result<(), WarehouseError> {
        let sql = format!(
            "INSERT INTO {} SELECT DISTINCT assumeNotNull({table}.origin_epoch), \
             assumeNotNull({table}.origin_partition), assumeNotNull({table}.origin_offset), \
             ifNull({table}.appended_at, {time}) AS at, ifNull({table}.source, ''), \
             ifNull({table}.event_name, ''), toDate(at), {{erasure:String}}, now64(3) \
             FROM {table} WHERE {table}.origin_offset IS NOT NULL AND {condition}",
            self.warehouse.stored("erased_events")
        );
        let note = self.warehouse.unlogged(&sql).param("erasure", self.erasure);
        self.warehouse.execute(note.with_setting("max_query_size", QUERY_BYTES)).await
    }

    /// Deletes and waits until nothing is left. `condition` has no ids of persons.
    async fn delete(
        &mut self,
        table: &'static str,
        condition: &str,
    ) -> Result<u64, WarehouseError> {
        let mut deleted = 0;
        for _ in 0..ROUNDS {
            let left = self.left(table, condition).await?;
            if left == 0 {
                return Ok(deleted);
            }
            // Another erasure may have asked for the same rows; ours waits until they are gone.
            let stored = self.warehouse.stored(table);
            let sql = format!("ALTER TABLE {stored} DELETE WHERE {condition}");
            let mutation = self
                .warehouse
                .statement(&sql)
                .with_setting("mutations_sync", "0")
                .with_setting("allow_nondeterministic_mutations", "1")
                .with_setting("max_query_size", QUERY_BYTES);
            self.warehouse.execute_in_each(mutation).await?;
            self.until_done(table).await?;
            deleted += left;
        }
        match self.left(table, condition).await? {
            0 => Ok(deleted),
            rows => Err(WarehouseError::NotDeleted { table, rows }),
        }
    }

    async fn left(&self, table: &str, condition: &str) -> Result<u64, WarehouseError> {
        let sql = format!("SELECT count() FROM {table} WHERE {condition}");
        let query = self.warehouse.unlogged(&sql).with_setting("max_query_size", QUERY_BYTES);
        self.warehouse.number(query).await
    }

    async fn until_done(&mut self, table: &'static str) -> Result<(), WarehouseError> {
        const SQL: &str = "SELECT count() AS open, toUInt64(greatest(sum(parts_to_do), 0)) AS \
            parts_to_do, anyLast(latest_fail_error_code_name) AS failed FROM system.mutations \
            WHERE database = {database:String} AND table = {table:String} AND NOT is_done \
            AND NOT is_killed";
        let begun = Instant::now();
        let mut told = None;
        loop {
            let query = self.warehouse.statement(SQL).param("table", table);
            let query = query.param("database", &self.warehouse.storage);
            let of_shards: Vec<Mutations> = self.warehouse.rows_of_each(query).await?;
            if of_shards.iter().all(|it| it.open == 0) {
                return Ok(());
            }
            let parts_to_do = of_shards.iter().map(|it| it.parts_to_do).sum();
            let failed = of_shards.into_iter().map(|it| it.failed).find(|it| !it.is_empty());
            if told.replace(parts_to_do) != Some(parts_to_do) {
                (self.progress)(Progress { table, parts_to_do });
            }
            if begun.elapsed() >= self.patience {
                return Err(WarehouseError::StillMutating {
                    table,
                    parts_to_do,
                    failed: failed.unwrap_or_default(),
                });
            }
            sleep(LOOK_EVERY).await;
        }
    }
}

const FIRSTS: &str = "first_epoch, first_partition, first_offset) IN";

/// The condition of these places.
fn at(places: &[Place]) -> String {
    let mut logs: BTreeMap<(u16, &str, i32), Vec<String>> = BTreeMap::new();
    for place in places {
        let log = (place.epoch, place.topic.as_str(), place.partition);
        logs.entry(log).or_default().push(place.offset.to_string());
    }
    let log = |((epoch, topic, partition), offsets): (&(u16, &str, i32), &Vec<String>)| {
        // Topics are those of the topology: letters, digits, dots and hyphens.
        format!(
            "(position_epoch = {epoch} AND position_topic = '{topic}' \
             AND position_partition = {partition} AND position_offset IN ({}))",
            offsets.join(", ")
        )
    };
    let logs: Vec<String> = logs.iter().map(log).collect();
    format!("({})", logs.join(" OR "))
}
