//! Waiting for a dependency: paused, but polling, so that the group keeps us.

use std::time::Duration;

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

impl Patience {
    pub(crate) fn new() -> Self {
        Self { next: FIRST }
    }

    /// Something succeeded.
    pub(crate) fn restored(&mut self) {
        self.next = FIRST;
    }

    /// Holds everything and polls for a while; `seen` gets what the polls bring. The caller
    /// rewinds and lets go.
    pub(crate) fn wait_out<L: Log>(
        &mut self,
        log: &mut L,
        shutdown: &Shutdown,
        mut seen: impl FnMut(Polled),
    ) -> Result<(), LogError> {
        let ours = log.assignment()?;
        log.hold(&ours)?;
        let begun = log.clock();
        while log.clock() - begun < self.next && !shutdown.is_requested() {
            seen(log.poll(IDLE_POLL)?);
        }
        self.next = (self.next * 2).min(LAST);
        Ok(())
    }
}
