//! When ingest says 200, when it does not, and what the records are like.

use std::{net::SocketAddr, sync::Arc};

use crate::support::{Answer, FakeLog, config, ingest, send, setting, web};
use axum::{body::Body, extract::ConnectInfo, http::Request};
use ingest::{Collector, Config, router};
use kafka_runtime::SendError;
use topology::Topic;

const BATCH: &str = r#"{"batch":[{"messageId":"a"},{"messageId":"b"}]}"#;

fn check_try_again(answer: &Answer, code: &str) {
    assert_eq!(answer.status, 503, "{code}");
    let seconds: u8 = answer.headers["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=5).contains(&seconds));
    assert_eq!(answer.json()["code"], code);
    assert!(answer.json()["message"].is_string());
}

#[tokio::test]
async fn nothing_is_answered_before_the_log_has_acknowledged() {
    let log = FakeLog::waiting();
    let ingest = ingest(config(), &log);
    let request = tokio::spawn(async move { send(&ingest, web("/v1/batch", BATCH)).await });
    while log.appends() == 0 {
        tokio::task::yield_now().await;
    }
    for _ in 0..1000 {
        tokio::task::yield_now().await;
    }
    assert!(!request.is_finished());
    log.acknowledge();
    assert_eq!(request.await.unwrap().status, 200);
    assert_eq!(log.records().len(), 2);
}

#[tokio::test]
async fn a_log_that_does_not_acknowledge_all_makes_the_sender_try_again() {
    let not = |detail: &str| SendError::NotAcknowledged(detail.to_owned());
    let table = [
        (FakeLog::failing(not("broker at 10.0.0.1 is away")), "not-acknowledged"),
        (FakeLog::failing(SendError::Unavailable("fatal".to_owned())), "not-acknowledged"),
        (FakeLog::failing(SendError::QueueFull), "overloaded"),
        (FakeLog::forgetful(), "not-acknowledged"),
    ];
    for (log, code) in table {
        let answer = send(&ingest(config(), &log), web("/v1/batch", BATCH)).await;
        check_try_again(&answer, code);
        assert!(!answer.json().to_string().contains("10.0.0.1"), "the inside stays inside");
    }
}

#[tokio::test]
async fn a_log_that_says_nothing_is_waited_for_no_longer_than_configured() {
    let log = FakeLog::waiting();
    let config = Config { ack_timeout_ms: 1, ..config() };
    let answer = send(&ingest(config, &log), web("/v1/batch", BATCH)).await;
    check_try_again(&answer, "not-acknowledged");
}

#[tokio::test]
async fn an_event_that_the_log_finds_too_large_is_named() {
    let log = FakeLog::failing(SendError::TooLarge { index: 1 });
    let answer = send(&ingest(config(), &log), web("/v1/batch", BATCH)).await;
    assert_eq!(answer.status, 413);
    assert!(answer.json()["message"].as_str().unwrap().contains("event 1 "));
}

#[tokio::test]
async fn a_queue_more_than_four_fifths_full_takes_nothing_more() {
    for (fill, status) in [(0.0, 200), (0.8, 200), (0.81, 503), (1.0, 503)] {
        let log = FakeLog::filled(fill);
        let answer = send(&ingest(config(), &log), web("/v1/batch", BATCH)).await;
        assert_eq!(answer.status, status, "{fill}");
        if status == 503 {
            check_try_again(&answer, "overloaded");
            assert_eq!(log.appends(), 0);
        }
    }
}

#[tokio::test]
async fn until_the_registry_is_there_the_sender_is_asked_to_try_again() {
    let log = FakeLog::default();
    let router = router(Arc::new(Collector::new(setting(config()), log.clone())));
    check_try_again(&send(&router, web("/v1/batch", BATCH)).await, "not-ready");
    assert_eq!(log.appends(), 0);
}

#[tokio::test]
async fn records_keep_the_order_and_are_keyed_by_device() {
    let log = FakeLog::default();
    let body = r#"{"batch":[{"anonymousId":"a","userId":"u","messageId":"1"},
        {"anonymousId":"","userId":7,"messageId":"2"},{"messageId":"3"},{},4]}"#;
    assert_eq!(send(&ingest(config(), &log), web("/v1/batch", body)).await.status, 200);
    let records = log.records();
    let keys: Vec<_> = records
        .iter()
        .map(|record| String::from_utf8(record.key.clone().unwrap()).unwrap())
        .collect();
    assert_eq!(keys[..3], ["a", "7", "3"]);
    let events = log.events();
    for (key, event) in keys[3..].iter().zip(&events[3..]) {
        assert!(key.starts_with("waybill-"), "{key}");
        assert_eq!(event.message_id.as_ref(), Some(key));
    }
    assert_ne!(keys[3], keys[4]);
    assert_eq!(events[4].malformed.as_deref(), Some(r#"{"message":4}"#));
    assert!(records.iter().all(|r| r.topic == Topic::RawEvents && r.partition.is_none()));
}

#[tokio::test]
async fn the_record_says_what_the_server_saw() {
    let log = FakeLog::default();
    let peer: SocketAddr = "192.0.2.9:4000".parse().unwrap();
    let request = Request::post("/v1/p")
        .header("x-write-key", "wk_web")
        .header("user-agent", "Firefox")
        .header("origin", "https://shop.example")
        .header("referer", "https://shop.example/cart")
        .header("accept-language", "de-AT")
        .header("x-forwarded-for", "6.6.6.6, 198.51.100.7")
        .extension(ConnectInfo(peer))
        .body(Body::from("{}"))
        .unwrap();
    let config = Config { trusted_proxies: 1, ..config() };
    assert_eq!(send(&ingest(config, &log), request).await.status, 200);
    let event = log.events().remove(0);
    let seen = event.request.unwrap();
    assert_eq!(seen.ip.as_deref(), Some("198.51.100.7"));
    assert_eq!(seen.user_agent.as_deref(), Some("Firefox"));
    assert_eq!(seen.origin.as_deref(), Some("https://shop.example"));
    assert_eq!(seen.referer.as_deref(), Some("https://shop.example/cart"));
    assert_eq!(seen.accept_language.as_deref(), Some("de-AT"));
    assert_eq!(event.kind.as_deref(), Some("page"));
    assert!(event.received_at.unwrap().ends_with('Z'));
}

#[tokio::test]
async fn a_browser_on_another_origin_may_send_and_read_the_answer() {
    let log = FakeLog::default();
    let ingest = ingest(config(), &log);
    let preflight = Request::options("/v1/t").body(Body::empty()).unwrap();
    let answer = send(&ingest, preflight).await;
    assert_eq!(answer.status, 204);
    let allowed = answer.headers["access-control-allow-headers"].to_str().unwrap();
    for name in ["authorization", "content-type", "x-retry-count", "rsa-retry-reason"] {
        assert!(allowed.split(", ").any(|each| each == name), "{name}");
    }
    assert_eq!(answer.headers["access-control-max-age"], "7200");
    for request in [web("/v1/t", "{}"), web("/v1/t", "no json"), web("/nothing", "")] {
        let answer = send(&ingest, request).await;
        assert_eq!(answer.headers["access-control-allow-origin"], "*");
        assert_eq!(answer.headers["access-control-expose-headers"], "Retry-After");
    }
    let mut request = web("/v1/t", "{}");
    request.headers_mut().insert("origin", "https://shop.example".parse().unwrap());
    let answer = send(&ingest, request).await;
    assert_eq!(answer.headers["access-control-allow-origin"], "https://shop.example");
    assert_eq!(answer.headers["access-control-allow-credentials"], "true");
    assert_eq!(answer.headers["vary"], "Origin");
}

#[tokio::test]
async fn other_methods_and_the_front_door_are_answered_politely() {
    let log = FakeLog::default();
    let ingest = ingest(config(), &log);
    let get = |path: &str| Request::get(path).body(Body::empty()).unwrap();
    let front = send(&ingest, get("/")).await;
    assert_eq!(front.status, 200);
    assert!(String::from_utf8(front.body).unwrap().contains("/v1/batch"));
    let wrong = send(&ingest, get("/v1/batch")).await;
    assert_eq!((wrong.status.as_u16(), wrong.json()["code"].clone()), (405, "wrong-method".into()));
}
