//! Schemas that say less than their author thinks.

use serde_json::{Map, Value};
use tracking_plan::plan::{
    EventRule, PlanProblem, PlanSource, UnplannedProperties, planned_names, token,
};

use crate::commands::plan::walk::{Top, events, tops, visit};

/// Words of JSON Schema 2020-12 that may stand at the top of a schema of an object.
const WORDS: [&str; 31] = [
    "$comment",
    "$defs",
    "$id",
    "$ref",
    "$schema",
    "additionalProperties",
    "allOf",
    "anyOf",
    "const",
    "default",
    "dependentRequired",
    "dependentSchemas",
    "deprecated",
    "description",
    "else",
    "enum",
    "examples",
    "if",
    "maxProperties",
    "minProperties",
    "not",
    "oneOf",
    "patternProperties",
    "properties",
    "propertyNames",
    "required",
    "then",
    "title",
    "type",
    "unevaluatedProperties",
    "$dynamicRef",
];
/// Words by which a schema may name members elsewhere than in its own `properties`.
const ELSEWHERE: [&str; 9] = [
    "$dynamicRef",
    "$ref",
    "allOf",
    "anyOf",
    "dependentSchemas",
    "if",
    "oneOf",
    "patternProperties",
    "propertyNames",
];
/// Words that tell what a value may be.
const TELLING: [&str; 9] =
    ["$dynamicRef", "$ref", "allOf", "anyOf", "const", "enum", "if", "oneOf", "type"];

/// Schemas that are a map of names: JSON Schema knows none of them, so nothing is checked.
pub(super) fn bare(source: &PlanSource) -> Vec<PlanProblem> {
    let is_bare = |top: &Top<'_>| {
        let members = top.schema.as_object();
        members.is_some_and(|members| !members.is_empty() && !has(members, &WORDS))
    };
    let text = "has no word of JSON Schema, so that it checks nothing: put the names under \
                `properties` within it";
    tops(source).filter(is_bare).map(|top| source.problem(&top.at, text)).collect()
}

/// Names that are required and that `properties` does not have.
pub(super) fn unknown_required(source: &PlanSource) -> Vec<PlanProblem> {
    let mut found = Vec::new();
    everywhere(source, &mut |schema, at| {
        let Some(required) = schema.get("required").and_then(Value::as_array) else { return };
        if has(schema, &ELSEWHERE) {
            return;
        }
        for (index, name) in required.iter().enumerate() {
            let Some(name) = name.as_str() else { continue };
            if schema.get("properties").is_none_or(|all| all.get(name).is_none()) {
                let text = format!("{name:?} is required, and `properties` does not have it");
                found.push(source.problem(&format!("{at}/required/{index}"), text));
            }
        }
    });
    found
}

/// Properties that may be anything.
pub(super) fn untyped(source: &PlanSource) -> Vec<PlanProblem> {
    let mut found = Vec::new();
    everywhere(source, &mut |schema, at| {
        let properties = schema.get("properties").and_then(Value::as_object);
        for (name, inner) in properties.into_iter().flatten() {
            let tells = match inner {
                Value::Object(members) => has(members, &TELLING),
                other => *other == Value::Bool(false),
            };
            if !tells {
                let text = "has no `type`, `enum` or `$ref`: it may be anything";
                found.push(source.problem(&format!("{at}/properties/{}", token(name)), text));
            }
        }
    });
    found
}

/// Rules that do something to unplanned properties, by a schema that does not tell which these are.
pub(super) fn open_but_closed(source: &PlanSource) -> Vec<PlanProblem> {
    let mut found = Vec::new();
    for it in events(source).filter(|it| it.rule.properties.is_none()) {
        let Some(word) = closing(source, it.rule) else { continue };
        let text = format!(
            "has no schema of `properties`, so nothing counts as unplanned: \
             `unplanned_properties: {word}` does nothing here"
        );
        found.push(source.problem(&it.at, text));
    }
    for top in tops(source) {
        let Some(word) = closing(source, top.ruled.rule) else { continue };
        if planned_names(top.schema).is_none() {
            let text = format!(
                "names properties by more than `properties` (such as `additionalProperties` or \
                 `allOf`), so it cannot be told which are planned: `unplanned_properties: {word}` \
                 does nothing here"
            );
            found.push(source.problem(&top.at, text));
        }
    }
    found
}

/// What becomes of an event's unplanned properties, where that is more than a finding.
fn closing(source: &PlanSource, rule: &EventRule) -> Option<&'static str> {
    match rule.unplanned_properties.unwrap_or(source.document.unplanned_properties) {
        UnplannedProperties::Reject => Some("reject"),
        UnplannedProperties::Strip => Some("strip"),
        UnplannedProperties::Allow | UnplannedProperties::Flag => None,
    }
}

/// Every schema of an object or value in the plan, with its pointer.
fn everywhere<'a>(source: &'a PlanSource, found: &mut dyn FnMut(&'a Map<String, Value>, &str)) {
    for top in tops(source) {
        visit(top.schema, &top.at, found);
        for (name, def) in top.schema.get("$defs").and_then(Value::as_object).into_iter().flatten()
        {
            visit(def, &format!("{}/$defs/{}", top.at, token(name)), found);
        }
    }
    for (name, def) in &source.document.defs {
        visit(def, &format!("/$defs/{}", token(name)), found);
    }
}

fn has(schema: &Map<String, Value>, words: &[&str]) -> bool {
    words.iter().any(|word| schema.contains_key(*word))
}

#[cfg(test)]
mod tests {
    use super::{super::told, *};

    #[test]
    fn a_bare_map_of_names_is_told() {
        let text = "\
events:
  A:
    properties:
      order_id: {type: string}
  B:
    properties: {required: [a], properties: {a: {type: string}}}
  C:
    properties: {}
types:
  identify:
    traits: {email: {type: string}}
";
        let told = told(bare, text);
        assert!(told[0].starts_with("p:5: /events/A/properties: has no word of JSON Schema"));
        assert!(told[1].starts_with("p:13: /types/identify/traits: "), "{told:?}");
        assert_eq!(told.len(), 2);
    }

    #[test]
    fn a_required_name_that_is_nowhere_described_is_told_at_any_depth() {
        let text = "\
$defs:
  item: {required: [sku], properties: {name: {type: string}}}
events:
  A:
    properties:
      required:
        - order_id
        - orderid
      properties:
        order_id: {type: string}
        buyer: {type: object, required: [name]}
        items: {type: array, items: {required: [n], properties: {n: {type: integer}}}}
  B:
    properties: {required: [x], allOf: [{properties: {x: {type: string}}}]}
";
        assert_eq!(
            told(unknown_required, text),
            [
                "p:10: /events/A/properties/required/1: \"orderid\" is required, and `properties` does not have it",
                "p:13: /events/A/properties/properties/buyer/required/0: \"name\" is required, and `properties` does not have it",
                "p:4: /$defs/item/required/0: \"sku\" is required, and `properties` does not have it",
            ]
        );
    }

    #[test]
    fn a_property_that_may_be_anything_is_told() {
        let text = "\
events:
  A:
    properties:
      properties:
        a: {description: what is it}
        b: true
        c: false
        d: {enum: [x]}
        e: {$ref: '#/$defs/e'}
        f: {type: array, items: {properties: {g: {}}}}
$defs: {e: {type: string}}
";
        let at = "/events/A/properties/properties";
        let anything = "has no `type`, `enum` or `$ref`: it may be anything";
        assert_eq!(
            told(untyped, text),
            [
                format!("p:7: {at}/a: {anything}"),
                format!("p:8: {at}/b: {anything}"),
                format!("p:12: {at}/f/items/properties/g: {anything}"),
            ]
        );
    }

    #[test]
    fn a_policy_on_unplanned_properties_that_an_open_schema_or_none_defeats_is_told() {
        let text = "\
unplanned_properties: reject
events:
  A:
    properties: {additionalProperties: false}
  B:
    unplanned_properties: strip
    properties: {allOf: [{}]}
  C:
    unplanned_properties: flag
    properties: {allOf: [{}]}
  D:
    properties: {properties: {a: {type: string}}}
  E: {}
  F: {unplanned_properties: allow}
";
        let told = told(open_but_closed, text);
        for (told, at, word) in [
            (&told[0], "p:15: /events/E: has no schema", ": reject`"),
            (&told[1], "p:6: /events/A/properties: ", ": reject`"),
            (&told[2], "p:9: /events/B/properties: ", ": strip`"),
        ] {
            assert!(told.starts_with(at) && told.contains(word), "{told}");
        }
        assert_eq!(told.len(), 3);
    }
}
