//! From the spool to the log: each source's events in their order, until there are none left.

use std::{collections::HashMap, io, sync::Arc, time::Duration};

use kafka_runtime::Shutdown;
use tokio::{
    task::{Id, JoinSet},
    time::{sleep, timeout},
};

use crate::{collector::Collector, log::Log, spool::Spool};

/// Between two attempts: doubled from the first to the last.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// How long the end waits for batches that are on their way. What is not acknowledged by then is
/// replayed once more after the next start.
const LAST_BATCH: Duration = Duration::from_secs(1);

impl<L: Log> Collector<L> {
    /// Replays what lies in the spool until the end; returns at once where there is none. The
    /// sources do not wait for each other.
    pub async fn replay(self: &Arc<Self>, shutdown: &Shutdown) {
        let Some(spool) = &self.spool else { return };
        let mut tasks = JoinSet::new();
        let mut running: HashMap<Id, String> = HashMap::new();
        while !shutdown.is_requested() {
            for source in spool.sources() {
                if !running.values().any(|other| *other == source) {
                    let task = replay_source(Arc::clone(self), source.clone(), shutdown.clone());
                    running.insert(tasks.spawn(task).id(), source);
                }
            }
            tokio::select! {
                () = spool.kept() => {}
                Some(ended) = tasks.join_next_with_id() => {
                    let id = ended.map_or_else(|panicked| panicked.id(), |(id, ())| id);
                    running.remove(&id);
                }
                () = shutdown.requested() => {}
            }
        }
        let on_their_way = async { while tasks.join_next().await.is_some() {} };
        if timeout(LAST_BATCH, on_their_way).await.is_err() {
            tasks.shutdown().await;
        }
    }

    /// Says how many events stay in the spool at the end.
    pub(crate) fn tell_what_stays(&self) {
        let events = self.spool.as_ref().map_or(0, Spool::events);
        if events > 0 {
            tracing::warn!(
                events,
                "events stay in the spool: they are replayed after the next start"
            );
        }
    }

    /// Replays the records that come next; how many, 0 if there were none.
    async fn replay_batch(&self, spool: &Spool, source: &str) -> Result<u64, Trouble> {
        let Some(batch) = spool.next(source).await? else { return Ok(0) };
        let replayed = batch.replayed();
        let records = batch.records.len();
        match self.log.append(batch.records).await {
            Ok(delivered) if delivered.len() == records => {}
            Ok(_) => return Err(Trouble::Log("reports are missing".to_owned())),
            Err(error) => return Err(Trouble::Log(error.to_string())),
        }
        self.metrics.accepted(source, replayed.events);
        spool.release(source, replayed).await?;
        Ok(replayed.events)
    }
}

/// Why a batch was not replayed, or may be replayed again.
#[derive(Debug, thiserror::Error)]
enum Trouble {
    /// The log did not acknowledge it.
    #[error("the log did not acknowledge: {0}")]
    Log(String),
    /// The disk.
    #[error("the disk of the spool: {0}")]
    Disk(#[from] io::Error),
}

/// Replays what lies there of one source.
async fn replay_source<L: Log>(collector: Arc<Collector<L>>, source: String, shutdown: Shutdown) {
    let Some(spool) = &collector.spool else { return };
    let (mut replayed, mut pause) = (0, FIRST_PAUSE);
    while !shutdown.is_requested() {
        match collector.replay_batch(spool, &source).await {
            Ok(0) => {
                tracing::info!(source, events = replayed, "the spool of the source is empty again");
                return;
            }
            Ok(events) => {
                replayed += events;
                pause = FIRST_PAUSE;
                continue;
            }
            // The longest pause limits how often the log says so.
            Err(trouble @ Trouble::Disk(_)) => tracing::error!(source, %trouble, "no replay"),
            Err(trouble @ Trouble::Log(_)) => tracing::debug!(source, %trouble, "no replay yet"),
        }
        tokio::select! {
            () = sleep(pause) => {}
            () = shutdown.requested() => {}
        }
        pause = (2 * pause).min(LONGEST_PAUSE);
    }
}
