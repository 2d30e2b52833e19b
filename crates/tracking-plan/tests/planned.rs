//! What holds for every event and every plan.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::{fs, path::Path, sync::LazyLock};

use event::{Event, Millis, RawEvent, ValidatedEvent};
use pipeline::Verdict;
use proptest::{collection::btree_map, option, prelude::*};
use serde_json::Value;
use tracking_plan::{
    Rules, SourceCatalog, clean,
    plan::{HashKey, PlanSet, SuppressionList},
};

const NOW: Millis = 1_795_428_930_000;

static CATALOG: LazyLock<SourceCatalog> = LazyLock::new(catalog);

/// The plans and sources of the decision table.
fn catalog() -> SourceCatalog {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/decisions");
    let text = |name: &str| fs::read_to_string(dir.join(name)).unwrap();
    let plans = ["shop.1.yaml", "shop.2.yaml", "strict.yaml", "open.yaml", "later.yaml"]
        .map(|name| (name.to_owned(), text(&format!("plans/{name}"))));
    let rules = Rules {
        plans: PlanSet::read(&plans).unwrap(),
        hash_key: Some(HashKey::try_from("k".repeat(32)).unwrap()),
        suppressed: SuppressionList::read(&text("suppressed.txt")).unwrap(),
    };
    let sources = serde_json::from_str(&text("sources.json")).unwrap();
    SourceCatalog::new(sources).unwrap().with_rules(rules).unwrap()
}

/// Names that the plans know, and others.
fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        8 => prop::sample::select(vec![
            "page", "url", "referrer", "campaign", "source", "sessionId", "device", "id", "locale",
            "order_id", "revenue", "currency", "items", "sku", "product_id", "click_id", "email",
            "phone", "ssn", "s_a", "place", "consent", "categoryPreferences", "analytics",
            "advertising", "functional",
        ]).prop_map(str::to_owned),
        1 => any::<String>(),
    ]
}

fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "SECRET[a-z]{0,4}".prop_map(Value::from),
        prop::sample::select(vec!["EUR", "de", "https://shop.example/"]).prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            1 => prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            4 => btree_map(name(), inner, 0..8)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// A text of a member: JSON mostly, bytes by chance sometimes.
fn text() -> impl Strategy<Value = Option<String>> {
    option::weighted(
        0.9,
        prop_oneof![9 => json().prop_map(|value| value.to_string()), 1 => any::<String>()],
    )
}

prop_compose! {
    fn raw_event()(
        source in prop::sample::select(vec![
            "web/shop", "app/shop", "server/shop", "server/strict", "server/open", "server/later",
        ]),
        kind in prop::sample::select(vec!["track", "track", "track", "identify", "page"]),
        event in option::of(prop_oneof![
            4 => prop::sample::select(vec![
                "Order Completed", "Product Viewed", "Cart Abandoned", "Invoice Sent", "Known",
                "Needs Consent", "Flagged", "Shop Opened",
            ]).prop_map(str::to_owned),
            1 => any::<String>(),
        ]),
        texts in [text(), text(), text(), text(), text()],
    ) -> RawEvent {
        let [context, properties, traits, integrations, extra] = texts;
        RawEvent {
            source: Some(source.to_owned()), kind: Some(kind.to_owned()), event, context, properties,
            traits, integrations, extra, message_id: Some("m-1".to_owned()),
            user_id: Some("u-1".to_owned()), ..RawEvent::default()
        }
    }
}

/// An event that passed, as its sender would have sent it.
fn sent_again(event: &Event) -> RawEvent {
    let time = |millis: Millis| jiff::Timestamp::from_millisecond(millis).unwrap().to_string();
    RawEvent {
        source: Some(event.source.clone()),
        kind: Some(event.kind.clone()),
        message_id: Some(event.message_id.clone()),
        user_id: event.user_id.clone(),
        event: event.event.clone(),
        original_timestamp: event.original_timestamp.map(time),
        sent_at: event.sent_at.map(time),
        received_at: Some(time(event.received_at)),
        context: Some(event.context.clone()),
        properties: Some(event.properties.clone()),
        traits: Some(event.traits.clone()),
        integrations: Some(event.integrations.clone()),
        extra: Some(event.extra.clone()),
        ..RawEvent::default()
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(3000) })]

    #[test]
    fn the_verdict_is_a_function_of_event_plans_and_append_time(
        raw in raw_event(),
        appended_at in prop_oneof![4 => Just(NOW), 1 => any::<i64>()],
    ) {
        let verdict = clean(raw.clone(), appended_at, &CATALOG);
        prop_assert_eq!(verdict, clean(raw, appended_at, &CATALOG));
    }

    #[test]
    fn what_passed_passes_again_and_nothing_more_is_removed(raw in raw_event()) {
        let Verdict::Emit(first) = clean(raw, NOW, &CATALOG) else { return Ok(()) };
        let second = clean(sent_again(&first.event), NOW, &CATALOG);
        let Verdict::Emit(second) = second else { return Err(TestCaseError::fail(format!("{second:?}"))) };
        prop_assert_eq!(second.event, first.event);
        prop_assert_eq!(second.validation.removed, Vec::<String>::new());
    }

    #[test]
    fn no_value_and_no_unusual_name_is_told(raw in raw_event()) {
        let told = match clean(raw, NOW, &CATALOG) {
            Verdict::Emit(ValidatedEvent { validation, .. }) => {
                format!("{:?} {:?}", validation.findings, validation.removed)
            }
            Verdict::Discard(discarded) => discarded.detail,
            Verdict::Reject(rejected) => format!("{} {:?}", rejected.detail, rejected.findings),
        };
        prop_assert!(!told.contains("SECRET"), "{told}");
        prop_assert!(told.len() < 20_000, "{} bytes", told.len());
    }
}

#[test]
fn what_no_value_can_hold_is_neither_unchecked_nor_unprotected() {
    let around = r#"{"page":{"url":"u"},"locale":"de"}"#;
    let raw = |properties: &str, context: &str, event: &str| RawEvent {
        source: Some("web/shop".to_owned()),
        kind: Some("track".to_owned()),
        event: Some(event.to_owned()),
        message_id: Some("m-1".to_owned()),
        user_id: Some("u-1".to_owned()),
        properties: Some(properties.to_owned()),
        context: Some(context.to_owned()),
        ..RawEvent::default()
    };
    for odd in [r#""x":"\ud83d""#, r#""\ud83d":1"#, r#""x":1e999"#] {
        let properties = format!(r#"{{"email":"ada@example.com",{odd}}}"#);
        let judged = clean(raw(&properties, around, "Order Completed"), NOW, &CATALOG);
        let Verdict::Reject(rejected) = judged else { panic!("{odd}: {judged:?}") };
        assert_eq!(rejected.findings[0].pointer, "/properties", "{odd}");
        // This event has no schema; the rules for names cannot be held to it either.
        let judged = clean(raw(&properties, around, "Cart Abandoned"), NOW, &CATALOG);
        let told = format!("{judged:?}");
        assert!(!told.contains("ada@"), "{odd}: {told}");
        let no = r#""consent":{"categoryPreferences":{"analytics":false}}"#;
        let context = format!(r"{{{odd},{no}}}");
        let judged = clean(raw("{}", &context, "Product Viewed"), NOW, &CATALOG);
        assert!(matches!(judged, Verdict::Discard(_)), "{odd}: {judged:?}");
    }
}
