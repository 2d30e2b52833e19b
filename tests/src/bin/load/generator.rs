//! An open loop: every batch has a time at which it is due, whatever became of those before it.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    thread,
    time::{Duration, Instant},
};

use anyhow::anyhow;
use waybill_tests::{Flow, WEB};

use crate::{
    events,
    probes::Probes,
    settings::{PER_BATCH, Settings},
    sleep_until,
};

/// Requests that may wait for their answers at once. Were all of them waiting, the next would be
/// late: that is told as the generator's lateness.
const CONNECTIONS: usize = 24;
/// From the first thread to the first batch.
const START: Duration = Duration::from_millis(200);

/// Sends batches at their times.
pub(crate) struct Generator {
    begun: Instant,
    settings: Settings,
    next: AtomicU64,
}

/// What became of a batch.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sent {
    /// Whether it was due within the measured time.
    pub(crate) measured: bool,
    /// When it was to go out.
    pub(crate) due: Instant,
    /// When it went out.
    pub(crate) begun: Instant,
    /// When its answer was in.
    pub(crate) answered: Instant,
    /// Whether the answer was 200.
    pub(crate) accepted: bool,
}

impl Generator {
    pub(crate) fn new(settings: Settings) -> Self {
        Self { begun: Instant::now() + START, settings, next: AtomicU64::new(0) }
    }

    /// The measured time.
    pub(crate) fn window(&self) -> (Instant, Instant) {
        let begin = self.begun + Duration::from_secs(self.settings.warm_up);
        (begin, begin + Duration::from_secs(self.settings.seconds))
    }

    /// Sends until the end of the measured time.
    pub(crate) fn send(&self, flow: &Flow, probes: &Probes) -> anyhow::Result<Vec<Sent>> {
        thread::scope(|scope| {
            let connections: Vec<_> = (0..CONNECTIONS)
                .map(|_| scope.spawn(|| self.send_by_one_connection(flow, probes)))
                .collect();
            let mut sent = Vec::new();
            for connection in connections {
                sent.extend(connection.join().map_err(|_| anyhow!("a connection panicked"))?);
            }
            Ok(sent)
        })
    }

    fn send_by_one_connection(&self, flow: &Flow, probes: &Probes) -> Vec<Sent> {
        let (begin, end) = self.window();
        let mut sent = Vec::new();
        loop {
            let batch = self.next.fetch_add(1, Ordering::Relaxed);
            let due = self.begun + due_after(batch, self.settings.rate);
            if due >= end {
                return sent;
            }
            sleep_until(due);
            let body = events::body(batch);
            let sent_at = Instant::now();
            let answer = flow.post("/v1/batch", WEB.write_key, body.as_bytes());
            let answered = Instant::now();
            let accepted = answer.is_ok_and(|answer| answer.status == 200);
            let measured = due >= begin;
            if accepted {
                probes.accepted(events::probe_id(batch), answered, measured);
            }
            sent.push(Sent { measured, due, begun: sent_at, answered, accepted });
        }
    }
}

fn due_after(batch: u64, rate: u64) -> Duration {
    Duration::from_nanos(batch * PER_BATCH * 1_000_000_000 / rate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thirty_batches_are_due_in_a_second_at_the_rate_of_the_goal() {
        assert_eq!(due_after(30, 3_000), Duration::from_secs(1));
        assert_eq!(due_after(3_600_000, 100_000), Duration::from_hours(1));
    }
}
