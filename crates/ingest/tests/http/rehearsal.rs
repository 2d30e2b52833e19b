//! What validate will say, told at once: `/v1/validate`, and the native route of a strict source.

use serde_json::{Value, json};

use crate::support::{FakeLog, config, ingest, post, send, web};

const GOOD: &str = r#"{"type":"track","event":"E","messageId":"m","anonymousId":"a"}"#;
const BAD: &str = r#"{"type":"track","messageId":"n","timestamp":"noon"}"#;

#[tokio::test]
async fn the_body_of_any_route_is_judged_and_nothing_is_written() {
    for body in [
        format!(r#"{{"batch":[{GOOD},{BAD}]}}"#),
        format!("[{GOOD},{BAD}]"),
        format!("{GOOD}\n{BAD}\n"),
    ] {
        let log = FakeLog::default();
        let answer = send(&ingest(config(), &log), web("/v1/validate", body.clone())).await;
        assert_eq!((answer.status.as_u16(), log.appends()), (200, 0), "{body}");
        let told = answer.json();
        assert_eq!(told["valid"], false);
        let [good, bad] = [&told["events"][0], &told["events"][1]];
        assert_eq!((&good["verdict"], &good["message_id"]), (&json!("pass"), &json!("m")));
        assert_eq!(good["flags"], json!(["no-plan", "no-time"]));
        assert_eq!(good["event"]["source"], "web/app", "as it would be stored");
        assert_eq!(good["validation"]["device_key"], "a");
        assert_eq!((&bad["verdict"], &bad["reason"]), (&json!("reject"), &json!("missing-field")));
        let problems: Vec<&str> =
            bad["problems"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
        assert!(problems.contains(&"/event is missing"), "{problems:?}");
        assert!(problems.iter().any(|problem| problem.starts_with("/timestamp")), "{problems:?}");
    }
}

#[tokio::test]
async fn one_event_is_judged_and_one_that_is_no_json_is_told() {
    let told = |body: &'static str| async move {
        send(&ingest(config(), &FakeLog::default()), web("/v1/validate", body)).await.json()
    };
    assert_eq!(told(GOOD).await["valid"], true);
    let broken = told("{\"type\":\"track\"}\n{broken").await;
    assert_eq!(broken["events"][1]["reason"], "not-json");
}

#[tokio::test]
async fn a_strict_source_is_told_at_once_what_will_be_rejected() {
    let log = FakeLog::default();
    let body = format!("[{GOOD},{BAD}]");
    let answer = send(&ingest(config(), &log), post("/v1/events?writeKey=wk_strict", body)).await;
    assert_eq!((answer.status.as_u16(), log.records().len()), (207, 2), "both are numbered");
    let told = answer.json();
    let expected = json!({"success": false, "events": [
        {"index": 0, "status": "accepted", "message_id": "m", "origin": "2-0-0", "verdict": "pass",
         "flags": ["no-plan", "no-time"]},
        {"index": 1, "status": "accepted", "message_id": "n", "origin": "2-0-1",
         "verdict": "reject", "reason": "missing-field",
         "problems": told["events"][1]["problems"], "findings": told["events"][1]["findings"]},
    ]});
    assert_eq!(told, expected);
    let answer = send(&ingest(config(), &log), post("/v1/events?writeKey=wk_strict", GOOD)).await;
    assert_eq!(answer.status, 200);
}

#[tokio::test]
async fn the_sources_plan_is_in_force_and_its_findings_are_told_for_a_program() {
    let event = |more: serde_json::Value| {
        let mut event = json!({"type": "track", "event": "Order Completed", "userId": "u",
                               "messageId": "m", "properties": {"order_id": 5, "ada@example.com": 1}});
        event.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        event
    };
    let denied = json!({"context": {"consent": {"categoryPreferences": {"analytics": false}}}});
    let body = json!({"batch": [event(json!({})), event(denied)]}).to_string();
    let asked = post("/v1/validate?writeKey=wk_planned", body);
    let answer = send(&ingest(config(), &FakeLog::default()), asked).await.json();
    let [rejected, discarded] = [&answer["events"][0], &answer["events"][1]];
    assert_eq!(
        (&rejected["verdict"], &rejected["reason"]),
        (&json!("reject"), &json!("invalid-property"))
    );
    assert_eq!(
        rejected["findings"][0],
        json!({"reason": "invalid-property", "pointer": "/properties/order_id",
               "problem": "is of another type", "expected": "string", "actual": "number",
               "outcome": "reject", "plan_version": "shop@3"})
    );
    assert_eq!(rejected["findings"][1]["pointer"], "/properties/*");
    assert_eq!(
        (&discarded["verdict"], &discarded["reason"]),
        (&json!("discard"), &json!("no-consent"))
    );
    assert!(!answer.to_string().contains("ada@"), "{answer}");
}

#[tokio::test]
async fn each_event_of_a_batch_that_was_kept_under_its_sent_at_is_told_and_judged_by_the_latest() {
    let body = json!({"sentAt": "2020-11-20T06:00:05.000Z", "batch": [
        {"type": "track", "event": "E", "messageId": "early", "anonymousId": "a",
         "timestamp": "2020-11-20T06:00:00.000Z"},
        {"type": "track", "event": "E", "messageId": "late", "anonymousId": "a",
         "timestamp": "2020-11-20T08:00:00.000Z"},
        {"type": "track", "event": "E", "messageId": "own", "anonymousId": "a",
         "timestamp": "2020-11-20T06:00:00.000Z", "sentAt": "2020-11-20T06:00:06.000Z"},
    ]});
    let log = FakeLog::default();
    let ingest = ingest(config(), &log);
    assert_eq!(send(&ingest, web("/v1/batch", body.to_string())).await.status, 200);
    let events = log.events();
    let told: Vec<_> = events.iter().map(|event| event.batch_latest_timestamp.as_deref()).collect();
    let latest = Some("2020-11-20T08:00:00.000Z");
    assert_eq!(told, [latest, latest, None]);
    let rehearsed = send(&ingest, web("/v1/validate", body.to_string())).await.json();
    let expected = [
        json!(["no-plan", "sent-at-stale", "old-event"]),
        json!(["no-plan", "sent-at-stale", "old-event"]),
        json!(["no-plan", "clock-corrected", "clock-or-delay"]),
    ];
    let flags = [0, 1, 2].map(|index| rehearsed["events"][index]["flags"].clone());
    assert_eq!(flags, expected);
    assert_eq!(rehearsed["events"][0]["event"]["timestamp"], 1_605_852_000_000_i64);
}
