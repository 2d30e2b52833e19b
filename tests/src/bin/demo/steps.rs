//! What the demo says while it does it.

use std::time::Instant;

/// Says each step with the seconds since the start.
#[derive(Debug, Clone)]
pub(crate) struct Steps {
    begun: Instant,
}

impl Steps {
    /// The clock starts.
    pub(crate) fn begin() -> Self {
        Self { begun: Instant::now() }
    }

    /// Says a line.
    pub(crate) fn say(&self, line: &str) {
        println!("[{:6.1} s] {line}", self.begun.elapsed().as_secs_f64());
    }
}
