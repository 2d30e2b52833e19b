//! What browser SDKs ask for before they send anything.

use axum::{
    Json,
    http::{HeaderMap, Uri, header, uri::Authority},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};
use tracking_plan::Source;

/// Settings of analytics-next (`GET /v1/projects/{writeKey}/settings`): where it sends to.
/// Exactly one integration: more than one makes it load remote bundles. Without a rate of its own it tells
/// Segment's servers about itself every half minute.
pub(crate) fn analytics_next(write_key: &str, public_url: &str) -> Value {
    let (protocol, host) = public_url.split_once("://").unwrap_or(("https", public_url));
    let host = host.trim_end_matches('/');
    json!({
        "integrations": {"Segment.io": {
            "apiKey": write_key, "apiHost": format!("{host}/v1"), "protocol": protocol
        }},
        "metrics": {"sampleRate": 0}
    })
}

/// Configuration of rudder-js (`GET /sourceConfig/?writeKey=…`): a source without destinations in
/// the browser. It sends nothing before it has this, and checks these members.
pub(crate) fn rudder_js(source: &Source, write_key: &str) -> Value {
    let quiet = json!({"enabled": false});
    json!({"source": {
        "id": source.id, "name": source.id, "writeKey": write_key, "enabled": source.config.enabled,
        "workspaceId": "waybill", "destinations": [], "dataplanes": {},
        "config": {"statsCollection": {"errors": quiet, "metrics": quiet}}
    }})
}

/// The URL under which senders reach ingest: as configured, else as this sender reached it.
pub(crate) fn public_url(configured: Option<&str>, headers: &HeaderMap, uri: &Uri) -> String {
    if let Some(url) = configured {
        return url.to_owned();
    }
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    // HTTP/2 has the host in the URI.
    let host = host.or_else(|| uri.authority().map(Authority::as_str));
    let protocol = headers.get("x-forwarded-proto").and_then(|value| value.to_str().ok());
    let protocol = if protocol == Some("https") { "https" } else { "http" };
    format!("{protocol}://{}", host.unwrap_or("localhost"))
}

/// A browser may keep it for five minutes: a key that is taken away works no longer than that.
pub(crate) fn answer(settings: Value) -> Response {
    ([(header::CACHE_CONTROL, "public, max-age=300")], Json(settings)).into_response()
}
