//! Drafts of plans: whatever was seen passes, and nothing personal stands in them.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::collections::BTreeMap;

use event::RawEvent;
use pipeline::Verdict;
use proptest::{collection::vec, prelude::*, sample::select};
use serde_json::{Map, Value, json};
use tracking_plan::{
    Rules, Source, SourceCatalog, SourceConfig, clean,
    draft::Drafter,
    plan::{Plan, PlanSet, PlanSource},
};

const NOW: i64 = 1_795_428_930_000;

fn source(more: &str) -> Source {
    let config = format!(r#"{{"kind": "browser", "write_keys": ["wk"]{more}}}"#);
    let config: SourceConfig = serde_json::from_str(&config).unwrap();
    Source { id: "web/app".to_owned(), config }
}

fn raw(
    kind: &str,
    event: Option<&str>,
    context: &Value,
    properties: &Value,
    traits: &Value,
) -> RawEvent {
    RawEvent {
        source: Some("web/app".to_owned()),
        kind: Some(kind.to_owned()),
        message_id: Some("m-1".to_owned()),
        user_id: Some("u".to_owned()),
        group_id: Some("g".to_owned()),
        previous_id: Some("p".to_owned()),
        event: event.map(str::to_owned),
        context: Some(context.to_string()),
        properties: Some(properties.to_string()),
        traits: Some(traits.to_string()),
        ..RawEvent::default()
    }
}

fn drafted(events: &[RawEvent], at_least: u64) -> String {
    let mut drafter = Drafter::new(&source(""), at_least);
    for event in events {
        drafter.see(event.clone(), NOW);
    }
    drafter.draft("web-app")
}

/// The sources under a plan of this text, which has to be one.
fn catalog(text: &str) -> SourceCatalog {
    let read = PlanSource::read("draft.yaml", text).unwrap_or_else(|it| panic!("{it}\n{text}"));
    let plan = Plan::compile(&read).unwrap_or_else(|it| panic!("{it:?}\n{text}"));
    assert_eq!(plan.id(), "web-app@1");
    let plans = PlanSet::read(&[("draft.yaml".to_owned(), text.to_owned())]).unwrap();
    let source = source(r#", "plan": "web-app""#);
    let configs: BTreeMap<String, SourceConfig> = [(source.id, source.config)].into();
    let rules = Rules { plans, ..Rules::default() };
    SourceCatalog::new(configs).unwrap().with_rules(rules).unwrap()
}

fn word() -> impl Strategy<Value = String> {
    let odd = [
        "null",
        "true",
        "no",
        "1e3",
        "~",
        "a: b",
        "#x",
        "- a",
        "$ref",
        "$id",
        "$schema",
        "a/b~c",
        "ada@example.com",
        "00491701234567",
        "größe",
        "a\nb",
        "",
        " x",
    ];
    prop_oneof![
        6 => select(vec!["a", "id", "kind", "total"]).prop_map(str::to_owned),
        2 => select(odd.to_vec()).prop_map(str::to_owned),
        1 => any::<String>(),
    ]
}

fn text() -> impl Strategy<Value = String> {
    let common = [
        "EUR",
        "USD",
        "a b",
        "2026-11-25T10:00:00Z",
        "ada@example.com",
        "https://x.example/a",
        " ",
    ];
    prop_oneof![4 => select(common.to_vec()).prop_map(str::to_owned), 1 => any::<String>()]
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        text().prop_map(Value::from),
        Just(json!(1.0)),
    ];
    leaf.prop_recursive(7, 24, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            vec((word(), inner), 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

fn object() -> impl Strategy<Value = Value> {
    let members = vec((word(), value()), 0..5);
    members.prop_map(|members| Value::Object(members.into_iter().collect::<Map<_, _>>()))
}

fn an_event() -> impl Strategy<Value = RawEvent> {
    let kinds =
        ["track", "track", "track", "identify", "page", "screen", "group", "alias", "other"];
    (select(kinds.to_vec()), word(), object(), object(), object()).prop_map(
        |(kind, name, context, properties, traits)| {
            raw(kind, Some(&name), &context, &properties, &traits)
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_event_that_was_seen_passes_the_draft_without_a_finding(
        events in vec(an_event(), 1..40),
        at_least in 1_u64..6,
    ) {
        let planned = catalog(&drafted(&events, at_least));
        let bare = SourceCatalog::new([("web/app".to_owned(), source("").config)].into()).unwrap();
        for event in events {
            let passes = matches!(clean(event.clone(), NOW, &bare), Verdict::Emit(_));
            match clean(event, NOW, &planned) {
                Verdict::Emit(validated) => {
                    prop_assert_eq!(validated.validation.plan_version.as_deref(), Some("web-app@1"));
                    prop_assert_eq!(validated.validation.findings, vec![]);
                }
                other => prop_assert!(!passes, "{:?}", other),
            }
        }
    }

    #[test]
    fn the_order_of_the_events_makes_no_difference(
        events in vec(an_event(), 1..30),
        at in 0_usize..30,
    ) {
        let mut turned = events.clone();
        turned.reverse();
        let by = at % turned.len();
        turned.rotate_left(by);
        prop_assert_eq!(drafted(&events, 2), drafted(&turned, 2));
    }
}

fn orders(count: usize) -> Vec<RawEvent> {
    let order = |n: usize| {
        let properties = json!({
            "order_id": format!("o-{n}"),
            "currency": if n.is_multiple_of(4) { "USD" } else { "EUR" },
            "buyer": if n.is_multiple_of(2) { "Ada Lovelace" } else { "Bob" },
            "first_name": if n.is_multiple_of(2) { "Ada" } else { "Bob" },
            "total": if n.is_multiple_of(2) { json!(10) } else { json!(9.5) },
            "placed_at": "2026-11-25T10:00:00Z",
            "mail": format!("ada{n}@example.com"),
        });
        let context = json!({"page": {"url": "https://x.example/", "title": ""}, "locale": "de"});
        raw("track", Some("Order Completed"), &context, &properties, &json!({}))
    };
    (0..count).map(order).collect()
}

const ORDERS: &str = r"plan: web-app
version: 1
# A draft may be wrong by chance: it flags. Say `reject` once it is what you mean.
on_violation: flag
# There were events of further names, which may be personal or are too many.
unplanned_events: allow
context:
  browser:
    # In each of 42 events.
    required:
      - /page/url
events:
  # 40 seen.
  Order Completed:
    properties:
      required:
        - buyer
        - currency
        - first_name
        - mail
        - order_id
        - placed_at
        - total
      properties:
        # In 40 of 40.
        buyer:
          type: string
        # In 40 of 40.
        currency:
          type: string
          enum:
            - EUR
            - USD
        # In 40 of 40.
        first_name:
          type: string
        # In 40 of 40. Personal: see `privacy`.
        mail:
          type: string
          format: email
        # In 40 of 40.
        order_id:
          type: string
        # In 40 of 40.
        placed_at:
          type: string
          format: date-time
        # In 40 of 40.
        total:
          type: number
types:
  # 1 seen.
  page:
    properties:
      properties:
        # In 1 of 1.
        title:
          type: string";

#[test]
fn a_draft_says_what_was_seen_of_which_and_how_often() {
    let mut events = orders(40);
    events.push(raw(
        "page",
        None,
        &json!({"page": {"url": "u"}}),
        &json!({"title": "A b"}),
        &json!({}),
    ));
    events.push(raw("purchase", None, &json!({}), &json!({}), &json!({})));
    events.push(raw(
        "track",
        Some("ada@example.com signed up"),
        &json!({"page": {"url": "u"}}),
        &json!({}),
        &json!({}),
    ));
    let text = drafted(&events, 20);
    let body: Vec<&str> = text.lines().skip_while(|line| line.starts_with('#')).collect();
    assert_eq!(body.join("\n"), ORDERS, "{text}");
    assert!(text.starts_with(
        "# Drafted by `waybill plan infer` from 42 events of source web/app (browser).\n"
    ));
    assert!(text.contains("Left out, since they are rejected anyway: 1 unknown-type."), "{text}");
}

#[test]
fn nothing_is_required_where_too_few_were_seen() {
    let text = drafted(&orders(19), 20);
    for word in ["required:", "enum:", "format:", "context:"] {
        assert!(!text.contains(word), "{word}: {text}");
    }
    assert!(text.contains("order_id:"), "{text}");
}

#[test]
fn nothing_that_belongs_to_a_person_stands_in_a_draft() {
    let mut events = orders(200);
    let by_person = json!({"ada7@example.com": {"seats": 1}, "00491701234567": true});
    events.push(raw("track", Some("Order Completed"), &by_person, &by_person, &by_person));
    let text = drafted(&events, 2);
    for personal in ["Ada", "ada", "Bob", "Lovelace", "0049", "@"] {
        assert!(!text.contains(personal), "{personal}: {text}");
    }
    assert!(text.contains("unplanned_properties: allow"), "{text}");
    catalog(&text);
}

#[test]
fn a_draft_does_not_require_what_a_plan_may_not() {
    let around = json!({"context": {"page": "x"}, "locale": "de"});
    let events = vec![raw("track", Some("A"), &around, &json!({}), &json!({})); 3];
    let text = drafted(&events, 2);
    catalog(&text);
    assert!(text.contains("- /locale") && !text.contains("/context/page"), "{text}");
}

#[test]
fn of_a_source_without_events_the_draft_is_empty_and_a_plan() {
    let text = drafted(&[], 20);
    assert!(text.contains("from 0 events"), "{text}");
    catalog(&text);
}
