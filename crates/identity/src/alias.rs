//! Merges of users: which user id stands for which.

use std::collections::BTreeMap;

use event::{IdentityAlias, Millis, Origin};

/// [`IdentityAlias::kind`] of two ids of one person.
pub const MERGE: &str = "merge";
/// [`IdentityAlias::kind`] of two ids that an operator told apart.
pub const UNMERGE: &str = "unmerge";

/// All merges that are known: a function of the set of what was told of them, whatever the order.
///
/// The last merge of a user id holds (by event time, then origin), an operator's order about two
/// ids goes before any event, and the newest order before the others. Where merges lead in a
/// circle, the oldest of the circle does not hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Aliases {
    /// Former id → id that it was told to stand for → what was said of the two.
    known: BTreeMap<String, BTreeMap<String, Word>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Word {
    merged: bool,
    ordered: bool,
    time: Millis,
    cause: Origin,
}

impl Word {
    fn rank(self) -> (bool, Millis, Origin) {
        (self.ordered, self.time, self.cause)
    }
}

/// The user that stands for another, and the merge that says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Known<'a> {
    /// The user id.
    pub user_id: &'a str,
    /// What merged the id that was asked for.
    pub cause: Origin,
}

impl Aliases {
    /// Takes what was told of two ids.
    pub fn apply(&mut self, alias: &IdentityAlias) {
        let word = Word {
            merged: alias.kind == MERGE,
            ordered: alias.rule == crate::RULE_COMMAND,
            time: alias.event_time,
            cause: alias.cause,
        };
        let of_previous = self.known.entry(alias.previous_id.clone()).or_default();
        let last = of_previous.entry(alias.user_id.clone()).or_insert(word);
        if word.rank() > last.rank() {
            *last = word;
        }
    }

    /// Whether what was told says anything new.
    pub fn is_news(&self, alias: &IdentityAlias) -> bool {
        let mut with = Self::default();
        with.apply(alias);
        let told = |all: &Self| {
            all.known.get(&alias.previous_id).and_then(|it| it.get(&alias.user_id)).copied()
        };
        told(self).is_none_or(|known| told(&with).is_some_and(|it| it.rank() > known.rank()))
    }

    /// Forgets whatever was told of two ids.
    pub fn forget(&mut self, previous: &str, user: &str) {
        if let Some(of_previous) = self.known.get_mut(previous) {
            of_previous.remove(user);
            if of_previous.is_empty() {
                self.known.remove(previous);
            }
        }
    }

    /// Every two ids of which anything was told: the one that is replaced, and the other.
    pub fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.known.iter().flat_map(|(previous, told)| {
            told.keys().map(move |user| (previous.as_str(), user.as_str()))
        })
    }

    /// The user that stands for `user`; `None` where it stands for itself.
    pub fn resolve(&self, user: &str) -> Option<Known<'_>> {
        let (mut at, word) = self.step(user)?;
        let known = |user_id| Some(Known { user_id, cause: word.cause });
        // The ids that were passed, each with the merge that leads away from it.
        let mut path: Vec<(&str, Word)> = Vec::new();
        loop {
            let circle = path.iter().position(|(passed, _)| *passed == at);
            if at == user || circle.is_some() {
                // Whom the oldest merge of the circle replaces stands for all of it.
                let oldest = path[circle.unwrap_or(0)..].iter().min_by_key(|(_, it)| it.rank());
                let oldest = oldest.filter(|(_, it)| at != user || it.rank() < word.rank());
                return oldest.and_then(|(end, _)| known(*end));
            }
            let Some((next, leads)) = self.step(at) else { return known(at) };
            path.push((at, leads));
            at = next;
        }
    }

    /// The merge of `user` that holds.
    fn step(&self, user: &str) -> Option<(&str, Word)> {
        let merges = self.known.get(user)?.iter().filter(|(_, word)| word.merged);
        let (next, word) = merges.max_by_key(|(_, word)| word.rank())?;
        Some((next, *word))
    }
}
