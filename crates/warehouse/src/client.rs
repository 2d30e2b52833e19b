//! The connection.

use std::{fmt, time::Duration};

use clickhouse::{RowOwned, RowRead, query::Query};
use reqwest::header::HeaderMap;
use url::Url;

use crate::error::with_sources;
use crate::insert::credentials;
use crate::{WarehouseConfig, WarehouseError};

const CONNECT_WITHIN: Duration = Duration::from_secs(5);

/// A ClickHouse with our database. Cheap to clone; nothing is sent before the first call.
#[derive(Clone)]
pub struct Warehouse {
    pub(crate) http: reqwest::Client,
    pub(crate) url: Url,
    pub(crate) database: String,
    pub(crate) credentials: HeaderMap,
    pub(crate) patience: Duration,
    pub(crate) user: String,
    pub(crate) password: String,
    client: clickhouse::Client,
}

impl fmt::Debug for Warehouse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Warehouse").field("database", &self.database).finish_non_exhaustive()
    }
}

impl Warehouse {
    /// A warehouse as configured. Only [`WarehouseError::Config`] can come of it.
    pub fn new(config: &WarehouseConfig) -> Result<Self, WarehouseError> {
        let url = parsed(&config.url)?;
        check_database(&config.database)?;
        let patience = Duration::from_secs(config.timeout_seconds.max(1));
        let http = reqwest::Client::builder()
            // A proxy of the environment is for the world outside.
            .no_proxy()
            .connect_timeout(CONNECT_WITHIN)
            .timeout(patience)
            .build()
            .map_err(|error| invalid("url", &with_sources(&error)))?;
        let client = clickhouse::Client::default()
            .with_url(config.url.as_str())
            .with_user(config.user.as_str())
            .with_password(config.password.as_str());
        let credentials = credentials(&config.user, &config.password)?;
        Ok(Self {
            http,
            url,
            database: config.database.clone(),
            credentials,
            patience,
            user: config.user.clone(),
            password: config.password.clone(),
            client,
        })
    }

    /// Whether ClickHouse answers and knows us; says nothing about tables.
    pub async fn ping(&self) -> Result<(), WarehouseError> {
        let _: Vec<u8> = self.rows(self.server("SELECT 1")).await?;
        Ok(())
    }

    /// A statement outside our database.
    pub(crate) fn server(&self, sql: &str) -> Query {
        self.client.query(sql)
    }

    /// A question to our tables. `FINAL` is off, whatever the server's profile says: the books
    /// count what is there.
    pub(crate) fn question(&self, sql: &str) -> Query {
        self.client
            .clone()
            .with_database(self.database.as_str())
            .with_setting("final", "0")
            .query(sql)
    }

    /// A statement in our database that answers nothing. No `?` in it is a placeholder.
    pub(crate) fn statement(&self, sql: &str) -> Query {
        self.client.clone().with_database(self.database.as_str()).query_raw(sql)
    }

    pub(crate) async fn rows<T: RowOwned + RowRead>(
        &self,
        query: Query,
    ) -> Result<Vec<T>, WarehouseError> {
        in_time(self.patience, query.fetch_all()).await
    }

    pub(crate) async fn execute(&self, query: Query) -> Result<(), WarehouseError> {
        in_time(self.patience, query.execute()).await
    }
}

/// The crate `clickhouse` waits for ever.
async fn in_time<T>(
    patience: Duration,
    answer: impl Future<Output = Result<T, clickhouse::error::Error>>,
) -> Result<T, WarehouseError> {
    match tokio::time::timeout(patience, answer).await {
        Ok(answer) => Ok(answer?),
        Err(_) => Err(WarehouseError::Away(format!("no answer within {} s", patience.as_secs()))),
    }
}

fn parsed(url: &str) -> Result<Url, WarehouseError> {
    let parsed = Url::parse(url).map_err(|error| invalid("url", &error.to_string()))?;
    let plain = matches!(parsed.scheme(), "http" | "https")
        && parsed.query().is_none()
        && parsed.username().is_empty()
        && parsed.password().is_none();
    if !plain {
        return Err(invalid(
            "url",
            "expected http(s)://host:port; user and password have keys of their own",
        ));
    }
    Ok(parsed)
}

/// The name goes into statements as it is.
fn check_database(name: &str) -> Result<(), WarehouseError> {
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let fits = name.chars().all(word) && !name.starts_with(|c: char| c.is_ascii_digit());
    if fits && !name.is_empty() {
        return Ok(());
    }
    Err(invalid("database", "expected letters, digits and `_`, not beginning with a digit"))
}

fn invalid(key: &'static str, detail: &str) -> WarehouseError {
    WarehouseError::Config { key, detail: detail.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_configuration_that_makes_no_sense_is_refused_with_its_key() {
        let config = |url: &str, database: &str| WarehouseConfig {
            url: url.to_owned(),
            database: database.to_owned(),
            ..WarehouseConfig::default()
        };
        for (config, expected) in [
            (config("clickhouse:8123", "waybill"), "url"),
            (config("", "waybill"), "url"),
            (config("http://u:secret@host", "waybill"), "url"),
            (config("http://host", ""), "database"),
            (config("http://host", "1a"), "database"),
            (config("http://host", "a`; DROP"), "database"),
        ] {
            let error = Warehouse::new(&config).unwrap_err();
            assert!(matches!(error, WarehouseError::Config { key, .. } if key == expected));
            assert!(!error.to_string().contains("secret"));
        }
    }
}
