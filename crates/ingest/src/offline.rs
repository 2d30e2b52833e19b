//! What ingest would write of a message, for plans that are tried out on files.

use std::sync::Arc;

use event::{RawEvent, RequestFacts};
use serde_json::value::RawValue;

use crate::message::{Arrival, Envelope, GivenId, raw_event};

/// The raw event of a message of any route that takes batches: Segment's members, in camelCase.
/// `received_at` is ISO-8601, UTC. A message without an id gets `message_id`, which is told as minted.
pub fn raw_event_of(
    message: &RawValue,
    source: &str,
    received_at: &str,
    message_id: &str,
) -> RawEvent {
    let arrival = Arrival {
        source: source.to_owned(),
        received_at: received_at.to_owned(),
        request: Arc::new(RequestFacts::default()),
        first_party_id: None,
        kind: None,
    };
    let mut mint = || GivenId::Minted(message_id.to_owned());
    raw_event(message, &Envelope::default(), &arrival, &mut mint)
}
