//! The routes that take events.

/// A route that takes events, with the pattern that it is counted under.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct EventRoute {
    /// Pattern of the path.
    pub(crate) path: &'static str,
    /// What the body holds.
    pub(crate) shape: Shape,
}

/// What a body holds, and so how its request is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// Segment's batch: all of it is taken, or none.
    Batch,
    /// One event, whose type the path says.
    Single(&'static str),
    /// Events for each of which the answer tells what became of it.
    Each,
    /// Any of these: a batch if there is an array `batch`, else an array of events, or one a line.
    Any,
}

impl Shape {
    /// The event type that the path says.
    pub(crate) fn kind(self) -> Option<&'static str> {
        if let Self::Single(kind) = self { Some(kind) } else { None }
    }
}

const fn batch(path: &'static str) -> EventRoute {
    EventRoute { path, shape: Shape::Batch }
}

const fn single(path: &'static str, kind: &'static str) -> EventRoute {
    EventRoute { path, shape: Shape::Single(kind) }
}

/// Every route that takes events. The short ones are those of analytics-next (`/v1/b` when it
/// batches), `/v1/import/` is the default of analytics-java, `/beacon/v1/batch` that of rudder-js
/// when a page unloads, and `/api/s/` and `/api/s/s2s/` are Jitsu's.
pub(crate) const EVENT_ROUTES: &[EventRoute] = &[
    EventRoute { path: "/v1/events", shape: Shape::Each },
    batch("/v1/batch"),
    batch("/v1/import"),
    batch("/v1/import/"),
    batch("/v1/b"),
    batch("/beacon/v1/batch"),
    single("/v1/track", "track"),
    single("/v1/identify", "identify"),
    single("/v1/page", "page"),
    single("/v1/screen", "screen"),
    single("/v1/group", "group"),
    single("/v1/alias", "alias"),
    single("/v1/t", "track"),
    single("/v1/i", "identify"),
    single("/v1/p", "page"),
    single("/v1/s", "screen"),
    single("/v1/g", "group"),
    single("/v1/a", "alias"),
    single("/api/s/track", "track"),
    single("/api/s/identify", "identify"),
    single("/api/s/page", "page"),
    single("/api/s/screen", "screen"),
    single("/api/s/group", "group"),
    single("/api/s/alias", "alias"),
    single("/api/s/s2s/track", "track"),
    single("/api/s/s2s/identify", "identify"),
    single("/api/s/s2s/page", "page"),
    single("/api/s/s2s/screen", "screen"),
    single("/api/s/s2s/group", "group"),
    single("/api/s/s2s/alias", "alias"),
];

/// Tells what would become of events, and writes nothing.
pub(crate) const VALIDATE: &str = "/v1/validate";
/// Gives out a first-party id and starts a session.
pub(crate) const SESSION: &str = "/v1/session";
/// Describes the routes, as OpenAPI.
pub(crate) const OPENAPI: &str = "/v1/openapi.json";
/// analytics-next's metrics about itself: answered, and dropped.
pub(crate) const SDK_METRICS: &str = "/v1/m";
/// Asked by analytics-next before it sends anything.
pub(crate) const ANALYTICS_NEXT_SETTINGS: &str = "/v1/projects/{write_key}/settings";
/// Asked by rudder-js before it sends anything.
pub(crate) const RUDDER_JS_CONFIG: [&str; 2] = ["/sourceConfig", "/sourceConfig/"];
