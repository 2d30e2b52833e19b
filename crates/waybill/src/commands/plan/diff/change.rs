//! One difference between two versions of a plan, and what it may do to events.

use serde::Serialize;

/// What a change may do to events that pass today.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Class {
    /// Some may be rejected, or discarded; or what was told before is no more known again.
    Breaking,
    /// It depends on what is sent, or on words of a schema that cannot be compared.
    Unknown,
    /// None is rejected because of it.
    Safe,
}

impl Class {
    /// Every class, the worst first.
    pub(super) const ALL: [Self; 3] = [Self::Breaking, Self::Unknown, Self::Safe];

    /// Its word.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Breaking => "breaking",
            Self::Unknown => "unknown",
            Self::Safe => "safe",
        }
    }
}

/// One difference. They are sorted by class, the worst first, and then by place.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(super) struct Change {
    pub(super) class: Class,
    /// JSON pointer into the plan.
    pub(super) at: String,
    pub(super) text: String,
}

/// The differences that were found so far.
#[derive(Debug, Default)]
pub(super) struct Changes {
    pub(super) all: Vec<Change>,
}

impl Changes {
    pub(super) fn add(&mut self, class: Class, at: &str, text: impl Into<String>) {
        self.all.push(Change { class, at: at.to_owned(), text: text.into() });
    }

    pub(super) fn breaking(&mut self, at: &str, text: impl Into<String>) {
        self.add(Class::Breaking, at, text);
    }

    pub(super) fn unknown(&mut self, at: &str, text: impl Into<String>) {
        self.add(Class::Unknown, at, text);
    }

    pub(super) fn safe(&mut self, at: &str, text: impl Into<String>) {
        self.add(Class::Safe, at, text);
    }

    /// Breaking if it holds, else safe.
    pub(super) fn breaking_if(&mut self, breaks: bool, at: &str, text: impl Into<String>) {
        self.add(if breaks { Class::Breaking } else { Class::Safe }, at, text);
    }

    /// Takes over changes of a rule whose violations only flag: none of them rejects.
    pub(super) fn take_flagged(&mut self, of_rule: Self) {
        for change in of_rule.all {
            let text = match change.class {
                Class::Safe => change.text,
                Class::Breaking | Class::Unknown => format!("{}; only flagged", change.text),
            };
            self.add(Class::Safe, &change.at, text);
        }
    }

    /// Takes over changes of a rule: as they are if its violations reject.
    pub(super) fn take(&mut self, of_rule: Self, rejects: bool) {
        if rejects {
            self.all.extend(of_rule.all);
        } else {
            self.take_flagged(of_rule);
        }
    }
}
