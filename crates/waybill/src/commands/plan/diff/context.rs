//! The context that two versions of a plan require, by kind of source.

use std::collections::BTreeMap;

use serde_json::Value;
use tracking_plan::{
    SourceKind,
    plan::{ContextRule, ContextRules, OnViolation, Place},
};

use super::{
    change::{Change, Changes},
    members::top,
    schema::{Side, Sides},
};

/// Context rules of a version, and what becomes of an event that breaks one which says nothing.
#[derive(Debug, Clone, Copy)]
pub(super) struct Required<'a> {
    pub(super) rules: &'a ContextRules,
    pub(super) otherwise: OnViolation,
    pub(super) defs: &'a BTreeMap<String, Value>,
}

/// Compares the rules of two versions, which stand at `at`; tells the kinds of source that a change
/// is about where it is not about all.
pub(super) fn compare(pair: [Required<'_>; 2], at: &str, changes: &mut Changes) {
    let mut by_kind: BTreeMap<Change, Vec<SourceKind>> = BTreeMap::new();
    for kind in SourceKind::ALL {
        for change in of_kind(pair, kind, at).all {
            by_kind.entry(change).or_default().push(kind);
        }
    }
    for (change, kinds) in by_kind {
        let whose = if kinds.len() == SourceKind::ALL.len() {
            String::new()
        } else {
            let kinds: Vec<&str> = kinds.into_iter().map(SourceKind::word).collect();
            format!(" (of {} sources)", kinds.join(" and "))
        };
        changes.add(change.class, &change.at, format!("{}{whose}", change.text));
    }
}

/// A member that must be there, and how strictly.
#[derive(Debug, Clone)]
struct Asked<'a> {
    place: &'a Place,
    inheritable: bool,
    on_violation: OnViolation,
}

impl Asked<'_> {
    /// Whether an event that lacks it is rejected.
    fn rejects(&self) -> bool {
        !self.inheritable && self.on_violation == OnViolation::Reject
    }

    /// Whether every event that has what `other` asks for has this too.
    fn follows_from(&self, other: &Asked<'_>) -> bool {
        let mine = self.place.pointers();
        other.rejects() && other.place.pointers().iter().all(|pointer| mine.contains(pointer))
    }
}

fn sections(required: Required<'_>, kind: SourceKind) -> [&ContextRule; 2] {
    let rules = required.rules;
    let own = match kind {
        SourceKind::Browser => &rules.browser,
        SourceKind::Mobile => &rules.mobile,
        SourceKind::Server => &rules.server,
    };
    [&rules.all, own]
}

fn asked(required: Required<'_>, kind: SourceKind) -> Vec<Asked<'_>> {
    let mut all = Vec::new();
    for rule in sections(required, kind) {
        let on_violation = rule.on_violation.unwrap_or(required.otherwise);
        all.extend(rule.required.iter().map(|place| Asked {
            place,
            inheritable: rule.inheritable.contains(place),
            on_violation,
        }));
    }
    all
}

fn of_kind(pair: [Required<'_>; 2], kind: SourceKind, at: &str) -> Changes {
    let mut changes = Changes::default();
    let [was, is] = pair.map(|required| asked(required, kind));
    let at = format!("{at}/context");
    for one in &is {
        let before = was.iter().find(|other| other.place == one.place);
        let is_known = was.iter().any(|other| one.follows_from(other));
        match before {
            Some(other) if other.rejects() == one.rejects() => {}
            Some(_) if !one.rejects() => {
                changes.safe(&at, format!("{} is not insisted on any more", one.place));
            }
            _ if is_known => {}
            Some(_) => changes.breaking(&at, format!("{} is insisted on now", one.place)),
            None => changes.breaking_if(
                one.rejects(),
                &at,
                format!("{} is required now{}", one.place, leniency(one)),
            ),
        }
    }
    for one in was.iter().filter(|one| !is.iter().any(|other| other.place == one.place)) {
        changes.safe(&at, format!("{} is not required any more", one.place));
    }
    schemas(pair, kind, &at, &mut changes);
    changes
}

fn leniency(asked: &Asked<'_>) -> &'static str {
    match (asked.inheritable, asked.on_violation) {
        (true, _) => ", or inherited from the session",
        (false, OnViolation::Flag) => "; only flagged",
        (false, OnViolation::Reject) => "",
    }
}

fn schemas(pair: [Required<'_>; 2], kind: SourceKind, at: &str, changes: &mut Changes) {
    let [old, new] = pair.map(|required| sections(required, kind));
    for (was, is) in old.into_iter().zip(new) {
        let otherwise = pair[1].otherwise;
        let on_violation = is.on_violation.unwrap_or(otherwise);
        let before = was.on_violation.unwrap_or(pair[0].otherwise);
        let at = format!("{at}/{}/schema", if is_all(is, pair[1]) { "all" } else { kind.word() });
        let mut of_schema = Changes::default();
        match (&was.schema, &is.schema) {
            (None, None) => {}
            (None, Some(_)) => of_schema.breaking(&at, "the context is held to a schema now"),
            (Some(_), None) => of_schema.safe(&at, "the context is held to no schema any more"),
            (Some(was), Some(is)) => {
                let [old, new] = pair.map(|required| required.defs);
                let sides =
                    Sides { old: Side { own: was, defs: old }, new: Side { own: is, defs: new } };
                of_schema = top(&sides, &at);
                if (before, on_violation) == (OnViolation::Flag, OnViolation::Reject) {
                    of_schema.breaking(&at, "flag → reject: what was only flagged is rejected");
                }
            }
        }
        changes.take(of_schema, on_violation == OnViolation::Reject);
    }
}

fn is_all(rule: &ContextRule, required: Required<'_>) -> bool {
    std::ptr::eq(rule, &raw const required.rules.all)
}
