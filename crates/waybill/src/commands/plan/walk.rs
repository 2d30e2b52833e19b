//! The schemas of a plan, and what stands in them.

use std::collections::BTreeMap;

use serde_json::{Map, Value};
use tracking_plan::plan::{EventRule, PlanSource, token};

/// Deepest chain of references that is followed.
const DEEPEST: usize = 16;

/// A rule of a plan.
#[derive(Debug, Clone)]
pub(super) struct Ruled<'a> {
    /// The track event, or the type.
    pub(super) name: &'a str,
    /// Pointer into the file.
    pub(super) at: String,
    pub(super) rule: &'a EventRule,
}

/// A schema of the properties or traits of an event.
#[derive(Debug, Clone)]
pub(super) struct Top<'a> {
    pub(super) ruled: Ruled<'a>,
    /// Pointer into the file.
    pub(super) at: String,
    /// `properties` or `traits`.
    pub(super) part: &'static str,
    pub(super) schema: &'a Value,
}

/// The rules for track events, by name.
pub(super) fn events(source: &PlanSource) -> impl Iterator<Item = Ruled<'_>> {
    ruled("/events", &source.document.events)
}

/// The rules for track events, and then those for types.
pub(super) fn rules(source: &PlanSource) -> impl Iterator<Item = Ruled<'_>> {
    events(source).chain(ruled("/types", &source.document.types))
}

fn ruled<'a>(
    at: &'static str,
    rules: &'a BTreeMap<String, EventRule>,
) -> impl Iterator<Item = Ruled<'a>> {
    rules.iter().map(move |(name, rule)| Ruled { name, at: format!("{at}/{}", token(name)), rule })
}

/// The schemas of properties and traits.
pub(super) fn tops(source: &PlanSource) -> impl Iterator<Item = Top<'_>> {
    rules(source).flat_map(|ruled| {
        let parts = [("properties", &ruled.rule.properties), ("traits", &ruled.rule.traits)];
        let there = parts.into_iter().filter_map(|(part, schema)| Some((part, schema.as_ref()?)));
        there
            .map(|(part, schema)| {
                let at = format!("{}/{part}", ruled.at);
                Top { ruled: ruled.clone(), at, part, schema }
            })
            .collect::<Vec<_>>()
    })
}

/// The properties that a schema names itself, each with its pointer.
pub(in crate::commands) fn named<'a>(
    schema: &'a Value,
    at: &str,
) -> impl Iterator<Item = (&'a String, &'a Value, String)> {
    let properties = schema.get("properties").and_then(Value::as_object);
    let below = format!("{at}/properties");
    properties
        .into_iter()
        .flatten()
        .map(move |(name, schema)| (name, schema, format!("{below}/{}", token(name))))
}

/// Visits a schema and those of its members and elements; not what it combines or refers to.
pub(super) fn visit<'a>(
    schema: &'a Value,
    at: &str,
    found: &mut dyn FnMut(&'a Map<String, Value>, &str),
) {
    let Value::Object(members) = schema else { return };
    found(members, at);
    for (_, inner, at) in named(schema, at) {
        visit(inner, &at, found);
    }
    if let Some(items) = members.get("items") {
        visit(items, &format!("{at}/items"), found);
    }
}

/// Whether anything in a schema is told elsewhere.
pub(super) fn refers(schema: &Value) -> bool {
    match schema {
        Value::Object(members) => {
            members.contains_key("$ref")
                || members.contains_key("$dynamicRef")
                || members.values().any(refers)
        }
        Value::Array(items) => items.iter().any(refers),
        _ => false,
    }
}

/// What a schema refers to as `#/$defs/<name>` and says by nothing but that; itself where it does
/// not refer. `None` where the reference leads elsewhere, or in a circle.
pub(in crate::commands) fn resolved<'a>(
    mut schema: &'a Value,
    own: &'a Value,
    defs: &'a BTreeMap<String, Value>,
) -> Option<&'a Value> {
    for _ in 0..DEEPEST {
        let Some(reference) = schema.get("$ref") else { return Some(schema) };
        let name = reference.as_str()?.strip_prefix("#/$defs/")?;
        let name = name.replace("~1", "/").replace("~0", "~");
        let here = own.get("$defs").and_then(|own| own.get(&name));
        schema = here.or_else(|| defs.get(&name))?;
    }
    None
}

/// The names of the types that a schema's values may have, sorted; none where it does not say.
pub(in crate::commands) fn types(schema: &Value) -> Vec<&'static str> {
    const TYPES: [&str; 7] = ["array", "boolean", "integer", "null", "number", "object", "string"];
    let said: Vec<&str> = match schema.get("type") {
        Some(Value::String(one)) => vec![one],
        Some(Value::Array(many)) => many.iter().filter_map(Value::as_str).collect(),
        _ => {
            let values = schema.get("enum").and_then(Value::as_array).map(Vec::as_slice);
            let one = schema.get("const").map(std::slice::from_ref);
            values.or(one).unwrap_or_default().iter().map(type_of).collect()
        }
    };
    TYPES.into_iter().filter(|known| said.contains(known)).collect()
}

/// The type of a value in the words of JSON Schema.
pub(super) fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.as_f64().is_some_and(|n| n.fract() == 0.0) => "integer",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}
