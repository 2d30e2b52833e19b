//! Business keys in two versions of a plan: which events meet, and what becomes of those that do.

use tracking_plan::plan::{BusinessRule, OnRepeat};

use super::change::Changes;

/// Compares the rules of one event, at `at` in the plan. What was told by the old version is
/// remembered for its window: there the two meet.
pub(super) fn compare(
    was: Option<&BusinessRule>,
    is: Option<&BusinessRule>,
    at: &str,
    changes: &mut Changes,
) {
    let at = format!("{at}/business_key");
    match (was, is) {
        (None, None) => {}
        (None, Some(is)) => changes.breaking_if(
            discards(is),
            &at,
            "events that tell of the same thing meet now: what was told before is known again",
        ),
        (Some(_), None) => changes.breaking(
            &at,
            "is gone: what several sources tell of one thing is so many events from now on",
        ),
        (Some(was), Some(is)) => both(was, is, &at, changes),
    }
}

fn discards(rule: &BusinessRule) -> bool {
    rule.on_repeat == OnRepeat::Discard
}

fn both(was: &BusinessRule, is: &BusinessRule, at: &str, changes: &mut Changes) {
    if was.property != is.property {
        let text = format!(
            "{} → {}: what was told by the one does not meet what is told by the other",
            was.property, is.property
        );
        changes.breaking(&format!("{at}/property"), text);
    }
    sources(was, is, &format!("{at}/sources"), changes);
    if was.window_days != is.window_days {
        let text = format!("{} → {} days", was.window_days, is.window_days);
        let more = is.window_days > was.window_days;
        changes.breaking_if(more && discards(is), &format!("{at}/window_days"), text);
    }
    if was.on_repeat != is.on_repeat {
        let text = format!("{} → {}", was.on_repeat.word(), is.on_repeat.word());
        changes.breaking_if(discards(is), &format!("{at}/on_repeat"), text);
    }
}

fn sources(was: &BusinessRule, is: &BusinessRule, at: &str, changes: &mut Changes) {
    for id in was.sources.iter().filter(|id| !is.sources.contains(id)) {
        let text = format!("{id:?} is gone: its events do not meet those of the others any more");
        changes.breaking(at, text);
    }
    for id in is.sources.iter().filter(|id| !was.sources.contains(id)) {
        let text = format!("{id:?} is new: its events meet those of the others");
        changes.breaking_if(discards(is), at, text);
    }
    let place = |rule: &BusinessRule, id: &String| rule.sources.iter().position(|it| it == id);
    let moved = was.sources.iter().filter(|id| is.sources.contains(id));
    let moved: Vec<&str> =
        moved.filter(|id| place(was, id) != place(is, id)).map(String::as_str).collect();
    if !moved.is_empty() {
        let text = format!(
            "another place of {}: for the window, what was told before has the old one",
            moved.join(", ")
        );
        changes.unknown(at, text);
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::told;

    fn plan(key: &str) -> String {
        format!("events:\n  A:\n    business_key: {{{key}}}\n")
    }

    #[test]
    fn a_change_is_breaking_if_events_meet_no_more_or_are_discarded_where_they_were_not() {
        let key = |sources: &str, more: &str| {
            plan(&format!("property: /properties/id, sources: [{sources}]{more}"))
        };
        let at = "/events/A/business_key";
        let none = || "events:\n  A: {}\n".to_owned();
        let meet =
            "events that tell of the same thing meet now: what was told before is known again";
        let gone = "is gone: what several sources tell of one thing is so many events from now on";
        for (old, new, expected) in [
            (key("a/b", ""), key("a/b", ", window_days: 7"), vec![]),
            (none(), key("a/b", ""), vec![format!("breaking {at}: {meet}")]),
            (none(), key("a/b", ", on_repeat: flag"), vec![format!("safe {at}: {meet}")]),
            (
                String::new(),
                key("a/b", ""),
                vec![format!("breaking {at}: {meet}"), "safe /events/A: is new".to_owned()],
            ),
            (key("a/b", ""), none(), vec![format!("breaking {at}: {gone}")]),
            (
                key("a/b", ""),
                String::new(),
                vec![
                    format!("breaking {at}: {gone}"),
                    "safe /events/A: is not planned any more".to_owned(),
                ],
            ),
            (
                key("a/b", ""),
                plan("property: /traits/id, sources: [a/b]"),
                vec![format!(
                    "breaking {at}/property: /properties/id → /traits/id: what was told by the one does not meet what is told by the other"
                )],
            ),
            (
                key("a/b, c/d", ""),
                key("a/b", ""),
                vec![format!(
                    "breaking {at}/sources: \"c/d\" is gone: its events do not meet those of the others any more"
                )],
            ),
            (
                key("a/b", ""),
                key("a/b, c/d", ""),
                vec![format!(
                    "breaking {at}/sources: \"c/d\" is new: its events meet those of the others"
                )],
            ),
            (
                key("a/b", ", on_repeat: flag"),
                key("c/d, a/b", ", on_repeat: flag"),
                vec![
                    format!(
                        "unknown {at}/sources: another place of a/b: for the window, what was told before has the old one"
                    ),
                    format!(
                        "safe {at}/sources: \"c/d\" is new: its events meet those of the others"
                    ),
                ],
            ),
            (
                key("a/b", ""),
                key("a/b", ", window_days: 8"),
                vec![format!("breaking {at}/window_days: 7 → 8 days")],
            ),
            (
                key("a/b", ""),
                key("a/b", ", window_days: 6"),
                vec![format!("safe {at}/window_days: 7 → 6 days")],
            ),
            (
                key("a/b", ""),
                key("a/b", ", on_repeat: flag"),
                vec![format!("safe {at}/on_repeat: discard → flag")],
            ),
            (
                key("a/b", ", on_repeat: flag"),
                key("a/b", ""),
                vec![format!("breaking {at}/on_repeat: flag → discard")],
            ),
        ] {
            assert_eq!(told(&old, &new), expected, "{old} → {new}");
        }
    }

    #[test]
    fn a_type_that_gets_a_rule_may_get_a_key_with_it() {
        let new = "types: {group: {business_key: {property: /traits/id, sources: [a/b]}}}";
        assert_eq!(told("", new).len(), 1);
        assert!(told("", new)[0].starts_with("breaking /types/group/business_key: "));
    }
}
