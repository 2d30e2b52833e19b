//! Two JSON Schemas: would values that the old one takes be refused by the new one?
//!
//! Keyword by keyword, as JSON Schema 2020-12 defines them. Where that tells nothing the change is
//! unknown, never safe.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};
use tracking_plan::plan::token;

use super::{change::Changes, limits, members::members};
use crate::commands::plan::walk::{refers, resolved, types};

/// Deepest place that is compared.
const DEEPEST: usize = 24;

/// Words for people, and those that cannot stand alone.
const ANNOTATIONS: [&str; 14] = [
    "$comment",
    "$defs",
    "$schema",
    "contentEncoding",
    "contentMediaType",
    "contentSchema",
    "default",
    "deprecated",
    "description",
    "examples",
    "readOnly",
    "title",
    "writeOnly",
    "$vocabulary",
];
/// Words that only ever refuse more: without one, all that passed with it passes.
const REFUSING: [&str; 8] = [
    "allOf",
    "anyOf",
    "contains",
    "dependentRequired",
    "dependentSchemas",
    "not",
    "oneOf",
    "propertyNames",
];
/// Words that are compared below, or in the files beside this one.
const COMPARED: [&str; 21] = [
    "type",
    "enum",
    "const",
    "required",
    "properties",
    "additionalProperties",
    "items",
    "pattern",
    "format",
    "uniqueItems",
    "multipleOf",
    "minimum",
    "exclusiveMinimum",
    "maximum",
    "exclusiveMaximum",
    "minLength",
    "maxLength",
    "minItems",
    "maxItems",
    "minProperties",
    "maxProperties",
];

/// A schema as a whole, and what it may refer to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Side<'a> {
    pub(super) own: &'a Value,
    pub(super) defs: &'a BTreeMap<String, Value>,
}

impl Side<'_> {
    fn refers_to_the_same_as(&self, other: &Self) -> bool {
        self.defs == other.defs && self.own.get("$defs") == other.own.get("$defs")
    }
}

/// The two schemas being compared.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sides<'a> {
    pub(super) old: Side<'a>,
    pub(super) new: Side<'a>,
}

/// What is said of a property that became required.
pub(super) const REQUIRED: &str = "is required now";

pub(super) type Schema = Map<String, Value>;

impl Sides<'_> {
    /// Compares two schemas of the same value, which stand at `at`.
    pub(super) fn value(
        &self,
        [old, new]: [&Value; 2],
        at: &str,
        depth: usize,
        changes: &mut Changes,
    ) {
        if self.same(old, new) {
            return;
        }
        let followed = [follow(old, &self.old), follow(new, &self.new)];
        let [Some(old), Some(new)] = followed else {
            return changes.unknown(at, "refers to a schema in a way that cannot be compared");
        };
        if depth > DEEPEST {
            return changes.unknown(at, "refers to itself, and something in it changed");
        }
        match (members_of(old), members_of(new)) {
            (Some(old), Some(new)) => self.keywords([&old, &new], at, depth, changes),
            (None, None) => {}
            (None, Some(_)) => changes.safe(at, "was never allowed, and may be now"),
            (Some(_), None) => changes.breaking(at, "is not allowed any more"),
        }
    }

    fn same(&self, old: &Value, new: &Value) -> bool {
        old == new && (self.old.refers_to_the_same_as(&self.new) || !refers(old))
    }

    fn keywords(&self, pair: [&Schema; 2], at: &str, depth: usize, changes: &mut Changes) {
        let unevaluated = ["unevaluatedProperties", "unevaluatedItems"];
        if pair.iter().any(|schema| unevaluated.iter().any(|word| schema.contains_key(*word))) {
            return changes.unknown(at, "changed, and `unevaluated…` cannot be compared");
        }
        kinds(pair, at, changes);
        values(pair, at, changes);
        limits::compare(pair, at, changes);
        texts(pair, at, changes);
        required(pair, at, changes);
        members(self, pair, at, depth, changes);
        self.items(pair, at, depth, changes);
        self.others(pair, at, changes);
    }

    /// Words that are not looked into.
    fn others(&self, [old, new]: [&Schema; 2], at: &str, changes: &mut Changes) {
        let is_looked_into = |word: &str| COMPARED.contains(&word) || is_annotation(word);
        let words: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
        for word in words.into_iter().filter(|word| !is_looked_into(word)) {
            let is_refusing = REFUSING.contains(&word.as_str());
            match (old.get(word), new.get(word)) {
                (Some(was), Some(now)) if self.same(was, now) => {}
                (None, Some(_)) if is_refusing => {
                    changes.breaking(at, format!("`{word}` is asked for now"));
                }
                (Some(_), None) if is_refusing => {
                    changes.safe(at, format!("`{word}` is not asked for any more"));
                }
                _ => changes.unknown(at, format!("`{word}` changed, which cannot be compared")),
            }
        }
    }

    fn items(&self, [old, new]: [&Schema; 2], at: &str, depth: usize, changes: &mut Changes) {
        let anything = Value::Bool(true);
        let [old, new] = [old, new].map(|schema| schema.get("items").unwrap_or(&anything));
        self.value([old, new], &format!("{at}/items"), depth + 1, changes);
    }
}

/// The schema that is meant; `None` if it is told by a reference that is not alone, or leads nowhere.
fn follow<'a>(schema: &'a Value, side: &Side<'a>) -> Option<&'a Value> {
    let constrains = |word: &String| word != "$ref" && !is_annotation(word);
    let beside = schema.as_object().is_some_and(|members| members.keys().any(constrains));
    if schema.get("$ref").is_some() && beside {
        return None;
    }
    resolved(schema, side.own, side.defs)
}

/// `true` is a schema that says nothing; `false`, which nothing fulfils, is `None`.
fn members_of(schema: &Value) -> Option<Schema> {
    match schema {
        Value::Object(members) => Some(members.clone()),
        Value::Bool(false) => None,
        _ => Some(Schema::new()),
    }
}

fn is_annotation(word: &str) -> bool {
    ANNOTATIONS.contains(&word) || word.starts_with("x-")
}

/// Whether a schema lets everything pass, as far as can be seen.
pub(super) fn says_nothing(schema: &Value) -> bool {
    match schema {
        Value::Object(members) => members.keys().all(|word| is_annotation(word)),
        other => *other == Value::Bool(true),
    }
}

fn kinds([old, new]: [&Schema; 2], at: &str, changes: &mut Changes) {
    let kinds = |schema: &Schema| types(&Value::Object(schema.clone()));
    let was = kinds(old);
    let is = if new.contains_key("type") { kinds(new) } else { Vec::new() };
    if was == is || (is.is_empty() && !old.contains_key("type")) {
        return;
    }
    let covers = |kind: &str| is.contains(&kind) || (kind == "integer" && is.contains(&"number"));
    let lost = !is.is_empty() && (was.is_empty() || !was.iter().all(|kind| covers(kind)));
    let told = |kinds: &[&str]| {
        if kinds.is_empty() { "anything".to_owned() } else { kinds.join(" or ") }
    };
    changes.breaking_if(lost, at, format!("type: {} → {}", told(&was), told(&is)));
}

/// `enum`, and `const` as one of a single value; of both, what both allow.
fn values([old, new]: [&Schema; 2], at: &str, changes: &mut Changes) {
    let allowed = |schema: &Schema| -> Option<Vec<Value>> {
        let many = schema.get("enum").and_then(Value::as_array);
        let Some(one) = schema.get("const") else { return many.cloned() };
        let both = many.is_none_or(|many| many.iter().any(|value| same_value(value, one)));
        Some(both.then(|| one.clone()).into_iter().collect())
    };
    let told =
        |values: &[&Value]| values.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let without = |all: &[Value], others: &[Value]| {
        let is_new = |value: &&Value| !others.iter().any(|other| same_value(value, other));
        told(&all.iter().filter(is_new).collect::<Vec<_>>())
    };
    match (allowed(old), allowed(new)) {
        (None, None) => {}
        (None, Some(new)) => {
            let all = told(&new.iter().collect::<Vec<_>>());
            changes.breaking(at, format!("only these values are allowed now: {all}"));
        }
        (Some(_), None) => changes.safe(at, "other values are allowed now"),
        (Some(old), Some(new)) => {
            let [lost, won] = [without(&old, &new), without(&new, &old)];
            if !lost.is_empty() {
                changes.breaking(at, format!("no longer allowed: {lost}"));
            }
            if !won.is_empty() {
                changes.safe(at, format!("allowed now: {won}"));
            }
        }
    }
}

/// 1 and 1.0 are the same value.
fn same_value(one: &Value, other: &Value) -> bool {
    match (one.as_f64(), other.as_f64()) {
        (Some(one), Some(other)) => one.total_cmp(&other).is_eq(),
        _ => one == other,
    }
}

/// `pattern` and `format`: which texts they take cannot be compared.
fn texts([old, new]: [&Schema; 2], at: &str, changes: &mut Changes) {
    for word in ["pattern", "format"] {
        match (old.get(word), new.get(word)) {
            (None, Some(now)) => changes.breaking(at, format!("{word} is asked for now: {now}")),
            (Some(_), None) => changes.safe(at, format!("{word} is not asked for any more")),
            (Some(was), Some(now)) if was != now => {
                changes.unknown(at, format!("{word}: {was} → {now}, which cannot be compared"));
            }
            _ => {}
        }
    }
}

fn required([old, new]: [&Schema; 2], at: &str, changes: &mut Changes) {
    let names = |schema: &Schema| -> Vec<String> {
        let all = schema.get("required").and_then(Value::as_array);
        all.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
    };
    let [was, is] = [names(old), names(new)];
    let place = |name: &String| format!("{at}/properties/{}", token(name));
    for name in is.iter().filter(|name| !was.contains(name)) {
        changes.breaking(&place(name), REQUIRED);
    }
    for name in was.iter().filter(|name| !is.contains(name)) {
        changes.safe(&place(name), "is not required any more");
    }
}
