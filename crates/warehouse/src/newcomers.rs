//! Hosts of a cluster that lack what others have: a new replica, or those of a new shard.
//!
//! Statements `ON CLUSTER` are told to whoever is in the cluster by then, and not again. So what a
//! newcomer lacks is made there as another host has it: with every column that was added since, the
//! promoted ones too.

use std::collections::BTreeSet;
use std::fmt;

use clickhouse::Row;
use serde::Deserialize;

use crate::question::Address;
use crate::{Warehouse, WarehouseError};

/// A host that lacks some of what another has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Newcomer {
    /// Host and port.
    pub host: String,
    /// The tables, views and dictionaries that it lacks, with their database.
    pub lacks: Vec<String>,
}

impl fmt::Display for Newcomer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, lacks } = self;
        let first = lacks.iter().take(3).map(String::as_str).collect::<Vec<_>>().join(", ");
        let more = lacks.len().saturating_sub(3);
        write!(f, "{host} lacks {first}")?;
        if more > 0 {
            write!(f, " and {more} more")?;
        }
        f.write_str(", which will be made there as another host has them")
    }
}

/// Something that is made by a statement of its own.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Row, Deserialize)]
struct Thing {
    database: String,
    name: String,
    engine: String,
}

#[derive(Row, Deserialize)]
struct Made {
    statement: String,
}

/// What each host has, and the one that has most.
struct Census {
    model: Address,
    all: BTreeSet<Thing>,
    lacking: Vec<(Address, BTreeSet<Thing>)>,
}

const VIEW: &str = "View";
const DICTIONARY: &str = "Dictionary";

impl Warehouse {
    /// Every host of the cluster that lacks something.
    pub(crate) async fn newcomers(&self) -> Result<Vec<Newcomer>, WarehouseError> {
        let Some(census) = self.census().await? else { return Ok(Vec::new()) };
        let newcomer = |(host, lacks): &(Address, BTreeSet<Thing>)| Newcomer {
            host: self.name_of(*host),
            lacks: lacks.iter().map(|it| format!("{}.{}", it.database, it.name)).collect(),
        };
        Ok(census.lacking.iter().map(newcomer).collect())
    }

    /// Makes there what newcomers lack. Safe to be broken off and begun again.
    pub(crate) async fn complete_newcomers(&self) -> Result<(), WarehouseError> {
        let Some(census) = self.census().await? else { return Ok(()) };
        for (host, lacks) in &census.lacking {
            for database in [&self.storage, &self.database] {
                let create = format!("CREATE DATABASE IF NOT EXISTS {database}");
                self.execute_at(*host, &self.server(&create)).await?;
            }
            let is_table = |it: &&Thing| it.engine != VIEW && it.engine != DICTIONARY;
            for thing in lacks.iter().filter(is_table) {
                self.make(*host, census.model, thing).await?;
            }
        }
        if census.all.iter().any(|it| it.engine == DICTIONARY) {
            // A host shows a dictionary without the password that it asks with.
            self.make_dictionaries().await?;
        }
        for (host, lacks) in &census.lacking {
            let views = lacks.iter().filter(|it| it.engine == VIEW).collect();
            self.make_views(*host, census.model, views).await?;
        }
        Ok(())
    }

    /// A view may need others: what cannot be made yet is tried again after the rest, as long as that
    /// makes any.
    async fn make_views(
        &self,
        host: Address,
        model: Address,
        mut views: Vec<&Thing>,
    ) -> Result<(), WarehouseError> {
        while !views.is_empty() {
            let (mut later, mut why) = (Vec::new(), None);
            for view in &views {
                match self.make(host, model, view).await {
                    Ok(()) => {}
                    Err(error @ WarehouseError::Exception(_)) => {
                        later.push(*view);
                        why = Some(error);
                    }
                    Err(error) => return Err(error),
                }
            }
            if let Some(error) = why.filter(|_| later.len() == views.len()) {
                return Err(error);
            }
            views = later;
        }
        Ok(())
    }

    async fn make(
        &self,
        host: Address,
        model: Address,
        thing: &Thing,
    ) -> Result<(), WarehouseError> {
        const SQL: &str = "SELECT create_table_query AS statement FROM system.tables \
            WHERE database = ? AND name = ?";
        let query = self.server(SQL).bind(&thing.database).bind(&thing.name);
        let made: Vec<Made> = self.rows_at(model, &query).await?;
        // It may be gone from there by now.
        let Some(Made { statement }) = made.first() else { return Ok(()) };
        let statement =
            ["CREATE TABLE ", "CREATE VIEW "].iter().fold(statement.clone(), |it, head| {
                match it.strip_prefix(head) {
                    Some(rest) => format!("{head}IF NOT EXISTS {rest}"),
                    None => it,
                }
            });
        self.execute_at(host, &self.statement(&statement)).await
    }

    /// `None` where no host lacks anything.
    async fn census(&self) -> Result<Option<Census>, WarehouseError> {
        const SQL: &str = "SELECT database, name, engine FROM system.tables WHERE database IN ?";
        if self.cluster.is_none() {
            return Ok(None);
        }
        let query = self.server(SQL).bind([&self.storage, &self.database]);
        let mut has = Vec::new();
        for host in self.every_host() {
            let things: Vec<Thing> = self.rows_at(host, &query).await?;
            has.push((host, things.into_iter().collect::<BTreeSet<_>>()));
        }
        let Some((model, all)) = has.iter().max_by_key(|(_, things)| things.len()).cloned() else {
            return Ok(None);
        };
        let lacking =
            has.into_iter().map(|(host, has)| (host, all.difference(&has).cloned().collect()));
        let lacking: Vec<(Address, BTreeSet<Thing>)> =
            lacking.filter(|(_, lacks): &(Address, BTreeSet<Thing>)| !lacks.is_empty()).collect();
        Ok((!lacking.is_empty()).then_some(Census { model, all, lacking }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_newcomer_says_what_it_lacks_and_not_all_of_it() {
        let lacks = |count: usize| Newcomer {
            host: "clickhouse-4:8123".to_owned(),
            lacks: (0..count).map(|it| format!("waybill.t{it}")).collect(),
        };
        let end = ", which will be made there as another host has them";
        assert_eq!(lacks(1).to_string(), format!("clickhouse-4:8123 lacks waybill.t0{end}"));
        let some = "clickhouse-4:8123 lacks waybill.t0, waybill.t1, waybill.t2 and 17 more";
        assert_eq!(lacks(20).to_string(), format!("{some}{end}"));
    }
}
