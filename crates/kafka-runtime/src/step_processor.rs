//! A pure step as a processor: decode, apply, encode.

use event::{Described, Hints, Keyed};
use pipeline::{Context, Halt, Step};
use schema_registry::{Decode, Registry};
use serde::Serialize;
use topology::{Stage, Topic};

use crate::{
    outlet::Outlet,
    processor::{Fate, Processed, Processor},
    record::{Numbered, Record},
};

/// Runs a pure [`Step`] as a stage. `D` decodes its input.
pub struct StepProcessor<S, D> {
    step: S,
    decoder: D,
    outlet: Outlet,
}

impl<S: Step, D> StepProcessor<S, D> {
    /// The processor of `stage`'s step, for an input that `decoder` decodes; so is what was redriven.
    pub fn new(step: S, stage: Stage, registry: &Registry, decoder: D) -> Self {
        Self { step, decoder, outlet: Outlet::new(stage, registry) }
    }
}

impl<S, D> StepProcessor<S, D>
where
    S: Step,
    S::In: Described,
    D: Decode<S::In>,
{
    /// What may be said of the event as it came: a step may have changed it since. Few events need it,
    /// so it is read again for them rather than kept of each.
    fn hints(&mut self, record: &Record) -> Result<Hints, Halt> {
        let value = record.value.as_deref().unwrap_or_default();
        let event = self.decoder.decode(value)?;
        Ok(event.map(|event| event.hints()).unwrap_or_default())
    }
}

impl<S, D> Processor for StepProcessor<S, D>
where
    S: Step,
    S::In: Described,
    S::Out: Serialize + Keyed,
    D: Decode<S::In>,
{
    fn process(&mut self, numbered: &Numbered<'_>) -> Result<Processed, Halt> {
        let value = numbered.record.value.as_deref().unwrap_or_default();
        let event: S::In = match self.decoder.decode(value)? {
            Ok(event) => event,
            Err(rejected) => return Ok(undescribed(Fate::Reject(rejected))),
        };
        let source = event.source().map(str::to_owned);
        let redriven = matches!(numbered.record.position.topic, Topic::Redrive(_));
        let cx = Context { waybill: numbered.waybill, redriven };
        let fate = self.outlet.fate(self.step.apply(event, &cx)?)?;
        let hints = if fate.surely_fits(numbered.record) {
            Hints { source, ..Hints::default() }
        } else {
            self.hints(numbered.record)?
        };
        Ok(Processed { fate, hints, side: Vec::new() })
    }
}

fn undescribed(fate: Fate) -> Processed {
    Processed { fate, hints: Hints::default(), side: Vec::new() }
}

#[cfg(test)]
mod tests {
    use event::{Event, ValidatedEvent};
    use pipeline::{DiscardReason, Discarded, RejectReason, Rejected, Verdict};
    use schema_registry::Decoded;
    use serde_json::json;

    use super::*;
    use crate::{config::STAGE_MESSAGE_BYTES, recorded::record};

    /// Reads an event whose name is the value.
    struct ByName;

    impl Decode<ValidatedEvent> for ByName {
        fn decode(&mut self, value: &[u8]) -> Decoded<ValidatedEvent> {
            let event: Event = serde_json::from_value(json!({
                "source": "web/app", "source_kind": "browser", "environment": "test",
                "type": "track", "event": String::from_utf8_lossy(value), "message_id": "m-1",
                "timestamp": 0, "received_at": 0, "context": "{}", "properties": "{}",
                "traits": "{}", "integrations": "{}", "extra": "{}",
            }))
            .unwrap();
            Ok(Ok(ValidatedEvent { event, validation: event::ValidationFacts::default() }))
        }
    }

    /// Renames every event, and does with it what its name says.
    struct Renaming;

    impl Step for Renaming {
        type In = ValidatedEvent;
        type Out = ValidatedEvent;

        fn apply(
            &self,
            mut event: ValidatedEvent,
            _: &Context,
        ) -> Result<Verdict<ValidatedEvent>, Halt> {
            let name = event.event.event.replace("renamed".to_owned());
            Ok(match name.as_deref() {
                Some("discard") => Discarded::new(DiscardReason::Filtered, "").into(),
                Some("reject") => Rejected::new(RejectReason::InvalidField, "").into(),
                Some("grow") => {
                    event.event.extra = "x".repeat(STAGE_MESSAGE_BYTES);
                    Verdict::Emit(event)
                }
                _ => Verdict::Emit(event),
            })
        }
    }

    #[test]
    fn whatever_may_get_into_the_ledger_is_named_as_it_came() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let registry = Registry::offline(runtime.handle().clone()).unwrap();
        let mut processor = StepProcessor::new(Renaming, Stage::Validate, &registry, ByName);
        let event: ValidatedEvent = ByName.decode(b"any").unwrap().unwrap();
        let (whole, source) = (event.hints(), event.hints().source);
        let named = |name: &str| Hints { event: Some(name.to_owned()), ..whole.clone() };
        for (name, expected) in [
            ("discard", named("discard")),
            ("reject", named("reject")),
            ("grow", named("grow")),
            ("emit", Hints { source, ..Hints::default() }),
        ] {
            let record = record(topology::Topic::RawEvents, 7, name);
            let origin = event::Origin { epoch: 0, partition: 0, offset: 7 };
            let waybill = event::Waybill { origin, appended_at: 1 };
            let numbered = Numbered { record: &record, waybill };
            assert_eq!(processor.process(&numbered).unwrap().hints, expected, "{name}");
        }
    }
}
