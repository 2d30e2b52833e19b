//! Whether the hosts, the cluster and the tables are what the configuration takes them for.

use std::collections::BTreeSet;

use clickhouse::Row;
use serde::Deserialize;

use crate::migrations::MIGRATIONS;
use crate::{Warehouse, WarehouseError};

const TABLE: &str = "CREATE TABLE IF NOT EXISTS ";

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

impl Warehouse {
    /// What must be mended by hand before anything is made or loaded: one sentence each.
    pub(crate) async fn problems(&self) -> Result<Vec<String>, WarehouseError> {
        const TABLES: &str = "SELECT name, engine FROM system.tables WHERE database = ?";
        const NODES: &str = "SELECT shard_num, replica_num FROM system.clusters WHERE cluster = ?";
        let mut problems = Vec::new();
        if let Some(cluster) = &self.cluster {
            let nodes: Vec<Node> = self.rows(self.server(NODES).bind(cluster)).await?;
            problems.extend(cluster_problem(cluster, &nodes, self.hosts.all().len()));
        }
        let query = self.server(TABLES).bind(&self.database);
        let mut names = Vec::new();
        for index in 0..self.hosts.all().len() {
            let tables: Vec<HostTable> = self.rows_at(index, &query).await?;
            let ours: Vec<HostTable> = tables.into_iter().filter(is_ours).collect();
            problems.extend(engine_problem(&ours, self.cluster.is_some()));
            names.push(ours.into_iter().map(|table| table.name).collect::<BTreeSet<_>>());
        }
        let all: BTreeSet<String> = names.iter().flatten().cloned().collect();
        let lacking = names.iter().enumerate().filter(|(_, names)| names.len() < all.len());
        problems.extend(lacking.map(|(index, names)| self.lacks(index, &all, names)));
        problems.dedup();
        Ok(problems)
    }

    fn lacks(&self, index: usize, all: &BTreeSet<String>, has: &BTreeSet<String>) -> String {
        let lacks = all.difference(has).cloned().collect::<Vec<_>>().join(", ");
        format!(
            "{} has no table {lacks}, which another replica has: make it there as `SHOW CREATE TABLE` \
             on the other says, with all that refers to it",
            self.hosts.name(index)
        )
    }
}

fn is_ours(table: &HostTable) -> bool {
    let statements = MIGRATIONS.iter().flat_map(crate::migrations::Migration::statements);
    let made = statements.filter_map(|it| Some(it.strip_prefix(TABLE)?.lines().next()?.to_owned()));
    made.into_iter().any(|name| name == table.name)
}

fn engine_problem(tables: &[HostTable], cluster: bool) -> Option<String> {
    let is_replicated = |table: &&HostTable| table.engine.starts_with("Replicated");
    let wrong = tables.iter().filter(|table| is_replicated(table) != cluster);
    let names = wrong.map(|table| table.name.as_str()).collect::<Vec<_>>().join(", ");
    match (names.is_empty(), cluster) {
        (true, _) => None,
        (_, true) => Some(format!(
            "not replicated, since they were made without a cluster: {names}. Name another database, or \
             turn them into replicated tables (ATTACH TABLE … AS REPLICATED)"
        )),
        (_, false) => Some(format!(
            "replicated, but no cluster is named: {names}. Set `cluster` under [warehouse]"
        )),
    }
}

fn cluster_problem(cluster: &str, nodes: &[Node], hosts: usize) -> Option<String> {
    let shards: BTreeSet<u32> = nodes.iter().map(|node| node.shard_num).collect();
    match (shards.len(), nodes.len()) {
        (0, _) => Some(format!(
            "ClickHouse knows no cluster {cluster}: write it into remote_servers of its configuration, \
             or mend `cluster` under [warehouse]"
        )),
        (1, replicas) if replicas == hosts => None,
        (1, replicas) => Some(format!(
            "cluster {cluster} has {replicas} replicas, and `url` and `replicas` under [warehouse] name \
             {hosts}: name every one, for what is under way is looked for on each"
        )),
        (shards, _) => Some(format!(
            "cluster {cluster} has {shards} shards, and Waybill loads into one: name a cluster of one \
             shard"
        )),
    }
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
    fn a_cluster_is_one_shard_whose_replicas_are_all_named() {
        for (shards, hosts, expected) in [
            (vec![1, 1, 1], 3, None),
            (vec![], 1, Some("knows no cluster events")),
            (
                vec![1, 1, 1],
                2,
                Some("has 3 replicas, and `url` and `replicas` under [warehouse] name 2"),
            ),
            (vec![1, 1], 3, Some("name every one")),
            (vec![1, 2], 2, Some("has 2 shards")),
        ] {
            let problem = cluster_problem("events", &nodes(&shards), hosts);
            let fits = match (&problem, expected) {
                (None, None) => true,
                (Some(problem), Some(expected)) => problem.contains(expected),
                _ => false,
            };
            assert!(fits, "{problem:?}");
        }
    }

    #[test]
    fn plain_tables_are_none_of_a_cluster_and_replicated_ones_are_none_without() {
        let plain =
            [table("events", "ReplacingMergeTree"), table("erasures", "ReplacingMergeTree")];
        let replicated = [table("events", "ReplicatedReplacingMergeTree")];
        assert_eq!(engine_problem(&plain, false), None);
        assert_eq!(engine_problem(&replicated, true), None);
        let problem = engine_problem(&plain, true).unwrap();
        assert!(
            problem.contains("events, erasures") && problem.contains("AS REPLICATED"),
            "{problem}"
        );
        assert!(engine_problem(&replicated, false).unwrap().contains("Set `cluster`"));
    }

    #[test]
    fn only_our_tables_are_looked_at() {
        assert!(is_ours(&table("events", "x")) && is_ours(&table("identity_settings", "x")));
        assert!(!is_ours(&table("a_table_of_theirs", "x")) && !is_ours(&table("sessions", "View")));
    }
}
