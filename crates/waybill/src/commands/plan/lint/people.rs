//! What a plan says to people.

use tracking_plan::plan::{PlanProblem, PlanSource};

use crate::commands::plan::walk::{events, rules};

/// Events that nobody described.
pub(super) fn undescribed(source: &PlanSource) -> Vec<PlanProblem> {
    let silent = events(source).filter(|it| is_blank(it.rule.description.as_ref()));
    silent.map(|it| source.problem(&it.at, "has no `description`: say when it is sent")).collect()
}

/// Events that nobody answers for.
pub(super) fn unowned(source: &PlanSource) -> Vec<PlanProblem> {
    if !is_blank(source.document.owner.as_ref()) {
        return Vec::new();
    }
    let orphans = events(source).filter(|it| is_blank(it.rule.owner.as_ref()));
    orphans.map(|it| source.problem(&it.at, "has no `owner`, and neither has the plan")).collect()
}

/// What should not be sent any more.
pub(super) fn deprecated(source: &PlanSource) -> Vec<PlanProblem> {
    let old = rules(source).filter(|it| it.rule.deprecated.is_some());
    old.map(|it| {
        let text = "is deprecated: take it out when nobody sends it any more";
        source.problem(&format!("{}/deprecated", it.at), text)
    })
    .collect()
}

fn is_blank(text: Option<&String>) -> bool {
    text.is_none_or(|text| text.trim().is_empty())
}

#[cfg(test)]
mod tests {
    use super::{super::told, *};

    #[test]
    fn an_event_without_words_for_people_is_told() {
        let text = "events:\n  A: {}\n  B: {description: ' ', owner: ada}\n  C: {description: c}\n";
        assert_eq!(
            told(undescribed, text),
            [
                "p:4: /events/A: has no `description`: say when it is sent",
                "p:5: /events/B: has no `description`: say when it is sent",
            ]
        );
        let orphan = "has no `owner`, and neither has the plan";
        assert_eq!(
            told(unowned, text),
            [format!("p:4: /events/A: {orphan}"), format!("p:6: /events/C: {orphan}")]
        );
        assert_eq!(told(unowned, &format!("owner: ada\n{text}")), Vec::<String>::new());
    }

    #[test]
    fn what_is_deprecated_is_told() {
        let text = "events:\n  A: {description: a}\n  B:\n    deprecated: send A\n";
        assert_eq!(
            told(deprecated, text),
            ["p:6: /events/B/deprecated: is deprecated: take it out when nobody sends it any more"]
        );
    }
}
