//! What the registry did not know when it was asked.

use std::{
    collections::HashMap,
    hash::Hash,
    time::{Duration, Instant},
};

/// How long an answer "not known" is believed.
pub(crate) const ASK_AGAIN: Duration = Duration::from_secs(10);

/// So many unknown schemas within [`ASK_AGAIN`] are a flood of garbage. A batch of it, each record
/// asked for, could take longer than its transaction may.
const FLOOD: usize = 16;

/// Schemas by `K` that the registry did not know lately.
pub(crate) struct Unknown<K> {
    asked: HashMap<K, Instant>,
}

impl<K: Eq + Hash> Unknown<K> {
    pub(crate) fn new() -> Self {
        Self { asked: HashMap::new() }
    }

    /// Why the registry is not asked for `key` now; `None` if it is.
    pub(crate) fn why_not_ask(&mut self, key: &K, now: Instant) -> Option<String> {
        self.asked.retain(|_, at| now.saturating_duration_since(*at) < ASK_AGAIN);
        let seconds = ASK_AGAIN.as_secs();
        if self.asked.contains_key(key) {
            Some(format!("it was asked less than {seconds} s ago"))
        } else if self.asked.len() >= FLOOD {
            Some(format!("it was not asked: {FLOOD} others within {seconds} s were unknown"))
        } else {
            None
        }
    }

    /// The registry has said that it does not know `key`.
    pub(crate) fn note(&mut self, key: K, now: Instant) {
        self.asked.insert(key, now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_unknown_is_asked_for_again_after_a_while() {
        let mut unknown = Unknown::new();
        let begin = Instant::now();
        assert_eq!(unknown.why_not_ask(&1, begin), None);
        unknown.note(1, begin);
        assert!(unknown.why_not_ask(&1, begin).unwrap().contains("10 s ago"));
        assert_eq!(unknown.why_not_ask(&2, begin), None, "another is asked for at once");
        assert_eq!(unknown.why_not_ask(&1, begin + ASK_AGAIN), None);
    }

    #[test]
    fn a_flood_of_unknown_schemas_is_not_asked_for_one_by_one() {
        let mut unknown = Unknown::new();
        let begin = Instant::now();
        for key in 0..FLOOD {
            assert_eq!(unknown.why_not_ask(&key, begin), None);
            unknown.note(key, begin);
        }
        assert!(unknown.why_not_ask(&FLOOD, begin).unwrap().contains("not asked"));
        assert_eq!(unknown.why_not_ask(&FLOOD, begin + ASK_AGAIN), None);
    }
}
