//! The broker dies again and again while ingest takes as many batches as it can.

use std::{
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, anyhow, ensure};
use local_stack::Part;
use waybill_tests::{Flow, Issued, Oracle, WEB, until};

use crate::fault::{Fault, Fired, Scene};

const DEATHS: u64 = 3;
/// Each has one request on its way at a time.
const SENDERS: usize = 8;
const PER_BATCH: usize = 100;
/// So many requests are acknowledged before each death, and after the last.
const BETWEEN: u64 = 300;
/// Longer than ingest waits for the broker, and than the broker takes to start.
const COUNTED_WITHIN: Duration = Duration::from_secs(90);
/// Before a batch is sent again: as an SDK, only sooner.
const PAUSE: Duration = Duration::from_millis(100);

pub(crate) fn all() -> Vec<Fault> {
    vec![Fault::new("kafka killed under load", "deaths of the broker", kafka_killed)]
}

fn kafka_killed(scene: &Scene<'_>) -> anyhow::Result<Fired> {
    let load = Load::new(scene.flow, scene.oracle);
    let begun = Instant::now();
    let mut up = Duration::ZERO;
    let deaths = load.during(|load| {
        for _ in 0..DEATHS {
            let since = Instant::now();
            until_grown(&load.acknowledged, BETWEEN, "acknowledged")?;
            up += since.elapsed();
            scene.flow.kill_part(Part::Kafka)?;
            until_grown(&load.refused, 1, "answered 503")?;
            scene.flow.restart_part(Part::Kafka)?;
        }
        until_grown(&load.acknowledged, BETWEEN, "acknowledged")?;
        Ok(DEATHS)
    })?;
    Ok(Fired { times: deaths, told: vec![load.told(begun.elapsed(), up)] })
}

/// Senders that repeat what is not acknowledged under the same message ids.
struct Load<'a> {
    flow: &'a Flow,
    oracle: &'a Oracle,
    ended: AtomicBool,
    acknowledged: AtomicU64,
    /// Answered 503.
    refused: AtomicU64,
    /// Got no answer.
    unanswered: AtomicU64,
}

impl<'a> Load<'a> {
    fn new(flow: &'a Flow, oracle: &'a Oracle) -> Self {
        Self {
            flow,
            oracle,
            ended: AtomicBool::default(),
            acknowledged: AtomicU64::default(),
            refused: AtomicU64::default(),
            unanswered: AtomicU64::default(),
        }
    }

    /// Sends while `body` runs. Ends when every batch that was begun is acknowledged.
    fn during<T>(&self, body: impl FnOnce(&Self) -> anyhow::Result<T>) -> anyhow::Result<T> {
        thread::scope(|scope| {
            let senders: Vec<_> = (0..SENDERS).map(|_| scope.spawn(|| self.send())).collect();
            let done = body(self);
            self.ended.store(true, Ordering::Relaxed);
            for sender in senders {
                let sent = sender.join().map_err(|_| anyhow!("a sender panicked"))?;
                sent.context("a sender")?;
            }
            done
        })
    }

    fn send(&self) -> anyhow::Result<()> {
        while !self.ended.load(Ordering::Relaxed) {
            let messages: Vec<_> = (0..PER_BATCH).map(|_| self.oracle.issue(WEB)).collect();
            let begun = Instant::now();
            while !self.is_taken(&messages)? {
                ensure!(begun.elapsed() < COUNTED_WITHIN, "a batch is not taken any more");
                thread::sleep(PAUSE);
            }
        }
        Ok(())
    }

    /// Any other answer than 200 and 503 is an error.
    fn is_taken(&self, messages: &[Issued]) -> anyhow::Result<bool> {
        let status = self.oracle.post_for_status(self.flow, messages);
        let counter = match status {
            Ok(200) => &self.acknowledged,
            Ok(503) => &self.refused,
            Ok(other) => return Err(anyhow!("ingest answers {other}")),
            Err(_) => &self.unanswered,
        };
        counter.fetch_add(1, Ordering::Relaxed);
        Ok(matches!(status, Ok(200)))
    }

    #[expect(clippy::cast_precision_loss, reason = "a figure for a person")]
    /// `up` is how long it took to have what was to be acknowledged before the deaths.
    fn told(&self, took: Duration, up: Duration) -> String {
        let events = (DEATHS * BETWEEN) as f64 * PER_BATCH as f64;
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        format!(
            "requests of {PER_BATCH} events by {SENDERS} senders in {} s: {} acknowledged, \
             {} answered 503, {} without an answer; {:.0} events/s before the deaths",
            took.as_secs(),
            count(&self.acknowledged),
            count(&self.refused),
            count(&self.unanswered),
            events / up.as_secs_f64(),
        )
    }
}

fn until_grown(counter: &AtomicU64, by: u64, what: &str) -> anyhow::Result<()> {
    let goal = counter.load(Ordering::Relaxed) + by;
    until(&format!("{by} more requests are {what}"), COUNTED_WITHIN, || {
        Ok((counter.load(Ordering::Relaxed) >= goal).then_some(()))
    })
}
