//! Routes and answers.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use axum::{
    Json, Router,
    body::Body,
    extract::{DefaultBodyLimit, Path, Request, State},
    http::{HeaderMap, HeaderValue, StatusCode, Uri, header},
    middleware::{Next, from_fn, from_fn_with_state},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use serde_json::json;
use telemetry::span::INGEST_REQUEST;
use tracing::Instrument;
use url::form_urlencoded;

use crate::{
    caller::{key_of_headers, key_of_query},
    collector::Collector,
    cors::across_origins,
    event_fate,
    log::Log,
    parcel::{NO_KEY, check_origin, source_of},
    pixel::{self, PIXEL},
    refusal::Refusal,
    rehearsal,
    route::{
        ANALYTICS_NEXT_SETTINGS, EVENT_ROUTES, EventRoute, OPENAPI, RUDDER_JS_CONFIG, SDK_METRICS,
        SESSION, Shape, VALIDATE,
    },
    sdk_settings::{self, analytics_next, public_url, rudder_js},
    session::{self, Asked, session},
    shell::random,
};

const ABOUT: &str = "Waybill ingest. Send events to POST /v1/batch; GET /v1/openapi.json describes \
                     every route.\n";
const DESCRIPTION: &str = include_str!("../openapi.json");

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
        .route(VALIDATE, post(validate::<L>))
        .route(SESSION, get(start_session::<L>).post(start_session::<L>))
        .route(OPENAPI, get(description))
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

async fn description() -> Response {
    ([(header::CONTENT_TYPE, "application/json")], DESCRIPTION).into_response()
}

async fn validate<L: Log>(
    State(collector): State<Arc<Collector<L>>>,
    request: Request,
) -> Response {
    let outcomes = collector.rehearse(request).await;
    told(&collector, outcomes.map(|outcomes| rehearsal::answer(&outcomes)), VALIDATE)
}

/// Gives out a first-party id and a session: by cookie too, unless a backend asks with its secret
/// key, whose page is somebody else's client.
async fn start_session<L: Log>(
    State(collector): State<Arc<Collector<L>>>,
    request: Request,
) -> Response {
    let given = give_session(&collector, request).await;
    told(&collector, given, SESSION)
}

async fn give_session<L: Log>(
    collector: &Collector<L>,
    request: Request,
) -> Result<Response, Refusal> {
    let (headers, uri) = (request.headers().clone(), request.uri().clone());
    let mut asked = Asked::read(&collector.read(request).await?)?;
    let key = key_of_headers(&headers).or_else(|| asked.write_key.take());
    let key = key.or_else(|| key_of_query(&uri)).ok_or(NO_KEY)?;
    let catalog = collector.catalog.current();
    let source = source_of(&catalog, &key)?;
    check_origin(source, headers.get(header::ORIGIN).and_then(|origin| origin.to_str().ok()))?;
    let cookie = &collector.config.cookie;
    let life = Duration::from_mins(cookie.session_minutes.into());
    let now = SystemTime::now();
    let given = session(&asked, &headers, catalog.first_party(), life, now, random)?;
    let is_page = !source.has_secret_key(&key);
    Ok(session::answer(&given, is_page.then_some(cookie)))
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
    let settings = source_of(&collector.catalog.current(), &key).map(|_| {
        let url = public_url(collector.config.public_url.as_deref(), &headers, &uri);
        sdk_settings::answer(analytics_next(&key, &url))
    });
    told(&collector, settings, ANALYTICS_NEXT_SETTINGS)
}

async fn rudder_js_config<L: Log>(
    State(collector): State<Arc<Collector<L>>>,
    headers: HeaderMap,
    uri: Uri,
) -> Response {
    let key = key_of_headers(&headers).or_else(|| key_of_query(&uri));
    let key = key.ok_or(NO_KEY);
    let catalog = collector.catalog.current();
    let settings = key.and_then(|key| Ok(rudder_js(source_of(&catalog, &key)?, &key)));
    told(&collector, settings.map(sdk_settings::answer), RUDDER_JS_CONFIG[0])
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

/// The answer of a route, counted.
fn told<L: Log>(
    collector: &Collector<L>,
    answered: Result<Response, Refusal>,
    route: &'static str,
) -> Response {
    let mut response = answered.unwrap_or_else(|refusal| {
        refusal.counted().inspect(|why| collector.metrics.refused(*why));
        tracing::debug!(route, code = refusal.code(), "a request is refused");
        answer(&refusal)
    });
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
    let answered = taken.map(|fates| fates.map_or_else(done, |fates| event_fate::answer(&fates)));
    told(collector, answered, route.path)
}

/// SDKs need both members: without them rudder-sdk-python takes a refusal for a fault and sends
/// the same again.
fn answer(refusal: &Refusal) -> Response {
    let body = json!({ "code": refusal.code(), "message": refusal.to_string() });
    let mut response = (refusal.status(), Json(body)).into_response();
    if let Some(seconds) = refusal.retry_after() {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
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

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn the_description_names_every_route() {
        let description: Value = serde_json::from_str(DESCRIPTION).unwrap();
        let others = [VALIDATE, SESSION, OPENAPI, SDK_METRICS, PIXEL];
        let settings = ANALYTICS_NEXT_SETTINGS.replace("{write_key}", "{writeKey}");
        let paths = EVENT_ROUTES.iter().map(|route| route.path).chain(others);
        let mut paths: Vec<&str> = paths.chain(RUDDER_JS_CONFIG).chain([&*settings]).collect();
        let mut described: Vec<&str> =
            description["paths"].as_object().unwrap().keys().map(String::as_str).collect();
        paths.sort_unstable();
        described.sort_unstable();
        assert_eq!(described, paths);
    }
}
