//! Noting what is to go, and deleting it.

use std::{collections::BTreeMap, time::Duration};

use serde::Deserialize;
use tokio::time::{Instant, sleep};

use super::{ErasedPerson, Place, find::EVENTS};
use crate::{Warehouse, WarehouseError, question::Query};

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
/// When rows are asked for again that are left although no deletion is under way.
const ASK_AGAIN_AFTER: Duration = Duration::from_secs(5);

/// How far a mutation has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    /// The table.
    pub table: &'static str,
    /// Parts of it that are still to be written anew.
    pub parts_to_do: u64,
}

/// Mutations that are not done.
#[derive(Default, clickhouse::Row, Deserialize)]
struct Mutations {
    count: u64,
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
        self.note(self.warehouse.of_erased(&sql, person)).await?;
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
        let note = self.warehouse.unlogged(&sql).with_setting("max_query_size", QUERY_BYTES);
        self.note(note).await
    }

    /// Notes, and waits until every replica knows of it: each deletes by what it finds noted.
    async fn note(&self, insert: Query) -> Result<(), WarehouseError> {
        let insert = self.warehouse.durable(insert).param("erasure", self.erasure);
        self.warehouse.execute(insert).await?;
        self.warehouse.catch_up(&["erased_events"]).await
    }

    /// Deletes and waits until nothing is left at any replica. `condition` has no ids of persons.
    async fn delete(
        &mut self,
        table: &'static str,
        condition: &str,
    ) -> Result<u64, WarehouseError> {
        let begun = Instant::now();
        let (mut deleted, mut told) = (0, None);
        let mut asked: Option<Instant> = None;
        loop {
            let open = self.open(table).await?;
            if open.parts_to_do > 0 && told.replace(open.parts_to_do) != Some(open.parts_to_do) {
                let Mutations { parts_to_do, .. } = open;
                (self.progress)(Progress { table, parts_to_do });
            }
            let mut rows = 0;
            if open.count == 0 || asked.is_none() {
                rows = self.left(table, condition).await?;
                if rows == 0 {
                    return Ok(deleted);
                }
                // What is left came in meanwhile, or is at a replica that has not heard of it yet.
                if asked.is_none_or(|at| at.elapsed() >= ASK_AGAIN_AFTER) {
                    self.ask(table, condition).await?;
                    asked = Some(Instant::now());
                    deleted += rows;
                }
            }
            if begun.elapsed() >= self.patience {
                return Err(match open {
                    Mutations { count: 0, .. } => WarehouseError::NotDeleted { table, rows },
                    Mutations { parts_to_do, failed, .. } => {
                        WarehouseError::StillMutating { table, parts_to_do, failed }
                    }
                });
            }
            sleep(LOOK_EVERY).await;
        }
    }

    /// Tells a host of each shard to delete.
    async fn ask(&self, table: &str, condition: &str) -> Result<(), WarehouseError> {
        let sql = format!("ALTER TABLE {} DELETE WHERE {condition}", self.warehouse.stored(table));
        let mutation = self
            .warehouse
            .statement(&sql)
            .with_setting("mutations_sync", "0")
            .with_setting("allow_nondeterministic_mutations", "1")
            .with_setting("max_query_size", QUERY_BYTES);
        self.warehouse.execute_in_each(mutation).await
    }

    /// How many rows are left, in each shard at the replica that has most.
    async fn left(&self, table: &str, condition: &str) -> Result<u64, WarehouseError> {
        let warehouse = self.warehouse;
        let sql = format!("SELECT count() FROM {} WHERE {condition}", warehouse.stored(table));
        let query = warehouse.unlogged(&sql).with_setting("max_query_size", QUERY_BYTES);
        let ask = |host| warehouse.caught_up_at::<u64>(host, table, &query);
        let mut most = BTreeMap::new();
        for (shard, rows) in warehouse.at_every(ask).await? {
            let left: &mut u64 = most.entry(shard).or_default();
            *left = rows.into_iter().fold(*left, u64::max);
        }
        Ok(most.into_values().sum())
    }

    /// What mutates the table at any host; another erasure's too, which may have asked for the same rows.
    async fn open(&self, table: &'static str) -> Result<Mutations, WarehouseError> {
        const SQL: &str = "SELECT count() AS count, toUInt64(greatest(sum(parts_to_do), 0)) AS \
            parts_to_do, anyLast(latest_fail_error_code_name) AS failed FROM system.mutations \
            WHERE database = {database:String} AND table = {table:String} AND NOT is_done \
            AND NOT is_killed";
        let query = self.warehouse.statement(SQL).param("table", table);
        let query = query.param("database", &self.warehouse.storage);
        let ask = |host| self.warehouse.rows_at::<Mutations>(host, &query);
        let mut open = Mutations::default();
        for host in self.warehouse.at_every(ask).await?.into_iter().flat_map(|(_, rows)| rows) {
            open.count += host.count;
            open.parts_to_do += host.parts_to_do;
            if open.failed.is_empty() {
                open.failed = host.failed;
            }
        }
        Ok(open)
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
