//! Working out promoted columns anew for rows that were loaded before the column was added or changed.
//!
//! Not needed for the right answer where a column is new: a part that lacks it is read by its DEFAULT.
//! It saves that work in each query. Rows that were loaded before another event came to share a column
//! do need it: they have a NULL on disk.

use std::collections::{BTreeMap, BTreeSet, btree_map::Entry};
use std::fmt;

use clickhouse::Row;
use serde::Deserialize;

use crate::promoted_sql::{ExtraColumn, quoted};
use crate::{ColumnPlan, Warehouse, WarehouseError};

/// One column in one month.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackfillStep {
    /// The column.
    pub column: String,
    /// Partition of `events`: year and month of append.
    pub month: String,
    /// Rows that are read.
    pub rows: u64,
    /// Bytes on disk of the columns that are read; 0 where all parts are so small that ClickHouse keeps
    /// them in one file.
    pub bytes: u64,
    default: String,
}

impl fmt::Display for BackfillStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { column, month, rows, bytes, .. } = self;
        write!(f, "backfill of column {column}, month {month}: reads {rows} rows")?;
        if *bytes == 0 {
            return f.write_str(" (of few bytes)");
        }
        write!(f, ", {bytes} bytes on disk")
    }
}

/// How far a step is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BackfillProgress {
    /// So many parts are still to be written.
    Parts(u64),
    /// It is done.
    Done,
}

#[derive(Row, Deserialize)]
struct Month {
    id: String,
    rows: u64,
    parts: u64,
    with_column: u64,
    bytes: u64,
}

impl Month {
    /// The same month of another shard.
    fn add(&mut self, other: &Self) {
        self.rows += other.rows;
        self.parts += other.parts;
        self.with_column += other.with_column;
        self.bytes += other.bytes;
    }
}

#[derive(Row, Deserialize)]
struct Mutation {
    is_done: u8,
    is_killed: u8,
    parts_to_do: u64,
    failure: String,
    /// Milliseconds since 1970.
    created_at: i64,
}

impl Mutation {
    /// Together with that of another shard.
    fn with(self, other: Self) -> Self {
        Self {
            is_done: self.is_done.min(other.is_done),
            is_killed: self.is_killed.max(other.is_killed),
            parts_to_do: self.parts_to_do + other.parts_to_do,
            failure: if self.failure.is_empty() { other.failure } else { self.failure },
            created_at: self.created_at.min(other.created_at),
        }
    }
}

impl Warehouse {
    /// What is owed for the columns of a plan that was applied, the newest month first.
    pub async fn backfill_plan(
        &self,
        plan: &ColumnPlan,
    ) -> Result<Vec<BackfillStep>, WarehouseError> {
        let mut steps = Vec::new();
        for column in &plan.columns {
            let owed = self.owed(&column.name).await?;
            for month in self.months(column).await? {
                if month.with_column == month.parts && !owed.contains(&month.id) {
                    continue;
                }
                steps.push(BackfillStep {
                    column: column.name.clone(),
                    month: month.id,
                    rows: month.rows,
                    bytes: month.bytes,
                    default: column.default.clone(),
                });
            }
        }
        steps.sort_by(|one, other| other.month.cmp(&one.month));
        Ok(steps)
    }

    /// Tells ClickHouse to do a step, unless it is at it already, and returns when that began (in
    /// milliseconds since 1970, by ClickHouse's clock). It goes on whether or not anybody waits.
    pub async fn backfill_begin(&self, step: &BackfillStep) -> Result<i64, WarehouseError> {
        const NOW: &str = "SELECT toUnixTimestamp64Milli(now64(3))";
        let running = self.mutation(step).await?;
        if let Some(it) = running.filter(|it| it.is_done == 0 && it.is_killed == 0) {
            return Ok(it.created_at);
        }
        let now: Vec<i64> = self.rows(self.server(NOW)).await?;
        let sql = format!(
            "ALTER TABLE {} UPDATE {} = {} IN PARTITION ID '{}' WHERE true",
            self.stored("events"),
            step.column,
            step.default,
            quoted(&step.month)
        );
        self.execute_in_each(self.statement(&sql).with_setting("mutations_sync", "0")).await?;
        Ok(now.into_iter().next().unwrap_or_default())
    }

    /// How far a step is that was begun at `begun_at`; notes that it is done.
    pub async fn backfill_progress(
        &self,
        step: &BackfillStep,
        begun_at: i64,
    ) -> Result<BackfillProgress, WarehouseError> {
        let failed = |detail: &str| WarehouseError::Backfill {
            column: step.column.clone(),
            month: step.month.clone(),
            detail: detail.to_owned(),
        };
        let Some(mutation) = self.mutation(step).await? else {
            return Err(failed("ClickHouse does not have the mutation any more; begin again"));
        };
        if mutation.is_killed != 0 {
            return Err(failed("the mutation was killed; begin again"));
        }
        if !mutation.failure.is_empty() {
            return Err(failed(&format!(
                "{}; ClickHouse tries on; KILL MUTATION WHERE table = 'events' ends that",
                mutation.failure
            )));
        }
        if mutation.is_done == 0 {
            return Ok(BackfillProgress::Parts(mutation.parts_to_do));
        }
        self.note(&step.column, &step.month, "done", Some(begun_at)).await?;
        Ok(BackfillProgress::Done)
    }

    /// Notes that all months there are have rows that were loaded before a change.
    pub(crate) async fn owe_backfill(&self, column: &str) -> Result<(), WarehouseError> {
        const SQL: &str = "SELECT DISTINCT partition_id FROM system.parts \
            WHERE database = ? AND table = 'events' AND active";
        let months: Vec<String> = self.rows_of_each(self.server(SQL).bind(&self.storage)).await?;
        for month in months.into_iter().collect::<BTreeSet<_>>() {
            self.note(column, &month, "owed", None).await?;
        }
        Ok(())
    }

    async fn note(
        &self,
        column: &str,
        month: &str,
        state: &str,
        at: Option<i64>,
    ) -> Result<(), WarehouseError> {
        let at = at.map_or("now64(3)".to_owned(), |at| format!("fromUnixTimestamp64Milli({at})"));
        let sql = format!(
            "INSERT INTO {} (column_name, month, state, told_at) SELECT ?, ?, ?, {at}",
            self.stored("promoted_backfills")
        );
        self.execute(self.writing(&sql).bind(column).bind(month).bind(state)).await
    }

    async fn owed(&self, column: &str) -> Result<BTreeSet<String>, WarehouseError> {
        const SQL: &str = "SELECT month FROM promoted_backfills FINAL \
            WHERE column_name = ? AND state = 'owed'";
        let months: Vec<String> = self.rows(self.question(SQL).bind(column)).await?;
        Ok(months.into_iter().collect())
    }

    async fn months(&self, column: &ExtraColumn) -> Result<Vec<Month>, WarehouseError> {
        const SQL: &str = "SELECT partition_id AS id, sumIf(rows, column = 'event_name') AS rows, \
            countIf(column = 'event_name') AS parts, countIf(column = ?) AS with_column, \
            sumIf(column_data_compressed_bytes, column IN ?) AS bytes \
            FROM system.parts_columns \
            WHERE database = ? AND table = 'events' AND active GROUP BY id";
        let query = self.server(SQL).bind(&column.name).bind(&column.reads);
        let mut months: BTreeMap<String, Month> = BTreeMap::new();
        for month in self.rows_of_each::<Month>(query.bind(&self.storage)).await? {
            match months.entry(month.id.clone()) {
                Entry::Occupied(mut it) => it.get_mut().add(&month),
                Entry::Vacant(it) => drop(it.insert(month)),
            }
        }
        Ok(months.into_values().collect())
    }

    async fn mutation(&self, step: &BackfillStep) -> Result<Option<Mutation>, WarehouseError> {
        const SQL: &str = "SELECT is_done, is_killed, toUInt64(parts_to_do) AS parts_to_do, \
            latest_fail_reason AS failure, toInt64(toUnixTimestamp(create_time)) * 1000 AS created_at \
            FROM system.mutations WHERE database = ? AND table = 'events' \
            AND startsWith(command, ?) AND position(command, ?) > 0 \
            ORDER BY create_time DESC, mutation_id DESC LIMIT 1";
        let begins = format!("(UPDATE {} = ", step.column);
        let month = format!(" IN PARTITION ID '{}' ", step.month);
        let query = self.server(SQL).bind(&self.storage).bind(begins).bind(month);
        let of_shards: Vec<Mutation> = self.rows_of_each(query).await?;
        if of_shards.len() < self.every_shard().count() {
            return Ok(None);
        }
        Ok(of_shards.into_iter().reduce(Mutation::with))
    }
}
