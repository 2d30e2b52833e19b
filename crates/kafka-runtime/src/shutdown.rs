//! The request to stop, shared by everything in a process.

use std::{
    sync::{Arc, Condvar, Mutex, PoisonError},
    time::Duration,
};

use tokio::sync::watch;

/// The request to stop. Clones share it.
#[derive(Clone)]
pub struct Shutdown {
    sender: Arc<watch::Sender<bool>>,
    blocked: Arc<(Mutex<bool>, Condvar)>,
}

impl Default for Shutdown {
    fn default() -> Self {
        Self::new()
    }
}

impl Shutdown {
    /// Nobody has asked yet.
    pub fn new() -> Self {
        Self { sender: Arc::new(watch::channel(false).0), blocked: Arc::default() }
    }

    /// Asks everyone to finish what is in hand and stop.
    pub fn request(&self) {
        self.sender.send_replace(true);
        *self.blocked.0.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.blocked.1.notify_all();
    }

    /// Whether somebody has asked.
    pub fn is_requested(&self) -> bool {
        *self.sender.borrow()
    }

    /// Resolves when somebody asks.
    pub async fn requested(&self) {
        let mut receiver = self.sender.subscribe();
        // The sender lives as long as self: the wait ends only with a request.
        let _sender_is_alive = receiver.wait_for(|requested| *requested).await;
    }

    /// Blocks until somebody asks, at most `timeout`. True if somebody did.
    pub fn wait_timeout(&self, timeout: Duration) -> bool {
        let requested = self.blocked.0.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.blocked.1.wait_timeout_while(requested, timeout, |asked| !*asked);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_seen_by_every_clone() {
        let shutdown = Shutdown::new();
        let clone = shutdown.clone();
        assert!(!clone.wait_timeout(Duration::ZERO));
        shutdown.request();
        assert!(clone.is_requested());
        assert!(clone.wait_timeout(Duration::from_mins(1)), "returns at once");
    }
}
