//! Business keys that events will seldom have.

use std::collections::BTreeSet;

use serde_json::Value;
use tracking_plan::plan::{BusinessRule, Denied, PlanProblem, PlanSource, token};

use crate::commands::plan::walk::{Ruled, resolved, rules};

/// Keys by a property that the event's schema does not name, or does not require, or that goes
/// where consent is denied.
pub(super) fn seldom_there(source: &PlanSource) -> Vec<PlanProblem> {
    let mut found = Vec::new();
    for ruled in rules(source) {
        let Some(key) = &ruled.rule.business_key else { continue };
        let at = format!("{}/business_key/property", ruled.at);
        found.extend(unplanned(source, &ruled, key).map(|text| source.problem(&at, text)));
        found.extend(stripped(source, key).map(|text| source.problem(&at, text)));
    }
    found
}

/// Sources that tell of things and are not configured; nothing where none is.
pub(super) fn of_unknown_sources(
    sources: &[PlanSource],
    configured: &BTreeSet<&str>,
) -> Vec<PlanProblem> {
    let mut found = Vec::new();
    for source in sources.iter().filter(|_| !configured.is_empty()) {
        for ruled in rules(source) {
            let named = ruled.rule.business_key.iter().flat_map(|key| &key.sources).enumerate();
            for (index, id) in named.filter(|(_, id)| !configured.contains(id.as_str())) {
                let at = format!("{}/business_key/sources/{index}", ruled.at);
                found
                    .push(source.problem(&at, format!("{id:?} is no source of the configuration")));
            }
        }
    }
    found
}

fn unplanned(source: &PlanSource, ruled: &Ruled<'_>, key: &BusinessRule) -> Option<&'static str> {
    let mut tokens = key.property.split('/').skip(1).map(unescaped);
    let schema = match tokens.next().as_deref() {
        Some("properties") => &ruled.rule.properties,
        Some("traits") => &ruled.rule.traits,
        // That is an error.
        _ => return None,
    };
    let Some(own) = schema else {
        return Some("is described by no schema of the event: an event without it has no key");
    };
    let mut schema = own;
    for name in tokens {
        schema = resolved(schema, own, &source.document.defs)?;
        if COMBINED.iter().any(|word| schema.get(*word).is_some()) {
            return None;
        }
        let requires =
            |it: &Value| it.as_array().is_some_and(|all| all.iter().any(|it| *it == *name));
        let Some(inner) = schema.get("properties").and_then(|names| names.get(&name)) else {
            return Some("is not in the event's schema: an event without it has no key");
        };
        if !schema.get("required").is_some_and(requires) {
            return Some("is not required by the event's schema: an event without it has no key");
        }
        schema = inner;
    }
    None
}

/// Words by which a schema may name and require members elsewhere than in its own lists.
const COMBINED: [&str; 5] = ["allOf", "anyOf", "oneOf", "if", "$dynamicRef"];

fn unescaped(token: &str) -> String {
    token.replace("~1", "/").replace("~0", "~")
}

/// What is taken out where consent to a category is denied.
fn stripped(source: &PlanSource, key: &BusinessRule) -> Option<String> {
    let goes = |path: &String| {
        key.property
            .strip_prefix(path.as_str())
            .is_some_and(|it| it.is_empty() || it.starts_with('/'))
    };
    let categories = &source.document.consent.categories;
    let (name, _) = categories.iter().find(|(_, category)| {
        category.denied == Denied::Strip && category.strip.iter().any(goes)
    })?;
    Some(format!("is taken out without consent to {:?}: such an event has no key", token(name)))
}

#[cfg(test)]
mod tests {
    use super::{super::told, *};

    #[test]
    fn a_source_that_is_not_configured_is_told_where_any_is() {
        let key = "business_key: {property: /properties/id, sources: [a/b, c/d]}";
        let text = format!("plan: p\nversion: 1\nevents:\n  A:\n    {key}\n");
        let sources = [PlanSource::read("p", &text).unwrap()];
        let told = |configured: &[&str]| {
            let found = of_unknown_sources(&sources, &configured.iter().copied().collect());
            found.iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        let unknown =
            "p:5: /events/A/business_key/sources/1: \"c/d\" is no source of the configuration";
        assert_eq!(told(&["a/b"]), [unknown]);
        assert_eq!(told(&["a/b", "c/d"]), Vec::<String>::new());
        assert_eq!(told(&[]), Vec::<String>::new());
    }

    #[test]
    fn a_key_that_an_event_may_lack_is_told() {
        let text = "\
$defs: {order: {required: [id], properties: {id: {type: string}}}}
consent: {categories: {ads: {denied: strip, strip: [/properties/click]}}}
events:
  A:
    business_key: {property: /properties/id, sources: [a/b]}
  B:
    business_key: {property: /properties/id, sources: [a/b]}
    properties: {required: [id]}
  C:
    business_key: {property: /properties/id, sources: [a/b]}
    properties: {properties: {id: {type: string}}}
  D:
    business_key: {property: /properties/order/id, sources: [a/b]}
    properties: {required: [order], properties: {order: {$ref: '#/$defs/order'}}}
  E:
    business_key: {property: /properties/click, sources: [a/b]}
    properties: {required: [click], properties: {click: {type: string}}}
  F:
    business_key: {property: /properties/a, sources: [a/b]}
    properties: {allOf: [{required: [a]}]}
types:
  group:
    business_key: {property: /traits/a~1b, sources: [a/b]}
    traits: {required: [a/b], properties: {a/b: {type: string}}}
";
        let at = |line: u8, event: &str| format!("p:{line}: /events/{event}/business_key/property");
        assert_eq!(
            told(seldom_there, text),
            [
                format!(
                    "{}: is described by no schema of the event: an event without it has no key",
                    at(7, "A")
                ),
                format!(
                    "{}: is not in the event's schema: an event without it has no key",
                    at(9, "B")
                ),
                format!(
                    "{}: is not required by the event's schema: an event without it has no key",
                    at(12, "C")
                ),
                format!(
                    "{}: is taken out without consent to \"ads\": such an event has no key",
                    at(18, "E")
                ),
            ]
        );
    }
}
