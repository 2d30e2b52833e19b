//! The business key of an event as it passes the gate.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use event::{BusinessKey, Keyed as _, RawEvent, ValidatedEvent, ValidationFacts};
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
unplanned_events: allow
unplanned_properties: allow
consent:
  categories:
    ads: {denied: strip, strip: [/properties/click]}
privacy:
  - {path: /properties/email, do: hash}
events:
  Order Paid:
    business_key: {property: /properties/order/id, sources: [server/billing, web/app]}
  Order/Refunded~:
    business_key:
      property: /properties/id
      sources: [web/app]
      window_days: 3
      on_repeat: flag
  Subscribed:
    business_key: {property: /properties/email, sources: [web/app]}
  Clicked:
    business_key: {property: /properties/click, sources: [web/app]}
types:
  group:
    business_key: {property: /traits/id, sources: [web/app]}
";

fn catalog(plan: &str) -> SourceCatalog {
    let sources = json!({
        "web/app": {"kind": "browser", "write_keys": ["wk_web"], "plan": "shop"},
        "server/billing": {"kind": "server", "plan": "shop"},
        "server/other": {"kind": "server", "plan": "shop"},
        "server/free": {"kind": "server"},
    });
    let rules = Rules {
        plans: PlanSet::read(&[("shop.yaml".to_owned(), plan.to_owned())]).unwrap(),
        hash_key: Some(HashKey::try_from("k".repeat(32)).unwrap()),
        ..Rules::default()
    };
    let catalog = SourceCatalog::new(serde_json::from_value(sources).unwrap()).unwrap();
    catalog.with_rules(rules).unwrap()
}

fn passed(raw: RawEvent) -> ValidatedEvent {
    match clean(raw, NOW, &catalog(PLAN)) {
        Verdict::Emit(event) => event,
        other => panic!("{other:?}"),
    }
}

fn raw(source: &str, kind: &str, more: &Value) -> RawEvent {
    let mut event = json!({
        "source": source, "type": kind, "message_id": "m-1", "anonymous_id": "a-1",
    });
    for (name, value) in more.as_object().unwrap() {
        event[name] = if value.is_object() { value.to_string().into() } else { value.clone() };
    }
    serde_json::from_value(event).unwrap()
}

fn track(source: &str, name: &str, properties: &Value) -> ValidationFacts {
    passed(raw(source, "track", &json!({"event": name, "properties": properties}))).validation
}

fn key(facts: ValidationFacts) -> Option<String> {
    facts.business_key.map(|business| business.key)
}

fn told(facts: &ValidationFacts) -> Vec<String> {
    let told = |it: &event::Finding| {
        assert_eq!(it.plan_version.as_deref(), Some("shop@1"));
        format!("{} {} {} {}", it.outcome, it.reason, it.pointer, it.actual.as_deref().unwrap())
    };
    facts.findings.iter().map(told).collect()
}

#[test]
fn two_sources_that_tell_of_one_order_have_one_key_and_ranks_of_their_own() {
    let paid = |source, id: Value| track(source, "Order Paid", &json!({"order": {"id": id}}));
    for (source, id, rank) in [("server/billing", json!(4711), 0), ("web/app", json!(" 4711"), 1)] {
        let facts = paid(source, id);
        let expected = BusinessKey {
            key: "shop/Order Paid/4711".to_owned(),
            rank,
            window_days: 7,
            on_repeat: "discard".to_owned(),
        };
        assert_eq!(facts.business_key, Some(expected), "{source}");
        assert_eq!(facts.key(), "shop/Order Paid/4711");
        assert_eq!(facts.device_key, "a-1");
    }
    let other = paid("server/other", json!(4711));
    assert_eq!((other.key(), other.flags.as_slice()), ("a-1", &["no-time".to_owned()][..]));
    let free = paid("server/free", json!(4711));
    assert_eq!((free.business_key, free.flags), (None, vec!["no-plan".into(), "no-time".into()]));
}

#[test]
fn the_key_is_that_of_the_record() {
    let properties = json!({"order": {"id": "o"}});
    let event = json!({"event": "Order Paid", "properties": properties});
    assert_eq!(passed(raw("web/app", "track", &event)).key(), "shop/Order Paid/o");
}

#[test]
fn no_event_and_value_read_like_another_event_and_value() {
    let facts = track("web/app", "Order/Refunded~", &json!({"id": "a/b"}));
    let business = facts.business_key.unwrap();
    assert_eq!(business.key, "shop/Order~1Refunded~0/a/b");
    assert_eq!((business.window_days, business.on_repeat.as_str()), (3, "flag"));
}

#[test]
fn a_long_value_is_replaced_by_its_hash() {
    let of = |id: String| key(track("web/app", "Order/Refunded~", &json!({"id": id}))).unwrap();
    let long = "x".repeat(256);
    assert_eq!(of(long.clone()), format!("shop/Order~1Refunded~0/{long}"));
    // printf 'x%.0s' $(seq 257) | sha256sum
    let hash = "15eb95a462ee20bd91a415ae2d4aed341288186ddaa2b37908f7d592f0c3f85f";
    assert_eq!(of(format!("{long}x")), format!("shop/Order~1Refunded~0/{hash}"));
    assert_eq!(of("é".repeat(129)).len(), "shop/Order~1Refunded~0/".len() + 64, "bytes count");
}

#[test]
fn an_event_without_a_value_for_its_key_passes_with_a_flag_and_a_finding() {
    for (properties, expected) in [
        (json!({}), "flag missing-property /properties/order/id nothing"),
        (json!({"order": {"id": null}}), "flag missing-property /properties/order/id nothing"),
        (json!({"order": {"id": " "}}), "flag invalid-property /properties/order/id string"),
        (json!({"order": {"id": 1.5}}), "flag invalid-property /properties/order/id number"),
        (json!({"order": {"id": ["SECRET"]}}), "flag invalid-property /properties/order/id array"),
        (
            json!({"order": {"id": "undefined"}}),
            "flag invalid-property /properties/order/id string",
        ),
        (json!({"order": {"id": "[masked]"}}), "flag invalid-property /properties/order/id string"),
    ] {
        let facts = track("web/app", "Order Paid", &properties);
        assert_eq!(told(&facts), [expected], "{properties}");
        assert_eq!(facts.flags, ["no-business-key", "no-time"], "{properties}");
        assert_eq!(facts.key(), "a-1");
        assert!(!format!("{facts:?}").contains("SECRET"));
    }
}

#[test]
fn what_the_schema_has_found_at_the_place_is_not_told_again() {
    let schema = "    on_violation: flag\n    properties: {required: [click]}\n";
    let plan = PLAN.replace("  Clicked:\n", &format!("  Clicked:\n{schema}"));
    let event = json!({"event": "Clicked", "properties": {}});
    let Verdict::Emit(event) = clean(raw("web/app", "track", &event), NOW, &catalog(&plan)) else {
        panic!("rejected");
    };
    assert_eq!(told(&event.validation), ["flag missing-property /properties/click nothing"]);
    assert!(event.validation.flags.contains(&"no-business-key".to_owned()));
}

#[test]
fn the_key_is_made_of_what_passes_on() {
    let facts = track("web/app", "Subscribed", &json!({"email": "ada@example.com"}));
    let hashed = key(facts).unwrap();
    assert!(hashed.starts_with("shop/Subscribed/hmac:") && !hashed.contains("ada"), "{hashed}");
    let clicked = |denied: bool| {
        let consent = json!({"consent": {"categoryPreferences": {"ads": !denied}}});
        let event = json!({"event": "Clicked", "properties": {"click": "c"}, "context": consent});
        passed(raw("web/app", "track", &event)).validation
    };
    assert_eq!(key(clicked(false)).as_deref(), Some("shop/Clicked/c"));
    let denied = clicked(true);
    assert_eq!(denied.removed, ["strip /properties/click"]);
    assert_eq!(denied.flags, ["no-business-key", "no-time"]);
    assert_eq!(key(denied), None);
}

#[test]
fn a_type_has_a_key_by_its_traits() {
    let event = json!({"group_id": "g", "traits": {"id": "acme"}});
    let facts = passed(raw("web/app", "group", &event)).validation;
    assert_eq!(key(facts).as_deref(), Some("shop/group/acme"));
}
