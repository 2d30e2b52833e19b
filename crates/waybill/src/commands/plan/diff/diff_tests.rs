//! Each change with its class, from the texts of two versions.

use super::*;

fn document(text: &str) -> PlanDocument {
    let text = format!("plan: shop\nversion: 1\n{text}");
    PlanSource::read("shop.yaml", &text).unwrap().document
}

/// The changes as `class at: text`.
pub(super) fn told(old: &str, new: &str) -> Vec<String> {
    let changes = compare(&document(old), &document(new));
    let line = |Change { class, at, text }: Change| format!("{} {at}: {text}", class.word());
    changes.into_iter().map(line).collect()
}

#[test]
fn the_plans_word_on_unplanned_properties_decides_over_names_that_come_and_go() {
    let plan = |policy: &str, names: &str| {
        format!(
            "unplanned_properties: {policy}\nevents:\n  A:\n    on_violation: flag\n    properties: {{properties: {{{names}}}}}\n"
        )
    };
    let at = "/events/A/properties/properties/b";
    let both = "a: {type: string}, b: {type: string}";
    for (old, new, expected) in [
        (plan("reject", "a: {type: string}"), plan("reject", both), vec![format!("safe {at}: is new")]),
        (plan("flag", "a: {type: string}"), plan("flag", both), vec![format!("safe {at}: is described now: who sends it already with other values would be rejected (--sample counts them); only flagged")]),
        (plan("reject", both), plan("reject", "a: {type: string}"), vec![format!("breaking {at}: is not planned any more, and what is unplanned is rejected")]),
        (plan("strip", both), plan("strip", "a: {type: string}"), vec![format!("safe {at}: is not described any more")]),
        (plan("flag", both), plan("reject", both), vec!["breaking /unplanned_properties: flag → reject".to_owned()]),
        (plan("reject", both), plan("strip", both), vec!["safe /unplanned_properties: reject → strip: they are taken out now".to_owned()]),
        (plan("reject", "}, allOf: [{}], $defs: {"), plan("reject", ""), vec![
            "breaking /events/A/properties: names all its properties now, and others are rejected".to_owned(),
            "safe /events/A/properties: `allOf` is not asked for any more".to_owned(),
        ]),
    ] {
        assert_eq!(told(&old, &new), expected, "{old} → {new}");
    }
}

#[test]
fn events_that_come_and_go_are_judged_by_what_holds_for_unplanned_ones() {
    let plan =
        |policy: &str, events: &str| format!("unplanned_events: {policy}\nevents: {events}\n");
    let strict = "{A: {properties: {required: [a]}}}";
    for (old, new, expected) in [
        (plan("reject", "{}"), plan("reject", strict), &["safe /events/A: is new"][..]),
        (plan("flag", "{}"), plan("flag", "{A: {}}"), &["safe /events/A: is new"]),
        (
            plan("flag", "{}"),
            plan("flag", strict),
            &[
                "unknown /events/A: is new; who sends it already, unplanned, is held to its rules (--sample counts them)",
            ],
        ),
        (plan("flag", strict), plan("flag", "{}"), &["safe /events/A: is not planned any more"]),
        (
            plan("reject", strict),
            plan("reject", "{}"),
            &["breaking /events/A: is not planned any more, and unplanned events are rejected"],
        ),
        (plan("flag", "{}"), plan("reject", "{}"), &["breaking /unplanned_events: flag → reject"]),
        (plan("reject", "{}"), plan("allow", "{}"), &["safe /unplanned_events: reject → allow"]),
        (
            plan("flag", "{a b: {}}"),
            format!("{}naming: {{events: {{case: snake}}}}\n", plan("flag", "{}")),
            &[
                "breaking /events/a b: is not planned any more, and the name is not written like \"order_completed\"",
                "breaking /naming/events/case: names are written like \"any\" → \"order_completed\"",
            ],
        ),
    ] {
        assert_eq!(told(&old, &new), expected, "{old} → {new}");
    }
}

#[test]
fn a_rule_that_only_flags_breaks_nothing_until_it_rejects() {
    let plan = |word: &str, schema: &str| {
        format!(
            "events:\n  A:\n    on_violation: {word}\n    properties: {{required: [{schema}]}}\n"
        )
    };
    assert_eq!(
        told(&plan("flag", ""), &plan("flag", "a")),
        ["safe /events/A/properties/properties/a: is required now; only flagged"]
    );
    assert_eq!(
        told(&plan("flag", "a"), &plan("reject", "a")),
        ["breaking /events/A/on_violation: flag → reject: what was only flagged is rejected"]
    );
    assert_eq!(
        told("on_violation: reject\n", "on_violation: flag\n"),
        ["safe /on_violation: reject → flag"]
    );
}

#[test]
fn context_is_compared_by_what_each_kind_of_source_must_send() {
    let plan = |rules: &str| format!("context: {{{rules}}}\n");
    for (old, new, expected) in [
        (
            "",
            "server: {required: [/page/url]}",
            &["breaking /context: /page/url is required now (of server sources)"][..],
        ),
        (
            "all: {required: [/locale]}",
            "browser: {required: [/locale]}",
            &["safe /context: /locale is not required any more (of mobile and server sources)"],
        ),
        (
            "",
            "server: {required: [/a], inheritable: [/a]}",
            &[
                "safe /context: /a is required now, or inherited from the session (of server sources)",
            ],
        ),
        (
            "",
            "all: {required: [/a], on_violation: flag}",
            &["safe /context: /a is required now; only flagged"],
        ),
        (
            "all: {required: [/a], inheritable: [/a]}",
            "all: {required: [/a]}",
            &["breaking /context: /a is insisted on now"],
        ),
        (
            "all: {required: [/a]}",
            "all: {required: [/a], on_violation: flag}",
            &["safe /context: /a is not insisted on any more"],
        ),
        (
            "all: {required: [/a]}",
            "all: {required: [[/a, /b]]}",
            &["safe /context: /a is not required any more"],
        ),
        (
            "all: {required: [[/a, /b]]}",
            "all: {required: [/a]}",
            &[
                "breaking /context: /a is required now",
                "safe /context: /a or /b is not required any more",
            ],
        ),
        (
            "",
            "all: {schema: {required: [a]}}",
            &["breaking /context/all/schema: the context is held to a schema now"],
        ),
        (
            "server: {schema: {}}",
            "server: {schema: {required: [a]}}",
            &["breaking /context/server/schema/properties/a: is required now (of server sources)"],
        ),
    ] {
        assert_eq!(told(&plan(old), &plan(new)), expected, "{old} → {new}");
    }
}

#[test]
fn consent_that_discards_stops_events_and_privacy_does_not() {
    let consent = |rest: &str| format!("consent: {{categories: {{ads: {{denied: {rest}}}}}}}\n");
    for (old, new, expected) in [
        (
            consent("keep"),
            consent("discard"),
            "breaking /consent/categories/ads: without consent events are discarded",
        ),
        (
            consent("discard"),
            consent("keep"),
            "safe /consent/categories/ads: nothing follows from a no but the fact",
        ),
        (consent("keep"), String::new(), "safe /consent/categories/ads: is no category any more"),
        (
            String::new(),
            "privacy: [{path: /traits/a, do: drop}]\n".to_owned(),
            "safe /privacy/0: /traits/a: drop from now on",
        ),
        (
            "privacy: [{path: /traits/a, do: drop}]\n".to_owned(),
            String::new(),
            "safe /privacy: /traits/a is stored as it is sent: no rule removes it",
        ),
        (
            String::new(),
            "naming: {events: {prefix: Shop}}\n".to_owned(),
            "breaking /naming/events/prefix: names begin with \"\" → \"Shop\"",
        ),
        (
            "naming: {events: {prefix: Shop}}\n".to_owned(),
            "naming: {events: {prefix: Sh}}\n".to_owned(),
            "safe /naming/events/prefix: names begin with \"Shop\" → \"Sh\"",
        ),
        (
            String::new(),
            "naming: {properties: {reserved: [id]}}\n".to_owned(),
            "breaking /naming/properties/reserved: \"id\" is reserved now",
        ),
        (
            String::new(),
            "on_violation: flag\nnaming: {properties: {reserved: [id]}}\n".to_owned(),
            "safe /naming/properties/reserved: \"id\" is reserved now; only flagged",
        ),
    ] {
        assert_eq!(told(&old, &new).first().map(String::as_str), Some(expected), "{old} → {new}");
    }
}

#[test]
fn words_for_people_are_no_change() {
    let old = "owner: ada\nevents: {A: {description: x, version: 1}}\n";
    let new = "owner: eve\nevents: {A: {description: y, owner: eve, version: 2}}\n";
    assert_eq!(told(old, new), Vec::<String>::new());
}

#[test]
fn a_sample_counts_what_only_the_new_version_stops() {
    let plan = |required: &str| {
        let text = format!(
            "plan: shop\nversion: 1\nunplanned_events: reject\nevents:\n  A:\n    properties: {{required: [{required}]}}\n"
        );
        replay::plan(("shop.yaml".to_owned(), text)).unwrap()
    };
    let setting = Setting { kind: tracking_plan::SourceKind::Server, at: 0, key: None };
    let event = |name: &str, properties: &str| {
        format!(r#"{{"type":"track","event":"{name}","userId":"u","properties":{{{properties}}}}}"#)
    };
    let events = [
        event("A", r#""a":1"#),
        event("A", r#""a":1,"b":1"#),
        event("A", r#""a":1"#),
        event("A", r#""b":1"#),
        event("B", ""),
    ];
    let judged =
        |required: &str| Court::new(plan(required), &setting).unwrap().judge(&events.join("\n"));
    let replayed = Replayed::new(&judged("a"), &judged("b"));
    assert_eq!((replayed.events, replayed.pass, replayed.freed), (5, 3, 1));
    assert_eq!(
        replayed.described(),
        "sample: 5 events, 3 pass by the old version; of them the new one stops 2, and lets 1 others pass\n  \
         A: 2 × missing-property, first in line 1: /properties/b is missing"
    );
}

#[test]
fn a_schema_that_comes_or_goes_is_judged_by_what_it_held_and_by_the_rule_for_names() {
    let plan = |event: &str, more: &str| format!("events:\n  A: {event}\n{more}");
    let schema = "{properties: {properties: {orderId: {type: string}}}}";
    let snake = "naming: {properties: {case: snake}}\n";
    let open = "{properties: {allOf: [{}]}}";
    for (old, new, expected) in [
        (
            plan("{}", ""),
            plan(schema, ""),
            &["breaking /events/A/properties: is held to a schema now"][..],
        ),
        (
            plan("{}", ""),
            plan("{properties: {}}", ""),
            &["safe /events/A/properties: is held to a schema now"],
        ),
        (
            plan("{}", ""),
            plan("{on_violation: flag, unplanned_properties: reject, properties: {}}", ""),
            &[
                "breaking /events/A/properties: is held to a schema now, and unplanned is rejected",
                "breaking /events/A/unplanned_properties: flag → reject",
                "safe /events/A/on_violation: reject → flag",
                "safe /events/A/properties: is held to a schema now",
            ],
        ),
        (
            plan(schema, ""),
            plan("{}", ""),
            &["safe /events/A/properties: is held to no schema any more"],
        ),
        (
            plan(schema, snake),
            plan("{}", snake),
            &[
                "breaking /events/A/properties/properties/orderId: is not planned any more, and the name is not written like \"order_completed\"",
                "safe /events/A/properties: is held to no schema any more",
            ],
        ),
        (
            plan(schema, snake),
            format!("events: {{}}\n{snake}"),
            &[
                "breaking /events/A/properties/properties/orderId: is not planned any more, and the name is not written like \"order_completed\"",
                "safe /events/A: is not planned any more",
            ],
        ),
        (
            plan(open, snake),
            plan("{properties: {}}", snake),
            &[
                "unknown /events/A/properties: names all its properties now, and others are held to the rule for names",
                "safe /events/A/properties: `allOf` is not asked for any more",
            ],
        ),
        (
            plan("{on_violation: flag, properties: {additionalProperties: false}}", snake),
            plan("{on_violation: flag, properties: {}}", snake),
            &[
                "unknown /events/A/properties: names all its properties now, and others are held to the rule for names",
                "safe /events/A/properties/additionalProperties: was never allowed, and may be now",
            ],
        ),
    ] {
        assert_eq!(told(&old, &new), expected, "{old} → {new}");
    }
}
