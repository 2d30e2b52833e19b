//! Where ClickHouse is.

use std::{collections::BTreeMap, fmt, num::NonZeroU32};

use serde::Deserialize;

use crate::hosts::parsed;
use crate::{Compression, JsonProperties, KeepDays, WarehouseError};

/// Where ClickHouse is and who we are there.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct WarehouseConfig {
    /// Address of the HTTP interface, such as `http://127.0.0.1:8123` or `https://…:8443`.
    pub url: String,
    /// Addresses of the other replicas of the same tables. Whichever works is used; with plain tables
    /// each would be a warehouse of its own, so these need `cluster`.
    pub replicas: Vec<String>,
    /// Name of the cluster whose hosts these are, all of them. Tables are then made on all of them, and
    /// replicated; what is asked is asked of all shards.
    pub cluster: Option<String>,
    /// The cluster's shards behind the first, whose replicas `url` and `replicas` are: for each the
    /// addresses of all of its replicas, in the order in which ClickHouse has the shards. The place of a
    /// shard decides which partitions of Kafka it takes, so a further one comes last.
    pub more_shards: Vec<Vec<String>>,
    /// How rows are compressed on their way.
    pub compression: Compression,
    /// How long rows are kept. `waybill migrate` puts it in force.
    pub keep_days: KeepDays,
    /// Database with our tables; letters, digits and `_`, not beginning with a digit.
    pub database: String,
    /// User.
    pub user: String,
    /// Password of the user; may be empty.
    pub password: String,
    /// How long one request may take, in seconds. An INSERT that takes longer is uncertain.
    pub timeout_seconds: u64,
    /// How many devices one user may have before further ones are refused: only ClickHouse knows all
    /// of them. `waybill migrate` puts it in force.
    pub devices_per_user: NonZeroU32,
    /// Within how many days the ids of an event should lead to a user; see the view
    /// `identity_health`. `waybill migrate` puts it in force.
    pub orphan_days: u32,
    /// Whether `waybill migrate` makes the views in Segment's layout, in a database for each source.
    pub segment_layout: bool,
    /// The database of a source's views, by its id, where it is not to be named after `database` and the
    /// source: the name that its schema had, for models that name it.
    pub segment_databases: BTreeMap<String, String>,
    /// Of which sources the properties are also kept as ClickHouse's JSON type, in the column
    /// `properties_json`: `true` for all, or a list of their ids. `waybill migrate` puts it in force.
    pub json_properties: JsonProperties,
}

impl Default for WarehouseConfig {
    fn default() -> Self {
        Self {
            url: "http://127.0.0.1:8123".to_owned(),
            replicas: Vec::new(),
            cluster: None,
            more_shards: Vec::new(),
            compression: Compression::default(),
            keep_days: KeepDays::default(),
            database: "waybill".to_owned(),
            user: "default".to_owned(),
            password: String::new(),
            timeout_seconds: 60,
            devices_per_user: NonZeroU32::MIN.saturating_add(199),
            orphan_days: 30,
            segment_layout: true,
            segment_databases: BTreeMap::new(),
            json_properties: JsonProperties::None,
        }
    }
}

impl WarehouseConfig {
    /// Whether it makes sense; otherwise a [`WarehouseError::Config`] that says how to mend it.
    pub fn check(&self) -> Result<(), WarehouseError> {
        for (key, address) in self.shards().into_iter().flatten() {
            parsed(key, address)?;
        }
        if self.more_shards.iter().any(Vec::is_empty) {
            return Err(invalid("more_shards", "a shard has at least one address"));
        }
        check_word("database", &self.database)?;
        self.segment_databases.values().try_for_each(|name| self.check_segment(name))?;
        self.keep_days.check()?;
        match &self.cluster {
            Some(cluster) => check_cluster(cluster),
            None if self.replicas.is_empty() && self.more_shards.is_empty() => Ok(()),
            None => Err(invalid(
                if self.replicas.is_empty() { "more_shards" } else { "replicas" },
                "several hosts with plain tables are several warehouses: set `cluster` to the name \
                 that ClickHouse's remote_servers has for them, or leave one",
            )),
        }
    }

    fn check_segment(&self, name: &str) -> Result<(), WarehouseError> {
        check_word("segment_databases", name)?;
        if *name == self.database || *name == self.storage() {
            let detail = "views in Segment's layout need a database of their own";
            return Err(invalid("segment_databases", detail));
        }
        Ok(())
    }

    /// The addresses of each shard's replicas, with their keys.
    pub(crate) fn shards(&self) -> Vec<Vec<(&'static str, &String)>> {
        let others = self.replicas.iter().map(|address| ("replicas", address));
        let first = std::iter::once(("url", &self.url)).chain(others).collect();
        let more = self.more_shards.iter();
        let more = more.map(|shard| shard.iter().map(|address| ("more_shards", address)).collect());
        std::iter::once(first).chain(more).collect()
    }

    /// The database with the rows: `database` itself, or beside it on a cluster, where the tables of
    /// `database` read those of every shard.
    pub(crate) fn storage(&self) -> String {
        match self.cluster {
            Some(_) => format!("{}{STORAGE}", self.database),
            None => self.database.clone(),
        }
    }
}

/// How the name ends of the database that has a cluster's rows.
const STORAGE: &str = "_shard";

/// The name goes into statements as it is.
fn check_word(key: &'static str, name: &str) -> Result<(), WarehouseError> {
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let fits = name.chars().all(word) && !name.starts_with(|c: char| c.is_ascii_digit());
    if fits && !name.is_empty() {
        return Ok(());
    }
    Err(invalid(key, "expected letters, digits and `_`, not beginning with a digit"))
}

/// Stands between quotation marks.
fn check_cluster(name: &str) -> Result<(), WarehouseError> {
    let fits = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
    if !name.is_empty() && name.chars().all(fits) {
        return Ok(());
    }
    Err(invalid("cluster", "expected letters, digits and `_-.`"))
}

fn invalid(key: &'static str, detail: &str) -> WarehouseError {
    WarehouseError::Config { key, detail: detail.to_owned() }
}

impl fmt::Debug for WarehouseConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WarehouseConfig")
            .field("url", &self.url)
            .field("replicas", &self.replicas)
            .field("cluster", &self.cluster)
            .field("more_shards", &self.more_shards)
            .field("compression", &self.compression)
            .field("keep_days", &self.keep_days)
            .field("database", &self.database)
            .field("user", &self.user)
            .field("timeout_seconds", &self.timeout_seconds)
            .field("devices_per_user", &self.devices_per_user)
            .field("orphan_days", &self.orphan_days)
            .field("segment_layout", &self.segment_layout)
            .field("segment_databases", &self.segment_databases)
            .field("json_properties", &self.json_properties)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_password_is_not_printed() {
        let config = WarehouseConfig { password: "hunter2".to_owned(), ..Default::default() };
        assert!(!format!("{config:?}").contains("hunter2"));
    }

    #[test]
    fn a_configuration_that_makes_no_sense_is_refused_with_its_key() {
        let config = |url: &str, database: &str| WarehouseConfig {
            url: url.to_owned(),
            database: database.to_owned(),
            ..WarehouseConfig::default()
        };
        let cluster = |replicas: &[&str], cluster: Option<&str>| WarehouseConfig {
            replicas: replicas.iter().map(|it| (*it).to_owned()).collect(),
            cluster: cluster.map(str::to_owned),
            ..WarehouseConfig::default()
        };
        let sharded = |more: &[&[&str]], cluster: Option<&str>| WarehouseConfig {
            more_shards: more
                .iter()
                .map(|shard| shard.iter().map(|it| (*it).to_owned()).collect())
                .collect(),
            cluster: cluster.map(str::to_owned),
            ..WarehouseConfig::default()
        };
        let segment = |name: &str| WarehouseConfig {
            segment_databases: [("web/app".to_owned(), name.to_owned())].into(),
            ..WarehouseConfig::default()
        };
        assert_eq!(cluster(&["http://b:8123"], Some("events-1")).check(), Ok(()));
        let shards: &[&[&str]] = &[&["http://b:8123", "http://c:8123"], &["http://d:8123"]];
        assert_eq!(sharded(shards, Some("events")).check(), Ok(()));
        for (config, expected) in [
            (config("clickhouse:8123", "waybill"), "url"),
            (config("", "waybill"), "url"),
            (config("http://u:secret@host", "waybill"), "url"),
            (config("http://host", ""), "database"),
            (config("http://host", "1a"), "database"),
            (config("http://host", "a`; DROP"), "database"),
            (cluster(&["http://b:8123"], None), "replicas"),
            (cluster(&["b:8123"], Some("c")), "replicas"),
            (cluster(&[], Some("")), "cluster"),
            (cluster(&[], Some("c' ; DROP")), "cluster"),
            (segment("a b"), "segment_databases"),
            (sharded(shards, None), "more_shards"),
            (sharded(&[&[]], Some("events")), "more_shards"),
            (sharded(&[&["d:8123"]], Some("events")), "more_shards"),
            (segment("waybill"), "segment_databases"),
        ] {
            let error = config.check().unwrap_err();
            assert!(matches!(error, WarehouseError::Config { key, .. } if key == expected));
            assert!(!error.to_string().contains("secret"));
        }
    }
}
