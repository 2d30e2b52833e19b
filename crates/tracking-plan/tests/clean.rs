//! The quality gate as a whole: every event gets one verdict, always the same, and never a crash.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::collections::BTreeMap;

use event::{Event, RawEvent, ValidatedEvent, ValidationFacts};
use pipeline::{RejectReason, Rejected, Verdict};
use proptest::{option, prelude::*};
use tracking_plan::{Rules, SourceCatalog, SourceConfig, clean, plan::SuppressionList};

const NOW: i64 = 1_795_428_930_000;

fn catalog() -> SourceCatalog {
    let configs: BTreeMap<String, SourceConfig> = serde_json::from_str(
        r#"{
            "web/app": {"kind": "browser", "write_keys": ["wk_web"]},
            "server/billing": {"kind": "server", "environment": "staging"},
            "web/old": {"kind": "browser", "write_keys": ["wk_old"], "enabled": false}
        }"#,
    )
    .unwrap();
    SourceCatalog::new(configs).unwrap()
}

fn passed(verdict: Verdict<ValidatedEvent>) -> (Event, ValidationFacts) {
    let Verdict::Emit(ValidatedEvent { event, validation }) = verdict else {
        panic!("{verdict:?}")
    };
    (event, validation)
}

fn rejected(verdict: Verdict<ValidatedEvent>) -> Rejected {
    let Verdict::Reject(rejected) = verdict else { panic!("{verdict:?}") };
    rejected
}

fn track() -> RawEvent {
    serde_json::from_str(
        r#"{"source":"web/app","type":"track","message_id":"m-1","anonymous_id":"a-1","event":"Viewed"}"#,
    )
    .unwrap()
}

#[expect(clippy::unnecessary_wraps, reason = "fields of a raw event are optional")]
fn text(value: &str) -> Option<String> {
    Some(value.to_owned())
}

#[test]
fn what_goes_no_further_says_the_environment_of_its_source_where_there_is_one() {
    let suppressed = SuppressionList::read("user_id erased").unwrap();
    let rules = Rules { suppressed, ..Rules::default() };
    let catalog = catalog().with_rules(rules).unwrap();
    let ended = |source: &str, user: &str| {
        let raw = RawEvent { source: text(source), user_id: text(user), kind: None, ..track() };
        match clean(raw, NOW, &catalog) {
            Verdict::Discard(discarded) => ("discarded", discarded.environment),
            Verdict::Reject(rejected) => ("rejected", rejected.environment),
            Verdict::Emit(event) => panic!("{event:?}"),
        }
    };
    assert_eq!(ended("server/billing", "erased"), ("discarded", text("staging")));
    assert_eq!(ended("web/app", "erased"), ("discarded", text("production")));
    assert_eq!(ended("web/nobody", "erased"), ("discarded", None));
    assert_eq!(ended("server/billing", "u"), ("rejected", text("staging")));
    assert_eq!(ended("web/nobody", "u"), ("rejected", None));
}

#[test]
fn an_event_with_the_least_that_its_type_needs_passes() {
    let (event, facts) = passed(clean(track(), NOW, &catalog()));
    assert_eq!((event.source_kind.as_str(), event.environment.as_str()), ("browser", "production"));
    assert_eq!((event.timestamp, event.received_at), (NOW, NOW));
    for json in [event.context, event.properties, event.traits, event.integrations, event.extra] {
        assert_eq!(json, "{}");
    }
    assert_eq!(
        (facts.device_key.as_str(), facts.device_key_kind.as_str()),
        ("a-1", "anonymous_id")
    );
    assert_eq!((facts.time_basis.as_str(), facts.clock_offset_ms), ("received", None));
    assert_eq!(facts.flags, ["no-plan", "no-time"]);
}

#[test]
fn what_ingest_put_in_is_flagged() {
    let request: event::RequestFacts =
        serde_json::from_str(r#"{"supplied":["message_id","anonymous_id"]}"#).unwrap();
    let (_, facts) =
        passed(clean(RawEvent { request: Some(request.into()), ..track() }, NOW, &catalog()));
    let ours = ["no-plan", "no-time", "minted-message-id", "anonymous-id-from-cookie"];
    assert_eq!(facts.flags, ours);
}

#[test]
fn each_fault_has_its_reason_and_names_the_field() {
    let cases = [
        (RawEvent { malformed: text(r#"{"userId":{}}"#), ..track() }, "malformed", "/userId"),
        (
            RawEvent { properties: text(&"x".repeat(32 * 1024)), ..track() },
            "event-too-large",
            "its source may send 32768",
        ),
        (RawEvent { source: None, ..track() }, "unknown-source", "/source is absent"),
        (RawEvent { source: text("web/none"), ..track() }, "unknown-source", "/source is not"),
        (RawEvent { source: text("web/old"), ..track() }, "source-disabled", "web/old"),
        (RawEvent { kind: text("click"), ..track() }, "unknown-type", "/type"),
        (RawEvent { message_id: text(" "), ..track() }, "missing-field", "/message_id"),
        (RawEvent { message_id: text(&"x".repeat(101)), ..track() }, "invalid-field", "100 char"),
        (RawEvent { event: text(" "), ..track() }, "missing-field", "/event is missing"),
        (RawEvent { anonymous_id: None, ..track() }, "missing-field", "/user_id or /anonymous_id"),
        (RawEvent { kind: text("group"), ..track() }, "missing-field", "/group_id"),
        (RawEvent { kind: text("alias"), ..track() }, "missing-field", "/previous_id"),
        (RawEvent { context: text("[]"), ..track() }, "invalid-field", "/context"),
        (RawEvent { properties: text("{"), ..track() }, "invalid-field", "/properties"),
        (RawEvent { traits: text("1"), ..track() }, "invalid-field", "/traits"),
        (RawEvent { integrations: text("true"), ..track() }, "invalid-field", "/integrations"),
        (RawEvent { extra: text("\"x\""), ..track() }, "invalid-field", "/extra"),
        (RawEvent { timestamp: text("noon"), ..track() }, "invalid-field", "/timestamp"),
        (RawEvent { sent_at: text("noon"), ..track() }, "invalid-field", "/sent_at"),
        (RawEvent { received_at: text("noon"), ..track() }, "invalid-field", "/received_at"),
        (
            RawEvent { batch_latest_timestamp: text("noon"), ..track() },
            "invalid-field",
            "/batch_latest_timestamp",
        ),
    ];
    for (raw, reason, named) in cases {
        let rejected = rejected(clean(raw, NOW, &catalog()));
        assert_eq!(rejected.reason.word(), reason, "{}", rejected.detail);
        assert!(rejected.detail.contains(named), "{}", rejected.detail);
    }
}

#[test]
fn everything_that_is_wrong_is_told_at_once() {
    let raw = RawEvent {
        kind: text("alias"),
        message_id: None,
        context: text("[]"),
        sent_at: text("noon"),
        ..track()
    };
    let rejected = rejected(clean(raw, NOW, &catalog()));
    assert_eq!(rejected.reason, RejectReason::MissingField);
    assert_eq!(
        rejected.detail,
        "/message_id is missing; /previous_id is missing; /user_id is missing; \
         /sent_at is not an ISO-8601 time; /context is not a JSON object"
    );
}

fn id() -> impl Strategy<Value = Option<String>> {
    option::of(prop_oneof![Just("  ".to_owned()), "[a-z0-9 ]{1,8}", any::<String>()])
}

fn word(words: &'static [&'static str]) -> impl Strategy<Value = Option<String>> {
    option::weighted(
        0.95,
        prop_oneof![
            9 => prop::sample::select(words).prop_map(str::to_owned),
            1 => any::<String>(),
        ],
    )
}

fn time() -> impl Strategy<Value = Option<String>> {
    word(&[
        "2026-11-23T10:15:30.123Z",
        "2026-11-23T10:15:30.123456+05:30",
        "2027-11-23T10:15:30",
        "1900-01-01T00:00:00Z",
        "2299-12-31T23:59:59Z",
        "-009999-01-02T01:59:59Z",
        "0001-01-01T00:00:00Z",
        "",
    ])
}

fn json() -> impl Strategy<Value = Option<String>> {
    word(&["{}", "null", "", r#"{"a":[1,{"b":"\ud83d"}]}"#, "[1]", "{", "\"\\"])
}

prop_compose! {
    fn raw_event()(
        ids in [id(), id(), id(), id(), id()],
        names in [id(), id(), id(), id()],
        times in [time(), time(), time(), time(), time()],
        texts in [json(), json(), json(), json(), json()],
        source in word(&["web/app", "server/billing", "web/old"]),
        kind in word(&["track", "identify", "page", "screen", "group", "alias"]),
        malformed in option::weighted(0.1, any::<String>()),
    ) -> RawEvent {
        let [message_id, anonymous_id, user_id, group_id, previous_id] = ids;
        let [event, name, category, channel] = names;
        let [timestamp, original_timestamp, sent_at, received_at, batch_latest_timestamp] = times;
        let [context, properties, traits, integrations, extra] = texts;
        RawEvent {
            source, kind, message_id, anonymous_id, user_id, group_id, previous_id, event, name,
            category, channel, timestamp, original_timestamp, sent_at, received_at,
            batch_latest_timestamp, context, properties, traits, integrations, extra, malformed,
            request: None,
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2000) })]

    #[test]
    fn any_event_gets_one_verdict_and_the_same_each_time(
        raw in raw_event(),
        appended_at in prop_oneof![Just(NOW), any::<i64>()],
    ) {
        let catalog = catalog();
        let verdict = clean(raw.clone(), appended_at, &catalog);
        prop_assert_eq!(&verdict, &clean(raw, appended_at, &catalog));
        if let Verdict::Emit(ValidatedEvent { event, validation: facts }) = verdict {
            prop_assert!(!facts.device_key.trim().is_empty());
            prop_assert!(!event.message_id.is_empty() && event.message_id.chars().count() <= 100);
            prop_assert!(event.timestamp <= event.received_at.saturating_add(86_400_000));
            for text in [event.context, event.properties, event.traits, event.integrations] {
                prop_assert_eq!(text.trim_start().as_bytes().first(), Some(&b'{'));
            }
        }
    }

    #[test]
    fn a_rejection_never_quotes_what_was_sent(secret in "SECRET[a-z]{8}") {
        let bad = || Some(secret.clone());
        let faults = [
            RawEvent { source: bad(), ..track() },
            RawEvent { kind: bad(), ..track() },
            RawEvent { context: bad(), ..track() },
            RawEvent { timestamp: bad(), ..track() },
            RawEvent { malformed: bad(), ..track() },
            RawEvent { malformed: Some(format!("{{\"{secret}\":\"{secret}\"}}")), ..track() },
            RawEvent { message_id: Some(secret.repeat(9)), ..track() },
        ];
        for raw in faults {
            let rejected = rejected(clean(raw, NOW, &catalog()));
            prop_assert!(!rejected.detail.contains("SECRET"), "{}", rejected.detail);
        }
    }
}
