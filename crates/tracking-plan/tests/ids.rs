//! Ids at the quality gate: first-party ids by the policy of their source, and placeholders.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use event::{Event, Millis, RawEvent, ValidatedEvent, ValidationFacts};
use identity::{FirstPartyConfig, day_of};
use pipeline::{Rejected, Verdict};
use tracking_plan::{SourceCatalog, clean};

const NOW: Millis = 1_795_428_930_000;
const DAY: Millis = 86_400_000;

fn keys() -> FirstPartyConfig {
    let key = r#"{"keys": [{"id": "k1", "secret": "0123456789abcdef0123456789abcdef"}]}"#;
    serde_json::from_str(key).unwrap()
}

fn catalog() -> SourceCatalog {
    let sources = r#"{
        "web/app": {"kind": "browser", "write_keys": ["wk_web"], "first_party": "prefer"},
        "server/api": {"kind": "server", "first_party": "require"},
        "server/old": {"kind": "server"}
    }"#;
    SourceCatalog::new(serde_json::from_str(sources).unwrap()).unwrap().with_first_party(keys())
}

fn judge(raw: RawEvent, appended_at: Millis) -> Result<(Event, ValidationFacts), Rejected> {
    match clean(raw, appended_at, &catalog()) {
        Verdict::Emit(ValidatedEvent { event, validation }) => Ok((event, validation)),
        Verdict::Reject(rejected) => Err(rejected),
        Verdict::Discard(discarded) => panic!("discarded: {discarded:?}"),
    }
}

fn page(source: &str, anonymous_id: Option<&str>) -> RawEvent {
    RawEvent {
        source: Some(source.to_owned()),
        kind: Some("page".to_owned()),
        message_id: Some("m-1".to_owned()),
        user_id: Some("u-1".to_owned()),
        timestamp: Some("2026-11-23T10:15:30Z".to_owned()),
        anonymous_id: anonymous_id.map(str::to_owned),
        ..RawEvent::default()
    }
}

#[test]
fn each_source_has_its_own_policy_on_first_party_ids() {
    let genuine = keys().mint([7; 14], day_of(NOW)).unwrap();
    let expired = keys().mint([7; 14], day_of(NOW) - 401).unwrap();
    let forged = genuine.replacen("w1.k1.", "w1.k1.A", 1);
    let table = [
        (Some(genuine.as_str()), None),
        (None, Some("first-party-missing")),
        (Some("null"), Some("first-party-missing")),
        (Some("5f0c7f9e-1a52"), Some("first-party-missing")),
        (Some(forged.as_str()), Some("first-party-forged")),
        (Some(expired.as_str()), Some("first-party-expired")),
    ];
    for (id, word) in table {
        let judged = |source| judge(page(source, id), NOW);
        let flagged = |source| {
            let (_, facts) = judged(source).unwrap();
            facts.flags.into_iter().find(|flag| flag.starts_with("first-party-"))
        };
        assert_eq!(flagged("server/old"), None, "{id:?}");
        assert_eq!(flagged("web/app").as_deref(), word, "{id:?}");
        let rejected = judged("server/api").err();
        assert_eq!(rejected.map(|rejected| rejected.reason.word()), word, "{id:?}");
    }
}

#[test]
fn the_verdict_on_an_id_is_that_of_the_day_of_its_append() {
    let id = keys().mint([7; 14], day_of(NOW)).unwrap();
    for (days, passes) in [(0, true), (400, true), (401, false)] {
        let verdict = judge(page("server/api", Some(&id)), NOW + days * DAY);
        assert_eq!(verdict.is_ok(), passes, "{days}");
    }
}

#[test]
fn a_placeholder_makes_a_person_of_nobody() {
    let raw = RawEvent {
        group_id: Some("N/A".to_owned()),
        previous_id: Some("undefined".to_owned()),
        ..page("server/old", Some("00000000-0000-0000-0000-000000000000"))
    };
    let (event, facts) = judge(raw, NOW).unwrap();
    assert_eq!([event.anonymous_id, event.group_id, event.previous_id], [const { None }; 3]);
    assert_eq!((facts.device_key.as_str(), facts.device_key_kind.as_str()), ("u-1", "user_id"));
    let flags = ["no-plan", "junk-anonymous-id", "junk-group-id", "junk-previous-id"];
    assert_eq!(facts.flags, flags);
}

#[test]
fn a_placeholder_where_an_id_is_needed_is_told_as_such() {
    let rejected = |raw| {
        let rejected = judge(raw, NOW).unwrap_err();
        (rejected.reason.word(), rejected.detail)
    };
    let nobody = RawEvent { user_id: Some("0".to_owned()), ..page("server/old", Some("guest")) };
    let (reason, detail) = rejected(nobody);
    assert_eq!(reason, "missing-field");
    assert!(detail.contains("/anonymous_id holds a placeholder"), "{detail}");
    assert!(detail.contains("/user_id holds a placeholder"), "{detail}");
    let same = RawEvent { message_id: Some("null".to_owned()), ..page("server/old", None) };
    let (reason, detail) = rejected(same);
    assert_eq!(reason, "missing-field");
    assert!(detail.contains("/message_id holds a placeholder"), "{detail}");
}
