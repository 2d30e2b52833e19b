//! Bodies, each with its expected answer and the records that it leaves.

use std::io::Write;

use crate::support::{FakeLog, config, ingest, post, send, web};
use flate2::{Compression, write::GzEncoder};

fn check_refused(code: &str, answer: &crate::support::Answer, body: &str) {
    let told = answer.json();
    assert_eq!(told["code"], code, "{body}");
    assert!(told["message"].as_str().is_some_and(|text| !text.is_empty()), "{body}");
}

/// Path, body, status, code of a refusal, number of records.
type Row = (&'static str, &'static str, u16, &'static str, usize);

#[rustfmt::skip]
const TABLE: &[Row] = &[
    // taken, whatever the events are worth
    ("/v1/batch", r#"{"batch":[{"type":"track","event":"E","messageId":"m"}]}"#, 200, "", 1),
    ("/v1/batch", r#"{"batch":[{},{},{}]}"#, 200, "", 3),
    ("/v1/batch", r#"{"batch":[null,1,"text",[],true]}"#, 200, "", 5),
    ("/v1/batch", r#"{"batch":[{"type":5}]}"#, 200, "", 1),
    ("/v1/batch", r#"{"batch":[{"type":"nonsense"}]}"#, 200, "", 1),
    ("/v1/batch", r#"{"batch":[{"context":"no object"}]}"#, 200, "", 1),
    ("/v1/batch", r#"{"batch":[{"properties":[1]}]}"#, 200, "", 1),
    ("/v1/batch", r#"{"batch":[{"userId":{"a":1}}]}"#, 200, "", 1),
    ("/v1/batch", r#"{"batch":[{"userId":12}]}"#, 200, "", 1),
    ("/v1/batch", r#"{"batch":[{"timestamp":1795000000}]}"#, 200, "", 1),
    ("/v1/batch", r#"{"batch":[{"event":"\ud83d"}]}"#, 200, "", 1),
    ("/v1/batch", r#"{"batch":[{"a":1,"a":2}]}"#, 200, "", 1),
    ("/v1/batch", r#"{"batch":[{"messageId":"m"}],"context":7}"#, 200, "", 1),
    ("/v1/batch", r#"{"batch":[{"messageId":"m"}],"sentAt":null}"#, 200, "", 1),
    ("/v1/batch", r#"{"batch":[{"messageId":"m"}],"unknown":{"deep":[1]}}"#, 200, "", 1),
    ("/v1/batch", "\n\t {\"batch\" : [ {} ] } \n", 200, "", 1),
    ("/v1/import", r#"{"batch":[{"type":"track"}],"sequence":1}"#, 200, "", 1),
    ("/v1/import/", r#"{"batch":[{"type":"track"}],"sequence":1}"#, 200, "", 1),
    ("/v1/track", r#"{"event":"E"}"#, 200, "", 1),
    ("/v1/identify", r#"{"userId":"u","traits":{}}"#, 200, "", 1),
    ("/v1/page", "{}", 200, "", 1),
    ("/v1/screen", "{}", 200, "", 1),
    ("/v1/group", r#"{"groupId":1}"#, 200, "", 1),
    ("/v1/alias", r#"{"previousId":"a","userId":"b"}"#, 200, "", 1),
    ("/v1/t", r#"{"event":"E"}"#, 200, "", 1),
    ("/v1/i", "{}", 200, "", 1),
    ("/v1/p", "{}", 200, "", 1),
    ("/v1/s", "{}", 200, "", 1),
    ("/v1/g", "{}", 200, "", 1),
    ("/v1/a", "{}", 200, "", 1),
    ("/v1/b", r#"{"batch":[{},{}],"writeKey":"wk_web"}"#, 200, "", 2),
    ("/beacon/v1/batch?writeKey=wk_web", r#"{"batch":[{}]}"#, 200, "", 1),
    ("/api/s/track", r#"{"type":"track","event":"E"}"#, 200, "", 1),
    ("/api/s/s2s/identify", r#"{"type":"identify","userId":"u"}"#, 200, "", 1),
    ("/v1/m", r#"{"series":[{"metric":"analytics_js.invoke"}]}"#, 200, "", 0),
    ("/v1/track", r#"{"batch":[{}]}"#, 200, "", 1),
    ("/v1/track", r#"{"\ud83d":1}"#, 200, "", 1),
    // refused as a whole
    ("/v1/batch", "", 400, "not-json", 0),
    ("/v1/batch", "hello", 400, "not-json", 0),
    ("/v1/batch", "{", 400, "not-json", 0),
    ("/v1/batch", "{\"batch\":[{}", 400, "not-json", 0),
    ("/v1/batch", "{\"batch\":[{},]}", 400, "not-json", 0),
    ("/v1/batch", "{'batch':[]}", 400, "not-json", 0),
    ("/v1/batch", "{\"batch\":[NaN]}", 400, "not-json", 0),
    ("/v1/batch", "{\"batch\":[{}]} trailing", 400, "not-json", 0),
    ("/v1/batch", "{\"batch\":[{}]}{\"batch\":[{}]}", 400, "not-json", 0),
    ("/v1/batch", "\u{feff}{\"batch\":[{}]}", 400, "not-json", 0),
    ("/v1/batch", "a=1&b=2", 400, "not-json", 0),
    ("/v1/batch", "null", 400, "not-json", 0),
    ("/v1/batch", "[{\"type\":\"track\"}]", 400, "not-json", 0),
    ("/v1/batch", "\"batch\"", 400, "not-json", 0),
    ("/v1/track", "[{}]", 400, "not-json", 0),
    ("/v1/track", "7", 400, "not-json", 0),
    ("/v1/batch", "{}", 400, "empty-batch", 0),
    ("/v1/batch", "{\"batch\":{}}", 400, "empty-batch", 0),
    ("/v1/batch", "{\"batch\":null}", 400, "empty-batch", 0),
    ("/v1/batch", "{\"batch\":\"[]\"}", 400, "empty-batch", 0),
    ("/v1/batch", "{\"batch\":[]}", 400, "empty-batch", 0),
    ("/v1/batch", "{\"batch\":[1,2,3,4,5,6]}", 413, "too-large", 0),
    ("/api/s/nothing", "{}", 404, "no-such-route", 0),
    ("/v1/nothing", "{}", 404, "no-such-route", 0),
];

#[tokio::test]
async fn every_body_has_its_answer_and_its_records() {
    for &(path, body, status, code, records) in TABLE {
        let log = FakeLog::default();
        let answer = send(&ingest(config(), &log), web(path, body)).await;
        assert_eq!(answer.status, status, "{path} {body}");
        assert_eq!(log.records().len(), records, "{path} {body}");
        if status == 200 {
            assert_eq!(answer.body, br#"{"success":true}"#, "{path} {body}");
        } else {
            check_refused(code, &answer, body);
        }
        assert_eq!(answer.headers["content-type"], "application/json", "{path} {body}");
    }
}

#[tokio::test]
async fn what_is_not_json_is_told_with_line_and_column_and_never_quoted() {
    let log = FakeLog::default();
    let body = "{\"batch\":[\n{\"email\": secret@example.com}]}";
    let answer = send(&ingest(config(), &log), web("/v1/batch", body)).await;
    let message = answer.json()["message"].as_str().unwrap().to_owned();
    assert!(message.contains("line 2 column 11"), "{message}");
    assert!(!message.contains("secret"), "{message}");
}

#[tokio::test]
async fn a_body_is_json_whatever_its_content_type_says() {
    for kind in ["application/json", "text/plain", "application/x-www-form-urlencoded", "?"] {
        let log = FakeLog::default();
        let mut request = web("/v1/batch", r#"{"batch":[{}]}"#);
        request.headers_mut().insert("content-type", kind.parse().unwrap());
        assert_eq!(send(&ingest(config(), &log), request).await.status, 200, "{kind}");
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test]
async fn encodings_are_undone_within_bounds_or_refused() {
    let batch = br#"{"batch":[{}]}"#;
    let table = [
        ("gzip", gzip(batch), 200, ""),
        ("GZip", gzip(batch), 200, ""),
        ("identity", batch.to_vec(), 200, ""),
        ("gzip", batch.to_vec(), 400, "unreadable-body"),
        ("gzip", gzip(b"no json"), 400, "not-json"),
        ("gzip", gzip(&vec![b' '; 50_000_000]), 413, "too-large"),
        ("zstd", zstd::encode_all(&batch[..], 3).unwrap(), 200, ""),
        ("br", batch.to_vec(), 400, "unreadable-body"),
        ("deflate", batch.to_vec(), 400, "unreadable-body"),
        ("compress", batch.to_vec(), 415, "unsupported-encoding"),
        ("gzip, br", batch.to_vec(), 415, "unsupported-encoding"),
    ];
    for (encoding, body, status, code) in table {
        let log = FakeLog::default();
        let mut request = web("/v1/batch", body);
        request.headers_mut().insert("content-encoding", encoding.parse().unwrap());
        let answer = send(&ingest(config(), &log), request).await;
        assert_eq!(answer.status, status, "{encoding} {code}");
        if status != 200 {
            check_refused(code, &answer, encoding);
        }
    }
}

#[tokio::test]
async fn what_is_too_large_is_refused_before_anything_is_written() {
    let text = |length: usize| "x".repeat(length);
    let small = r#"{"event":"small"}"#;
    let context = format!(r#"{{"a":"{}"}}"#, text(900_000));
    let table = [
        (format!(r#"{{"batch":[{small}],"x":"{}"}}"#, text(3_200_000)), "3145728 bytes"),
        // one context, copied into several events: each within its limit
        (format!(r#"{{"batch":[{},{small}],"context":{context}}}"#, [small; 4].join(",")), ""),
    ];
    for (body, expected) in table {
        let log = FakeLog::default();
        let mut config = config();
        if expected.is_empty() {
            config.max_decompressed_bytes = 1_000_000;
        }
        let answer = send(&ingest(config, &log), web("/v1/batch", body)).await;
        assert_eq!(answer.status, 413, "{expected}");
        check_refused("too-large", &answer, expected);
        let message = answer.json()["message"].as_str().unwrap().to_owned();
        assert!(message.contains(expected), "{message}");
        assert_eq!(log.appends(), 0, "{expected}");
    }
}

#[tokio::test]
async fn the_write_key_names_the_source_wherever_it_stands() {
    const BODY: &str = r#"{"batch":[{}],"writeKey":"wk_api"}"#;
    const BARE: &str = r#"{"batch":[{}]}"#;
    // d2tfd2ViOg== is "wk_web:", d3JvbmcE= is no base64, d3Jvbmc6 is "wrong:"
    let table = [
        ("/v1/batch", Some(("authorization", "Basic d2tfd2ViOg==")), BODY, Ok("web/app")),
        ("/v1/batch", Some(("x-write-key", "wk_web")), BODY, Ok("web/app")),
        ("/v1/batch?writeKey=wk_web", None, BODY, Ok("server/api")),
        ("/v1/batch?writeKey=wk_web", None, BARE, Ok("web/app")),
        ("/v1/batch", Some(("authorization", "Bearer token")), BODY, Ok("server/api")),
        ("/v1/track", None, r#"{"event":"E","writeKey":"wk_api"}"#, Ok("server/api")),
        ("/v1/batch", Some(("x-write-key", "wk_off")), BARE, Ok("web/old")),
        ("/v1/batch", Some(("authorization", "Basic d3Jvbmc6")), BODY, Err(())),
        ("/v1/batch", Some(("x-write-key", "wrong")), "not json", Err(())),
        ("/v1/batch?writeKey=wrong", None, BARE, Err(())),
        ("/v1/batch", None, r#"{"batch":[{}],"writeKey":"wrong"}"#, Err(())),
        ("/v1/batch", None, BARE, Err(())),
    ];
    for (path, header, body, expected) in table {
        let log = FakeLog::default();
        let mut request = post(path, body);
        if let Some((name, value)) = header {
            request.headers_mut().insert(name, value.parse().unwrap());
        }
        let answer = send(&ingest(config(), &log), request).await;
        let sources: Vec<_> = log.events().into_iter().map(|event| event.source).collect();
        if let Ok(source) = expected {
            assert_eq!(answer.status, 200, "{path} {header:?} {body}");
            assert_eq!(sources, [Some(source.to_owned())], "{path} {header:?} {body}");
        } else {
            assert_eq!((answer.status.as_u16(), sources.len()), (401, 0), "{path} {body}");
            check_refused("unknown-write-key", &answer, body);
        }
    }
}

#[tokio::test]
async fn an_event_without_an_id_gets_the_same_one_at_each_retry_of_its_request() {
    let body = r#"{"batch":[{},{"messageId":"m"},{"messageId":""}]}"#;
    for (key, expected) in
        [("order-7", ["order-7-0", "m", "order-7-2"]), ("\"q\"", ["q-0", "m", "q-2"])]
    {
        let log = FakeLog::default();
        let ingest = ingest(config(), &log);
        for _ in 0..2 {
            let mut request = web("/v1/batch", body);
            request.headers_mut().insert("idempotency-key", key.parse().unwrap());
            assert_eq!(send(&ingest, request).await.status, 200);
        }
        let ids: Vec<_> = log.events().into_iter().filter_map(|event| event.message_id).collect();
        assert_eq!(ids, [expected, expected].concat());
    }
    let log = FakeLog::default();
    let ingest = ingest(config(), &log);
    for _ in 0..2 {
        assert_eq!(send(&ingest, web("/v1/batch", r#"{"batch":[{}]}"#)).await.status, 200);
    }
    let ids: Vec<_> = log.events().into_iter().filter_map(|event| event.message_id).collect();
    assert_ne!(ids[0], ids[1], "without a key nothing says that it is the same");
}
