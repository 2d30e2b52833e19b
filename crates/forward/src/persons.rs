//! Seeing to it that what was told of persons takes effect.

use std::time::Duration;

use kafka_runtime::Shutdown;
use tokio::time::timeout;
use warehouse::Warehouse;

const LOOK_EVERY: Duration = Duration::from_secs(10);
/// ClickHouse takes at most 20 s by itself.
const BEHIND_AFTER_SECONDS: u32 = 25;

/// Looks, until asked to stop, whether ClickHouse's dictionaries of persons have taken up the links
/// and merges that were loaded, and has those made anew that have not. What goes wrong is logged and
/// tried again: loading does not depend on it.
pub async fn keep_persons_known(warehouse: Warehouse, shutdown: &Shutdown) {
    while timeout(LOOK_EVERY, shutdown.requested()).await.is_err() {
        match warehouse.catch_up_persons(BEHIND_AFTER_SECONDS).await {
            Ok(behind) if behind.is_empty() => {}
            Ok(made) => tracing::debug!(?made, "dictionaries of persons were made anew"),
            Err(error) => tracing::warn!(%error, "dictionaries of persons cannot be looked at"),
        }
    }
}
