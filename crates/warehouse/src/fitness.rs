//! Whether the hosts, the cluster and the tables are what the configuration takes them for.

use std::collections::BTreeSet;

use clickhouse::Row;
use serde::Deserialize;

use crate::client::JOINS;
use crate::migrations::is_table;
use crate::{Warehouse, WarehouseError};

/// A table as a host has it.
#[derive(Debug, Clone, Row, Deserialize)]
struct HostTable {
    name: String,
    engine: String,
}

/// A replica of a cluster, as `system.clusters` has it.
#[derive(Debug, Clone, Row, Deserialize)]
struct Node {
    shard_num: u32,
    #[expect(dead_code, reason = "read so that each replica is a row of its own")]
    replica_num: u32,
}

/// What tables are there for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Purpose {
    /// Those of the only host.
    Alone,
    /// Those with the rows of a cluster's shard.
    Stored,
    /// Those that read all shards of a cluster.
    Reading,
}

impl Warehouse {
    /// What must be mended by hand before anything is made or loaded: one sentence each.
    pub(crate) async fn problems(&self) -> Result<Vec<String>, WarehouseError> {
        const NODES: &str = "SELECT shard_num, replica_num FROM system.clusters WHERE cluster = ?";
        let Some(cluster) = &self.cluster else {
            return self.table_problems(&self.database, Purpose::Alone).await;
        };
        let nodes: Vec<Node> = self.rows(self.server(NODES).bind(cluster)).await?;
        let hosts: Vec<usize> = self.shards.iter().map(|hosts| hosts.all().len()).collect();
        let mut problems = cluster_problem(cluster, &nodes, &hosts).into_iter().collect::<Vec<_>>();
        problems.extend(self.join_problem().await?);
        problems.extend(self.table_problems(&self.storage, Purpose::Stored).await?);
        problems.extend(self.table_problems(&self.database, Purpose::Reading).await?);
        Ok(problems)
    }

    async fn table_problems(
        &self,
        database: &str,
        purpose: Purpose,
    ) -> Result<Vec<String>, WarehouseError> {
        const TABLES: &str = "SELECT name, engine FROM system.tables WHERE database = ?";
        let query = self.server(TABLES).bind(database);
        let mut problems = Vec::new();
        for host in self.every_host() {
            let tables: Vec<HostTable> = self.rows_at(host, &query).await?;
            let ours: Vec<HostTable> = tables.into_iter().filter(|it| is_table(&it.name)).collect();
            problems.extend(engine_problem(&ours, purpose, database));
        }
        problems.dedup();
        Ok(problems)
    }

    /// Dictionaries, and everybody who queries, need the setting as their user's own; Waybill's questions
    /// bring it along.
    async fn join_problem(&self) -> Result<Option<String>, WarehouseError> {
        const SQL: &str = "SELECT toString(value) FROM system.settings WHERE name = ?";
        let (name, wanted) = JOINS;
        let values: Vec<String> = self.rows(self.server(SQL).bind(name)).await?;
        Ok(values.iter().any(|value| value != wanted).then(|| {
            format!(
                "{name} is {}: set it to {wanted} in the settings profile of {} and of everybody who queries, \
                 for ClickHouse refuses to join the tables of several shards without",
                values.join(""),
                self.user
            )
        }))
    }
}

fn engine_problem(tables: &[HostTable], purpose: Purpose, database: &str) -> Option<String> {
    let is_wrong = |table: &&HostTable| {
        let (replicated, distributed) =
            (table.engine.starts_with("Replicated"), table.engine == "Distributed");
        match purpose {
            Purpose::Alone => replicated || distributed,
            Purpose::Stored => !replicated,
            Purpose::Reading => !distributed,
        }
    };
    let wrong = tables.iter().filter(is_wrong);
    let names = wrong.map(|table| table.name.as_str()).collect::<Vec<_>>().join(", ");
    if names.is_empty() {
        return None;
    }
    Some(match purpose {
        Purpose::Alone => format!(
            "tables of a cluster, but no cluster is named: {names}. Set `cluster` under [warehouse]"
        ),
        Purpose::Stored => format!(
            "not replicated in {database}: {names}. Turn them into replicated tables (ATTACH TABLE … AS \
             REPLICATED)"
        ),
        Purpose::Reading => format!(
            "made without a cluster in {database}: {names}. Name another database; or move them to the \
             database with the rows (RENAME TABLE) and turn them into replicated tables there (ATTACH TABLE … \
             AS REPLICATED)"
        ),
    })
}

fn cluster_problem(cluster: &str, nodes: &[Node], hosts: &[usize]) -> Option<String> {
    if nodes.is_empty() {
        return Some(format!(
            "ClickHouse knows no cluster {cluster}: write it into remote_servers of its configuration, or \
             mend `cluster` under [warehouse]"
        ));
    }
    let shards: BTreeSet<u32> = nodes.iter().map(|node| node.shard_num).collect();
    let of = |shard: u32| nodes.iter().filter(|node| node.shard_num == shard).count();
    let theirs: Vec<usize> = shards.into_iter().map(of).collect();
    (theirs != hosts).then(|| {
        format!(
            "cluster {cluster} has {}, and `url`, `replicas` and `more_shards` under [warehouse] name {}: \
             name every host, for what is under way is looked for on each, and the shards in their order",
            counted(&theirs),
            counted(hosts)
        )
    })
}

/// Such as `2 shards of 3 and 2 replicas`.
fn counted(hosts: &[usize]) -> String {
    let numbers = hosts.iter().map(ToString::to_string).collect::<Vec<_>>().join(" and ");
    let plural = |count: usize| if count == 1 { "" } else { "s" };
    let replicas = plural(hosts.last().copied().unwrap_or_default());
    format!("{} shard{} of {numbers} replica{replicas}", hosts.len(), plural(hosts.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nodes(shards: &[u32]) -> Vec<Node> {
        let node = |(index, shard_num): (usize, &u32)| Node {
            shard_num: *shard_num,
            replica_num: u32::try_from(index).unwrap(),
        };
        shards.iter().enumerate().map(node).collect()
    }

    fn table(name: &str, engine: &str) -> HostTable {
        HostTable { name: name.to_owned(), engine: engine.to_owned() }
    }

    #[test]
    fn every_host_of_every_shard_is_named() {
        for (shards, hosts, expected) in [
            (vec![1, 1, 1], vec![3], None),
            (vec![1, 1, 2, 2], vec![2, 2], None),
            (vec![], vec![1], Some("knows no cluster events")),
            (
                vec![1, 1, 1],
                vec![2],
                Some("has 1 shard of 3 replicas, and `url`, `replicas` and `more_shards`"),
            ),
            (vec![1, 1], vec![3], Some("name 1 shard of 3 replicas")),
            (vec![1, 2], vec![2], Some("has 2 shards of 1 and 1 replica")),
            (vec![1, 2, 2], vec![2, 1], Some("name 2 shards of 2 and 1 replica:")),
        ] {
            let problem = cluster_problem("events", &nodes(&shards), &hosts);
            let fits = match (&problem, expected) {
                (None, None) => true,
                (Some(problem), Some(expected)) => problem.contains(expected),
                _ => false,
            };
            assert!(fits, "{problem:?}");
        }
    }

    #[test]
    fn each_table_has_the_engine_of_its_purpose() {
        let plain =
            [table("events", "ReplacingMergeTree"), table("erasures", "ReplacingMergeTree")];
        let replicated = [table("events", "ReplicatedReplacingMergeTree")];
        let distributed = [table("events", "Distributed")];
        for (tables, purpose, expected) in [
            (&plain[..], Purpose::Alone, None),
            (&replicated, Purpose::Stored, None),
            (&distributed, Purpose::Reading, None),
            (&plain, Purpose::Stored, Some("not replicated in d: events, erasures")),
            (&plain, Purpose::Reading, Some("made without a cluster in d: events, erasures")),
            (&replicated, Purpose::Reading, Some("RENAME TABLE")),
            (&replicated, Purpose::Alone, Some("Set `cluster`")),
            (&distributed, Purpose::Alone, Some("Set `cluster`")),
        ] {
            let problem = engine_problem(tables, purpose, "d");
            let told = problem.as_deref().unwrap_or_default();
            assert!(problem.is_some() == expected.is_some(), "{problem:?}");
            assert!(told.contains(expected.unwrap_or_default()), "{told}");
        }
    }
}
