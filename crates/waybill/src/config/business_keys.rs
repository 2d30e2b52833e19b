//! What plans say of business keys, held against the sources and the window that are configured.

use event::Millis;
use tracking_plan::{
    SourceCatalog,
    plan::{BusinessRule, Plan},
};

use super::Problem;

/// Everything in which they do not fit, of the versions that hold now or later: the former ones
/// cannot be changed any more.
pub(super) fn problems(catalog: &SourceCatalog, window_days: u16, now: Millis) -> Vec<Problem> {
    let mut problems = Vec::new();
    for plan in catalog.plans().holding_from(now) {
        for (at, rule) in plan.business_keys() {
            problems.extend(beyond_the_window(plan, at, rule, window_days));
            problems.extend(of_sources(plan, at, rule, catalog));
        }
    }
    problems
}

/// Identity-stitch remembers nothing for longer than its window.
fn beyond_the_window(
    plan: &Plan,
    at: &str,
    rule: &BusinessRule,
    window_days: u16,
) -> Option<Problem> {
    (rule.window_days > window_days).then(|| Problem {
        key: "identity_stitch.window_days".to_owned(),
        message: format!(
            "is {window_days}, and plan {} asks for {} days at {at}/window_days; lower that, or \
             raise this",
            plan.id(),
            rule.window_days
        ),
    })
}

fn of_sources(plan: &Plan, at: &str, rule: &BusinessRule, catalog: &SourceCatalog) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (index, id) in rule.sources.iter().enumerate() {
        let wrong = match catalog.source(id) {
            None => format!("there is no source {id:?}; add it under [sources], or leave it out"),
            Some(source) if source.config.plan.as_deref() != Some(plan.name()) => format!(
                "source {id:?} does not follow this plan, so that its events have no such key; set \
                 `plan = {:?}` for it, or leave it out",
                plan.name()
            ),
            Some(_) => continue,
        };
        let message = format!("plan {}: {at}/sources/{index}: {wrong}", plan.id());
        problems.push(Problem { key: String::new(), message });
    }
    problems
}

#[cfg(test)]
mod tests {
    use tracking_plan::{Rules, plan::PlanSet};

    use super::*;

    const JUNE: Millis = 1_780_272_000_000;

    fn told(versions: &[&str], window_days: u16, now: Millis) -> Vec<String> {
        let sources = r#"{
            "web/app": {"kind": "browser", "write_keys": ["wk"], "plan": "shop"},
            "server/billing": {"kind": "server", "plan": "shop", "enabled": false},
            "server/crm": {"kind": "server"}
        }"#;
        let file = |(number, key): (usize, &&str)| {
            let from = ["", "effective_from: 2026-06-01T00:00:00Z\n"][number];
            let key = format!("property: /properties/id, {key}");
            let text = format!(
                "plan: shop\nversion: {number}\n{from}events:\n  A/B: {{business_key: {{{key}}}}}\n"
            );
            (format!("{number}.yaml"), text)
        };
        let files: Vec<(String, String)> = versions.iter().enumerate().map(file).collect();
        let rules = Rules { plans: PlanSet::read(&files).unwrap(), ..Rules::default() };
        let catalog = SourceCatalog::new(serde_json::from_str(sources).unwrap()).unwrap();
        let found = problems(&catalog.with_rules(rules).unwrap(), window_days, now);
        found.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn sources_that_are_not_there_or_follow_another_plan_are_told_with_their_place() {
        assert_eq!(
            told(&["sources: [web/app, server/billing, server/crm, app/ios]"], 7, JUNE),
            [
                "plan shop@0: /events/A~1B/business_key/sources/2: source \"server/crm\" does not \
                 follow this plan, so that its events have no such key; set `plan = \"shop\"` for \
                 it, or leave it out",
                "plan shop@0: /events/A~1B/business_key/sources/3: there is no source \"app/ios\"; \
                 add it under [sources], or leave it out",
            ]
        );
    }

    #[test]
    fn a_window_beyond_that_of_identity_stitch_is_told_with_both_places() {
        let rule = "sources: [web/app], window_days: 8";
        assert_eq!(told(&[rule], 8, JUNE), Vec::<String>::new());
        assert_eq!(
            told(&[rule], 7, JUNE),
            ["identity_stitch.window_days: is 7, and plan shop@0 asks for 8 days at \
              /events/A~1B/business_key/window_days; lower that, or raise this"]
        );
    }

    #[test]
    fn a_version_that_holds_no_more_is_not_held_to_it_and_one_to_come_is() {
        let (fine, wrong) = ("sources: [web/app]", "sources: [app/ios]");
        let count = |versions: &[&str], now| told(versions, 7, now).len();
        assert_eq!(count(&[wrong, fine], JUNE - 1), 1);
        assert_eq!(count(&[wrong, fine], JUNE), 0);
        assert_eq!(count(&[fine, wrong], JUNE - 1), 1);
    }
}
