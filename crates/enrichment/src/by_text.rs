//! What was worked out from texts that come again and again.

use quick_cache::sync::Cache;

/// How many texts are remembered: each at most [`LONGEST`] bytes, so a few megabytes in all.
const TEXTS: usize = 8192;

/// Longer texts are worked out each time: they are rare, and whoever sends random ones must not be
/// able to fill the memory.
const LONGEST: usize = 512;

/// Remembers what was worked out from a text. It changes the time an answer takes, never the
/// answer: what is remembered depends on the text alone.
pub(crate) struct ByText<V>(Cache<Box<str>, V>);

impl<V: Clone> ByText<V> {
    /// What `work_out` makes of the text, or made of it before.
    pub(crate) fn get(&self, text: &str, work_out: impl FnOnce(&str) -> V) -> V {
        if let Some(known) = self.0.get(text) {
            return known;
        }
        let value = work_out(text);
        if text.len() <= LONGEST {
            self.0.insert(text.into(), value.clone());
        }
        value
    }
}

impl<V: Clone> Default for ByText<V> {
    fn default() -> Self {
        Self(Cache::new(TEXTS))
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[test]
    fn a_text_is_worked_out_once_unless_it_is_long() {
        let (by_text, worked) = (ByText::default(), Cell::new(0));
        let long = "x".repeat(LONGEST + 1);
        for (text, expected) in [("a", 1), ("a", 1), ("b", 2), (&long, 3), (&long, 4), ("a", 4)] {
            let length = by_text.get(text, |text| {
                worked.set(worked.get() + 1);
                text.len()
            });
            assert_eq!((length, worked.get()), (text.len(), expected));
        }
    }

    #[test]
    fn no_number_of_texts_fills_the_memory() {
        let by_text = ByText::default();
        for number in 0..TEXTS * 3 {
            by_text.get(&number.to_string(), str::len);
        }
        assert!(by_text.0.len() <= TEXTS, "{}", by_text.0.len());
    }
}
