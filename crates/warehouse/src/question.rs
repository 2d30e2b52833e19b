//! Asking: at one host, at a host that has caught up, or at enough of them to be sure; of one shard, or
//! of each.
//!
//! What is asked of our database is answered for all shards by any host. What is asked of the tables with
//! the rows ([`Warehouse::stored`]) is answered for one shard by its hosts.

use std::time::{Duration, Instant};

use clickhouse::{RowOwned, RowRead};
use serde::Serialize;

use crate::hosts::{Host, Hosts};
use crate::{Shard, Warehouse, WarehouseError};

/// "Metadata on replica is not up to date with common metadata in Zookeeper … You can retry this error."
const CANNOT_ASSIGN_ALTER: u32 = 517;
const TELL_AGAIN_AFTER: Duration = Duration::from_millis(200);

/// A host: its shard, and its index there.
pub(crate) type Address = (Shard, usize);

/// A statement, ready for whichever host is asked.
pub(crate) struct Query {
    /// One for each host of each shard, in their order.
    at: Vec<Vec<clickhouse::query::Query>>,
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
        let shards = self.at.into_iter();
        Self { at: shards.map(|hosts| hosts.into_iter().map(&with).collect()).collect() }
    }

    fn at(&self, host: Address) -> Result<clickhouse::query::Query, WarehouseError> {
        let none = || WarehouseError::Away("there is no such host".to_owned());
        let (shard, index) = host;
        self.at.get(shard.index()).and_then(|hosts| hosts.get(index)).cloned().ok_or_else(none)
    }
}

impl Warehouse {
    pub(crate) fn query(
        &self,
        make: impl Fn(&clickhouse::Client) -> clickhouse::query::Query,
    ) -> Query {
        let of_shard =
            |hosts: &Hosts| hosts.all().iter().map(|host: &Host| make(&host.client)).collect();
        Query { at: self.shards.iter().map(of_shard).collect() }
    }

    /// The replicas of a shard.
    pub(crate) fn hosts(&self, shard: Shard) -> Result<&Hosts, WarehouseError> {
        let none = || WarehouseError::NoShard { number: shard.index() + 1 };
        self.shards.get(shard.index()).ok_or_else(none)
    }

    /// Every shard.
    pub(crate) fn every_shard(&self) -> impl Iterator<Item = Shard> + use<> {
        Shard::all(self.shards.len())
    }

    /// Every host of every shard.
    pub(crate) fn every_host(&self) -> Vec<Address> {
        let of =
            |(shard, hosts): (Shard, &Hosts)| (0..hosts.all().len()).map(move |it| (shard, it));
        self.every_shard().zip(self.shards.iter()).flat_map(of).collect()
    }

    /// Host and port, as the configuration has them.
    pub(crate) fn name_of(&self, (shard, index): Address) -> String {
        self.hosts(shard).map(|hosts| hosts.name(index)).unwrap_or_default()
    }

    /// The rows that a host answers: the one that answered last, else the next that can.
    pub(crate) async fn rows<T: RowOwned + RowRead>(
        &self,
        query: Query,
    ) -> Result<Vec<T>, WarehouseError> {
        self.at_one(Shard::HOME, |host| self.rows_at(host, &query)).await
    }

    /// The rows that a host of each shard answers, one shard's after the other's.
    pub(crate) async fn rows_of_each<T: RowOwned + RowRead>(
        &self,
        query: Query,
    ) -> Result<Vec<T>, WarehouseError> {
        let mut all = Vec::new();
        for shard in self.every_shard() {
            all.extend(self.at_one(shard, |host| self.rows_at(host, &query)).await?);
        }
        Ok(all)
    }

    /// Does what may be done twice: a host may have done it and not be able to say so.
    pub(crate) async fn execute(&self, query: Query) -> Result<(), WarehouseError> {
        self.at_one(Shard::HOME, |host| self.execute_at(host, &query)).await
    }

    /// Does what may be done twice at a host of each shard: with replicated tables it is done at all.
    pub(crate) async fn execute_in_each(&self, query: Query) -> Result<(), WarehouseError> {
        for shard in self.every_shard() {
            self.at_one(shard, |host| self.execute_at(host, &query)).await?;
        }
        Ok(())
    }

    /// Does at every host that answers what each has of its own; an error if none does.
    pub(crate) async fn execute_at_all(&self, query: Query) -> Result<(), WarehouseError> {
        self.at_all(|host| self.execute_at(host, &query)).await.map(drop)
    }

    /// What every host says that answers; an error if none does.
    pub(crate) async fn at_all<T, A>(
        &self,
        ask: impl Fn(Address) -> A,
    ) -> Result<Vec<T>, WarehouseError>
    where
        A: Future<Output = Result<T, WarehouseError>>,
    {
        let (mut said, mut why) = (Vec::new(), None);
        for host in self.every_host() {
            match ask(host).await {
                Ok(answer) => said.push(answer),
                Err(error) if error.is_of_the_host() => why = Some(error),
                Err(error) => return Err(error),
            }
        }
        why.filter(|_| said.is_empty()).map_or(Ok(said), Err)
    }

    /// What every host says, with its shard; an error that names the host if one does not answer.
    pub(crate) async fn at_every<T, A>(
        &self,
        ask: impl Fn(Address) -> A,
    ) -> Result<Vec<(Shard, T)>, WarehouseError>
    where
        A: Future<Output = Result<T, WarehouseError>>,
    {
        let mut said = Vec::new();
        for host in self.every_host() {
            let answer = ask(host).await.map_err(|error| match error {
                error if error.is_of_the_host() => {
                    WarehouseError::Unheard { host: self.name_of(host), cause: error.to_string() }
                }
                error => error,
            })?;
            said.push((host.0, answer));
        }
        Ok(said)
    }

    /// Waits until every host has all of these tables that any replica of its shard has told of. An error
    /// names the host that does not answer.
    pub async fn catch_up(&self, tables: &[&str]) -> Result<(), WarehouseError> {
        for table in tables {
            self.at_every(|host| self.catch_up_with(host, table)).await?;
        }
        Ok(())
    }

    /// The rows that a host of the shard answers that has all of this table that any replica has told of.
    pub(crate) async fn caught_up_rows<T: RowOwned + RowRead>(
        &self,
        shard: Shard,
        table: &str,
        query: &Query,
    ) -> Result<Vec<T>, WarehouseError> {
        self.at_one(shard, |host| self.caught_up_at(host, table, query)).await
    }

    /// The rows that more than half of the shard's hosts answer alike. An INSERT that was not
    /// acknowledged may be at one replica only, and be lost with it: what most have stays.
    pub(crate) async fn agreed_rows<T: RowOwned + RowRead + PartialEq>(
        &self,
        shard: Shard,
        table: &str,
        query: &Query,
    ) -> Result<Vec<T>, WarehouseError> {
        let (mut agreed, mut count, mut why) = (None, 0, None);
        let hosts = self.hosts(shard)?;
        for index in hosts.in_turn() {
            match self.caught_up_at::<T>((shard, index), table, query).await {
                Ok(rows) if agreed.as_ref().is_none_or(|others| *others == rows) => {
                    count += 1;
                    if count >= hosts.majority() {
                        return Ok(rows);
                    }
                    agreed = Some(rows);
                }
                Ok(_) => return Err(WarehouseError::Disagreement { table: table.to_owned() }),
                Err(error) if error.is_of_the_host() => {
                    hosts.leave(index, &error);
                    why = Some(error);
                }
                Err(error) => return Err(error),
            }
        }
        Err(why.unwrap_or_else(|| WarehouseError::Away("too few hosts answer".to_owned())))
    }

    pub(crate) async fn rows_at<T: RowOwned + RowRead>(
        &self,
        host: Address,
        query: &Query,
    ) -> Result<Vec<T>, WarehouseError> {
        in_time(self.patience, query.at(host)?.fetch_all()).await
    }

    /// An ALTER that comes before the replica has heard of the last one is told again, as ClickHouse asks.
    pub(crate) async fn execute_at(
        &self,
        host: Address,
        query: &Query,
    ) -> Result<(), WarehouseError> {
        let begun = Instant::now();
        loop {
            match in_time(self.patience, query.at(host)?.execute()).await {
                Err(WarehouseError::Exception(exception))
                    if exception.code == CANNOT_ASSIGN_ALTER && begun.elapsed() < self.patience =>
                {
                    tokio::time::sleep(TELL_AGAIN_AFTER).await;
                }
                done => return done,
            }
        }
    }

    pub(crate) async fn caught_up_at<T: RowOwned + RowRead>(
        &self,
        host: Address,
        table: &str,
        query: &Query,
    ) -> Result<Vec<T>, WarehouseError> {
        self.catch_up_with(host, table).await?;
        self.rows_at(host, query).await
    }

    async fn catch_up_with(&self, host: Address, table: &str) -> Result<(), WarehouseError> {
        if self.cluster.is_none() {
            return Ok(());
        }
        let sync = format!("SYSTEM SYNC REPLICA {} LIGHTWEIGHT", self.stored(table));
        self.execute_at(host, &self.server(&sync)).await
    }

    async fn at_one<T, A>(
        &self,
        shard: Shard,
        ask: impl Fn(Address) -> A,
    ) -> Result<T, WarehouseError>
    where
        A: Future<Output = Result<T, WarehouseError>>,
    {
        let mut why = None;
        let hosts = self.hosts(shard)?;
        for index in hosts.in_turn() {
            match ask((shard, index)).await {
                Err(error) if error.is_of_the_host() => {
                    hosts.leave(index, &error);
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
