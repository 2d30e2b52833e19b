//! How events and properties are named.

use std::collections::BTreeMap;

use tracking_plan::plan::{PlanProblem, PlanSource, same_words};

use crate::commands::plan::walk::{events, named, tops};

/// Planned events that break the plan's own rules for names: only unplanned ones are held to them.
pub(super) fn badly_named_events(source: &PlanSource) -> Vec<PlanProblem> {
    let rule = &source.document.naming.events;
    let bad = events(source).filter_map(|it| Some((it.at, rule.problem(it.name)?)));
    bad.map(|(at, text)| source.problem(&at, format!("the name {text}"))).collect()
}

/// The same for properties and traits.
pub(super) fn badly_named_properties(source: &PlanSource) -> Vec<PlanProblem> {
    let rule = &source.document.naming.properties;
    let mut found = Vec::new();
    for top in tops(source) {
        for (name, _, at) in named(top.schema, &top.at) {
            let problem = rule.problem(name);
            found.extend(problem.map(|text| source.problem(&at, format!("the name {text}"))));
        }
    }
    found
}

/// Events whose names differ in case or separators alone.
pub(super) fn alike_events(source: &PlanSource) -> Vec<PlanProblem> {
    alike(source, events(source).map(|it| (it.name.to_owned(), it.at)))
}

/// Properties and traits whose names do, in the whole plan.
pub(super) fn alike_properties(source: &PlanSource) -> Vec<PlanProblem> {
    let mut names = BTreeMap::new();
    for top in tops(source) {
        for (name, _, at) in named(top.schema, &top.at) {
            names.entry(name.clone()).or_insert(at);
        }
    }
    alike(source, names.into_iter())
}

/// Told at the latter of two. Names without a letter or digit are not alike.
fn alike(source: &PlanSource, names: impl Iterator<Item = (String, String)>) -> Vec<PlanProblem> {
    let names: Vec<(String, String)> =
        names.filter(|(name, _)| name.chars().any(char::is_alphanumeric)).collect();
    let mut found = Vec::new();
    for (index, (name, at)) in names.iter().enumerate() {
        let other = names[..index].iter().find(|(other, _)| same_words(other, name));
        found.extend(other.map(|(other, _)| {
            let text = format!("differs from {other:?} in case or separators alone");
            source.problem(at, text)
        }));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::{super::told, *};

    #[test]
    fn a_planned_name_that_breaks_the_plans_own_rules_is_told() {
        let text = "\
naming:
  events: {case: title, reserved: [Page Viewed]}
  properties: {case: snake}
events:
  order completed: {}
  page_viewed: {}
  Order Paid:
    properties:
      properties:
        orderId: {type: string}
        total: {type: number}
";
        assert_eq!(
            told(badly_named_events, text),
            [
                "p:7: /events/order completed: the name is not written like \"Order Completed\"",
                "p:8: /events/page_viewed: the name is a reserved name",
            ]
        );
        assert_eq!(
            told(badly_named_properties, text),
            [
                "p:12: /events/Order Paid/properties/properties/orderId: the name is not written like \"order_completed\""
            ]
        );
    }

    #[test]
    fn names_that_differ_in_case_or_separators_alone_are_told_once() {
        let text = "\
events:
  Order Paid:
    properties:
      properties: {order_id: {}, ключ: {}}
  order_paid:
    properties:
      properties: {orderId: {}, order_id: {}, \"-\": {}, \"_\": {}}
";
        assert_eq!(
            told(alike_events, text),
            ["p:7: /events/order_paid: differs from \"Order Paid\" in case or separators alone"]
        );
        assert_eq!(
            told(alike_properties, text),
            [
                "p:6: /events/Order Paid/properties/properties/order_id: differs from \"orderId\" in case or separators alone"
            ]
        );
    }
}
