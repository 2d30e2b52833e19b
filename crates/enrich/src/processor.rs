//! The step as a processor: read in place, judge, encode.

use event::{Described as _, Hints, Text, ValidatedEvent};
use kafka_runtime::{Fate, Numbered, Outlet, Processed, Processor};
use pipeline::{Context, Halt};
use schema_registry::{Read, Registry, TopicDecoder};
use topology::{Stage, Topic};

use crate::EnrichStep;

/// Enriches the records of `validated-events`.
pub(crate) struct Enricher {
    step: EnrichStep,
    decoder: TopicDecoder,
    outlet: Outlet,
}

impl Enricher {
    /// A processor of the step. The registry is asked when the first record comes.
    pub(crate) fn new(step: EnrichStep, registry: &Registry) -> Self {
        let decoder = registry.decoder(Stage::Enrich.input());
        Self { step, decoder, outlet: Outlet::new(Stage::Enrich, registry) }
    }

    fn judge<S: Text>(
        &mut self,
        event: &ValidatedEvent<S>,
        numbered: &Numbered<'_>,
    ) -> Result<Processed, Halt> {
        let redriven = matches!(numbered.record.position.topic, Topic::Redrive(_));
        let cx = Context { waybill: numbered.waybill, redriven };
        let fate = self.outlet.fate(self.step.in_force().apply(event, &cx))?;
        let hints = if fate.surely_fits(numbered.record) {
            Hints { source: event.source().map(str::to_owned), ..Hints::default() }
        } else {
            event.hints()
        };
        Ok(Processed { fate, hints, side: Vec::new() })
    }
}

impl Processor for Enricher {
    fn process(&mut self, numbered: &Numbered<'_>) -> Result<Processed, Halt> {
        let value = numbered.record.value.as_deref().unwrap_or_default();
        let read = self.decoder.read::<ValidatedEvent<&str>, ValidatedEvent>(value)?;
        match read {
            Ok(Read::InPlace { value: event, .. }) => self.judge(&event, numbered),
            Ok(Read::Copied(event)) => self.judge(&event, numbered),
            Err(rejected) => {
                let (fate, hints) = (Fate::Reject(rejected), Hints::default());
                Ok(Processed { fate, hints, side: Vec::new() })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use enrichment::Enrichments;
    use event::{Origin, Waybill};
    use kafka_runtime::{Position, Record};
    use tracking_plan::{LiveCatalog, SourceCatalog};

    use super::*;

    fn examples() -> Vec<ValidatedEvent> {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../avro/examples/validated-events");
        let read = |file: std::io::Result<fs::DirEntry>| {
            serde_json::from_str(&fs::read_to_string(file.unwrap().path()).unwrap()).unwrap()
        };
        let examples: Vec<ValidatedEvent> = fs::read_dir(folder).unwrap().map(read).collect();
        assert!(!examples.is_empty(), "{folder} has no example");
        examples
    }

    fn record(value: Vec<u8>) -> Record {
        Record {
            position: Position { topic: Topic::ValidatedEvents, partition: 3, offset: 7 },
            timestamp: None,
            key: None,
            value: Some(value.into()),
            headers: Vec::new(),
        }
    }

    fn numbered(record: &Record) -> Numbered<'_> {
        let origin = Origin { epoch: 0, partition: 3, offset: 7 };
        Numbered { record, waybill: Waybill { origin, appended_at: 1_795_428_931_000 } }
    }

    fn enricher(registry: &Registry) -> Enricher {
        let catalog = LiveCatalog::new(SourceCatalog::default());
        Enricher::new(EnrichStep::new(Enrichments::built_in(), catalog), registry)
    }

    fn runtime() -> tokio::runtime::Runtime {
        tokio::runtime::Builder::new_current_thread().build().unwrap()
    }

    #[test]
    fn an_event_becomes_the_same_whether_it_was_read_in_place_or_copied() {
        let runtime = runtime();
        let registry = Registry::offline(runtime.handle().clone()).unwrap();
        let encoder = registry.encoder(Topic::ValidatedEvents).unwrap();
        let mut enricher = enricher(&registry);
        for event in examples() {
            let record = record(encoder.encode(&event).unwrap());
            let value = record.value.as_deref().unwrap();
            let read = enricher.decoder.read::<ValidatedEvent<&str>, ValidatedEvent>(value);
            assert!(matches!(read, Ok(Ok(Read::InPlace { .. }))));
            let in_place = enricher.process(&numbered(&record)).unwrap();
            assert!(matches!(in_place.fate, Fate::Emit { .. }), "{in_place:?}");
            assert_eq!(in_place, enricher.judge(&event, &numbered(&record)).unwrap());
        }
    }

    #[test]
    fn whatever_may_get_into_the_ledger_is_named() {
        let runtime = runtime();
        let registry = Registry::offline(runtime.handle().clone()).unwrap();
        let encoder = registry.encoder(Topic::ValidatedEvents).unwrap();
        let mut enricher = enricher(&registry);
        let mut named = |value: Vec<u8>| enricher.process(&numbered(&record(value))).unwrap().hints;
        let mut event = examples().remove(0);
        let whole = event.hints();
        let source = Hints { source: whole.source.clone(), ..Hints::default() };
        assert_eq!(named(encoder.encode(&event).unwrap()), source);
        event.event.extra = format!("{{\"x\":\"{}\"}}", "x".repeat(1 << 20));
        assert_eq!(named(encoder.encode(&event).unwrap()), whole, "it may be too large");
        assert_eq!(named(b"garbage".to_vec()), Hints::default());
    }
}
