//! Bodies that nobody should send, each with its answer; and what chance makes of them.

use base64::{Engine, prelude::BASE64_STANDARD as BASE64};
use proptest::{collection::vec, prelude::*, sample::Index, test_runner::Config as Cases};
use serde::Deserialize;
use tokio::runtime::Runtime;

use crate::support::{FakeLog, config, ingest, send, web};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    route: String,
    /// The body, or
    body: Option<String>,
    /// in base64 where it is no text.
    base64: Option<String>,
    status: u16,
    /// The word of a refusal.
    #[serde(default)]
    code: String,
    /// How many records are written.
    #[serde(default)]
    records: usize,
}

impl Row {
    fn bytes(&self) -> Vec<u8> {
        match (&self.body, &self.base64) {
            (Some(text), None) => text.clone().into_bytes(),
            (None, Some(text)) => BASE64.decode(text).unwrap(),
            _ => panic!("body or base64: {self:?}"),
        }
    }
}

fn corpus() -> Vec<Row> {
    include_str!("corpus.jsonl").lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test]
async fn every_body_of_the_corpus_has_its_answer_and_its_records() {
    let corpus = corpus();
    assert!(corpus.len() >= 200, "{}", corpus.len());
    for row in corpus {
        let log = FakeLog::default();
        let answer = send(&ingest(config(), &log), web(&row.route, row.bytes())).await;
        assert_eq!(answer.status, row.status, "{row:?}");
        assert_eq!(log.records().len(), row.records, "{row:?}");
        assert_eq!(answer.json()["code"].as_str().unwrap_or_default(), row.code, "{row:?}");
    }
}

/// What is done to a body.
#[derive(Debug, Clone)]
enum Change {
    Cut(Index),
    Flip(Index, u8),
    Put(Index, Vec<u8>),
    /// From one place to another, once more at the end.
    Repeat(Index, Index),
}

fn change() -> impl Strategy<Value = Change> {
    let token = prop::sample::select(vec![
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\"",
        "\\",
        "\\u",
        "null",
        "1e999",
        "-",
        "\n",
        "\u{0}",
        "é",
        "\"batch\":[",
        "{\"type\":",
        "[[[[[[[[",
    ]);
    prop_oneof![
        any::<Index>().prop_map(Change::Cut),
        (any::<Index>(), any::<u8>()).prop_map(|(at, byte)| Change::Flip(at, byte)),
        (any::<Index>(), token).prop_map(|(at, token)| Change::Put(at, token.into())),
        (any::<Index>(), vec(any::<u8>(), 1..9)).prop_map(|(at, bytes)| Change::Put(at, bytes)),
        (any::<Index>(), any::<Index>()).prop_map(|(from, to)| Change::Repeat(from, to)),
    ]
}

fn changed(mut body: Vec<u8>, changes: Vec<Change>) -> Vec<u8> {
    for change in changes {
        let length = body.len();
        match change {
            Change::Cut(at) => body.truncate(at.index(length + 1)),
            Change::Flip(at, byte) if length > 0 => body[at.index(length)] ^= byte,
            Change::Flip(..) => {}
            Change::Put(at, bytes) => {
                let at = at.index(length + 1);
                body.splice(at..at, bytes);
            }
            Change::Repeat(from, to) => {
                let (from, to) = (from.index(length + 1), to.index(length + 1));
                body.extend_from_within(from.min(to)..from.max(to));
            }
        }
    }
    body
}

/// Any bytes, or a body of the corpus after a few changes.
fn any_body() -> impl Strategy<Value = Vec<u8>> {
    let bodies: Vec<Vec<u8>> = corpus().iter().map(Row::bytes).collect();
    let nearly = (prop::sample::select(bodies), vec(change(), 1..6));
    prop_oneof![
        1 => vec(any::<u8>(), 0..200),
        9 => nearly.prop_map(|(body, changes)| changed(body, changes)),
    ]
}

proptest! {
    // PROPTEST_CASES=n for more; `make fuzz` looks for what chance does not find.
    #![proptest_config(Cases { failure_persistence: None, ..Cases::default() })]

    #[test]
    fn whatever_the_bytes_are_there_is_an_answer_and_what_is_accepted_is_written(
        body in any_body(),
        route in prop::sample::select(vec!["/v1/batch", "/v1/track", "/v1/events", "/v1/validate"]),
        encoding in prop::sample::select(vec!["identity", "gzip", "deflate", "br", "zstd"]),
    ) {
        let log = FakeLog::default();
        let mut request = web(route, body);
        // Only one route, for what is no such encoding is refused before it is parsed.
        let encoding = if route == "/v1/track" { encoding } else { "identity" };
        request.headers_mut().insert("content-encoding", encoding.parse().unwrap());
        let answer = Runtime::new().unwrap().block_on(send(&ingest(config(), &log), request));
        let written = log.records();
        match (route, answer.status.as_u16()) {
            ("/v1/validate", 200) => prop_assert!(written.is_empty()),
            (_, 200) => prop_assert!((1..=5).contains(&written.len())),
            ("/v1/events", 207) => prop_assert!((1..5).contains(&written.len())),
            (_, 400 | 413) => {
                prop_assert!(written.is_empty());
                prop_assert!(answer.json()["code"].is_string());
            }
            (_, other) => prop_assert!(false, "{other}"),
        }
        for record in &written {
            prop_assert!(record.size() <= topology::RAW_MESSAGE_BYTES as usize);
        }
        prop_assert_eq!(log.events().len(), written.len(), "each can be read back");
    }
}
