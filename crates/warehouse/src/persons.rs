//! The dictionaries of persons: whether they have taken up what was told.

use std::collections::BTreeSet;

use crate::question::{Address, Query};
use crate::{Warehouse, WarehouseError};

/// The dictionaries that are not being made and lack what was told before the last `?` seconds. One has
/// what was told before it was begun to be made: what comes meanwhile may be missing. One that could not be
/// made has what it had before. `identity_groups` follows by itself only every minute, so it has longer.
const BEHIND: &str = "
    SELECT dictionary.name
    FROM
    (
        SELECT name, loading_start_time AS begun, error_count > 0 AS failed
        FROM system.dictionaries
        WHERE database = currentDatabase() AND status = 'LOADED'
    ) AS dictionary
    INNER JOIN
    (
        SELECT 'identity_devices' AS name, 0 AS longer, greatest(
            (SELECT max(loaded_at) FROM identity_links),
            (SELECT max(written_at) FROM identity_settings)) AS told
        UNION ALL
        SELECT 'identity_users', 0, (SELECT max(loaded_at) FROM identity_aliases)
        UNION ALL
        SELECT 'identity_groups', 60, greatest(
            (SELECT max(loaded_at) FROM events WHERE group_id IS NOT NULL),
            (SELECT max(loaded_at) FROM identity_links))
    ) AS change USING name
    WHERE (told >= begun OR failed) AND begun < now() - toIntervalSecond(? + longer)
    ORDER BY name";

impl Warehouse {
    /// Makes those dictionaries of persons anew that lack what was told more than `after_seconds`
    /// ago, and names them. A server does that by itself in half the time, as `LIFETIME` says; one
    /// that does not (the library of the local stack has no such thread) is told here. A dictionary
    /// that nobody has used yet is none that lacks anything.
    pub async fn catch_up_persons(
        &self,
        after_seconds: u32,
    ) -> Result<Vec<String>, WarehouseError> {
        let question = self.question(BEHIND).bind(after_seconds);
        let reloaded = self.at_all(|host| self.catch_up_at(host, &question)).await?;
        let reloaded: BTreeSet<String> = reloaded.into_iter().flatten().collect();
        Ok(reloaded.into_iter().collect())
    }

    /// Each host has dictionaries of its own. One that cannot be made does not keep the others from it.
    async fn catch_up_at(
        &self,
        host: Address,
        question: &Query,
    ) -> Result<Vec<String>, WarehouseError> {
        let behind: Vec<String> = self.rows_at(host, question).await?;
        let mut failed = None;
        for name in &behind {
            let reload = self.statement(&format!("SYSTEM RELOAD DICTIONARY {name}"));
            if let Err(error) = self.execute_at(host, &reload).await {
                failed.get_or_insert(error);
            }
        }
        failed.map_or(Ok(behind), Err)
    }
}
