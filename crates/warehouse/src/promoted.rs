//! Columns of `events` beside those of the files: what would be done, and doing it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use clickhouse::Row;
use serde::{Deserialize, Serialize};
use tracking_plan::plan::{COLUMN_PREFIX, ColumnType, Promotion};

use crate::promoted_sql::{ExtraColumn, quoted};
use crate::{JsonProperties, Warehouse, WarehouseError, promoted_json, promoted_views};

/// Columns that `events` shall have beside those of the files.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WantedColumns {
    /// What the tracking plans that hold now or later promote.
    pub promotions: Vec<Promotion>,
    /// Whose properties are kept as JSON type.
    pub json: JsonProperties,
}

/// What stands between `events` and its wanted columns.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ColumnPlan {
    /// Columns that are to be added or changed.
    pub changes: Vec<ColumnChange>,
    /// Views that are to be made anew, so that they show all columns.
    pub views: Vec<&'static str>,
    /// Columns that nobody asks for any more, with what that means.
    pub stays: Vec<String>,
    pub(crate) columns: Vec<ExtraColumn>,
    told: Vec<Told>,
}

/// A column that is to be added or changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColumnChange {
    /// Its name.
    pub column: String,
    /// Whether there is none of that name yet.
    pub is_new: bool,
    /// What it holds.
    pub comment: String,
    statement: String,
}

impl fmt::Display for ColumnChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verb = if self.is_new { "will be added" } else { "will be filled otherwise" };
        write!(f, "column {} of events {verb}: {}", self.column, self.comment)
    }
}

impl ColumnPlan {
    /// Whether there is nothing to do.
    pub fn is_done(&self) -> bool {
        self.changes.is_empty() && self.views.is_empty()
    }

    /// What is to be done, a line each.
    pub fn lines(&self) -> Vec<String> {
        let mut lines: Vec<String> = self.changes.iter().map(ToString::to_string).collect();
        if !self.views.is_empty() {
            lines.push(format!("views with all columns of events: {}", self.views.join(", ")));
        }
        lines
    }
}

/// A row of `promoted_columns`.
#[derive(Debug, Clone, PartialEq, Eq, Row, Serialize, Deserialize)]
struct Told {
    column_name: String,
    event_type: String,
    event_name: String,
    place: String,
    kind: String,
    plan: String,
}

/// A column as `events` has it.
#[derive(Debug, Clone, PartialEq, Eq, Row, Deserialize)]
struct There {
    name: String,
    sql_type: String,
    /// As ClickHouse writes it.
    default: String,
    comment: String,
}

impl Warehouse {
    /// What [`Self::columns_apply`] would do. Changes nothing. A column that would need another type is
    /// [`WarehouseError::Column`].
    pub async fn columns_plan(&self, wanted: &WantedColumns) -> Result<ColumnPlan, WarehouseError> {
        let there = self.extra_columns().await?;
        let known = self.told_columns().await?;
        let json = wanted.json.column();
        let mut plan = ColumnPlan { stays: stays(wanted, &known, &there), ..ColumnPlan::default() };
        for (name, promotions) in by_column(&wanted.promotions) {
            let column = self.promoted(name, &promotions, &known, &there)?;
            plan.columns.push(column);
            plan.told.extend(promotions.iter().map(|it| told(it)));
        }
        plan.columns.extend(json);
        plan.told.retain(|row| !known.contains(row));
        for column in &plan.columns {
            let old = there.iter().find(|it| it.name == column.name);
            plan.changes.extend(self.change(column, old).await?);
        }
        if plan.changes.iter().any(|it| it.is_new) || self.views_differ(&there).await? {
            plan.views = promoted_views::ALL_COLUMNS.to_vec();
        }
        Ok(plan)
    }

    /// Adds and changes columns, makes the views anew, and returns the plan that it followed. May be
    /// broken off and begun again, and run twice at once. The tables of the files have to be there.
    pub async fn columns_apply(
        &self,
        wanted: &WantedColumns,
    ) -> Result<ColumnPlan, WarehouseError> {
        let plan = self.columns_plan(wanted).await?;
        // Told first: a column of ours is known by it.
        self.tell_columns(&plan.told).await?;
        for change in &plan.changes {
            if !change.is_new {
                self.owe_backfill(&change.column).await?;
            }
            self.apply(&change.statement).await?;
        }
        for view in &plan.views {
            if let Some(statement) = promoted_views::statement(view) {
                self.apply(&statement).await?;
            }
        }
        if !plan.views.is_empty() {
            // They are made anew, without the comments of their columns.
            self.comment_views().await?;
        }
        Ok(plan)
    }

    fn promoted(
        &self,
        name: &str,
        promotions: &[&Promotion],
        known: &[Told],
        there: &[There],
    ) -> Result<ExtraColumn, WarehouseError> {
        let kind = promotions[0].kind;
        let ours = known.iter().any(|row| row.column_name == name);
        let old = there.iter().find(|it| it.name == name);
        let former = former(name, kind, promotions, known);
        let all: Vec<&Promotion> = promotions.iter().copied().chain(&former).collect();
        let wanted = ExtraColumn::promoted(name, kind, &all);
        let Some(old) = old else { return Ok(wanted) };
        if old.sql_type != wanted.sql_type {
            return Err(WarehouseError::Column(format!(
                "{name} is {}, and plan {} asks for {kind}, which is {}: a column keeps its type. Give \
                 the new one another name, or drop the old one with its values (ALTER TABLE {}.events \
                 DROP COLUMN {name})",
                old.sql_type, promotions[0].plan, wanted.sql_type, self.database
            )));
        }
        if !ours {
            return Err(WarehouseError::Column(format!(
                "{name} is a column that Waybill has not made, and plan {} promotes to it: choose \
                 another name",
                promotions[0].plan
            )));
        }
        Ok(wanted)
    }

    async fn change(
        &self,
        column: &ExtraColumn,
        old: Option<&There>,
    ) -> Result<Option<ColumnChange>, WarehouseError> {
        let verb = match old {
            None => "ADD COLUMN IF NOT EXISTS",
            Some(old) if old.comment == column.comment => {
                if old.default == self.normal(&column.default).await? {
                    return Ok(None);
                }
                "MODIFY COLUMN"
            }
            Some(_) => "MODIFY COLUMN",
        };
        Ok(Some(ColumnChange {
            column: column.name.clone(),
            is_new: old.is_none(),
            comment: column.comment.clone(),
            statement: format!("ALTER TABLE events {verb} {}", column.definition()),
        }))
    }

    /// An expression as ClickHouse writes it.
    async fn normal(&self, expression: &str) -> Result<String, WarehouseError> {
        let sql = format!("SELECT formatQuerySingleLine('SELECT {}')", quoted(expression));
        let texts: Vec<String> = self.rows(self.statement(&sql)).await?;
        Ok(texts.into_iter().next().unwrap_or_default())
    }

    async fn extra_columns(&self) -> Result<Vec<There>, WarehouseError> {
        const SQL: &str = "SELECT name, type AS sql_type, \
            ifNull(formatQuerySingleLineOrNull(concat('SELECT ', default_expression)), '') AS default, \
            comment FROM system.columns WHERE database = ? AND table = 'events' \
            AND (startsWith(name, ?) OR name = ?) ORDER BY name";
        let query = self.server(SQL).bind(&self.database).bind(COLUMN_PREFIX);
        self.rows(query.bind(promoted_json::COLUMN)).await
    }

    async fn told_columns(&self) -> Result<Vec<Told>, WarehouseError> {
        const TABLE: &str =
            "SELECT name FROM system.tables WHERE database = ? AND name = 'promoted_columns'";
        const SQL: &str = "SELECT column_name, event_type, event_name, place, kind, plan \
            FROM promoted_columns FINAL ORDER BY column_name, event_type, event_name";
        let table: Vec<String> = self.rows(self.server(TABLE).bind(&self.database)).await?;
        if table.is_empty() { Ok(Vec::new()) } else { self.rows(self.question(SQL)).await }
    }

    async fn tell_columns(&self, told: &[Told]) -> Result<(), WarehouseError> {
        let sql = format!(
            "INSERT INTO {} (column_name, event_type, event_name, place, kind, plan) \
             VALUES (?, ?, ?, ?, ?, ?)",
            self.stored("promoted_columns")
        );
        for row in told {
            let query = self.writing(&sql).bind(&row.column_name).bind(&row.event_type);
            let query = query.bind(&row.event_name).bind(&row.place).bind(&row.kind);
            self.execute(query.bind(&row.plan)).await?;
        }
        Ok(())
    }

    /// Whether a view shows other columns than there are. ClickHouse does not list the columns of views
    /// with parameters; those are made together with the others.
    async fn views_differ(&self, there: &[There]) -> Result<bool, WarehouseError> {
        const SQL: &str = "SELECT arraySort(groupArrayIf(name, startsWith(name, ?) OR name = ?)) \
            AS names FROM system.columns WHERE database = ? AND table IN ? GROUP BY table";
        let query = self.server(SQL).bind(COLUMN_PREFIX).bind(promoted_json::COLUMN);
        let query = query.bind(&self.database).bind(promoted_views::ALL_COLUMNS.to_vec());
        let shown: Vec<Vec<String>> = self.rows(query).await?;
        let names: Vec<&String> = there.iter().map(|it| &it.name).collect();
        Ok(shown.iter().any(|of_view| of_view.iter().ne(names.iter().copied())))
    }
}

fn by_column(promotions: &[Promotion]) -> BTreeMap<&str, Vec<&Promotion>> {
    let mut columns: BTreeMap<&str, Vec<&Promotion>> = BTreeMap::new();
    for promotion in promotions {
        let of_column = columns.entry(&promotion.column).or_default();
        // Versions of a plan say the same again.
        if !of_column.iter().any(|it| told(it) == told(promotion)) {
            of_column.push(promotion);
        }
    }
    columns
}

fn told(promotion: &Promotion) -> Told {
    Told {
        column_name: promotion.column.clone(),
        event_type: promotion.event_type.clone(),
        event_name: promotion.event_name.clone(),
        place: promotion.place.clone(),
        kind: promotion.kind.word().to_owned(),
        plan: promotion.plan.clone(),
    }
}

/// What was promoted to the column before and is not any more: its events keep their values.
fn former(name: &str, kind: ColumnType, now: &[&Promotion], known: &[Told]) -> Vec<Promotion> {
    let is_former = |row: &&Told| {
        let same = |it: &&Promotion| {
            (&it.event_type, &it.event_name) == (&row.event_type, &row.event_name)
        };
        row.column_name == name && row.kind == kind.word() && !now.iter().any(same)
    };
    let promotion = |row: &Told| {
        Promotion::former(name, kind, [&row.event_type, &row.event_name], &row.place, &row.plan)
    };
    known.iter().filter(is_former).map(promotion).collect()
}

/// Columns that are there, are ours, and are asked for by nobody.
fn stays(wanted: &WantedColumns, known: &[Told], there: &[There]) -> Vec<String> {
    let promoted: BTreeSet<&str> = wanted.promotions.iter().map(|it| it.column.as_str()).collect();
    let ours: BTreeSet<&str> = known.iter().map(|row| row.column_name.as_str()).collect();
    let mut told = Vec::new();
    for name in there.iter().map(|it| it.name.as_str()) {
        let asked_by = if name == promoted_json::COLUMN {
            (wanted.json == JsonProperties::None).then_some("[warehouse] json_properties asks")
        } else {
            (!promoted.contains(name) && ours.contains(name)).then_some("a tracking plan asks")
        };
        told.extend(asked_by.map(|who| {
            format!(
                "column {name} of events stays, and is filled as before, though {who} for it no more; to \
                 be rid of it and its values: ALTER TABLE events DROP COLUMN {name}, then migrate again"
            )
        }));
    }
    told
}
