//! The ClickHouses of a flow whose warehouse has several shards.

use anyhow::Context as _;
use local_stack::{Doorway, Stack};

use crate::http::Http;

/// The shards that `SHARDS` asks for; 1 by default.
pub fn shards() -> anyhow::Result<u16> {
    let asked = std::env::var_os("SHARDS").unwrap_or_default();
    let asked = asked.to_string_lossy();
    if asked.is_empty() { Ok(1) } else { asked.parse().context("SHARDS: how many shards") }
}

/// The doorways before them, which stand in for Keeper; none where there is one ClickHouse.
#[derive(Debug)]
pub(crate) struct FlowShards {
    doors: Vec<Doorway>,
}

impl FlowShards {
    pub(crate) fn open(stack: &Stack) -> Self {
        let count = stack.clickhouse_urls().len();
        let several = if count == 1 { 0..0 } else { 0..count };
        Self { doors: several.map(|shard| Doorway::to_shard(stack, shard)).collect() }
    }

    /// The database with the rows.
    pub(crate) fn storage(&self) -> &'static str {
        if self.doors.is_empty() { "waybill" } else { "waybill_shard" }
    }

    /// URL of the first shard, as the services are told it.
    pub(crate) fn first(&self, stack: &Stack) -> String {
        self.doors.first().map_or_else(|| stack.clickhouse_url(), Doorway::url)
    }

    /// Those of the further shards.
    pub(crate) fn more(&self) -> Vec<String> {
        self.doors.iter().skip(1).map(Doorway::url).collect()
    }

    /// Starts again whichever shard does not answer: when one is killed in the middle of an answer to
    /// another, the library of the local stack ends the other too (a server does not).
    pub(crate) fn mend(&self, http: &Http, stack: &Stack) -> anyhow::Result<()> {
        for shard in (0..self.doors.len()).filter_map(|shard| stack.clickhouse_shard(shard)) {
            // One that does not run is started below.
            let _goes_on = shard.thaw();
            if !http.runtime().block_on(shard.answers()) {
                http.runtime().block_on(shard.restart())?;
            }
        }
        Ok(())
    }
}
