//! The connection.

use std::{fmt, sync::Arc, time::Duration};

use reqwest::header::HeaderMap;

use crate::error::with_sources;
use crate::hosts::Hosts;
use crate::insert::credentials;
use crate::question::Query;
use crate::{Compression, KeepDays, WarehouseConfig, WarehouseError};

const CONNECT_WITHIN: Duration = Duration::from_secs(5);

/// A ClickHouse with our database, on one host or on several that share their tables. Cheap to clone;
/// the clones go on with the same host. Nothing is sent before the first call.
#[derive(Clone)]
pub struct Warehouse {
    pub(crate) http: reqwest::Client,
    pub(crate) hosts: Arc<Hosts>,
    /// The cluster whose replicas the hosts are.
    pub(crate) cluster: Option<String>,
    pub(crate) database: String,
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
            hosts: Arc::new(Hosts::new(config)?),
            cluster: config.cluster.clone(),
            database: config.database.clone(),
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
        self.query(|client| {
            let client = client.clone().with_database(self.database.as_str());
            client.with_setting("final", "0").query(sql)
        })
    }

    /// A statement in our database that answers nothing. No `?` in it is a placeholder.
    pub(crate) fn statement(&self, sql: &str) -> Query {
        self.query(|client| client.clone().with_database(self.database.as_str()).query_raw(sql))
    }
}
