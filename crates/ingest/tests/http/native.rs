//! The native route: its answer tells what became of each event.

use crate::support::{FakeLog, config, ingest, post, send, web};
use axum::{body::Body, http::Request};
use kafka_runtime::SendError;
use serde_json::json;

#[tokio::test]
async fn every_event_gets_its_number() {
    for body in [
        r#"[{"type":"track","messageId":"a"},{"type":"nonsense","messageId":"b"}]"#,
        "{\"type\":\"track\",\"messageId\":\"a\"}\n{\"messageId\":\"b\"}\n",
    ] {
        let log = FakeLog::default();
        let ingest = ingest(config(), &log);
        send(&ingest, web("/v1/batch", r#"{"batch":[{}]}"#)).await;
        let answer = send(&ingest, web("/v1/events", body)).await;
        assert_eq!(answer.status, 200, "{body}");
        let expected = json!({"success": true, "events": [
            {"index": 0, "status": "accepted", "message_id": "a", "origin": "2-0-1"},
            {"index": 1, "status": "accepted", "message_id": "b", "origin": "2-0-2"},
        ]});
        assert_eq!(answer.json(), expected, "{body}");
        assert_eq!(log.events()[1].kind.as_deref(), Some("track"));
    }
}

#[tokio::test]
async fn one_that_cannot_be_numbered_is_told_and_the_others_are_taken() {
    let log = FakeLog::default();
    let large = "x".repeat(1_100_000);
    let body = format!(
        "{{\"messageId\":\"a\"}}\n{{broken\n{{\"event\":\"{large}\"}}\n{{\"messageId\":\"b\"}}"
    );
    let answer = send(&ingest(config(), &log), web("/v1/events", body)).await;
    assert_eq!((answer.status.as_u16(), log.records().len()), (207, 2));
    let told = answer.json();
    assert_eq!(told["success"], false);
    let word = |index: usize, name: &str| told["events"][index][name].clone();
    assert_eq!((word(0, "status"), word(0, "origin")), (json!("accepted"), json!("2-0-0")));
    assert_eq!((word(1, "status"), word(1, "reason")), (json!("rejected"), json!("not-json")));
    assert_eq!((word(2, "status"), word(2, "reason")), (json!("rejected"), json!("too-large")));
    assert_eq!((word(3, "message_id"), word(3, "origin")), (json!("b"), json!("2-0-1")));
    assert!(word(1, "detail").as_str().unwrap().contains("column"), "{told}");
}

#[tokio::test]
async fn where_none_is_taken_the_answer_is_no_success() {
    let log = FakeLog::default();
    let answer = send(&ingest(config(), &log), web("/v1/events", "{broken\nand broken")).await;
    assert_eq!((answer.status.as_u16(), log.appends()), (400, 0));
    assert_eq!(answer.json()["code"], "no-event-accepted");
    assert_eq!(answer.json()["events"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn what_is_refused_as_a_whole_has_a_code_and_writes_nothing() {
    let table = [
        (web("/v1/events", "[1,"), 400, "not-json"),
        (web("/v1/events", "[]"), 400, "empty-batch"),
        (web("/v1/events", "1\n2\n3\n4\n5\n6"), 413, "too-large"),
        (post("/v1/events", "[{}]"), 401, "unknown-write-key"),
        (post("/v1/events?writeKey=wrong", "[{}]"), 401, "unknown-write-key"),
    ];
    for (request, status, code) in table {
        let log = FakeLog::default();
        let answer = send(&ingest(config(), &log), request).await;
        assert_eq!((answer.status.as_u16(), log.appends()), (status, 0), "{code}");
        assert_eq!(answer.json()["code"], code);
    }
}

#[tokio::test]
async fn without_acknowledgements_no_event_is_called_accepted() {
    let failing = FakeLog::failing(SendError::NotAcknowledged("told to".to_owned()));
    for log in [failing, FakeLog::forgetful()] {
        let answer = send(&ingest(config(), &log), web("/v1/events", "{}\n{broken")).await;
        assert_eq!(answer.status, 503);
        assert!(answer.json().get("events").is_none());
        assert!(answer.headers.contains_key("retry-after"));
    }
}

#[tokio::test]
async fn an_image_tells_an_event_and_is_an_image() {
    let log = FakeLog::default();
    let path =
        "/v1/pixel.gif?writeKey=wk_web&event=E-mail%20Opened&userId=u&messageId=m&campaign=a%26b";
    let request = Request::get(path).body(Body::empty()).unwrap();
    let answer = send(&ingest(config(), &log), request).await;
    assert_eq!(
        (answer.status.as_u16(), &answer.headers["content-type"]),
        (200, &"image/gif".parse().unwrap())
    );
    assert!(answer.headers["cache-control"].to_str().unwrap().contains("no-store"));
    assert!(answer.body.starts_with(b"GIF89a") && answer.body.ends_with(b";"));
    let event = &log.events()[0];
    assert_eq!(event.event.as_deref(), Some("E-mail Opened"));
    assert_eq!(event.properties.as_deref(), Some(r#"{"campaign":"a&b"}"#));
    assert_eq!(event.message_id.as_deref(), Some("m"));
}

#[tokio::test]
async fn an_image_that_cannot_tell_its_event_is_no_image() {
    for (query, status) in [("writeKey=wrong&event=E", 401), ("event=E", 401), ("data=?", 400)] {
        let request = Request::get(format!("/v1/pixel.gif?{query}")).body(Body::empty()).unwrap();
        let answer = send(&ingest(config(), &FakeLog::default()), request).await;
        assert_eq!(answer.status, status, "{query}");
        assert!(answer.json()["code"].is_string(), "{query}");
    }
}
