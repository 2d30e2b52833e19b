//! JSON that no library writes by itself, and that somebody may send to pass by a rule.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use event::{Millis, RawEvent, ValidatedEvent};
use pipeline::Verdict;
use tracking_plan::{
    Rules, SourceCatalog, clean,
    plan::{HashKey, PlanSet},
};

const NOW: Millis = 1_795_428_930_000;

/// What a plan with these rules makes of a track event with these texts.
fn judged(plan: &str, context: &str, properties: &str) -> Verdict<ValidatedEvent> {
    let file = ("p.yaml".to_owned(), format!("plan: p\nversion: 1\n{plan}"));
    let rules = Rules {
        plans: PlanSet::read(&[file]).unwrap(),
        hash_key: Some(HashKey::try_from("k".repeat(32)).unwrap()),
        ..Rules::default()
    };
    let sources = r#"{"server/odd": {"kind": "server", "plan": "p", "max_event_bytes": 9999999}}"#;
    let sources = SourceCatalog::new(serde_json::from_str(sources).unwrap()).unwrap();
    let raw = RawEvent {
        source: Some("server/odd".to_owned()),
        kind: Some("track".to_owned()),
        event: Some("E".to_owned()),
        message_id: Some("m-1".to_owned()),
        user_id: Some("u-1".to_owned()),
        context: Some(context.to_owned()),
        properties: Some(properties.to_owned()),
        ..RawEvent::default()
    };
    clean(raw, NOW, &sources.with_rules(rules).unwrap())
}

/// So many members, and only those that begin with `n` are unplanned.
fn members(count: u32) -> String {
    let letters = |number: u32| -> String {
        (0..4).map(|place| char::from(b'a' + (number / 26_u32.pow(place) % 26) as u8)).collect()
    };
    let unplanned: Vec<String> =
        (0..count).map(|number| format!("\"n{}\":0", letters(number))).collect();
    format!("{{\"a\":\"x\",{}}}", unplanned.join(","))
}

/// It took 20 seconds for 20,000 names when each was looked for among all.
#[test]
fn an_event_of_very_many_unplanned_names_is_neither_slow_to_strip_nor_grows() {
    let plan = "unplanned_properties: strip\nevents: {E: {properties: {properties: {a: {}}}}}";
    let Verdict::Emit(passed) = judged(plan, "{}", &members(100_000)) else { panic!("rejected") };
    assert_eq!(passed.event.properties, r#"{"a":"x"}"#);
    let removed = passed.validation.removed;
    assert_eq!(removed.len(), 21);
    assert!(removed.contains(&"strip /properties/*".to_owned()), "{removed:?}");
}

#[test]
fn what_stands_in_the_place_of_consent_and_cannot_be_read_is_a_no() {
    let plan = "consent: {categories: {ads: {denied: discard}}}";
    let table = [
        (r#"{"consent":{"categoryPreferences":{"ads":false}}}"#, false),
        (r#"{"consent":{"categoryPreferences":{"ads":"false"}}}"#, false),
        (r#"{"consent":{"categoryPreferences":{"ads":0}}}"#, false),
        (r#"{"consent":{"categoryPreferences":{"ads":{}}}}"#, false),
        (r#"{"consent":{"categoryPreferences":{"\u0061ds":false}}}"#, false),
        (r#"{"consent":{"categoryPreferences":{"ads":false,"x":1e999}}}"#, false),
        (r#"{"consent":{"categoryPreferences":{"ads":false,"x":"\ud83d"}}}"#, false),
        (r#"{"consent":{"categoryPreferences":{"ads":true,"\ud83d":1}}}"#, false),
        (r#"{"consent":{"categoryPreferences":"{\"ads\":false}"}}"#, false),
        (r#"{"consent":{"categoryPreferences":[{"ads":false}]}}"#, false),
        (r#"{"consent":[{"categoryPreferences":{"ads":false}}]}"#, false),
        (r#"{"consent":"none"}"#, false),
        (r#"{"consent":{"categoryPreferences":{"ads":true}}}"#, true),
        (r#"{"consent":{"categoryPreferences":{"ads":true,"x":1e999}}}"#, true),
        (r#"{"consent":{"categoryPreferences":{"ads":null}}}"#, true),
        (r#"{"consent":{"categoryPreferences":{"other":"no"}}}"#, true),
        (r#"{"consent":{"categoryPreferences":null}}"#, true),
        (r#"{"consent":null}"#, true),
        ("{}", true),
    ];
    let passes = |text| matches!(judged(plan, text, "{}"), Verdict::Emit(_));
    let wrong: Vec<_> = table.iter().filter(|(text, expected)| passes(text) != *expected).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn context_that_is_no_object_is_rejected_whatever_it_says_of_consent() {
    let plan = "consent: {unknown: granted, categories: {ads: {denied: discard}}}";
    for context in
        ["[1]", "{", "\"\\ud83d\"", r#"{"consent":{"categoryPreferences":{"ads":false}}"#]
    {
        let judged = judged(plan, context, "{}");
        assert!(matches!(judged, Verdict::Reject(_)), "{context}: {judged:?}");
    }
}

#[test]
fn personal_data_that_is_nested_otherwise_than_planned_is_removed_all_the_same() {
    let plan = "privacy: [{path: /properties/users/*/email, do: drop}, {path: /properties/user/email, do: hash}]";
    for properties in [
        r#"{"users":{"email":"ada@example.com"}}"#,
        r#"{"users":[[{"email":"ada@example.com"}]]}"#,
        r#"{"user":[{"email":"ada@example.com"}]}"#,
        r#"{"user":[1,[{"n":[],"email":{"was":"ada@example.com"}}]]}"#,
    ] {
        let Verdict::Emit(passed) = judged(plan, "{}", properties) else { panic!("{properties}") };
        assert!(!format!("{passed:?}").contains("ada@"), "{passed:?}");
        assert_eq!(passed.validation.removed.len(), 1, "{properties}");
    }
}

#[test]
fn what_no_value_can_hold_does_not_pass_by_the_rules_for_unplanned_names() {
    let plan = |policy: &str| {
        format!(
            "events: {{E: {{on_violation: flag, unplanned_properties: {policy}, \
             properties: {{properties: {{a: {{}}, x: {{}}}}}}}}}}"
        )
    };
    for (properties, stripped) in [
        (r#"{"a":1,"secret":1,"x":1e999}"#, r#"{"a":1,"x":1e999}"#),
        (r#"{"a":1,"secret":1,"x":"\ud83d"}"#, r#"{"a":1,"x":"\ud83d"}"#),
        (r#"{"a":1,"secret":1,"\ud83d":1}"#, "{}"),
    ] {
        let Verdict::Emit(passed) = judged(&plan("strip"), "{}", properties) else {
            panic!("{properties}");
        };
        assert_eq!(passed.event.properties, stripped);
        assert_eq!(passed.validation.findings[0].reason, "invalid-property", "{properties}");
        let judged = judged(&plan("reject"), "{}", properties);
        assert!(matches!(judged, Verdict::Reject(_)), "{properties}: {judged:?}");
    }
}
