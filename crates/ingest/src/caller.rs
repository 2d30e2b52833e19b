//! Who calls: the write key and what the server saw of the request.

use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
};

use axum::http::{HeaderMap, HeaderName, Uri, header};
use base64::{
    Engine,
    alphabet::STANDARD,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use event::RequestFacts;
use serde_json::json;
use url::form_urlencoded;

const X_WRITE_KEY: HeaderName = HeaderName::from_static("x-write-key");
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// Most client hints that are kept: browsers know about 20.
const MAX_HINTS: usize = 32;

/// Longest header value that is kept as a fact, in characters: it is written once per event.
const MAX_FACT_CHARS: usize = 2048;

/// Senders write base64 with and without padding.
pub(crate) const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The write key in the headers: the user name of Basic authentication, else `X-Write-Key`.
/// They come before a key in the body, which some SDKs mask.
pub(crate) fn key_of_headers(headers: &HeaderMap) -> Option<String> {
    let user = headers.get(header::AUTHORIZATION).and_then(|value| basic_user(value.as_bytes()));
    user.or_else(|| text(headers, &X_WRITE_KEY)).filter(|key| !key.is_empty())
}

/// The write key in the query: `?writeKey=…`.
pub(crate) fn key_of_query(uri: &Uri) -> Option<String> {
    let mut pairs = form_urlencoded::parse(uri.query()?.as_bytes());
    let (_, key) = pairs.find(|(name, _)| name == "writeKey")?;
    (!key.is_empty()).then(|| key.into_owned())
}

/// What a sender calls the request, the same at each retry (`Idempotency-Key`): a text, with or
/// without the quotes of a structured header.
pub(crate) fn idempotency_key(headers: &HeaderMap) -> Option<String> {
    let key = text(headers, &IDEMPOTENCY_KEY)?;
    let bare = key.strip_prefix('"').and_then(|key| key.strip_suffix('"')).unwrap_or(&key);
    (!bare.is_empty()).then(|| bare.to_owned())
}

/// What the server saw of the request. `peer` is the other end of the connection.
pub(crate) fn request_facts(
    headers: &HeaderMap,
    peer: Option<SocketAddr>,
    trusted_proxies: usize,
) -> RequestFacts {
    let fact = |name| text(headers, &name).map(|value| shortened(&value));
    RequestFacts {
        ip: client(headers, peer, trusted_proxies).map(|ip| ip.to_canonical().to_string()),
        user_agent: fact(header::USER_AGENT),
        origin: fact(header::ORIGIN),
        referer: fact(header::REFERER),
        accept_language: fact(header::ACCEPT_LANGUAGE),
        client_hints: client_hints(headers),
        supplied: Vec::new(),
    }
}

/// The headers `Sec-CH-*` (<https://wicg.github.io/ua-client-hints/>) as JSON text of an object.
fn client_hints(headers: &HeaderMap) -> Option<String> {
    let hints: BTreeMap<&str, String> = headers
        .iter()
        .filter(|(name, _)| name.as_str().starts_with("sec-ch-"))
        .take(MAX_HINTS)
        .map(|(name, value)| (name.as_str(), shortened(&String::from_utf8_lossy(value.as_bytes()))))
        .collect();
    (!hints.is_empty()).then(|| json!(hints).to_string())
}

/// Each trusted proxy appends the address that it was called from, so with N of them the Nth
/// entry from the right is the client; whatever stands left of it anybody may have written.
/// A request that came past fewer proxies has fewer entries: the leftmost then.
fn client(headers: &HeaderMap, peer: Option<SocketAddr>, trusted_proxies: usize) -> Option<IpAddr> {
    let forwarded: Vec<String> = headers
        .get_all(X_FORWARDED_FOR)
        .iter()
        .flat_map(|value| {
            let list = String::from_utf8_lossy(value.as_bytes());
            list.split(',').map(|entry| entry.trim().to_owned()).collect::<Vec<_>>()
        })
        .collect();
    let trusted = forwarded.len().min(trusted_proxies);
    let entry = (trusted > 0).then(|| forwarded[forwarded.len() - trusted].as_str());
    entry.and_then(address).or_else(|| peer.map(|peer| peer.ip()))
}

/// An address, with or without a port.
fn address(entry: &str) -> Option<IpAddr> {
    let bare = entry.trim_start_matches('[').trim_end_matches(']');
    bare.parse().ok().or_else(|| entry.parse::<SocketAddr>().ok().map(|address| address.ip()))
}

/// The user name of `Basic` credentials; the colon after it may be missing (Segment).
fn basic_user(value: &[u8]) -> Option<String> {
    let value = std::str::from_utf8(value).ok()?.trim();
    let (scheme, credentials) = value.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = String::from_utf8(BASE64.decode(credentials.trim()).ok()?).ok()?;
    let user = decoded.split_once(':').map_or(decoded.as_str(), |(user, _)| user);
    (!user.is_empty()).then(|| user.to_owned())
}

fn text(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).trim().to_owned())
}

fn shortened(value: &str) -> String {
    value.chars().take(MAX_FACT_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    type Pairs = &'static [(&'static str, &'static str)];

    fn headers(pairs: Pairs) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, value.parse().unwrap());
        }
        headers
    }

    #[test]
    fn the_write_key_is_found_where_sdks_put_it() {
        // d2s6 = "wk:", d2s= and d2s = "wk", d2s6c2VjcmV0 = "wk:secret", OnB3 = ":pw"
        let table: &[(Pairs, Option<&str>)] = &[
            (&[], None),
            (&[("authorization", "Basic d2s6")], Some("wk")),
            (&[("authorization", "basic  d2s=")], Some("wk")),
            (&[("authorization", "Basic d2s")], Some("wk")),
            (&[("authorization", "Basic d2s6c2VjcmV0")], Some("wk")),
            (&[("authorization", "Basic OnB3")], None),
            (&[("authorization", "Basic ***")], None),
            (&[("authorization", "Bearer d2s6")], None),
            (&[("authorization", "Basic")], None),
            (&[("x-write-key", "id:secret")], Some("id:secret")),
            (&[("x-write-key", "")], None),
            (&[("authorization", "Basic d2s6"), ("x-write-key", "other")], Some("wk")),
            (&[("authorization", "Basic OnB3"), ("x-write-key", "other")], Some("other")),
        ];
        for (pairs, expected) in table {
            assert_eq!(key_of_headers(&headers(pairs)).as_deref(), *expected, "{pairs:?}");
        }
    }

    #[test]
    fn the_query_may_carry_the_key_percent_encoded() {
        let table = [
            ("/v1/batch", None),
            ("/v1/batch?writeKey=wk", Some("wk")),
            ("/v1/batch?a=1&writeKey=a%3Ab%2F", Some("a:b/")),
            ("/v1/batch?writeKey=", None),
            ("/v1/batch?writeKey=%4", Some("%4")),
            ("/v1/batch?writeKey=%ff", Some("\u{fffd}")),
        ];
        for (uri, expected) in table {
            assert_eq!(key_of_query(&uri.parse().unwrap()).as_deref(), expected, "{uri}");
        }
    }

    #[test]
    fn the_client_is_the_entry_that_the_outermost_trusted_proxy_wrote() {
        let peer = Some("192.0.2.1:4000".parse().unwrap());
        let table = [
            (&[("x-forwarded-for", "6.6.6.6")][..], 0, "192.0.2.1"),
            (&[], 1, "192.0.2.1"),
            (&[("x-forwarded-for", "6.6.6.6, 198.51.100.7")], 1, "198.51.100.7"),
            (&[("x-forwarded-for", "6.6.6.6, 198.51.100.7, 10.0.0.1")], 2, "198.51.100.7"),
            (&[("x-forwarded-for", "6.6.6.6"), ("x-forwarded-for", "8.8.8.8")], 1, "8.8.8.8"),
            (&[("x-forwarded-for", "198.51.100.7")], 3, "198.51.100.7"),
            (&[("x-forwarded-for", "198.51.100.7:5050")], 1, "198.51.100.7"),
            (&[("x-forwarded-for", "[2001:db8::1]:5050")], 1, "2001:db8::1"),
            (&[("x-forwarded-for", "::ffff:198.51.100.7")], 1, "198.51.100.7"),
            (&[("x-forwarded-for", "unknown")], 1, "192.0.2.1"),
        ];
        for (pairs, proxies, expected) in table {
            let facts = request_facts(&headers(pairs), peer, proxies);
            assert_eq!(facts.ip.as_deref(), Some(expected), "{pairs:?} with {proxies}");
        }
    }

    #[test]
    fn client_hints_are_kept_by_name() {
        let map = headers(&[
            ("sec-ch-ua-platform", "\"Windows\""),
            ("Sec-CH-UA-Mobile", "?0"),
            ("sec-fetch-mode", "cors"),
        ]);
        let facts = request_facts(&map, None, 0);
        let expected = r#"{"sec-ch-ua-mobile":"?0","sec-ch-ua-platform":"\"Windows\""}"#;
        assert_eq!(facts.client_hints.as_deref(), Some(expected));
    }

    #[test]
    fn headers_become_facts_and_a_giant_one_is_cut() {
        let giant = "é".repeat(5000);
        let mut map = headers(&[("origin", "https://shop.example"), ("accept-language", "de")]);
        map.insert("user-agent", axum::http::HeaderValue::from_bytes(giant.as_bytes()).unwrap());
        let facts = request_facts(&map, None, 0);
        assert_eq!(facts.origin.as_deref(), Some("https://shop.example"));
        assert_eq!(facts.accept_language.as_deref(), Some("de"));
        assert_eq!((facts.ip, facts.referer, facts.client_hints), (None, None, None));
        assert_eq!(facts.user_agent.unwrap().chars().count(), MAX_FACT_CHARS);
    }
}
