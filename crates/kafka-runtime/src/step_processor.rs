//! A pure step as a processor: decode, apply, encode.

use event::{Described, Hints, Keyed, codec::Encoder};
use pipeline::{Context, Halt, RejectReason, Rejected, Step, Verdict};
use schema_registry::{Decode, Registry, TopicDecoder};
use serde::Serialize;
use topology::{Stage, Topic};

use crate::{
    config::STAGE_MESSAGE_BYTES,
    processor::{Fate, Processed, Processor},
    record::{Numbered, Record},
};

/// Runs a pure [`Step`] as a stage. `D` decodes its input.
pub struct StepProcessor<S, D = TopicDecoder> {
    step: S,
    output: Option<Topic>,
    registry: Registry,
    decoder: D,
    encoder: Option<Encoder>,
}

impl<S: Step> StepProcessor<S> {
    /// The processor of `stage`'s step, whose input is in Confluent framing. The registry is asked
    /// when the first record comes.
    pub fn new(step: S, stage: Stage, registry: &Registry) -> Self {
        Self::with_decoder(step, stage, registry, registry.decoder(stage.input()))
    }
}

impl<S: Step, D> StepProcessor<S, D> {
    /// [`new`](StepProcessor::new) for an input that `decoder` decodes; so is what was redriven.
    pub fn with_decoder(step: S, stage: Stage, registry: &Registry, decoder: D) -> Self {
        let output = stage.output();
        Self { step, output, registry: registry.clone(), decoder, encoder: None }
    }

    fn encoder(&mut self) -> Result<&Encoder, Halt> {
        if self.encoder.is_none() {
            let topic = self.output.ok_or_else(|| Halt::new("topology", "no output topic"))?;
            self.encoder = Some(self.registry.encoder(topic)?);
        }
        self.encoder.as_ref().ok_or_else(|| Halt::new("registry", "no encoder"))
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
        let fate = match self.step.apply(event, &cx)? {
            Verdict::Discard(discarded) => Fate::Discard(discarded),
            Verdict::Reject(rejected) => Fate::Reject(rejected),
            Verdict::Emit(output) => match self.encoder()?.encode(&output) {
                Ok(value) => Fate::Emit { key: output.key().into(), value },
                Err(error) => {
                    Fate::Reject(Rejected::new(RejectReason::InvalidField, error.to_string()))
                }
            },
        };
        let hints = match &fate {
            Fate::Emit { key, value } if surely_fits(numbered.record, key, value) => {
                Hints { source, ..Hints::default() }
            }
            _ => self.hints(numbered.record)?,
        };
        Ok(Processed { fate, hints, side: Vec::new() })
    }
}

/// Whether an output is far from too large: then nothing is told of it but its source.
fn surely_fits(record: &Record, key: &[u8], value: &[u8]) -> bool {
    record.size() + key.len() + value.len() <= STAGE_MESSAGE_BYTES / 2
}

fn undescribed(fate: Fate) -> Processed {
    Processed { fate, hints: Hints::default(), side: Vec::new() }
}

#[cfg(test)]
mod tests {
    use event::{Event, ValidatedEvent};
    use pipeline::{DiscardReason, Discarded};
    use schema_registry::Decoded;
    use serde_json::json;

    use super::*;
    use crate::recorded::record;

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
        let mut processor =
            StepProcessor::with_decoder(Renaming, Stage::Validate, &registry, ByName);
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
