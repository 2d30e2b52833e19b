//! Keeps a flood of like log lines from drowning the rest.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

const WINDOW: Duration = Duration::from_secs(1);

/// Above this many keys the idle ones are forgotten, so that keys from outside cannot fill the
/// memory.
const KEYS: usize = 1024;

/// Lets through at most so many lines per key and second. Shared between threads by reference.
#[derive(Debug)]
pub struct RateLimited<K> {
    per_second: u32,
    windows: Mutex<HashMap<K, Window>>,
}

/// What to do with a line.
#[must_use]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// Write it, and say that so many of its key were suppressed since the last one written.
    Write {
        /// Lines suppressed.
        suppressed: u64,
    },
    /// Do not write it.
    Suppress,
}

#[derive(Debug)]
struct Window {
    start: Instant,
    written: u32,
    suppressed: u64,
}

impl<K: Hash + Eq> RateLimited<K> {
    /// At most `per_second` lines of each key in a second.
    pub fn new(per_second: u32) -> Self {
        Self { per_second, windows: Mutex::new(HashMap::new()) }
    }

    /// Whether a line of this key may be written now.
    pub fn admit(&self, key: K, now: Instant) -> Admission {
        let mut windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
        if windows.len() >= KEYS && !windows.contains_key(&key) {
            windows.retain(|_, window| !window.is_over(now));
            if windows.len() >= KEYS {
                return Admission::Suppress;
            }
        }
        windows
            .entry(key)
            .or_insert(Window { start: now, written: 0, suppressed: 0 })
            .admit(self.per_second, now)
    }
}

impl Window {
    fn is_over(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.start) >= WINDOW
    }

    fn admit(&mut self, per_second: u32, now: Instant) -> Admission {
        if self.is_over(now) {
            self.start = now;
            self.written = 0;
        }
        if self.written >= per_second {
            self.suppressed += 1;
            return Admission::Suppress;
        }
        self.written += 1;
        Admission::Write { suppressed: std::mem::take(&mut self.suppressed) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_lines_pass_and_the_next_window_tells_how_many_did_not() {
        let (limit, start) = (RateLimited::new(2), Instant::now());
        for _ in 0..2 {
            assert_eq!(limit.admit("BROKER", start), Admission::Write { suppressed: 0 });
        }
        for _ in 0..5 {
            assert_eq!(limit.admit("BROKER", start + WINDOW / 2), Admission::Suppress);
        }
        let later = start + WINDOW;
        assert_eq!(limit.admit("BROKER", later), Admission::Write { suppressed: 5 });
        assert_eq!(limit.admit("BROKER", later), Admission::Write { suppressed: 0 });
        assert_eq!(limit.admit("BROKER", later), Admission::Suppress);
    }

    #[test]
    fn one_key_does_not_spend_the_allowance_of_another() {
        let (limit, now) = (RateLimited::new(1), Instant::now());
        assert_eq!(limit.admit("a", now), Admission::Write { suppressed: 0 });
        assert_eq!(limit.admit("a", now), Admission::Suppress);
        assert_eq!(limit.admit("b", now), Admission::Write { suppressed: 0 });
    }

    #[test]
    fn keys_do_not_pile_up() {
        let (limit, start) = (RateLimited::new(1), Instant::now());
        for key in 0..KEYS {
            assert_eq!(limit.admit(key, start), Admission::Write { suppressed: 0 });
        }
        assert_eq!(limit.admit(KEYS, start), Admission::Suppress);
        assert_eq!(limit.admit(KEYS, start + WINDOW), Admission::Write { suppressed: 0 });
        assert_eq!(limit.windows.lock().unwrap().len(), 1);
    }
}
