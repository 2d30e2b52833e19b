//! What an operator may set of identities.

use std::collections::BTreeSet;

use event::Millis;

use crate::Window;

/// The settings of the step; the same in every instance, or they judge differently.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    /// For how long a repeat is recognised, and a session and a business key are remembered.
    pub window: Window,
    /// How many users one device may have: the first of them, by event time. More are refused.
    pub users_per_device: usize,
    /// Ids that never link, beside those that validate takes for placeholders: a demo account, say.
    pub blocked: Blocked,
    /// Sources whose `alias` calls merge two users. In those of all others `previousId` is an
    /// anonymous id.
    pub alias_sources: BTreeSet<String>,
    /// A device without an event for longer than this begins a new session.
    pub session_gap: Millis,
}

impl Rules {
    /// The defaults of every setting but the window.
    pub fn new(window_days: u16) -> Self {
        Self {
            window: Window { days: window_days },
            users_per_device: 10,
            blocked: Blocked::default(),
            alias_sources: BTreeSet::new(),
            session_gap: 30 * 60 * 1_000,
        }
    }
}

/// Ids that never link, in any case of their letters.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Blocked(BTreeSet<String>);

impl Blocked {
    /// Whether this id never links.
    pub fn contains(&self, id: &str) -> bool {
        !self.0.is_empty() && self.0.contains(&id.to_lowercase())
    }
}

impl<S: AsRef<str>> FromIterator<S> for Blocked {
    fn from_iter<I: IntoIterator<Item = S>>(ids: I) -> Self {
        Self(ids.into_iter().map(|id| id.as_ref().to_lowercase()).collect())
    }
}
