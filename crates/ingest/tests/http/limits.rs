//! What is too much: told to whom it concerns, and never lost in silence.

use axum::{body::Body, http::Request};
use ingest::Config;
use serde_json::Value;

use crate::support::{FakeLog, config, ingest, post, send, web};

#[tokio::test]
async fn of_an_event_that_the_broker_would_not_take_the_batch_keeps_what_fits() {
    let log = FakeLog::default();
    let large = format!(r#"{{"messageId":"big","event":"E","x":"{}"}}"#, "x".repeat(1_100_000));
    let body = format!(r#"{{"batch":[{{"messageId":"small"}},{large}]}}"#);
    let answer = send(&ingest(config(), &log), web("/v1/batch", body)).await;
    assert_eq!(answer.status, 200);
    let events = log.events();
    assert_eq!(events[0].message_id.as_deref(), Some("small"));
    assert_eq!(events[1].message_id.as_deref(), Some("big"));
    assert_eq!(events[1].source.as_deref(), Some("web/app"));
    let kept: Value = serde_json::from_str(events[1].malformed.as_deref().unwrap()).unwrap();
    assert_eq!(kept["oversize"]["bytes"], large.len());
    assert_eq!(kept["oversize"]["sha256"].as_str().unwrap().len(), 64);
    assert_eq!(kept["oversize"]["start"].as_str().unwrap(), &large[..4096]);
}

#[tokio::test]
async fn a_source_beyond_its_rate_is_told_when_to_come_back() {
    let log = FakeLog::default();
    let ingest = ingest(config(), &log);
    let body = r#"{"batch":[{},{},{}],"writeKey":"wk_slow"}"#;
    assert_eq!(send(&ingest, post("/v1/batch", body)).await.status, 200);
    let answer = send(&ingest, post("/v1/batch", body)).await;
    assert_eq!(
        (answer.status.as_u16(), answer.json()["code"].clone()),
        (429, "rate-limited".into())
    );
    let seconds: u32 = answer.headers["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=2).contains(&seconds), "{seconds}");
    assert_eq!(log.records().len(), 3);
    let other = send(&ingest, web("/v1/batch", r#"{"batch":[{},{},{}]}"#)).await;
    assert_eq!(other.status, 200, "another source is not held up");
}

#[tokio::test]
async fn requests_beyond_those_in_hand_are_sent_away_before_they_are_read() {
    let log = FakeLog::waiting();
    let ingest = ingest(Config { max_requests_in_flight: 1, ..config() }, &log);
    let first = tokio::spawn({
        let ingest = ingest.clone();
        async move { send(&ingest, web("/v1/t", "{}")).await }
    });
    while log.appends() == 0 {
        tokio::task::yield_now().await;
    }
    let second = send(&ingest, web("/v1/t", "{}")).await;
    assert_eq!((second.status.as_u16(), second.json()["code"].clone()), (503, "overloaded".into()));
    assert!(second.headers.contains_key("retry-after"));
    log.acknowledge();
    assert_eq!(first.await.unwrap().status, 200);
    log.acknowledge();
    assert_eq!(send(&ingest, web("/v1/t", "{}")).await.status, 200);
}

#[tokio::test]
async fn a_page_may_send_only_with_the_keys_that_its_origin_is_allowed() {
    let table = [
        (Some("https://shop.example"), 200),
        (None, 200),
        (Some("https://evil.example"), 403),
        (Some("null"), 403),
    ];
    for (origin, status) in table {
        let log = FakeLog::default();
        let mut request = Request::post("/v1/t").header("x-write-key", "wk_shop");
        if let Some(origin) = origin {
            request = request.header("origin", origin);
        }
        let answer = send(&ingest(config(), &log), request.body(Body::from("{}")).unwrap()).await;
        assert_eq!(answer.status, status, "{origin:?}");
        assert_eq!(log.records().len(), usize::from(status == 200), "{origin:?}");
        if status == 403 {
            assert_eq!(answer.json()["code"], "origin-not-allowed");
        }
    }
}
