//! Waiting for a dependency: paused, but polling, so that the group keeps us.

use std::time::Duration;

use pipeline::Halt;
use telemetry::{Readiness, StageMetrics};

use crate::{
    error::LogError,
    log::{Log, Polled},
    shutdown::Shutdown,
};

/// How long one poll waits for a first record; also how soon a request to stop is seen.
pub(crate) const IDLE_POLL: Duration = Duration::from_millis(100);
const FIRST: Duration = Duration::from_millis(200);
const LAST: Duration = Duration::from_secs(5);

/// How long to wait next: longer each time, until something succeeds.
pub(crate) struct Patience {
    next: Duration,
}

/// Who waits, and who is told.
#[derive(Clone, Copy)]
pub(crate) struct Waiting<'a> {
    pub(crate) name: &'static str,
    pub(crate) metrics: &'a StageMetrics,
    pub(crate) readiness: &'a Readiness,
    pub(crate) shutdown: &'a Shutdown,
}

impl Patience {
    pub(crate) fn new() -> Self {
        Self { next: FIRST }
    }

    /// Something succeeded.
    pub(crate) fn restored(&mut self) {
        self.next = FIRST;
    }

    /// Pauses and polls for a while; `seen` gets what the polls bring. The caller rewinds and
    /// resumes.
    pub(crate) fn wait_out<L: Log>(
        &mut self,
        log: &mut L,
        who: Waiting<'_>,
        halt: &Halt,
        mut seen: impl FnMut(Polled),
    ) -> Result<(), LogError> {
        tracing::warn!(stage = who.name, dependency = halt.dependency, "halted: {halt}");
        who.readiness.waiting(halt.to_string());
        who.metrics.halted(halt.dependency, true);
        log.pause()?;
        let begun = log.clock();
        while log.clock() - begun < self.next && !who.shutdown.is_requested() {
            seen(log.poll(IDLE_POLL)?);
        }
        self.next = (self.next * 2).min(LAST);
        who.metrics.halted(halt.dependency, false);
        Ok(())
    }
}
