//! Why an enrichment has nothing to say.

use std::fmt;

use event::{Event, Text};
use serde::Serialize;

use super::places;

/// Why an enrichment adds nothing to an event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Nothing {
    /// Places that it reads and that are filled, but say nothing to it.
    pub present: Vec<&'static str>,
    /// Places that it reads and that are empty.
    pub absent: Vec<&'static str>,
    /// Under what it would add something.
    pub instead: Vec<Instead>,
}

/// What would be added if one thing about the event were another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Instead {
    /// Whose event it would be, or of which type, in words; each would do.
    pub of: Vec<String>,
    /// The fields that would be added.
    pub fields: Vec<String>,
    /// JSON pointers of the places that they would be taken from.
    pub from: Vec<String>,
}

impl Nothing {
    pub(super) fn of<S: Text>(event: &Event<S>, reads: &[&'static str]) -> Self {
        let filled = places::values(event);
        let is_filled = |read: &&str| filled.iter().any(|(place, _)| places::is_under(place, read));
        let (present, absent) = reads.iter().copied().partition(is_filled);
        Self { present, absent, instead: Vec::new() }
    }

    pub(super) fn instead(&mut self, of: String, fields: Vec<String>, from: Vec<String>) {
        let same = self.instead.iter_mut().find(|it| it.fields == fields && it.from == from);
        match same {
            Some(same) => same.of.push(of),
            None => self.instead.push(Instead { of: vec![of], fields, from }),
        }
    }
}

impl fmt::Display for Nothing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut reasons = Vec::new();
        if !self.absent.is_empty() {
            reasons.push(format!("there is no {}", self.absent.join(", no ")));
        }
        for Instead { of, fields, from } in &self.instead {
            let (of, fields, from) = (of.join(" or "), fields.join(", "), from.join(", "));
            reasons.push(format!("{from} counts only in {of}: {fields}"));
        }
        if self.instead.is_empty() && !self.present.is_empty() {
            reasons.push(format!("there is nothing for it in {}", self.present.join(", ")));
        }
        f.write_str(&reasons.join("; "))
    }
}
