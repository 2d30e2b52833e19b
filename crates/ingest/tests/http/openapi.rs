//! The description of the routes says what the server does.

use axum::http::Request;
use ingest::Config;
use jsonschema::Validator;
use kafka_runtime::SendError;
use serde_json::{Value, json};

use crate::support::{Answer, FakeLog, config, first_party, ingest, send, today};

const EVENT: &str = r#"{"type":"track","event":"E","messageId":"m","anonymousId":"a"}"#;

fn description() -> Value {
    serde_json::from_str(include_str!("../../openapi.json")).unwrap()
}

/// What an operation says of the answer with this status, its reference followed.
fn documented<'d>(description: &'d Value, operation: &'d Value, status: u16) -> &'d Value {
    let response = &operation["responses"][status.to_string()];
    response["$ref"].as_str().map_or(response, |at| description.pointer(&at[1..]).unwrap())
}

/// A schema of the description, with all others at hand.
fn validator(description: &Value, schema: &Value) -> Validator {
    let whole = json!({"allOf": [schema], "components": description["components"]});
    jsonschema::validator_for(&whole).unwrap()
}

fn check(description: &Value, operation: &Value, answer: &Answer, what: &str) {
    let response = documented(description, operation, answer.status.as_u16());
    assert!(!response.is_null(), "{what}: {} is not described", answer.status);
    for name in response["headers"].as_object().into_iter().flat_map(|headers| headers.keys()) {
        assert!(answer.headers.contains_key(name.to_lowercase()), "{what}: {name}");
    }
    let kind = answer.headers["content-type"].to_str().unwrap();
    let content = &response["content"][kind];
    assert!(!content.is_null(), "{what}: {kind} is not described");
    if kind == "application/json" {
        let told = answer.json();
        let validator = validator(description, &content["schema"]);
        let errors: Vec<String> =
            validator.iter_errors(&told).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{what}: {errors:?} in {told}");
    }
}

fn body_for(path: &str) -> String {
    let is_batch = path.ends_with("batch") || path.contains("import") || path == "/v1/b";
    match path {
        "/v1/session" => json!({"anonymousId": first_party().mint([3; 14], today())}).to_string(),
        "/v1/events" => format!("[{EVENT},{EVENT}]"),
        _ if is_batch => format!(r#"{{"batch":[{EVENT}]}}"#),
        _ => EVENT.to_owned(),
    }
}

#[tokio::test]
async fn every_operation_answers_as_described_when_all_is_well() {
    let description = description();
    let ingest = ingest(config(), &FakeLog::default());
    for (path, operations) in description["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            let at = path.replace("{writeKey}", "wk_web");
            let request = Request::builder().method(method.to_uppercase().as_str());
            let request = request.uri(format!("{at}?writeKey=wk_web"));
            let answer = send(&ingest, request.body(body_for(path).into()).unwrap()).await;
            assert_eq!(answer.status, 200, "{method} {path}");
            check(&description, operation, &answer, &format!("{method} {path}"));
        }
    }
}

#[tokio::test]
async fn refusals_are_as_described() {
    let description = description();
    let large = || "x".repeat(4_000_000);
    let batch = |body: &str| body.to_owned();
    let table = [
        ("/v1/batch?writeKey=wk_web", batch("no json"), 400),
        ("/v1/batch?writeKey=none", batch(r#"{"batch":[{}]}"#), 401),
        ("/v1/batch?writeKey=wk_web", large(), 413),
        ("/v1/batch?writeKey=wk_slow", batch(r#"{"batch":[{},{},{},{}]}"#), 200),
        ("/v1/batch?writeKey=wk_slow", batch(r#"{"batch":[{},{},{},{}]}"#), 429),
        ("/v1/events?writeKey=wk_web", batch("{broken"), 400),
        ("/v1/events?writeKey=wk_web", batch("{}\n{broken"), 207),
        ("/v1/events?writeKey=wk_strict", batch("{}"), 207),
        ("/v1/validate?writeKey=wk_web", batch("{}\n{broken"), 200),
        ("/v1/session?writeKey=wk_web", batch("[]"), 400),
        ("/v1/session?writeKey=wk_web", large(), 413),
    ];
    let ingest = ingest(config(), &FakeLog::default());
    for (uri, body, status) in table {
        let operation = &description["paths"][uri.split('?').next().unwrap()]["post"];
        let answer = send(&ingest, Request::post(uri).body(body.into()).unwrap()).await;
        assert_eq!(answer.status, status, "{uri}");
        check(&description, operation, &answer, &format!("{uri} {status}"));
    }
}

#[tokio::test]
async fn events_in_the_spool_are_answered_as_described() {
    let (description, folder) = (description(), tempfile::tempdir().unwrap());
    let config = Config { spool_dir: Some(folder.path().to_owned()), ..config() };
    let refusing = FakeLog::failing(SendError::QueueFull);
    let ingest = ingest(config, &refusing);
    for (path, body, status) in [
        ("/v1/events", format!("[{EVENT}]"), 200),
        ("/v1/t", EVENT.to_owned(), 200),
        ("/v1/events", "{}".to_owned(), 207),
    ] {
        let operation = &description["paths"][path]["post"];
        let uri = format!("{path}?writeKey=wk_kiosk");
        let answer = send(&ingest, Request::post(uri).body(body.into()).unwrap()).await;
        assert_eq!(answer.status, status, "{path}");
        check(&description, operation, &answer, path);
    }
}
