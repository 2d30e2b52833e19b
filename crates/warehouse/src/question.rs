//! Asking: at one host, at a host that has caught up, or at enough of them to be sure.

use std::time::Duration;

use clickhouse::{RowOwned, RowRead};
use serde::Serialize;

use crate::{Warehouse, WarehouseError};

/// A statement, ready for whichever host is asked.
pub(crate) struct Query {
    /// One for each host, in their order.
    at: Vec<clickhouse::query::Query>,
}

impl Query {
    /// Binds the value to the next `?`.
    pub(crate) fn bind(self, value: impl Serialize) -> Self {
        self.each(|query| query.bind(&value))
    }

    /// Gives the value to the placeholder `{name:Type}`.
    pub(crate) fn param(self, name: &str, value: impl Serialize) -> Self {
        self.each(|query| query.param(name, &value))
    }

    pub(crate) fn with_setting(self, name: &str, value: &str) -> Self {
        self.each(|query| query.with_setting(name.to_owned(), value.to_owned()))
    }

    fn each(self, with: impl Fn(clickhouse::query::Query) -> clickhouse::query::Query) -> Self {
        Self { at: self.at.into_iter().map(with).collect() }
    }

    fn at(&self, index: usize) -> Result<clickhouse::query::Query, WarehouseError> {
        let none = || WarehouseError::Away("there is no such host".to_owned());
        self.at.get(index).cloned().ok_or_else(none)
    }
}

impl Warehouse {
    pub(crate) fn query(
        &self,
        make: impl Fn(&clickhouse::Client) -> clickhouse::query::Query,
    ) -> Query {
        Query { at: self.hosts.all().iter().map(|host| make(&host.client)).collect() }
    }

    /// The rows that a host answers: the one that answered last, else the next that can.
    pub(crate) async fn rows<T: RowOwned + RowRead>(
        &self,
        query: Query,
    ) -> Result<Vec<T>, WarehouseError> {
        self.at_one(|index| self.rows_at(index, &query)).await
    }

    /// Does what may be done twice: a host may have done it and not be able to say so.
    pub(crate) async fn execute(&self, query: Query) -> Result<(), WarehouseError> {
        self.at_one(|index| self.execute_at(index, &query)).await
    }

    /// The rows that a host answers that has all of this table that any replica has told of.
    pub(crate) async fn caught_up_rows<T: RowOwned + RowRead>(
        &self,
        table: &str,
        query: Query,
    ) -> Result<Vec<T>, WarehouseError> {
        self.at_one(|index| self.caught_up_at(index, table, &query)).await
    }

    /// The rows that more than half of the hosts answer alike. An INSERT that was not acknowledged may
    /// be at one replica only, and be lost with it: what most have stays.
    pub(crate) async fn agreed_rows<T: RowOwned + RowRead + PartialEq>(
        &self,
        table: &str,
        query: Query,
    ) -> Result<Vec<T>, WarehouseError> {
        let (mut agreed, mut count, mut why) = (None, 0, None);
        for index in self.hosts.in_turn() {
            match self.caught_up_at::<T>(index, table, &query).await {
                Ok(rows) if agreed.as_ref().is_none_or(|others| *others == rows) => {
                    count += 1;
                    if count >= self.hosts.majority() {
                        return Ok(rows);
                    }
                    agreed = Some(rows);
                }
                Ok(_) => return Err(WarehouseError::Disagreement { table: table.to_owned() }),
                Err(error) if error.is_of_the_host() => {
                    self.hosts.leave(index, &error);
                    why = Some(error);
                }
                Err(error) => return Err(error),
            }
        }
        Err(why.unwrap_or_else(|| WarehouseError::Away("too few hosts answer".to_owned())))
    }

    pub(crate) async fn rows_at<T: RowOwned + RowRead>(
        &self,
        index: usize,
        query: &Query,
    ) -> Result<Vec<T>, WarehouseError> {
        in_time(self.patience, query.at(index)?.fetch_all()).await
    }

    pub(crate) async fn execute_at(
        &self,
        index: usize,
        query: &Query,
    ) -> Result<(), WarehouseError> {
        in_time(self.patience, query.at(index)?.execute()).await
    }

    async fn caught_up_at<T: RowOwned + RowRead>(
        &self,
        index: usize,
        table: &str,
        query: &Query,
    ) -> Result<Vec<T>, WarehouseError> {
        if self.cluster.is_some() {
            let sync = format!("SYSTEM SYNC REPLICA {}.{table} LIGHTWEIGHT", self.database);
            self.execute_at(index, &self.server(&sync)).await?;
        }
        self.rows_at(index, query).await
    }

    async fn at_one<T, A>(&self, ask: impl Fn(usize) -> A) -> Result<T, WarehouseError>
    where
        A: Future<Output = Result<T, WarehouseError>>,
    {
        let mut why = None;
        for index in self.hosts.in_turn() {
            match ask(index).await {
                Err(error) if error.is_of_the_host() => {
                    self.hosts.leave(index, &error);
                    why = Some(error);
                }
                answer => return answer,
            }
        }
        Err(why.unwrap_or_else(|| WarehouseError::Away("there is no host".to_owned())))
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
