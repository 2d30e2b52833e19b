//! What stands between the databases and the layout, and making it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::Deserialize;

use super::{SegmentSource, layout, names, seen, seen::SeenColumn};
use crate::{Warehouse, WarehouseError};

/// Longest statement that is sent, in bytes; ClickHouse's own limit is 256 KiB.
const MAX_QUERY_SIZE: &str = "16777216";

/// What is to be done for Segment's layout.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SegmentPlan {
    /// In order.
    pub steps: Vec<SegmentStep>,
    /// What is left as it is although the layout would have something in its place.
    pub left: Vec<String>,
    noted: Vec<SeenColumn>,
}

/// Something to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SegmentStep {
    /// A database is to be made.
    Database {
        /// Its name.
        name: String,
        /// Of which source its views will be.
        source: String,
    },
    /// A view is to be made, or made anew.
    View {
        /// Its database.
        database: String,
        /// Its name.
        name: String,
        /// Whether it is there with other columns.
        exists: bool,
        /// What makes it.
        statement: String,
    },
}

impl SegmentPlan {
    /// Whether there is nothing to do.
    pub fn is_done(&self) -> bool {
        self.steps.is_empty() && self.noted.is_empty()
    }
}

impl fmt::Display for SegmentPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut lines = Vec::new();
        let mut views: BTreeMap<(&str, bool), Vec<&str>> = BTreeMap::new();
        for step in &self.steps {
            match step {
                SegmentStep::Database { name, source } => lines.push(format!(
                    "database {name} will be created, for {source} in Segment's layout"
                )),
                SegmentStep::View { database, name, exists, .. } => {
                    views.entry((database, *exists)).or_default().push(name);
                }
            }
        }
        lines.extend(views.into_iter().map(|((database, exists), names)| {
            let verb = if exists { "made anew" } else { "made" };
            format!("views of {database} will be {verb}: {}", names.join(", "))
        }));
        if !self.noted.is_empty() {
            lines.push(format!(
                "{} names of events and properties that no plan declares will be noted in segment_columns",
                self.noted.len()
            ));
        }
        write!(f, "{}", lines.join("\n"))
    }
}

#[derive(Debug, PartialEq, clickhouse::Row, Deserialize)]
struct Existing {
    database: String,
    name: String,
    is_view: bool,
    comment: String,
}

impl Warehouse {
    /// What [`Self::segment_apply`] would do. Changes nothing. Where our database is not there yet, nothing
    /// was seen, and the layout is that of the plans alone.
    pub async fn segment_plan(
        &self,
        sources: &[SegmentSource],
    ) -> Result<SegmentPlan, WarehouseError> {
        let mut plan = SegmentPlan::default();
        let databases = self.databases().await?;
        let can_note = self.has_notes().await?;
        let mut owners: BTreeMap<String, &str> = BTreeMap::new();
        for source in sources {
            let database = self.segment_database(source);
            if let Some(owner) = owners.get(&database) {
                plan.left.push(shared(&database, owner, &source.source));
                continue;
            }
            owners.insert(database.clone(), &source.source);
            let mut noted = Vec::new();
            if can_note {
                noted = self.noted_columns(&source.source).await?;
                let new = self.unnoted_columns(source, &noted).await?;
                noted.extend(new.iter().cloned());
                plan.noted.extend(new);
            }
            if !databases.contains(&database) {
                let source = source.source.clone();
                plan.steps.push(SegmentStep::Database { name: database.clone(), source });
            }
            self.plan_views(&mut plan, source, &database, &noted).await?;
        }
        Ok(plan)
    }

    async fn plan_views(
        &self,
        plan: &mut SegmentPlan,
        source: &SegmentSource,
        database: &str,
        noted: &[SeenColumn],
    ) -> Result<(), WarehouseError> {
        const SQL: &str = "SELECT database, name, engine = 'View' AS is_view, comment \
            FROM system.tables WHERE database = ?";
        let query = self.server(SQL).bind(database);
        let of_hosts: Vec<Vec<Existing>> = self.at_all(|host| self.rows_at(host, &query)).await?;
        let everywhere = |there: &Existing| of_hosts.iter().all(|host| host.contains(there));
        let existing: Vec<&Existing> = of_hosts.iter().flatten().collect();
        let mark = layout::mark(&self.database, &source.source);
        for view in layout::views(&self.database, database, source, &seen::as_planned(noted)) {
            let there = existing.iter().find(|it| it.name == view.name);
            match there {
                Some(there)
                    if there.comment == view.comment && there.is_view && everywhere(there) => {}
                Some(there) if !(there.is_view && there.comment.starts_with(&mark)) => {
                    plan.left.push(format!(
                        "{}.{} is there and was not made for {}: it is left as it is",
                        there.database, there.name, source.source
                    ));
                }
                _ => plan.steps.push(SegmentStep::View {
                    database: database.to_owned(),
                    name: view.name,
                    exists: there.is_some(),
                    statement: view.statement,
                }),
            }
        }
        Ok(())
    }

    /// Does what the plan says. May be broken off and begun again, and run twice at once. Nothing is ever
    /// taken away: a view whose event no plan has any more stays as it is.
    pub async fn segment_apply(&self, plan: &SegmentPlan) -> Result<(), WarehouseError> {
        self.note_columns(&plan.noted).await?;
        for step in &plan.steps {
            let statement = match step {
                SegmentStep::Database { name, source } => format!(
                    "CREATE DATABASE IF NOT EXISTS `{name}` COMMENT '{source} in Segment\\'s layout'"
                ),
                SegmentStep::View { statement, .. } => statement.clone(),
            };
            for statement in self.told(&statement) {
                let query = self.statement(&statement);
                self.execute(query.with_setting("max_query_size", MAX_QUERY_SIZE)).await?;
            }
        }
        Ok(())
    }

    fn segment_database(&self, source: &SegmentSource) -> String {
        let ours = || names::database(&self.database, &source.source);
        source.database.clone().unwrap_or_else(ours)
    }

    /// Those that every host has.
    async fn databases(&self) -> Result<BTreeSet<String>, WarehouseError> {
        let query = self.server("SELECT name FROM system.databases");
        let of_hosts: Vec<Vec<String>> = self.at_all(|host| self.rows_at(host, &query)).await?;
        let sets = of_hosts.into_iter().map(|names| names.into_iter().collect::<BTreeSet<_>>());
        Ok(sets.reduce(|some, others| &some & &others).unwrap_or_default())
    }

    async fn has_notes(&self) -> Result<bool, WarehouseError> {
        const SQL: &str = "SELECT name FROM system.tables \
            WHERE database = ? AND name = 'segment_columns'";
        let found: Vec<String> = self.rows(self.server(SQL).bind(&self.database)).await?;
        Ok(!found.is_empty())
    }
}

fn shared(database: &str, owner: &str, source: &str) -> String {
    format!(
        "{source} has no views in Segment's layout, since its database {database} is that of {owner}: \
         name another one for it under [warehouse.segment_databases]"
    )
}
