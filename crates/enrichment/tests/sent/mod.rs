//! Events as these tests need them.
#![allow(dead_code, reason = "each file of tests uses some of it")]

use enrichment::Enrichments;
use event::{EnrichmentFacts, Event, Millis, RequestFacts};
use serde::{Serialize, de::DeserializeOwned};

/// A page view of a source of this kind with this context (JSON text).
pub(crate) fn page_view(source_kind: &str, context: &str) -> Event {
    Event {
        source: "web/app".to_owned(),
        source_kind: source_kind.to_owned(),
        environment: "production".to_owned(),
        kind: "page".to_owned(),
        message_id: "m-1".to_owned(),
        anonymous_id: Some("a-1".to_owned()),
        user_id: None,
        group_id: None,
        previous_id: None,
        event: None,
        name: None,
        category: None,
        channel: None,
        timestamp: 0,
        original_timestamp: None,
        sent_at: None,
        received_at: 0,
        context: context.to_owned(),
        properties: "{}".to_owned(),
        traits: "{}".to_owned(),
        integrations: "{}".to_owned(),
        extra: "{}".to_owned(),
        request: None,
    }
}

/// The same, with what ingest saw of the request.
pub(crate) fn requested(source_kind: &str, context: &str, request: RequestFacts) -> Event {
    Event { request: Some(request), ..page_view(source_kind, context) }
}

/// The facts of a browser's page view with this context.
pub(crate) fn facts(enrichments: &Enrichments, context: &serde_json::Value) -> EnrichmentFacts {
    worked_out(enrichments, &page_view("browser", &context.to_string()))
}

/// What the enrichments of a source without settings say of an event.
pub(crate) fn worked_out(enrichments: &Enrichments, event: &Event) -> EnrichmentFacts {
    applied(enrichments, event, 0).1
}

/// The event as it travels on and its facts, as they are of this append time. They have texts of their
/// own, so that they outlive what they were read from.
pub(crate) fn applied(
    enrichments: &Enrichments,
    event: &Event,
    appended_at: Millis,
) -> (Event, EnrichmentFacts) {
    let (event, facts) = enrichments.apply(event, appended_at, None);
    (owned(&event), owned(&facts))
}

/// The same with texts of its own.
pub(crate) fn owned<T: DeserializeOwned>(borrowed: &impl Serialize) -> T {
    serde_json::from_value(serde_json::to_value(borrowed).unwrap()).unwrap()
}
