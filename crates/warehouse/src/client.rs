//! The connection.

use std::{fmt, sync::Arc, time::Duration};

use reqwest::header::HeaderMap;

use crate::error::with_sources;
use crate::hosts::Hosts;
use crate::insert::{QUORUM, credentials};
use crate::question::Query;
use crate::{Compression, KeepDays, WarehouseConfig, WarehouseError};

/// A question may join the tables of several shards, also by way of a view, or look something up in them:
/// the right side is taken together first, and sent along. ClickHouse refuses that by default, or sends the
/// view's name, which costs more and which a view with parameters does not bear (seen with 26.7).
pub(crate) const JOINS: (&str, &str) = ("prefer_global_in_and_join", "1");

const CONNECT_WITHIN: Duration = Duration::from_secs(5);

/// A ClickHouse with our database: one host, or the shards of a cluster, each of one host or of several
/// that share their tables. Cheap to clone; the clones go on with the same hosts. Nothing is sent before
/// the first call.
#[derive(Clone)]
pub struct Warehouse {
    pub(crate) http: reqwest::Client,
    pub(crate) shards: Arc<[Hosts]>,
    /// The cluster whose hosts these are.
    pub(crate) cluster: Option<String>,
    /// What is asked.
    pub(crate) database: String,
    /// Where the rows are, each in its shard: the same database, but on a cluster.
    pub(crate) storage: String,
    pub(crate) credentials: HeaderMap,
    pub(crate) compression: Compression,
    pub(crate) keep_days: KeepDays,
    pub(crate) patience: Duration,
    pub(crate) user: String,
    pub(crate) password: String,
}

impl fmt::Debug for Warehouse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Warehouse").field("database", &self.database).finish_non_exhaustive()
    }
}

impl Warehouse {
    /// A warehouse as configured. Only [`WarehouseError::Config`] can come of it.
    pub fn new(config: &WarehouseConfig) -> Result<Self, WarehouseError> {
        config.check()?;
        let patience = Duration::from_secs(config.timeout_seconds.max(1));
        let http = reqwest::Client::builder()
            // A proxy of the environment is for the world outside.
            .no_proxy()
            .connect_timeout(CONNECT_WITHIN)
            .timeout(patience)
            .build()
            .map_err(|error| WarehouseError::Config { key: "url", detail: with_sources(&error) })?;
        Ok(Self {
            http,
            shards: Hosts::of_shards(config)?.into(),
            cluster: config.cluster.clone(),
            database: config.database.clone(),
            storage: config.storage(),
            credentials: credentials(&config.user, &config.password)?,
            compression: config.compression,
            keep_days: config.keep_days,
            patience,
            user: config.user.clone(),
            password: config.password.clone(),
        })
    }

    /// Whether ClickHouse answers and knows us; says nothing about tables.
    pub async fn ping(&self) -> Result<(), WarehouseError> {
        let _: Vec<u8> = self.rows(self.server("SELECT 1")).await?;
        Ok(())
    }

    /// A statement outside our database.
    pub(crate) fn server(&self, sql: &str) -> Query {
        self.query(|client| client.query(sql))
    }

    /// A question to our tables. `FINAL` is off, whatever the server's profile says: the books
    /// count what is there.
    pub(crate) fn question(&self, sql: &str) -> Query {
        self.query(|client| self.ours(client).with_setting("final", "0").query(sql))
    }

    /// An INSERT into one of our tables that needs no exactly-once loading, with `FINAL` off in what it
    /// selects.
    pub(crate) fn writing(&self, sql: &str) -> Query {
        self.durable(self.question(sql))
    }

    /// An INSERT that is acknowledged once it is written, on a cluster by most replicas.
    pub(crate) fn durable(&self, insert: Query) -> Query {
        let query = insert.with_setting("async_insert", "0");
        let (quorum, auto) = QUORUM;
        if self.cluster.is_some() { query.with_setting(quorum, auto) } else { query }
    }

    /// The table with the rows of one shard: what is written and deleted, and read back in a shard.
    pub(crate) fn stored(&self, table: &str) -> String {
        format!("{}.{table}", self.storage)
    }

    /// Over how many shards the warehouse is spread.
    pub fn shard_count(&self) -> u32 {
        u32::try_from(self.shards.len()).unwrap_or(u32::MAX)
    }

    /// A statement in our database that answers nothing. No `?` in it is a placeholder.
    pub(crate) fn statement(&self, sql: &str) -> Query {
        self.query(|client| self.ours(client).query_raw(sql))
    }

    fn ours(&self, client: &clickhouse::Client) -> clickhouse::Client {
        let client = client.clone().with_database(self.database.as_str());
        match self.cluster {
            Some(_) => client.with_setting(JOINS.0, JOINS.1),
            None => client,
        }
    }
}
