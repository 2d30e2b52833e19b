//! The thread that does all that touches the disk.

use std::{
    io, iter,
    sync::{Arc, mpsc::Receiver},
    time::SystemTime,
};

use event::Millis;
use telemetry::{SpoolMetrics, SpoolRefusal};
use tokio::sync::oneshot::Sender;

use super::{
    Shared,
    queue::{Batch, Replayed},
    store::{Request, Store},
};
use crate::shell::millis;

/// What the thread is asked for, and where the answer goes.
pub(super) enum Order {
    Keep(Request, Sender<Result<(), SpoolRefusal>>),
    Next(String, Sender<io::Result<Option<Batch>>>),
    Release(String, Replayed, Sender<io::Result<()>>),
}

/// The store, and whom to tell what is in it.
pub(super) struct Worker {
    pub(super) store: Store,
    pub(super) shared: Arc<Shared>,
    pub(super) metrics: SpoolMetrics,
}

impl Worker {
    /// Does what it is asked for until nobody can ask any more. All that waits is taken at once:
    /// the requests among it are flushed together.
    pub(super) fn run(mut self, orders: &Receiver<Order>) {
        while let Ok(first) = orders.recv() {
            let (mut requests, mut replies) = (Vec::new(), Vec::new());
            for order in iter::once(first).chain(orders.try_iter()) {
                match order {
                    Order::Keep(request, reply) => {
                        requests.push(request);
                        replies.push(reply);
                    }
                    Order::Next(source, reply) => {
                        let next = self.store.next(&source);
                        self.publish();
                        answer(reply, next);
                    }
                    Order::Release(source, replayed, reply) => {
                        let released = self.store.release(&source, replayed);
                        self.publish();
                        answer(reply, released);
                    }
                }
            }
            if !requests.is_empty() {
                self.keep(&requests, replies);
            }
        }
    }

    /// Everyone knows that it is there before its sender does: what the sender sends next has to go
    /// behind it.
    fn keep(&mut self, requests: &[Request], replies: Vec<Sender<Result<(), SpoolRefusal>>>) {
        let kept = self.store.keep(requests, now());
        self.publish();
        self.shared.kept.notify_one();
        for (reply, kept) in replies.into_iter().zip(kept) {
            answer(reply, kept);
        }
    }

    /// Tells what lies there.
    pub(super) fn publish(&self) {
        let now = now();
        for (source, level) in self.store.levels() {
            self.shared.set(source, level.events);
            let oldest = level.oldest.map_or(0.0, |oldest| seconds(now.saturating_sub(oldest)));
            self.metrics.holds(source, level.events, level.bytes, oldest);
        }
        self.metrics.corrupt(self.store.corrupt());
    }
}

fn now() -> Millis {
    millis(SystemTime::now())
}

#[expect(
    clippy::cast_precision_loss,
    reason = "nobody needs a thousandth of a second of 285,000 years"
)]
fn seconds(millis: Millis) -> f64 {
    millis.max(0) as f64 / 1000.0
}

/// Who asked may have gone away meanwhile.
fn answer<T>(reply: Sender<T>, told: T) {
    drop(reply.send(told));
}
