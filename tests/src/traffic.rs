//! Senders that go on while things break, as SDKs do: what is not acknowledged is sent again with
//! the same message ids.

use std::{
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, anyhow, ensure};
use pipeline::RejectReason;
use topology::Stage;

use crate::{
    flow::Flow,
    flow_config::{BILLING, WEB},
    oracle::{DIRECT, Fate, Issued, Oracle},
    wait::until,
};

const PER_REQUEST: usize = 5;
const PAUSE: Duration = Duration::from_millis(20);
const ACKNOWLEDGED_WITHIN: Duration = Duration::from_secs(90);

/// Traffic that flows now.
#[derive(Debug, Default)]
pub struct Traffic {
    ended: AtomicBool,
    acknowledged: AtomicU64,
    refused: AtomicU64,
}

impl Traffic {
    /// Sends while `body` runs. Ends when everything that was begun is acknowledged.
    pub fn during<T>(
        flow: &Flow,
        oracle: &Oracle,
        body: impl FnOnce(&Self) -> anyhow::Result<T>,
    ) -> anyhow::Result<T> {
        let traffic = Self::default();
        thread::scope(|scope| {
            let sender = scope.spawn(|| traffic.send(flow, oracle));
            let done = body(&traffic);
            traffic.ended.store(true, Ordering::Relaxed);
            let sent = sender.join().map_err(|_| anyhow!("the sender panicked"))?;
            let done = done?;
            sent.context("traffic")?;
            Ok(done)
        })
    }

    /// Waits until `count` further requests were acknowledged.
    pub fn until_acknowledged(&self, count: u64) -> anyhow::Result<()> {
        grown(&self.acknowledged, count, "requests are acknowledged")
    }

    /// Waits until `count` further requests were refused or got no answer.
    pub fn until_refused(&self, count: u64) -> anyhow::Result<()> {
        grown(&self.refused, count, "requests are refused")
    }

    /// How many requests were refused or got no answer so far.
    pub fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    fn send(&self, flow: &Flow, oracle: &Oracle) -> anyhow::Result<()> {
        let mut round = 0_u64;
        while !self.ended.load(Ordering::Relaxed) {
            let source = if round.is_multiple_of(3) { BILLING } else { WEB };
            let messages: Vec<_> = (0..PER_REQUEST).map(|_| oracle.issue(source)).collect();
            self.until_taken(flow, oracle, &messages)?;
            // A client that did not see the answer sends the same again.
            if round.is_multiple_of(5) {
                self.until_taken(flow, oracle, &messages[..2])?;
            }
            if round.is_multiple_of(4) {
                let nonsense = Fate::Dead(Stage::Validate, RejectReason::UnknownType);
                self.until_taken(flow, oracle, &[oracle.issue_for(source, nonsense)])?;
            }
            if round.is_multiple_of(2) {
                self.until_written(flow, oracle, &oracle.issue(DIRECT))?;
            }
            round += 1;
            thread::sleep(PAUSE);
        }
        Ok(())
    }

    fn until_taken(&self, flow: &Flow, oracle: &Oracle, messages: &[Issued]) -> anyhow::Result<()> {
        self.again_until(|| oracle.post(flow, messages).unwrap_or(false))
    }

    fn until_written(&self, flow: &Flow, oracle: &Oracle, message: &Issued) -> anyhow::Result<()> {
        self.again_until(|| oracle.produce(flow, message).is_ok())
    }

    fn again_until(&self, mut taken: impl FnMut() -> bool) -> anyhow::Result<()> {
        let begun = Instant::now();
        while !taken() {
            ensure!(begun.elapsed() < ACKNOWLEDGED_WITHIN, "nothing is acknowledged any more");
            self.refused.fetch_add(1, Ordering::Relaxed);
            thread::sleep(PAUSE);
        }
        self.acknowledged.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }
}

fn grown(counter: &AtomicU64, by: u64, what: &str) -> anyhow::Result<()> {
    let goal = counter.load(Ordering::Relaxed) + by;
    until(&format!("{by} more {what}"), ACKNOWLEDGED_WITHIN, || {
        Ok((counter.load(Ordering::Relaxed) >= goal).then_some(()))
    })
}
