//! The account of an event: its own word, else that of its context.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use event::{RawEvent, ValidatedEvent};
use pipeline::Verdict;
use serde_json::{Value, json};
use tracking_plan::{
    Rules, SourceCatalog, clean,
    plan::{HashKey, PlanSet},
};

const NOW: i64 = 1_795_428_930_000;

const PLAN: &str = "
plan: shop
version: 1
consent:
  categories:
    ads: {denied: strip, strip: [/context/groupId]}
privacy:
";

/// The event as it passes by a plan with this privacy rule.
fn passed(kind: &str, more: &Value, rule: &str) -> ValidatedEvent {
    let plans = PlanSet::read(&[("shop.yaml".to_owned(), format!("{PLAN}{rule}"))]).unwrap();
    let hash_key = Some(HashKey::try_from("k".repeat(32)).unwrap());
    let rules = Rules { plans, hash_key, ..Rules::default() };
    let sources = json!({"web/app": {"kind": "browser", "write_keys": ["wk"], "plan": "shop"}});
    let catalog = SourceCatalog::new(serde_json::from_value(sources).unwrap()).unwrap();
    let mut event =
        json!({"source": "web/app", "type": kind, "message_id": "m-1", "anonymous_id": "a-1"});
    for (name, value) in more.as_object().unwrap() {
        event[name] = if value.is_object() { value.to_string().into() } else { value.clone() };
    }
    let raw: RawEvent = serde_json::from_value(event).unwrap();
    match clean(raw, NOW, &catalog.with_rules(rules).unwrap()) {
        Verdict::Emit(event) => event,
        other => panic!("{other:?}"),
    }
}

const NO_RULE: &str = "  - {path: /traits/x, do: drop}\n";

#[test]
fn the_account_is_what_the_event_names_else_what_its_context_names() {
    for (sent, account, junk) in [
        (json!({"group_id": " g-1 "}), Some("g-1"), false),
        (json!({"group_id": "g-1", "context": {"groupId": "g-2"}}), Some("g-1"), false),
        (json!({"context": {"groupId": " g-2 "}}), Some("g-2"), false),
        (json!({"context": {"groupId": 12}}), Some("12"), false),
        (json!({"context": {"groupId": 1.5}}), None, false),
        (json!({"context": {"groupId": {"id": "g"}}}), None, false),
        (json!({"context": {"groupId": ""}}), None, false),
        (json!({"context": {"groupId": "null"}}), None, true),
        (json!({"group_id": "null", "context": {"groupId": "g-2"}}), Some("g-2"), true),
        (json!({"group_id": "null", "context": {"groupId": "0"}}), None, true),
        (json!({"context": {"group": {"groupId": "g-2"}}}), None, false),
    ] {
        let ValidatedEvent { event, validation } = passed("page", &sent, NO_RULE);
        assert_eq!(event.group_id.as_deref(), account, "{sent}");
        let expected: &[&str] = if junk { &["no-time", "junk-group-id"] } else { &["no-time"] };
        assert_eq!(validation.flags, expected, "{sent}");
    }
}

#[test]
fn a_group_call_may_name_its_group_in_the_context() {
    let passed = passed("group", &json!({"context": {"groupId": "g-2"}}), NO_RULE);
    assert_eq!(passed.event.group_id.as_deref(), Some("g-2"));
}

#[test]
fn an_account_that_a_rule_hides_is_no_id() {
    let shown = |rule: &str, context: Value| {
        let passed = passed("page", &json!({ "context": context }), rule);
        assert_eq!(passed.validation.flags, ["no-time"]);
        passed.event.group_id
    };
    let rule = |word: &str| format!("  - {{path: /context/groupId, do: {word}}}\n");
    let sent = || json!({"groupId": "g-2"});
    assert_eq!(shown(NO_RULE, sent()).as_deref(), Some("g-2"));
    assert_eq!(shown(&rule("drop"), sent()), None);
    assert_eq!(shown(&rule("mask"), sent()), None);
    assert!(shown(&rule("hash"), sent()).unwrap().starts_with("hmac:"));
    let denied = json!({"groupId": "g-2", "consent": {"categoryPreferences": {"ads": false}}});
    assert_eq!(shown(NO_RULE, denied), None);
}
