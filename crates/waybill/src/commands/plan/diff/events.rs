//! The events of two versions of a plan.

use std::collections::BTreeMap;

use serde_json::Value;
use tracking_plan::plan::{
    ContextRules, EventRule, OnViolation, PlanDocument, Unplanned, UnplannedProperties, token,
};

use super::{
    business,
    change::Changes,
    columns,
    context::{self, Required},
    members::{Policy, planned, set_free, top},
    plans,
    schema::{Side, Sides, says_nothing},
};

/// Compares the rules for events and types, and the context of all.
pub(super) fn compare(old: &PlanDocument, new: &PlanDocument, changes: &mut Changes) {
    let pair = [old, new];
    let required =
        pair.map(|it| Required { rules: &it.context, otherwise: it.on_violation, defs: &it.defs });
    context::compare(required, "", changes);
    for (name, is) in &new.events {
        let at = format!("/events/{}", token(name));
        match old.events.get(name) {
            Some(was) => rule(pair, [was, is], &at, changes),
            None => added_event(pair, is, &at, changes),
        }
    }
    for (name, was) in old.events.iter().filter(|(name, _)| !new.events.contains_key(*name)) {
        removed_event(new, name, was, changes);
    }
    types(pair, changes);
}

fn types(pair: [&PlanDocument; 2], changes: &mut Changes) {
    let [old, new] = pair;
    let nothing = EventRule::default();
    let mut names: Vec<&String> = old.types.keys().chain(new.types.keys()).collect();
    names.sort();
    names.dedup();
    for name in names {
        // A type without a rule is held to nothing but the plan's context.
        let of = |types: &BTreeMap<String, EventRule>| types.get(name).cloned();
        let rules = [of(&old.types), of(&new.types)].map(|rule| rule.unwrap_or(nothing.clone()));
        rule(pair, [&rules[0], &rules[1]], &format!("/types/{}", token(name)), changes);
    }
}

fn added_event(pair: [&PlanDocument; 2], is: &EventRule, at: &str, changes: &mut Changes) {
    let [old, new] = pair;
    business::compare(None, is.business_key.as_ref(), at, changes);
    columns::compare(&EventRule::default(), is, at, changes);
    let has_schema = is.properties.is_some() || is.traits.is_some();
    let unplanned = is.unplanned_properties.unwrap_or(new.unplanned_properties);
    let only_flags = is.on_violation.unwrap_or(new.on_violation) == OnViolation::Flag
        && unplanned != UnplannedProperties::Reject;
    // Context has words of its own on what becomes of a violation.
    let is_harmless = is.context == ContextRules::default() && (!has_schema || only_flags);
    if old.unplanned_events == Unplanned::Reject || is_harmless {
        changes.safe(at, "is new");
    } else {
        let text = "is new; who sends it already, unplanned, is held to its rules (--sample counts \
                    them)";
        changes.unknown(at, text);
    }
}

fn removed_event(new: &PlanDocument, name: &str, was: &EventRule, changes: &mut Changes) {
    let at = format!("/events/{}", token(name));
    business::compare(was.business_key.as_ref(), None, &at, changes);
    columns::compare(was, &EventRule::default(), &at, changes);
    let rejects = new.on_violation == OnViolation::Reject;
    let naming = new.naming.events.problem(name).filter(|_| rejects);
    for (part, schema) in [("properties", &was.properties), ("traits", &was.traits)] {
        if let Some(schema) = schema.as_ref().filter(|_| rejects) {
            let at = format!("{at}/{part}");
            changes.take(set_free(schema, &new.naming.properties, &at), true);
        }
    }
    match (new.unplanned_events, naming) {
        (Unplanned::Reject, _) => {
            changes.breaking(&at, "is not planned any more, and unplanned events are rejected");
        }
        (_, Some(problem)) => {
            changes.breaking(&at, format!("is not planned any more, and the name {problem}"));
        }
        _ => changes.safe(&at, "is not planned any more"),
    }
}

fn rule(pair: [&PlanDocument; 2], rules: [&EventRule; 2], at: &str, changes: &mut Changes) {
    let [was, is] = rules;
    let on_violation = [0, 1].map(|i| rules[i].on_violation.unwrap_or(pair[i].on_violation));
    if rules.iter().any(|rule| rule.on_violation.is_some()) {
        plans::on_violation(on_violation, &format!("{at}/on_violation"), changes);
    }
    let unplanned =
        [0, 1].map(|i| rules[i].unplanned_properties.unwrap_or(pair[i].unplanned_properties));
    if rules.iter().any(|rule| rule.unplanned_properties.is_some()) {
        let at = format!("{at}/unplanned_properties");
        plans::unplanned_properties(unplanned, &at, changes);
    }
    if was.deprecated.is_none() && is.deprecated.is_some() {
        changes.safe(&format!("{at}/deprecated"), "is deprecated: flagged, never rejected");
    }
    let [was_rejected, rejects] = on_violation.map(|word| word == OnViolation::Reject);
    for (part, schemas) in
        [("properties", [&was.properties, &is.properties]), ("traits", [&was.traits, &is.traits])]
    {
        let at = format!("{at}/{part}");
        let (of_schema, of_policy) = schema(pair, schemas, unplanned, was_rejected, &at);
        changes.take(of_schema, rejects);
        changes.take(of_policy, true);
    }
    let required = [0, 1].map(|i| Required {
        rules: &rules[i].context,
        otherwise: on_violation[i],
        defs: &pair[i].defs,
    });
    context::compare(required, at, changes);
    business::compare(was.business_key.as_ref(), is.business_key.as_ref(), at, changes);
    columns::compare(was, is, at, changes);
}

/// What the schemas change, and what the word on unplanned properties makes of it.
fn schema(
    [old, new]: [&PlanDocument; 2],
    schemas: [&Option<Value>; 2],
    unplanned: [UnplannedProperties; 2],
    old_rejects: bool,
    at: &str,
) -> (Changes, Changes) {
    let (mut of_schema, mut of_policy) = (Changes::default(), Changes::default());
    // Where it only flags, a name cannot stop an event.
    let naming = (new.on_violation == OnViolation::Reject).then_some(&new.naming.properties);
    match schemas {
        [None, None] => {}
        [Some(was), None] => {
            of_schema.safe(at, "is held to no schema any more");
            if let Some(naming) = naming {
                of_policy = set_free(was, naming, at);
            }
        }
        [None, Some(is)] => {
            of_schema.breaking_if(!says_nothing(is), at, "is held to a schema now");
            if unplanned[1] == UnplannedProperties::Reject {
                of_policy.breaking(at, "is held to a schema now, and unplanned is rejected");
            }
        }
        [Some(was), Some(is)] => {
            let policy = Policy { old: unplanned[0], new: unplanned[1], old_rejects, naming };
            let sides = Sides {
                old: Side { own: was, defs: &old.defs },
                new: Side { own: is, defs: &new.defs },
            };
            of_schema = top(&sides, at);
            of_policy = planned(&sides, policy, at, &mut of_schema);
        }
    }
    (of_schema, of_policy)
}
