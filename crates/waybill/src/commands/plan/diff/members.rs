//! The members of objects in two JSON Schemas.

use serde_json::Value;
use tracking_plan::plan::{NameRule, UnplannedProperties, planned_names, token};

use super::{
    change::Changes,
    schema::{Schema, Sides, says_nothing},
};

/// What becomes of members that the schema of an event does not name.
#[derive(Debug, Clone, Copy)]
pub(super) struct Policy<'a> {
    pub(super) old: UnplannedProperties,
    pub(super) new: UnplannedProperties,
    /// Whether the old version rejects what breaks the old schema.
    pub(super) old_rejects: bool,
    /// The new plan's rule for the names of such members, where breaking it rejects.
    pub(super) naming: Option<&'a NameRule>,
}

/// Compares the schemas of an event's properties or traits, or of its context.
pub(super) fn top(sides: &Sides<'_>, at: &str) -> Changes {
    let mut changes = Changes::default();
    let [was, is] = [sides.old.own, sides.new.own].map(of_an_object);
    sides.value([&was, &is], at, 0, &mut changes);
    changes
}

/// Without a type an event's schema is one of an object.
fn of_an_object(schema: &Value) -> Value {
    let mut schema = schema.clone();
    if let Some(members) = schema.as_object_mut() {
        members.entry("type").or_insert_with(|| "object".into());
    }
    schema
}

/// What the plans' words on unplanned properties make of names that are planned now, or were. They hold
/// whatever else a violation does. What it knows better is taken out of `of_schema`.
pub(super) fn planned(
    sides: &Sides<'_>,
    policy: Policy<'_>,
    at: &str,
    of_schema: &mut Changes,
) -> Changes {
    let mut changes = Changes::default();
    let [old, Some(new)] = [sides.old.own, sides.new.own].map(planned_names) else {
        return changes;
    };
    let place = |name: &String| format!("{at}/properties/{}", token(name));
    let Some(old) = old else {
        let was_closed = policy.old_rejects
            && sides.old.own.get("additionalProperties") == Some(&Value::Bool(false));
        if policy.new == UnplannedProperties::Reject && !was_closed {
            changes.breaking(at, "names all its properties now, and others are rejected");
        } else if policy.naming.is_some_and(NameRule::is_set) && !was_closed {
            let text = "names all its properties now, and others are held to the rule for names";
            changes.unknown(at, text);
        }
        return changes;
    };
    for name in old.iter().filter(|name| !new.contains(*name)) {
        if policy.new == UnplannedProperties::Reject {
            let text = "is not planned any more, and what is unplanned is rejected";
            changes.breaking(&place(name), text);
        } else if let Some(problem) = policy.naming.and_then(|rule| rule.problem(name)) {
            let text = format!("is not planned any more, and the name {problem}");
            changes.breaking(&place(name), text);
        }
    }
    let nobody_sent_it = policy.old == UnplannedProperties::Reject;
    for name in new.iter().filter(|name| nobody_sent_it && !old.contains(*name)) {
        let required = of_schema
            .all
            .iter()
            .any(|change| change.at == place(name) && change.text == super::schema::REQUIRED);
        if !required {
            changes.safe(&place(name), "is new");
        }
    }
    of_schema.all.retain(|change| {
        change.text == super::schema::REQUIRED
            || !changes.all.iter().any(|better| better.at == change.at)
    });
    changes
}

/// Names that a schema planned, which is gone, and that break the plan's rule for names: it holds for
/// what is not planned.
pub(super) fn set_free(schema: &Value, naming: &NameRule, at: &str) -> Changes {
    let mut changes = Changes::default();
    let Some(names) = planned_names(schema) else {
        if naming.is_set() {
            changes.unknown(at, "is gone, and what it let pass is held to the rule for names");
        }
        return changes;
    };
    for name in names {
        if let Some(problem) = naming.problem(&name) {
            let place = format!("{at}/properties/{}", token(&name));
            changes.breaking(&place, format!("is not planned any more, and the name {problem}"));
        }
    }
    changes
}

/// Compares `properties` and `additionalProperties`.
pub(super) fn members(
    sides: &Sides<'_>,
    pair: [&Schema; 2],
    at: &str,
    depth: usize,
    changes: &mut Changes,
) {
    let anything = Value::Bool(true);
    let others = pair.map(|schema| schema.get("additionalProperties").unwrap_or(&anything));
    let empty = Schema::new();
    let named =
        pair.map(|schema| schema.get("properties").and_then(Value::as_object).unwrap_or(&empty));
    let [old, new] = named;
    for (name, is) in new {
        let place = format!("{at}/properties/{}", token(name));
        match old.get(name) {
            Some(was) => sides.value([was, is], &place, depth + 1, changes),
            None if pair[0].contains_key("patternProperties") => {
                changes.unknown(&place, "is named now; `patternProperties` cannot be compared");
            }
            None => added(sides, [others[0], is], &place, depth, changes),
        }
    }
    for (name, was) in old.iter().filter(|(name, _)| !new.contains_key(*name)) {
        let place = format!("{at}/properties/{}", token(name));
        if others[1] == &Value::Bool(false) {
            changes.breaking(&place, "is not allowed any more");
        } else if pair[1].contains_key("patternProperties") {
            changes.unknown(&place, "is named no more; `patternProperties` cannot be compared");
        } else if says_nothing(others[1]) {
            changes.safe(&place, "is not described any more");
        } else {
            sides.value([was, others[1]], &place, depth + 1, changes);
        }
    }
    additional(sides, others, at, depth, changes);
}

/// A member that was one of the others before.
fn added(
    sides: &Sides<'_>,
    [was, is]: [&Value; 2],
    place: &str,
    depth: usize,
    changes: &mut Changes,
) {
    if was == &Value::Bool(false) || says_nothing(is) {
        changes.safe(place, "is new");
    } else if says_nothing(was) {
        let text = "is described now: who sends it already with other values would be rejected \
                    (--sample counts them)";
        changes.unknown(place, text);
    } else {
        sides.value([was, is], place, depth + 1, changes);
    }
}

fn additional(
    sides: &Sides<'_>,
    [was, is]: [&Value; 2],
    at: &str,
    depth: usize,
    changes: &mut Changes,
) {
    let place = format!("{at}/additionalProperties");
    if says_nothing(was) && !says_nothing(is) {
        changes.breaking(&place, "further properties are not free any more");
    } else {
        sides.value([was, is], &place, depth + 1, changes);
    }
}
