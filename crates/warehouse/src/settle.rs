//! Waiting until no INSERT is under way any more.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::question::Address;
use crate::{Shard, Warehouse, WarehouseError};

const ASK_EVERY: Duration = Duration::from_millis(100);
const GONE_WITHIN: Duration = Duration::from_secs(10);

impl Warehouse {
    /// Waits until no query runs in our database whose id begins with `prefix`, on any host of the shard:
    /// who sent it may have used another than we do. A host that cannot be asked is an error. Those that still
    /// run after `patience` are killed; if that does not end them within ten seconds, it is an
    /// error. Nothing holds back a query that the server has not begun yet: the token and the
    /// read-back that follows are for it.
    pub async fn settle(
        &self,
        shard: Shard,
        prefix: &str,
        patience: Duration,
    ) -> Result<(), WarehouseError> {
        let mut deadline = Instant::now() + patience;
        let mut killed = false;
        loop {
            let count = self.running(shard, prefix).await?;
            if count == 0 {
                return Ok(());
            }
            if Instant::now() >= deadline {
                if killed {
                    return Err(WarehouseError::StillRunning { prefix: prefix.to_owned(), count });
                }
                tracing::warn!(prefix, count, "killing INSERTs that are still under way");
                self.kill(shard, prefix).await?;
                killed = true;
                deadline = Instant::now() + GONE_WITHIN;
            }
            sleep(ASK_EVERY).await;
        }
    }

    async fn running(&self, shard: Shard, prefix: &str) -> Result<usize, WarehouseError> {
        const SQL: &str = "SELECT query_id FROM system.processes \
            WHERE startsWith(query_id, ?) AND current_database = ?";
        let query = self.server(SQL).bind(prefix).bind(&self.storage);
        let mut count = 0;
        for index in 0..self.hosts(shard)?.all().len() {
            let ids = self.rows_at::<String>((shard, index), &query).await;
            count += ids.map_err(|error| self.unsettled((shard, index), error))?.len();
        }
        Ok(count)
    }

    /// Another installation on the same server may use the same ids: only our database's die.
    async fn kill(&self, shard: Shard, prefix: &str) -> Result<(), WarehouseError> {
        const SQL: &str = "KILL QUERY WHERE startsWith(query_id, ?) AND current_database = ? SYNC";
        let query = self.server(SQL).bind(prefix).bind(&self.storage);
        for index in 0..self.hosts(shard)?.all().len() {
            let killed = self.execute_at((shard, index), &query).await;
            killed.map_err(|error| self.unsettled((shard, index), error))?;
        }
        Ok(())
    }

    /// A replica that does not answer may still write what it was sent.
    fn unsettled(&self, host: Address, error: WarehouseError) -> WarehouseError {
        if self.every_host().len() == 1 {
            return error;
        }
        WarehouseError::Unsettled { host: self.name_of(host), cause: error.to_string() }
    }
}
