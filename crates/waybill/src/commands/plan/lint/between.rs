//! What does not fit together: parts of a plan, its versions, and several plans.

use std::collections::BTreeMap;

use event::Millis;
use serde_json::Value;
use tracking_plan::plan::{PlanProblem, PlanSource, TYPES, token};

use crate::commands::{
    plan::walk::{Ruled, events, named, refers, resolved, tops, types},
    times::utc,
};

/// A property whose type differs between events: a column of one name, of which queries cannot say
/// what is in it.
pub(super) fn differing_types(source: &PlanSource) -> Vec<PlanProblem> {
    let mut first: BTreeMap<(&str, &str), (String, &str)> = BTreeMap::new();
    let mut found = Vec::new();
    for top in tops(source) {
        for (name, schema, at) in named(top.schema, &top.at) {
            let Some(schema) = resolved(schema, top.schema, &source.document.defs) else {
                continue;
            };
            let types = types(schema).join(" or ");
            if types.is_empty() {
                continue;
            }
            let (there, event) = first
                .entry((top.part, name.as_str()))
                .or_insert_with(|| (types.clone(), top.ruled.name));
            if *there != types {
                let text = format!("is {types} here and {there} in {event:?}");
                found.push(source.problem(&at, text));
            }
        }
    }
    found
}

/// Privacy rules for properties and traits that no schema names: likely a slip of the pen.
pub(super) fn unnamed_privacy(source: &PlanSource) -> Vec<PlanProblem> {
    let mut found = Vec::new();
    for (index, rule) in source.document.privacy.iter().enumerate() {
        let mut tokens = rule.path.split('/').skip(1);
        let part = tokens.next().unwrap_or_default();
        let rest: Vec<String> = tokens.map(|t| t.replace("~1", "/").replace("~0", "~")).collect();
        let is_of_schemas = ["properties", "traits"].contains(&part);
        let mut of_part = tops(source).filter(|top| top.part == part);
        if is_of_schemas && !of_part.any(|top| has(source, top.schema, top.schema, &rest)) {
            let text = "is a place that no schema of the plan names";
            found.push(source.problem(&format!("/privacy/{index}/path"), text));
        }
    }
    found
}

/// Names that need consent and that no event has: a "no" has no effect on what was meant.
pub(super) fn unknown_consent_events(source: &PlanSource) -> Vec<PlanProblem> {
    let document = &source.document;
    let is_known =
        |name: &String| document.events.contains_key(name) || TYPES.contains(&name.as_str());
    let mut found = Vec::new();
    for (category, rules) in &document.consent.categories {
        for (index, name) in rules.events.iter().flatten().enumerate() {
            if !is_known(name) {
                let at = format!("/consent/categories/{}/events/{index}", token(category));
                let text =
                    format!("{name:?} is neither an event of the plan nor a type beside track");
                found.push(source.problem(&at, text));
            }
        }
    }
    found
}

/// Whether a schema names a place, as far as it can be said.
fn has(source: &PlanSource, schema: &Value, own: &Value, tokens: &[String]) -> bool {
    let Some(schema) = resolved(schema, own, &source.document.defs) else { return true };
    let [token, rest @ ..] = tokens else { return true };
    let combined = ["allOf", "anyOf", "oneOf", "patternProperties", "$dynamicRef", "if"];
    if combined.iter().any(|word| schema.get(*word).is_some()) {
        return true;
    }
    let inner = match schema.get("items") {
        Some(items) if token == "*" || token.parse::<usize>().is_ok() => Some(items),
        _ => schema.get("properties").and_then(|names| names.get(token)),
    };
    inner.is_some_and(|inner| has(source, inner, own, rest))
}

/// An event that two plans know by different schemas. Of each plan the last version counts.
pub(super) fn collisions(sources: &[PlanSource]) -> Vec<PlanProblem> {
    let mut first: BTreeMap<&str, (&PlanSource, Ruled<'_>)> = BTreeMap::new();
    let mut found = Vec::new();
    for source in last_versions(sources) {
        for it in events(source) {
            let (other, known) = first.entry(it.name).or_insert_with(|| (source, it.clone()));
            if !is_same(source, &it, other, known) {
                let there = other.problem(&known.at, "").to_string();
                let there = there.trim_end_matches([':', ' ']);
                let text = format!("is another event in plan {} ({there})", other.document.plan);
                found.push(source.problem(&it.at, text));
            }
        }
    }
    found
}

fn is_same(source: &PlanSource, it: &Ruled<'_>, other: &PlanSource, known: &Ruled<'_>) -> bool {
    let defs_matter = [it, known].iter().any(|ruled| {
        [&ruled.rule.properties, &ruled.rule.traits].into_iter().flatten().any(refers)
    });
    it.rule.properties == known.rule.properties
        && it.rule.traits == known.rule.traits
        && (!defs_matter || source.document.defs == other.document.defs)
}

/// Versions that another one took the place of, so long ago that no raw event is judged by them.
pub(super) fn superseded(
    sources: &[PlanSource],
    now: Millis,
    kept: Option<Millis>,
) -> Vec<PlanProblem> {
    let Some(kept) = kept else { return Vec::new() };
    let mut found = Vec::new();
    for source in sources {
        let document = &source.document;
        let later = sources.iter().filter(|other| {
            other.document.plan == document.plan
                && other.document.effective_from > document.effective_from
        });
        let until = later.filter_map(|other| other.document.effective_from).min();
        if let Some(until) = until.filter(|until| until.saturating_add(kept) < now) {
            let text = format!(
                "no longer holds since {}, and raw-events has nothing older: the file can go the \
                 next time that all instances of validate are stopped",
                utc(until)
            );
            found.push(source.problem("/version", text));
        }
    }
    found
}

/// The version of each plan that holds last, by name.
fn last_versions(sources: &[PlanSource]) -> impl Iterator<Item = &PlanSource> {
    let mut last: BTreeMap<&str, &PlanSource> = BTreeMap::new();
    for source in sources {
        let known = last.entry(&source.document.plan).or_insert(source);
        if source.document.effective_from > known.document.effective_from {
            *known = source;
        }
    }
    last.into_values()
}

#[cfg(test)]
mod tests {
    use super::{super::told, *};

    fn source(file: &str, text: &str) -> PlanSource {
        PlanSource::read(file, text).unwrap()
    }

    #[test]
    fn a_name_that_needs_consent_and_is_nowhere_is_told() {
        let text = "\
consent:
  categories:
    ads: {denied: discard, events: [Order Completed, identify]}
    stats:
      denied: discard
      events: [order completed, track]
    rest: {}
events: {Order Completed: {}}
";
        let text = told(unknown_consent_events, text);
        let at = "/consent/categories/stats/events";
        let neither = "is neither an event of the plan nor a type beside track";
        assert_eq!(
            text,
            [
                format!("p:8: {at}/0: \"order completed\" {neither}"),
                format!("p:8: {at}/1: \"track\" {neither}"),
            ]
        );
    }

    #[test]
    fn a_property_of_another_type_in_another_event_is_told() {
        let text = "\
$defs: {money: {type: number}}
events:
  A:
    properties: {properties: {total: {$ref: '#/$defs/money'}, id: {enum: [1, 2]}, x: {}}}
  B:
    properties:
      properties:
        total: {type: string}
        id: {type: integer}
        x: {type: string}
types:
  identify:
    traits: {properties: {total: {type: boolean}}}
";
        assert_eq!(
            told(differing_types, text),
            ["p:10: /events/B/properties/properties/total: is string here and number in \"A\""]
        );
    }

    #[test]
    fn a_privacy_path_that_no_schema_names_is_told() {
        let text = "\
privacy:
  - {path: /properties/email, do: drop}
  - {path: /properties/items/*/serial, do: drop}
  - {path: /properties/items/*/secret, do: drop}
  - {path: /properties/e_mail, do: drop}
  - {path: /traits/phone, do: drop}
  - {path: /context/ip, do: drop}
events:
  A:
    properties:
      properties:
        email: {type: string}
        items: {type: array, items: {properties: {serial: {type: string}}}}
";
        let text = told(unnamed_privacy, text).join("\n");
        assert_eq!(
            text,
            "p:6: /privacy/2/path: is a place that no schema of the plan names\n\
             p:7: /privacy/3/path: is a place that no schema of the plan names\n\
             p:8: /privacy/4/path: is a place that no schema of the plan names"
        );
    }

    #[test]
    fn the_same_event_with_another_schema_in_another_plan_is_told_with_both_places() {
        let old = "plan: app\nversion: 1\nevents:\n  Order Paid: {}\n";
        let app = "plan: app\nversion: 2\neffective_from: 2026-01-01T00:00:00Z\nevents:\n  Order Paid:\n    properties: {required: [id]}\n  Seen: {}\n";
        let shop = "plan: shop\nversion: 1\nevents:\n  Order Paid:\n    properties: {required: [order_id]}\n  Seen: {description: other words}\n";
        let sources = [source("a1", old), source("a2", app), source("s", shop)];
        let told: Vec<String> = collisions(&sources).iter().map(ToString::to_string).collect();
        assert_eq!(
            told,
            ["s:4: /events/Order Paid: is another event in plan app (a2:5: /events/Order Paid)"]
        );
    }

    #[test]
    fn a_version_that_no_raw_event_is_judged_by_any_more_is_told() {
        let sources = [
            source("1", "plan: p\nversion: 1\n"),
            source("2", "plan: p\nversion: 2\neffective_from: 2026-01-01T00:00:00Z\n"),
            source("3", "plan: p\nversion: 3\neffective_from: 2026-02-01T00:00:00Z\n"),
        ];
        let day = 86_400_000;
        let at = |text: &str| text.parse::<jiff::Timestamp>().unwrap().as_millisecond();
        let told = |now: &str| {
            let found = superseded(&sources, at(now), Some(14 * day));
            found.iter().map(|it| it.to_string()[..12].to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(told("2026-01-15T00:00:00Z"), Vec::<String>::new());
        assert_eq!(told("2026-01-15T00:00:01Z"), ["1:2: /versio"]);
        assert_eq!(told("2026-02-16T00:00:00Z"), ["1:2: /versio", "2:2: /versio"]);
        assert!(superseded(&sources, at("2030-01-01T00:00:00Z"), None).is_empty());
    }
}
