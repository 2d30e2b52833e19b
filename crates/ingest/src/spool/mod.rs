//! Events that the broker did not acknowledge, on the disk until it does: for the sources whose
//! senders cannot send again. The one exception to "200 only after the broker".
//!
//! What is acknowledged out of here was flushed to the disk before. Each source has a queue of
//! segments, replayed from the oldest on; while there is anything in it, newer events of the source
//! go behind it. One thread does all that touches the disk: requests that come while it flushes
//! share the next flush.
//!
//! A file format of our own: no crate was found with a bound over several queues, a torn end told
//! from changed bytes, and what changed kept for an operator. The crates for write-ahead logs
//! (walogs, open-wal, wal-db) are below 1.0 and know one log; a key-value store keeps what was
//! deleted until it compacts, so its size is no bound.

mod entry;
mod progress;
mod queue;
mod segment;
mod store;
mod worker;

#[cfg(test)]
mod queue_tests;

use std::{
    collections::BTreeMap,
    io,
    path::Path,
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{self, Sender},
    },
    thread::{self, JoinHandle},
};

use kafka_runtime::Outgoing;
use telemetry::{SpoolMetrics, SpoolRefusal};
use tokio::sync::{Notify, oneshot};

pub(crate) use queue::{Batch, Replayed};
pub use store::SpoolProblem;
use store::{Request, Store};
use worker::{Order, Worker};

use crate::config::Config;

/// The disk spool. Dropping it ends its thread; what lies in it stays there.
pub struct Spool {
    orders: Option<Sender<Order>>,
    thread: Option<JoinHandle<()>>,
    shared: Arc<Shared>,
    metrics: SpoolMetrics,
}

/// What the thread tells everyone.
#[derive(Default)]
struct Shared {
    /// Events by source.
    events: Mutex<BTreeMap<String, u64>>,
    /// Something was kept.
    kept: Notify,
}

impl Shared {
    fn set(&self, source: &str, events: u64) {
        let mut all = self.events.lock().unwrap_or_else(PoisonError::into_inner);
        match all.get_mut(source) {
            Some(known) => *known = events,
            None => drop(all.insert(source.to_owned(), events)),
        }
    }

    fn read<T>(&self, look: impl FnOnce(&BTreeMap<String, u64>) -> T) -> T {
        look(&self.events.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Spool {
    /// Opens the spool of the section `[ingest]`; none where no folder is set. Blocks while it looks
    /// through what lies there.
    pub fn open(config: &Config) -> Result<Option<Self>, SpoolProblem> {
        let Some(folder) = &config.spool_dir else { return Ok(None) };
        Self::of(folder, config.spool_max_bytes).map(Some)
    }

    fn of(folder: &Path, max_bytes: u64) -> Result<Self, SpoolProblem> {
        let store = Store::open(folder, max_bytes)?;
        let (shared, metrics) = (Arc::new(Shared::default()), SpoolMetrics::new());
        let worker = Worker { store, shared: Arc::clone(&shared), metrics: metrics.clone() };
        worker.publish();
        let (orders, received) = mpsc::channel();
        let thread = thread::Builder::new().name("spool".to_owned());
        let thread = thread.spawn(move || worker.run(&received));
        let thread =
            thread.map_err(|cause| SpoolProblem::Unusable { folder: folder.to_owned(), cause })?;
        let spool = Self { orders: Some(orders), thread: Some(thread), shared, metrics };
        if spool.events() > 0 {
            tracing::info!(events = spool.events(), "events of an earlier run lie in the spool");
        }
        Ok(spool)
    }

    /// Keeps the records of a request, all or none. `Ok` once they are on the disk.
    pub(crate) async fn keep(
        &self,
        source: &str,
        records: Vec<Outgoing>,
    ) -> Result<(), SpoolRefusal> {
        let events = records.len() as u64;
        let request = Request { source: source.to_owned(), records };
        let kept = self.ask(|reply| Order::Keep(request, reply)).await;
        let kept = kept.unwrap_or(Err(SpoolRefusal::Disk));
        match kept {
            Ok(()) => self.metrics.kept(source, events),
            Err(why) => self.metrics.refused(why),
        }
        kept
    }

    /// Whether anything of a source lies here.
    pub(crate) fn holds(&self, source: &str) -> bool {
        self.shared.read(|events| events.get(source).is_some_and(|events| *events > 0))
    }

    /// The sources of which something lies here.
    pub(crate) fn sources(&self) -> Vec<String> {
        let is_held = |(source, events): (&String, &u64)| (*events > 0).then(|| source.clone());
        self.shared.read(|events| events.iter().filter_map(is_held).collect())
    }

    /// How many events lie here.
    pub(crate) fn events(&self) -> u64 {
        self.shared.read(|events| events.values().sum())
    }

    /// Resolves when something was kept since the last time it did.
    pub(crate) async fn kept(&self) {
        self.shared.kept.notified().await;
    }

    /// The records of a source that come next; the same again until they were
    /// [`release`](Self::release)d.
    pub(crate) async fn next(&self, source: &str) -> io::Result<Option<Batch>> {
        let source = source.to_owned();
        self.ask(|reply| Order::Next(source, reply)).await.unwrap_or_else(|| Err(ended()))
    }

    /// The records of a batch are in the log.
    pub(crate) async fn release(&self, source: &str, replayed: Replayed) -> io::Result<()> {
        self.metrics.replayed(source, replayed.events);
        let source = source.to_owned();
        let released = self.ask(|reply| Order::Release(source, replayed, reply)).await;
        released.unwrap_or_else(|| Err(ended()))
    }

    async fn ask<T>(&self, order: impl FnOnce(oneshot::Sender<T>) -> Order) -> Option<T> {
        let (reply, answer) = oneshot::channel();
        self.orders.as_ref()?.send(order(reply)).ok()?;
        answer.await.ok()
    }
}

impl Drop for Spool {
    fn drop(&mut self) {
        self.orders = None;
        if let Some(thread) = self.thread.take() {
            // A panic of the thread was told when it happened.
            let _ended = thread.join();
        }
    }
}

fn ended() -> io::Error {
    io::Error::other("the thread of the spool has ended")
}
