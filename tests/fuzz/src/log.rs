//! A log that takes what it is given, or does not.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ingest::Log;
use kafka_runtime::{Delivered, Outgoing, Position, SendError};
use topology::Topic;

/// What the log does with the records of a request.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Way {
    /// Acknowledges all of them.
    #[default]
    Takes,
    /// Acknowledges none.
    Refuses,
    /// Has no room for them.
    IsFull,
    /// Says beforehand that it has no room.
    Crowded,
    /// Is of no use any more.
    Unavailable,
    /// Finds the first one too large.
    FindsTooLarge,
    /// Says nothing of the last one.
    ForgetsOne,
}

/// Those that do not take the records.
pub(crate) const BAD_WAYS: [Way; 6] = [
    Way::Refuses,
    Way::IsFull,
    Way::Crowded,
    Way::Unavailable,
    Way::FindsTooLarge,
    Way::ForgetsOne,
];

/// The log.
#[derive(Clone, Default)]
pub(crate) struct FuzzLog(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    way: Way,
    /// What was given to it, call by call.
    appended: Vec<Vec<Outgoing>>,
}

impl FuzzLog {
    /// Forgets everything.
    pub(crate) fn begin(&self, way: Way) {
        *self.state() = State { way, appended: Vec::new() };
    }

    /// What it was given since then, call by call.
    pub(crate) fn appended(&self) -> Vec<Vec<Outgoing>> {
        std::mem::take(&mut self.state().appended)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Log for FuzzLog {
    async fn append(&self, records: Vec<Outgoing>) -> Result<Vec<Delivered>, SendError> {
        let mut state = self.state();
        let refused = || SendError::NotAcknowledged("by the test".to_owned());
        let kept = match state.way {
            Way::Takes => records.len(),
            Way::ForgetsOne => records.len().saturating_sub(1),
            Way::Refuses => return Err(refused()),
            Way::IsFull | Way::Crowded => return Err(SendError::QueueFull),
            Way::Unavailable => return Err(SendError::Unavailable("by the test".to_owned())),
            Way::FindsTooLarge => return Err(SendError::TooLarge { index: 0 }),
        };
        state.appended.push(records);
        let delivered = (0..).take(kept).map(|offset| {
            let position = Position { topic: Topic::RawEvents, partition: 0, offset };
            Delivered { position, timestamp: None }
        });
        Ok(delivered.collect())
    }

    fn fill(&self) -> f64 {
        if self.state().way == Way::Crowded { 0.9 } else { 0.0 }
    }
}
