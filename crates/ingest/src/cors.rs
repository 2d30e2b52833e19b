//! What browsers must be told before a page of another origin may send and read the answers.

use axum::{
    extract::Request,
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};

/// A browser may not use `*` for `authorization`, so each header is named: those that
/// analytics-next and the other known browser SDKs send.
const ALLOWED_HEADERS: &str = "authorization, content-type, content-encoding, \
    idempotency-key, x-retry-count, x-write-key, x-enable-debug, x-ip-policy, anonymousid, sentat, \
    rsa-recovered, rsa-retry-attempt, rsa-since-last-attempt, rsa-since-first-attempt, rsa-retry-reason";

/// Answers preflights, and lets the page read the answer. A preflight shows no write key, so which
/// origins may send with one is decided when it is shown. The origin is named and not `*`, for with
/// cookies `*` is worth nothing: these are `SameSite=Lax`, so that pages of other sites send none.
pub(crate) async fn across_origins(request: Request, next: Next) -> Response {
    let preflight = request.method() == Method::OPTIONS;
    let origin = request.headers().get(header::ORIGIN).cloned();
    let mut response =
        if preflight { StatusCode::NO_CONTENT.into_response() } else { next.run(request).await };
    let headers = response.headers_mut();
    may_read(headers, origin);
    if preflight {
        may_send(headers);
    }
    response
}

fn may_read(headers: &mut HeaderMap, origin: Option<HeaderValue>) {
    if let Some(origin) = origin {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
    } else {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    }
    headers.append(header::VARY, HeaderValue::from_static("Origin"));
    headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static("Retry-After"));
}

fn may_send(headers: &mut HeaderMap) {
    let allowed = [
        (header::ACCESS_CONTROL_ALLOW_METHODS, "GET, POST, OPTIONS"),
        (header::ACCESS_CONTROL_ALLOW_HEADERS, ALLOWED_HEADERS),
        // Two hours: what a page sends while it unloads cannot wait for a preflight.
        (header::ACCESS_CONTROL_MAX_AGE, "7200"),
    ];
    for (name, value) in allowed {
        headers.insert(name, HeaderValue::from_static(value));
    }
}
