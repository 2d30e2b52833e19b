//! Routes, answers and the headers that browsers ask for.

use std::sync::Arc;

use axum::{
    Json, Router,
    body::Body,
    extract::{DefaultBodyLimit, Path, Request, State},
    http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header},
    middleware::{Next, from_fn, from_fn_with_state},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use serde_json::{Value, json};
use telemetry::span::INGEST_REQUEST;
use tracing::Instrument;
use url::form_urlencoded;

use crate::{
    caller::{key_of_headers, key_of_query},
    collector::{Collector, NO_KEY},
    event_fate,
    log::Log,
    pixel::{self, PIXEL},
    refusal::Refusal,
    route::{
        ANALYTICS_NEXT_SETTINGS, EVENT_ROUTES, EventRoute, RUDDER_JS_CONFIG, SDK_METRICS, Shape,
    },
    sdk_settings::{self, analytics_next, public_url, rudder_js},
    shell::retry_after_seconds,
};

const ABOUT: &str = "Waybill ingest. Send events to POST /v1/batch.\n";

/// A browser may not use `*` for `authorization`, so each header is named: those that
/// analytics-next and the other known browser SDKs send.
const ALLOWED_HEADERS: &str = "authorization, content-type, content-encoding, \
    idempotency-key, x-retry-count, x-write-key, x-enable-debug, x-ip-policy, anonymousid, sentat, \
    rsa-recovered, rsa-retry-attempt, rsa-since-last-attempt, rsa-since-first-attempt, rsa-retry-reason";

/// The route as a metric label: set on the answer, read by the outermost layer.
#[derive(Clone, Copy)]
struct Counted(&'static str);

/// The routes of ingest.
pub fn router<L: Log>(collector: Arc<Collector<L>>) -> Router {
    let limit = DefaultBodyLimit::max(collector.config.max_body_bytes);
    let mut router = Router::new().route("/", get(about));
    for &route in EVENT_ROUTES {
        let handler = move |State(collector): State<Arc<Collector<L>>>, request: Request| async move {
            take(&collector, route, request).await
        };
        router = router.route(route.path, post(handler));
    }
    for path in RUDDER_JS_CONFIG {
        router = router.route(path, get(rudder_js_config::<L>));
    }
    router
        .route(SDK_METRICS, post(sdk_metrics))
        .route(PIXEL, get(pixel_event::<L>))
        .route(ANALYTICS_NEXT_SETTINGS, get(analytics_next_settings::<L>))
        .fallback(|| async { answer(&Refusal::NoRoute) })
        .method_not_allowed_fallback(|| async { answer(&Refusal::WrongMethod) })
        .layer(limit)
        .layer(from_fn(across_origins))
        .layer(from_fn_with_state(Arc::clone(&collector), counted::<L>))
        .with_state(collector)
}

async fn about() -> &'static str {
    ABOUT
}

async fn sdk_metrics() -> Response {
    let mut response = done();
    response.extensions_mut().insert(Counted(SDK_METRICS));
    response
}

async fn analytics_next_settings<L: Log>(
    State(collector): State<Arc<Collector<L>>>,
    Path(key): Path<String>,
    headers: HeaderMap,
    uri: Uri,
) -> Response {
    let settings = collector.source_of(&key).map(|_| {
        let url = public_url(collector.config.public_url.as_deref(), &headers, &uri);
        analytics_next(&key, &url)
    });
    told(settings, ANALYTICS_NEXT_SETTINGS)
}

async fn rudder_js_config<L: Log>(
    State(collector): State<Arc<Collector<L>>>,
    headers: HeaderMap,
    uri: Uri,
) -> Response {
    let key = key_of_headers(&headers).or_else(|| key_of_query(&uri));
    let key = key.ok_or(NO_KEY);
    let settings = key.and_then(|key| Ok(rudder_js(collector.source_of(&key)?, &key)));
    told(settings, RUDDER_JS_CONFIG[0])
}

async fn pixel_event<L: Log>(
    State(collector): State<Arc<Collector<L>>>,
    request: Request,
) -> Response {
    let query = request.uri().query().unwrap_or_default();
    let query = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    let body = match pixel::batch(query) {
        Ok(body) => body,
        Err(refusal) => return answer(&refusal),
    };
    let mut request = request.map(|_| Body::from(body));
    request.headers_mut().remove(header::CONTENT_ENCODING);
    let response = take(&collector, EventRoute { path: PIXEL, shape: Shape::Batch }, request).await;
    if response.status() != StatusCode::OK {
        return response;
    }
    let mut image = pixel::answer();
    image.extensions_mut().insert(Counted(PIXEL));
    image
}

fn told(settings: Result<Value, Refusal>, route: &'static str) -> Response {
    let mut response = settings.map_or_else(|refusal| answer(&refusal), sdk_settings::answer);
    response.extensions_mut().insert(Counted(route));
    response
}

/// analytics-java parses the body of a 200, rudder-sdk-python takes no other success than 200.
fn done() -> Response {
    Json(json!({ "success": true })).into_response()
}

async fn take<L: Log>(collector: &Collector<L>, route: EventRoute, request: Request) -> Response {
    let span = tracing::info_span!(INGEST_REQUEST, route = route.path);
    let taken = collector.collect(route, request).instrument(span).await;
    let mut response = match taken {
        Ok(None) => done(),
        Ok(Some(fates)) => event_fate::answer(&fates),
        Err(refusal) => {
            refusal.counted().inspect(|why| collector.metrics.refused(*why));
            tracing::debug!(route = route.path, code = refusal.code(), "a request is refused");
            answer(&refusal)
        }
    };
    response.extensions_mut().insert(Counted(route.path));
    response
}

/// SDKs need both members: without them rudder-sdk-python takes a refusal for a fault and sends
/// the same again.
fn answer(refusal: &Refusal) -> Response {
    let body = json!({ "code": refusal.code(), "message": refusal.to_string() });
    let mut response = (refusal.status(), Json(body)).into_response();
    if refusal.is_temporary() {
        let seconds = HeaderValue::from(u16::from(retry_after_seconds()));
        response.headers_mut().insert(header::RETRY_AFTER, seconds);
    }
    response
}

async fn counted<L: Log>(
    State(collector): State<Arc<Collector<L>>>,
    request: Request,
    next: Next,
) -> Response {
    let response = next.run(request).await;
    let route = response.extensions().get().map_or("other", |Counted(route)| route);
    collector.metrics.request(route, response.status().as_u16());
    response
}

/// Answers preflights, and lets any page read the answers: a write key is no secret in a browser.
async fn across_origins(request: Request, next: Next) -> Response {
    let preflight = request.method() == Method::OPTIONS;
    let mut response =
        if preflight { StatusCode::NO_CONTENT.into_response() } else { next.run(request).await };
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static("Retry-After"));
    if preflight {
        allow(headers);
    }
    response
}

fn allow(headers: &mut HeaderMap) {
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
