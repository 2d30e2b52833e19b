//! The routes, and the answers that they may give: from ingest's own description.

use std::sync::LazyLock;

use axum::http::Method;
use serde_json::Value;

const DESCRIPTION: &str = include_str!("../../../crates/ingest/openapi.json");

/// A method of a path.
#[derive(Debug)]
pub(crate) struct Route {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) takes: Takes,
    /// The statuses that are described.
    pub(crate) statuses: Vec<u16>,
}

/// What a route takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Takes {
    /// No events.
    Nothing,
    /// A batch, as a whole.
    Batch,
    /// One event, of this type.
    One(&'static str),
    /// Events, each for itself.
    Each,
    /// An event in its query, or not at all.
    Image,
    /// Events that it only judges.
    Rehearsal,
}

/// Every route in the order of its path.
pub(crate) static ROUTES: LazyLock<Vec<Route>> = LazyLock::new(routes);

fn routes() -> Vec<Route> {
    let description: Value = serde_json::from_str(DESCRIPTION).unwrap_or_default();
    let paths = description["paths"].as_object().into_iter().flatten();
    let mut routes: Vec<Route> = paths
        .flat_map(|(path, operations)| {
            let operations = operations.as_object().into_iter().flatten();
            operations.filter_map(|(method, operation)| route(path, method, operation))
        })
        .collect();
    routes.sort_by(|one, other| {
        (&one.path, one.method.as_str()).cmp(&(&other.path, other.method.as_str()))
    });
    routes
}

fn route(path: &str, method: &str, operation: &Value) -> Option<Route> {
    let statuses = operation["responses"].as_object()?.keys();
    Some(Route {
        method: method.to_uppercase().parse().ok()?,
        path: path.replace("{writeKey}", "wk_web"),
        takes: takes(path),
        statuses: statuses.filter_map(|status| status.parse().ok()).collect(),
    })
}

/// What the description says in words only.
fn takes(path: &str) -> Takes {
    match path {
        "/v1/events" => return Takes::Each,
        "/v1/validate" => return Takes::Rehearsal,
        "/v1/pixel.gif" => return Takes::Image,
        "/v1/batch" | "/v1/import" | "/v1/import/" | "/v1/b" | "/beacon/v1/batch" => {
            return Takes::Batch;
        }
        _ => {}
    }
    match path.rsplit('/').next() {
        Some("track" | "t") => Takes::One("track"),
        Some("identify" | "i") => Takes::One("identify"),
        Some("page" | "p") => Takes::One("page"),
        Some("screen" | "s") => Takes::One("screen"),
        Some("group" | "g") => Takes::One("group"),
        Some("alias" | "a") => Takes::One("alias"),
        _ => Takes::Nothing,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_route_of_the_description_is_sent_to() {
        let count = |is: fn(&Takes) -> bool| ROUTES.iter().filter(|it| is(&it.takes)).count();
        assert_eq!(count(|it| *it == Takes::Batch), 5);
        assert_eq!(count(|it| matches!(it, Takes::One(_))), 24);
        assert_eq!(count(|it| matches!(it, Takes::Each | Takes::Image | Takes::Rehearsal)), 3);
        assert_eq!(count(|it| *it == Takes::Nothing), 7);
        assert!(ROUTES.iter().all(|it| it.statuses.contains(&200)));
    }
}
