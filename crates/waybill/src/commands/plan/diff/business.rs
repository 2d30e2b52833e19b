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

    fn key(sources: &str, more: &str) -> String {
        plan(&format!("property: /properties/id, sources: [{sources}]{more}"))
    }

    const AT: &str = "/events/A/business_key";

    #[test]
    fn a_key_that_comes_or_goes_is_breaking_if_events_are_discarded_or_meet_no_more() {
        let none = "events:\n  A: {}\n";
        let meet = format!(
            "{AT}: events that tell of the same thing meet now: what was told before is known again"
        );
        let gone = format!(
            "breaking {AT}: is gone: what several sources tell of one thing is so many events from now on"
        );
        let discarded = key("a/b", "");
        let new = ["safe /events/A: is new", "safe /events/A: is not planned any more"];
        assert_eq!(told(none, &discarded), [format!("breaking {meet}")]);
        assert_eq!(told(none, &key("a/b", ", on_repeat: flag")), [format!("safe {meet}")]);
        assert_eq!(told("", &discarded), [format!("breaking {meet}"), new[0].to_owned()]);
        assert_eq!(told(&discarded, none), [gone.as_str()]);
        assert_eq!(told(&discarded, ""), [gone.as_str(), new[1]]);
        let property = plan("property: /traits/id, sources: [a/b]");
        let parts = "/properties/id → /traits/id: what was told by the one does not meet what is told by the other";
        assert_eq!(told(&discarded, &property), [format!("breaking {AT}/property: {parts}")]);
    }

    #[test]
    fn what_becomes_of_events_that_meet_is_breaking_where_more_are_discarded() {
        let flag = ", on_repeat: flag";
        for (old, new, expected) in [
            ("", ", window_days: 7", None),
            ("", ", window_days: 8", Some("breaking window_days: 7 → 8 days")),
            ("", ", window_days: 6", Some("safe window_days: 7 → 6 days")),
            ("", flag, Some("safe on_repeat: discard → flag")),
            (flag, "", Some("breaking on_repeat: flag → discard")),
        ] {
            let expected = expected.map(|it| it.replacen(' ', &format!(" {AT}/"), 1));
            let told = told(&key("a/b", old), &key("a/b", new));
            assert_eq!(told, Vec::from_iter(expected), "{old} → {new}");
        }
    }

    #[test]
    fn a_source_that_leaves_is_breaking_and_one_that_comes_where_its_events_are_discarded() {
        let gone = "\"c/d\" is gone: its events do not meet those of the others any more";
        let new = "\"c/d\" is new: its events meet those of the others";
        let moved = "another place of a/b: for the window, what was told before has the old one";
        let at = |class: &str, text: &str| format!("{class} {AT}/sources: {text}");
        let flagged = |sources: &str| key(sources, ", on_repeat: flag");
        let [one, two] = [key("a/b", ""), key("a/b, c/d", "")];
        assert_eq!(told(&two, &one), [at("breaking", gone)]);
        assert_eq!(told(&one, &two), [at("breaking", new)]);
        assert_eq!(
            told(&flagged("a/b"), &flagged("c/d, a/b")),
            [at("unknown", moved), at("safe", new)]
        );
    }

    #[test]
    fn a_type_that_gets_a_rule_may_get_a_key_with_it() {
        let new = "types: {group: {business_key: {property: /traits/id, sources: [a/b]}}}";
        assert_eq!(told("", new).len(), 1);
        assert!(told("", new)[0].starts_with("breaking /types/group/business_key: "));
    }
}
