//! From an input to an HTTP request.

use axum::{body::Body, http::Request};

use crate::{
    input::Input,
    routes::{Route, Takes},
};

/// Who sends: what the query says, and headers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Caller {
    query: &'static str,
    headers: &'static [(&'static str, &'static str)],
}

const fn caller(query: &'static str, headers: &'static [(&'static str, &'static str)]) -> Caller {
    Caller { query, headers }
}

/// The first is `web/app`; the fourth shows no key, so that the body's counts.
pub(crate) const CALLERS: [Caller; 12] = [
    caller("", &[("x-write-key", "wk_web")]),
    caller("", &[("x-write-key", "wk_strict")]),
    caller("writeKey=wk_web", &[]),
    caller("", &[]),
    // `wk_api:`
    caller("", &[("authorization", "Basic d2tfYXBpOg==")]),
    caller("", &[("x-write-key", "nobody's")]),
    caller("", &[("x-write-key", "wk_off")]),
    caller("", &[("x-write-key", "wk_shop"), ("origin", "https://shop.example")]),
    caller("", &[("x-write-key", "wk_shop"), ("origin", "https://other.example")]),
    caller("", &[("x-write-key", "wk_web"), ("idempotency-key", "\"order-7\"")]),
    // `abc`
    caller("writeKey=nobody%27s", &[("authorization", "basic YWJj")]),
    caller(
        "",
        &[
            ("x-write-key", "wk_strict"),
            ("idempotency-key", "order-7"),
            ("x-forwarded-for", "2001:db8::1, [2001:db8::2]:443"),
            ("user-agent", "Mozilla/5.0"),
            ("sec-ch-ua-mobile", "?0"),
        ],
    ),
];

pub(crate) const KINDS: [&str; 4] =
    ["application/json", "text/plain", "application/x-www-form-urlencoded", "?"];

/// The request that an input stands for.
pub(crate) fn request(input: &Input<'_>) -> anyhow::Result<Request<Body>> {
    let wire = input.packing.wire(input.body).into_owned();
    let Route { method, path, takes, .. } = input.route;
    let query = match takes {
        Takes::Image => format!("{}&{}", input.caller.query, as_query(input.body)),
        _ => input.caller.query.to_owned(),
    };
    let mut request = Request::builder()
        .method(method)
        .uri(format!("{path}?{query}"))
        .header("content-type", input.kind);
    if !input.packing.name.is_empty() {
        request = request.header("content-encoding", input.packing.name);
    }
    for (name, value) in input.caller.headers {
        request = request.header(*name, *value);
    }
    Ok(request.body(Body::from(wire))?)
}

/// Bytes as a query: what may not stand in one is escaped.
fn as_query(bytes: &[u8]) -> String {
    let escaped = |byte: &u8| match byte {
        b'=' | b'&' | b'%' | b'+' | b'-' | b'_' | b'.' => char::from(*byte).to_string(),
        byte if byte.is_ascii_alphanumeric() => char::from(*byte).to_string(),
        byte => format!("%{byte:02X}"),
    };
    bytes.iter().map(escaped).collect()
}
