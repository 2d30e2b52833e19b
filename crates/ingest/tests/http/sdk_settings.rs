//! What browser SDKs ask for before they send.

use crate::support::{Answer, FakeLog, config, ingest, send};
use axum::{body::Body, http::Request};
use ingest::Config;
use serde_json::json;

async fn get(config: Config, path: &str, headers: &[(&str, &str)]) -> Answer {
    let mut request = Request::get(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    send(&ingest(config, &FakeLog::default()), request.body(Body::empty()).unwrap()).await
}

fn sends_to(answer: &Answer) -> serde_json::Value {
    answer.json()["integrations"]["Segment.io"].clone()
}

#[tokio::test]
async fn analytics_next_is_told_to_send_to_where_it_asked() {
    let path = "/v1/projects/wk_web/settings";
    let table = [
        (&[("host", "c.example.com")][..], "http", "c.example.com/v1"),
        (
            &[("host", "c.example.com:8443"), ("x-forwarded-proto", "https")],
            "https",
            "c.example.com:8443/v1",
        ),
    ];
    for (headers, protocol, host) in table {
        let answer = get(config(), path, headers).await;
        let expected = json!({"apiKey": "wk_web", "apiHost": host, "protocol": protocol});
        assert_eq!(sends_to(&answer), expected);
        assert_eq!(answer.json()["integrations"].as_object().unwrap().len(), 1);
        assert_eq!(answer.json()["metrics"]["sampleRate"], 0);
        assert_eq!(answer.headers["access-control-allow-origin"], "*");
    }
}

#[tokio::test]
async fn the_configured_url_is_told_whoever_asks() {
    let config = Config { public_url: Some("https://collect.example.com/".to_owned()), ..config() };
    let answer = get(config, "/v1/projects/wk_web/settings", &[("host", "inside:8080")]).await;
    let expected =
        json!({"apiKey": "wk_web", "apiHost": "collect.example.com/v1", "protocol": "https"});
    assert_eq!(sends_to(&answer), expected);
}

#[tokio::test]
async fn rudder_js_gets_a_source_that_it_accepts() {
    // d2tfd2ViOg== is "wk_web:".
    let table = [
        ("/sourceConfig/?p=npm&v=3.34.1&writeKey=wk_web", &[][..]),
        ("/sourceConfig?writeKey=wk_web", &[]),
        ("/sourceConfig/", &[("authorization", "Basic d2tfd2ViOg==")]),
    ];
    for (path, headers) in table {
        let told = get(config(), path, headers).await.json();
        let source = &told["source"];
        assert_eq!(source["id"], "web/app", "{path}");
        assert_eq!(source["enabled"], true, "{path}");
        assert_eq!(source["destinations"], json!([]), "{path}");
        for member in ["name", "workspaceId", "config"] {
            assert!(!source[member].is_null(), "{path}: {member}");
        }
    }
}

#[tokio::test]
async fn who_has_no_key_is_told_no_settings() {
    for path in ["/v1/projects/wrong/settings", "/sourceConfig/?writeKey=wrong", "/sourceConfig/"] {
        let answer = get(config(), path, &[]).await;
        assert_eq!(answer.status, 401, "{path}");
        assert_eq!(answer.json()["code"], "unknown-write-key", "{path}");
    }
}
