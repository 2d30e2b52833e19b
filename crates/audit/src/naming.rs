//! Names an origin to a person: source, event and message id, from the record itself.

use event::{Described, Encodings, Hints, Origin};
use kafka_runtime::Position;
use schema_registry::Decode;
use topology::Topic;

use crate::{Deps, tail::Tail};

/// What an origin is. What cannot be found out is absent: a verdict never fails for want of a
/// name.
pub(crate) fn hints_of(deps: &Deps, tail: &mut Tail, origin: Origin) -> Hints {
    let Origin { partition, offset, .. } = origin;
    let record = match tail.scanner.fetch(Position { topic: Topic::RawEvents, partition, offset }) {
        Ok(record) => record,
        Err(error) => {
            tracing::warn!(%origin, "the record cannot be fetched to name it: {error}");
            None
        }
    };
    let Some(value) = record.and_then(|record| record.value) else { return Hints::default() };
    match deps.registry.raw_decoder(Encodings::ALL).decode(&value) {
        Ok(Ok(event)) => event.hints(),
        Ok(Err(rejected)) => {
            tracing::debug!(%origin, "a record without a name: {}", rejected.detail);
            Hints::default()
        }
        Err(halt) => {
            tracing::warn!(%origin, "the record cannot be decoded to name it: {halt}");
            Hints::default()
        }
    }
}
