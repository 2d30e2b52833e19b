//! What the fuzzer starts from: the bodies of ingest's own tests, and some for what they leave out.

use base64::{Engine, prelude::BASE64_STANDARD as BASE64};
use serde::Deserialize;

use crate::{
    answer::MAX_BODY,
    input::head,
    judge::PERSONAL,
    log::{BAD_WAYS, Way},
    packing::{PACKINGS, gzip, zstd},
    request::CALLERS,
    routes::{ROUTES, Takes},
};

const CORPUS: &str = include_str!("../../../crates/ingest/tests/http/corpus.jsonl");

/// Bytes for the fuzzer.
#[derive(Debug)]
pub struct Seed {
    /// An input.
    pub bytes: Vec<u8>,
    /// Status and number of records, where ingest's tests say them.
    pub expected: Option<(u16, usize)>,
}

/// A line of the corpus of ingest's tests.
#[derive(Deserialize)]
struct Row {
    route: String,
    body: Option<String>,
    base64: Option<String>,
    status: u16,
    #[serde(default)]
    records: usize,
}

/// All of them.
pub fn seeds() -> Vec<Seed> {
    let of_corpus = CORPUS.lines().filter_map(of_line);
    let others = by_route().into_iter().chain(by_packing()).chain(by_caller()).chain(by_log());
    let others = others.chain(large()).map(|bytes| Seed { bytes, expected: None });
    of_corpus.chain(others).collect()
}

fn of_line(line: &str) -> Option<Seed> {
    let Row { route, body, base64, status, records } = serde_json::from_str(line).ok()?;
    let body = body.map(String::into_bytes).or_else(|| BASE64.decode(base64?).ok())?;
    let bytes = seed(&route, 0, 0, Way::Takes, &body)?;
    // Their bodies may be larger.
    let expected = (body.len() <= MAX_BODY).then_some((status, records));
    Some(Seed { bytes, expected })
}

fn seed(path: &str, packing: usize, caller: usize, way: Way, body: &[u8]) -> Option<Vec<u8>> {
    let route = ROUTES.iter().position(|route| route.path == path)?;
    Some([&head(route, packing, caller, way)[..], body].concat())
}

fn event() -> String {
    format!(
        r#"{{"type":"track","event":"Order Completed","messageId":"m-1","anonymousId":"a",
            "userId":"{PERSONAL}","timestamp":"2026-11-24T10:00:00.000Z","sentAt":null,
            "properties":{{"price":1.50,"products":[{{"sku":"\u00e9"}}]}},"traits":[1],"more":[],
            "context":{{"page":{{"url":"https://shop.example/"}},"locale":"de-DE"}}}}"#
    )
}

fn batch() -> String {
    let event = event();
    format!(
        r#"{{"batch":[{event},{{}},null],"writeKey":"wk_strict","sentAt":"2026-11-24T10:00:01Z",
            "context":{{"library":{{"name":"go"}},"page":7}},"integrations":{{"All":true}}}}"#
    )
}

/// For each route a body that it takes.
fn by_route() -> Vec<Vec<u8>> {
    let body = |takes| match takes {
        Takes::Batch | Takes::Rehearsal => batch(),
        Takes::Each => format!("{}\n{{\"event\":\"E\"}}\n{{broken\n", event().replace('\n', "")),
        Takes::One(_) => event(),
        Takes::Image => "event=E-mail%20Opened&userId=u&messageId=m&campaign=a%26b".to_owned(),
        Takes::Nothing => r#"{"anonymousId":"a","sessionId":"s","reset":false}"#.to_owned(),
    };
    let of_route = |(at, route): (usize, &crate::routes::Route)| {
        [&head(at, 0, 0, Way::Takes)[..], body(route.takes).as_bytes()].concat()
    };
    let mut seeds: Vec<_> = ROUTES.iter().enumerate().map(of_route).collect();
    let data = format!("data={}", BASE64.encode(event()));
    seeds.extend(seed("/v1/pixel.gif", 0, 0, Way::Takes, data.as_bytes()));
    seeds.extend(seed("/v1/events", 0, 1, Way::Takes, format!("[{},7]", event()).as_bytes()));
    seeds.extend(seed("/v1/session", 0, 0, Way::Takes, b"[]"));
    seeds.extend(seed("/v1/batch", 1, 0, Way::Takes, b"no gzip"));
    seeds.extend(seed("/v1/validate", 0, 1, Way::Takes, b"{\"event\":\"E\"}\n{broken"));
    seeds
}

/// Each packing, of bytes that are what they say where they are not packed on the way.
fn by_packing() -> Vec<Vec<u8>> {
    let of_packing = |(at, packing): (usize, &crate::packing::Packing)| {
        let plain = batch();
        let body = match packing.name {
            _ if packing.plain(b"").is_some() => plain.into_bytes(),
            name => {
                let packs = PACKINGS.iter().find(|it| it.name == name && it.plain(b"").is_some());
                packs.map_or_else(|| gzip(plain.as_bytes()), |it| it.wire(plain.as_bytes()).into())
            }
        };
        seed("/v1/batch", at, 0, Way::Takes, &body)
    };
    PACKINGS.iter().enumerate().filter_map(of_packing).collect()
}

fn by_caller() -> Vec<Vec<u8>> {
    let callers = 0..CALLERS.len();
    let each = |caller| {
        let of = |path, body: String| seed(path, 0, caller, Way::Takes, body.as_bytes());
        [of("/v1/b", batch()), of("/v1/events", event()), of("/v1/t", event())]
    };
    callers.flat_map(each).flatten().collect()
}

fn by_log() -> Vec<Vec<u8>> {
    let each = |way: &Way| {
        let of = |path, body: String| seed(path, 0, 0, *way, body.as_bytes());
        [of("/v1/batch", batch()), of("/v1/events", event()), of("/v1/p", event())]
    };
    BAD_WAYS.iter().flat_map(each).flatten().collect()
}

/// More than the broker takes as one event, and more than a body may have.
fn large() -> Vec<Vec<u8>> {
    let event = format!(r#"{{"messageId":"m","event":"{}"}}"#, "x".repeat(1_100_000));
    let with_context = format!(r#"{{"batch":[{{}},{{}},{{}},{{}},{{}}],"context":{event}}}"#);
    let bomb = vec![b' '; 3_000_000];
    let of = |path, packing, body: Vec<u8>| seed(path, packing, 0, Way::Takes, &body);
    let small = r#"{"batch":[{"context":{"a":1}}]}"#.to_owned() + &" ".repeat(7_000);
    let seeds = [
        of("/v1/batch", 1, gzip(format!(r#"{{"batch":[{event},{{}}]}}"#).as_bytes())),
        of("/v1/batch", 4, zstd(with_context.as_bytes())),
        of("/v1/events", 4, zstd(format!("{event}\n{{}}").as_bytes())),
        of("/v1/track", 1, gzip(event.as_bytes())),
        of("/v1/validate", 1, gzip(format!("[{event}]").as_bytes())),
        of("/v1/batch", 1, gzip(&bomb)),
        of("/v1/batch", 4, zstd(&bomb)),
        of("/v1/batch", 0, small.clone().into_bytes()),
        of("/v1/session", 0, small.into_bytes()),
    ];
    seeds.into_iter().flatten().collect()
}
