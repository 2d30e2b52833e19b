//! First-party ids and sessions.

use std::sync::Arc;

use axum::{
    Router,
    body::Body,
    http::{Request, request::Builder},
};
use identity::FirstPartyConfig;
use ingest::{Collector, Config, CookieConfig, router};
use serde_json::{Value, json};
use tracking_plan::SourceCatalog;

use crate::support::{Answer, FakeLog, config, first_party, ingest, send, setting, today};

fn asked(key: &str) -> Builder {
    Request::post("/v1/session").header("x-write-key", key)
}

async fn session(ingest: &Router, request: Builder, body: &Value) -> Answer {
    send(ingest, request.body(Body::from(body.to_string())).unwrap()).await
}

fn text<'a>(answer: &'a Value, name: &str) -> &'a str {
    answer[name].as_str().unwrap()
}

fn cookies(answer: &Answer) -> Vec<String> {
    let lines = answer.headers.get_all("set-cookie").iter();
    lines.map(|line| line.to_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_page_gets_a_genuine_id_a_session_and_the_cookies_of_both() {
    let ingest = ingest(config(), &FakeLog::default());
    let answer = session(&ingest, asked("wk_web"), &json!({})).await;
    assert_eq!(answer.status, 200);
    let told = answer.json();
    let id = text(&told, "anonymousId");
    assert!(first_party().verify(id, today()).is_genuine(), "{id}");
    assert_eq!(text(&told, "sessionId").len(), 22);
    assert!(text(&told, "expiresAt").ends_with('Z'));
    assert_eq!(answer.headers["cache-control"], "no-store");
    let cookies = cookies(&answer);
    assert!(cookies[0].starts_with(&format!("waybill_id={id};")), "{cookies:?}");
    for word in ["HttpOnly", "SameSite=Lax", "Secure", "Path=/", "Max-Age=34560000"] {
        assert!(cookies[0].contains(word), "{word}: {cookies:?}");
    }
    assert!(cookies[1].starts_with("waybill_session=") && cookies[1].contains("Max-Age=1800"));
    let get = Request::get("/v1/session?writeKey=wk_web").body(Body::empty()).unwrap();
    assert_eq!(send(&ingest, get).await.status, 200);
}

#[tokio::test]
async fn what_is_genuine_is_kept_and_what_is_not_is_replaced() {
    let ingest = ingest(config(), &FakeLog::default());
    let first = session(&ingest, asked("wk_web"), &json!({})).await.json();
    let (id, current) = (text(&first, "anonymousId"), text(&first, "sessionId"));
    let cookie = format!("other=1; waybill_id={id}; waybill_session={current}");
    let by_cookie = session(&ingest, asked("wk_web").header("cookie", &cookie), &json!({})).await;
    let ids =
        |told: &Value| (text(told, "anonymousId").to_owned(), text(told, "sessionId").to_owned());
    let same = (id.to_owned(), current.to_owned());
    assert_eq!(ids(&by_cookie.json()), same);
    let known = json!({"anonymousId": id, "sessionId": current});
    assert_eq!(ids(&session(&ingest, asked("wk_web"), &known).await.json()), same);
    let forged = json!({"anonymousId": "w1.k1.AAAAAAAAAAAAAAAAAAAAAA.AAAAAAAAAAAAAAAA",
        "sessionId": current});
    let other = ids(&session(&ingest, asked("wk_web"), &forged).await.json());
    assert!(first_party().verify(&other.0, today()).is_genuine() && other.0 != id);
    assert_ne!(other.1, current, "a session goes with its id");
    let reset = asked("wk_web").header("cookie", &cookie);
    let anew = ids(&session(&ingest, reset, &json!({"reset": true})).await.json());
    assert!(anew.0 != id && anew.1 != current);
}

#[tokio::test]
async fn a_backend_gets_no_cookies_and_a_stranger_nothing() {
    let ingest = ingest(config(), &FakeLog::default());
    let backend = session(&ingest, asked("abc"), &json!({"anonymousId": null})).await;
    assert_eq!((backend.status.as_u16(), cookies(&backend)), (200, vec![]));
    let with_body_key = Request::post("/v1/session");
    assert_eq!(session(&ingest, with_body_key, &json!({"writeKey": "wk_web"})).await.status, 200);
    let table = [
        (asked("wrong"), json!({}), 401),
        (Request::post("/v1/session"), json!({}), 401),
        (asked("wk_shop").header("origin", "https://evil.example"), json!({}), 403),
        (asked("wk_web"), json!([]), 400),
    ];
    for (request, body, status) in table {
        let answer = session(&ingest, request, &body).await;
        assert_eq!(answer.status, status, "{body}");
        assert!(answer.json()["code"].is_string() && cookies(&answer).is_empty());
    }
}

#[tokio::test]
async fn an_event_without_an_anonymous_id_takes_the_genuine_one_of_the_cookie() {
    let log = FakeLog::default();
    let ingest = ingest(config(), &log);
    let id = first_party().mint([1; 14], today()).unwrap();
    let expired = first_party().mint([1; 14], today() - 401).unwrap();
    let table = [
        (id.as_str(), "{}", Some(id.as_str()), true),
        (id.as_str(), r#"{"anonymousId":"own"}"#, Some("own"), false),
        ("w1.k1.forged.forged", "{}", None, false),
        (expired.as_str(), "{}", None, false),
    ];
    for (number, (cookie, body, expected, supplied)) in table.into_iter().enumerate() {
        let request = Request::post("/v1/t?writeKey=wk_web");
        let request = request.header("cookie", format!("waybill_id={cookie}"));
        send(&ingest, request.body(Body::from(body)).unwrap()).await;
        let event = &log.events()[number];
        assert_eq!(event.anonymous_id.as_deref(), expected, "{body}");
        let told = event.request.as_ref().unwrap();
        assert_eq!(told.supplied.iter().any(|name| name == "anonymous_id"), supplied, "{body}");
    }
}

#[tokio::test]
async fn domain_and_script_access_are_configurable_and_without_a_key_it_is_said() {
    let cookie = CookieConfig {
        domain: Some("shop.example".to_owned()),
        http_only: false,
        ..CookieConfig::default()
    };
    let at_domain = ingest(Config { cookie, ..config() }, &FakeLog::default());
    let set = cookies(&session(&at_domain, asked("wk_web"), &json!({})).await);
    assert!(set[0].contains("Domain=shop.example") && !set[0].contains("HttpOnly"), "{set:?}");
}

#[tokio::test]
async fn a_key_taken_out_while_ingest_runs_mints_no_more_and_its_ids_are_replaced_by_another() {
    let setting = setting(config());
    let catalog = setting.catalog.clone();
    let router = router(Arc::new(Collector::new(setting, FakeLog::default())));
    let old = first_party().mint([1; 14], today()).unwrap();
    let known = json!({"anonymousId": old});
    let other = r#"{"keys": [{"id": "k2", "secret": "fedcba9876543210fedcba9876543210"}]}"#;
    let other: FirstPartyConfig = serde_json::from_str(other).unwrap();
    catalog.replace(SourceCatalog::clone(&catalog.current()).with_first_party(other)).unwrap();
    let renewed = session(&router, asked("wk_web"), &known).await.json();
    assert!(text(&renewed, "anonymousId").starts_with("w1.k2."), "{renewed}");
    let none = FirstPartyConfig::default();
    catalog.replace(SourceCatalog::clone(&catalog.current()).with_first_party(none)).unwrap();
    let answer = session(&router, asked("wk_web"), &known).await;
    assert_eq!(answer.status, 501);
    assert!(answer.json()["message"].as_str().unwrap().contains("[first_party]"));
}
