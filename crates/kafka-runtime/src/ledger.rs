//! Turns the fate of a record into the records that tell it: output, discard or dead letter.

use std::{
    fmt::Write as _,
    time::{SystemTime, UNIX_EPOCH},
};

use event::{
    DeadLetter, DiscardedEvent, Hints, Millis, Origin, RecordHeader, Reference, StageCommand,
    Waybill, codec::Encoder,
};
use pipeline::{Discarded, Halt, RejectReason, Rejected};
use schema_registry::Registry;
use sha2::{Digest, Sha256};
use topology::{Stage, Topic};

use crate::{
    commands::record_of,
    config::STAGE_MESSAGE_BYTES,
    record::{Header, Outgoing, Record, header},
};

/// What Kafka adds to a message beyond key, value and headers, generously.
const MESSAGE_OVERHEAD: usize = 1_024;
/// A value beyond this does not fit a dead letter beside the other fields.
const LETTER_VALUE_BYTES: usize = STAGE_MESSAGE_BYTES - 256 * 1_024;
/// A detail is for a person; a longer one is cut.
const DETAIL_CHARS: usize = 2_000;

/// Writes dead letters and discards of one stage.
pub(crate) struct Ledger {
    stage: Stage,
    registry: Registry,
    encoders: Option<(Encoder, Encoder)>,
}

/// Milliseconds since 1970 by this machine's clock.
pub(crate) fn now() -> Millis {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// Whether the record fits into any topic behind `raw-events`.
pub(crate) fn fits(record: &Outgoing) -> bool {
    record.size() + MESSAGE_OVERHEAD <= STAGE_MESSAGE_BYTES
}

/// The headers of a record that follows `source`: its number and its trace.
pub(crate) fn following(waybill: Option<Waybill>, traceparent: Option<Vec<u8>>) -> Vec<Header> {
    let number = waybill.map(|it| (header::WAYBILL.into(), Some(it.to_header().to_vec().into())));
    let trace = traceparent.map(|it| (header::TRACEPARENT.into(), Some(it.into())));
    number.into_iter().chain(trace).collect()
}

impl Ledger {
    pub(crate) fn new(stage: Stage, registry: Registry) -> Self {
        Self { stage, registry, encoders: None }
    }

    /// Asks the registry for the schemas of dead letters and discards, once.
    fn encoders(&mut self) -> Result<&(Encoder, Encoder), Halt> {
        if self.encoders.is_none() {
            let letters = self.registry.encoder(self.stage.dead_letters())?;
            let discards = self.registry.encoder(Topic::DiscardedEvents)?;
            self.encoders = Some((letters, discards));
        }
        self.encoders.as_ref().ok_or_else(|| Halt::new("registry", "no encoder"))
    }

    /// The record of a command that the stage itself gives.
    pub(crate) fn command(&self, command: &StageCommand) -> Result<Outgoing, Halt> {
        let encoder = self.registry.encoder(Topic::StageCommands)?;
        let value = encoder.encode(command).map_err(|error| unencodable(&error))?;
        Ok(record_of(command, value))
    }

    fn told(&self, topic: Topic, reason: &'static str, value: Vec<u8>, of: &Told<'_>) -> Outgoing {
        let mut headers = following(of.waybill, of.traceparent.clone());
        headers.push((header::STAGE.into(), Some(self.stage.name().into())));
        headers.push((header::REASON.into(), Some(reason.into())));
        let key = of.record.key.as_deref().map(<[u8]>::to_vec);
        Outgoing { topic, partition: None, key, value: Some(value), headers }
    }

    pub(crate) fn discard(
        &mut self,
        of: &Told<'_>,
        discarded: Discarded,
    ) -> Result<Outgoing, Halt> {
        let unnumbered =
            Waybill { origin: Origin { epoch: 0, partition: 0, offset: 0 }, appended_at: 0 };
        let waybill = of.waybill.unwrap_or(unnumbered);
        let reason = discarded.reason.word();
        let value = DiscardedEvent {
            stage: self.stage.name().to_owned(),
            reason: reason.to_owned(),
            detail: shortened(discarded.detail),
            origin: waybill.origin,
            appended_at: waybill.appended_at,
            first: discarded.first,
            discarded_at: now(),
            source: of.hints.source.clone(),
            event: of.hints.event.clone(),
            message_id: of.hints.message_id.clone(),
            environment: discarded.environment.or_else(|| of.hints.environment.clone()),
        };
        let bytes = self.encoders()?.1.encode(&value).map_err(|error| unencodable(&error))?;
        Ok(self.told(Topic::DiscardedEvents, reason, bytes, of))
    }

    /// A dead letter with the record byte for byte; by reference where it does not fit.
    pub(crate) fn dead_letter(
        &mut self,
        of: &Told<'_>,
        rejected: Rejected,
    ) -> Result<Outgoing, Halt> {
        let reason = rejected.reason;
        let carried =
            of.record.value.as_ref().is_none_or(|value| value.len() <= LETTER_VALUE_BYTES);
        let letter = self.letter(of, rejected, carried);
        let bytes = self.encoders()?.0.encode(&letter).map_err(|error| unencodable(&error))?;
        let whole = self.told(self.stage.dead_letters(), reason.word(), bytes, of);
        if fits(&whole) {
            return Ok(whole);
        }
        // Key or headers are huge: what is left of the letter still names the record.
        let small = DeadLetter {
            key: None,
            headers: Vec::new(),
            plan_version: letter.plan_version,
            environment: letter.environment,
            ..self.letter(
                of,
                Rejected::new(reason, "key and headers do not fit a dead letter either"),
                false,
            )
        };
        let bytes = self.encoders()?.0.encode(&small).map_err(|error| unencodable(&error))?;
        let mut told = self.told(self.stage.dead_letters(), reason.word(), bytes, of);
        told.key = None;
        Ok(told)
    }

    fn letter(&self, of: &Told<'_>, rejected: Rejected, carried: bool) -> DeadLetter {
        let record = of.record;
        DeadLetter {
            stage: self.stage.name().to_owned(),
            reason: rejected.reason.word().to_owned(),
            detail: shortened(rejected.detail),
            origin: of.waybill.map(|waybill| waybill.origin),
            appended_at: of.waybill.map(|waybill| waybill.appended_at),
            topic: record.position.topic.name().to_owned(),
            partition: record.position.partition,
            offset: record.position.offset,
            record_timestamp: record.timestamp,
            key: record.key.as_deref().map(<[u8]>::to_vec),
            value: record.value.as_deref().filter(|_| carried).map(<[u8]>::to_vec),
            headers: record_headers(record),
            by_reference: record.value.as_ref().filter(|_| !carried).map(|value| reference(value)),
            attempts: 1,
            failed_at: now(),
            code_version: env!("CARGO_PKG_VERSION").to_owned(),
            plan_version: rejected.plan_version,
            source: of.hints.source.clone(),
            event: of.hints.event.clone(),
            message_id: of.hints.message_id.clone(),
            environment: rejected.environment.or_else(|| of.hints.environment.clone()),
            findings: rejected.findings,
        }
    }

    /// What stands in for an output that its topic does not take.
    pub(crate) fn too_large(output: &Outgoing) -> Rejected {
        let detail = format!(
            "the output has {} bytes; {} takes {STAGE_MESSAGE_BYTES}",
            output.size(),
            output.topic
        );
        Rejected::new(RejectReason::TooLarge, detail)
    }
}

/// The record whose fate is told.
pub(crate) struct Told<'a> {
    pub(crate) record: &'a Record,
    pub(crate) waybill: Option<Waybill>,
    pub(crate) hints: &'a Hints,
    pub(crate) traceparent: Option<Vec<u8>>,
}

fn record_headers(record: &Record) -> Vec<RecordHeader> {
    let copied = |(name, value): &Header| RecordHeader {
        name: name.clone().into_owned(),
        value: value.as_deref().map(<[u8]>::to_vec),
    };
    record.headers.iter().map(copied).collect()
}

fn reference(value: &[u8]) -> Reference {
    let digest = Sha256::digest(value);
    let sha256 = digest.iter().fold(String::new(), |mut hex, byte| {
        let _infallible = write!(hex, "{byte:02x}");
        hex
    });
    Reference { length: i64::try_from(value.len()).unwrap_or(i64::MAX), sha256 }
}

fn shortened(detail: String) -> String {
    if detail.chars().count() <= DETAIL_CHARS {
        return detail;
    }
    detail.chars().take(DETAIL_CHARS).chain(['…']).collect()
}

/// Our own struct does not fit our own schema: a broken build. Nothing can be told, so nothing
/// may be committed.
fn unencodable(error: &event::codec::CodecError) -> Halt {
    Halt::new("schema", error.to_string())
}

#[cfg(test)]
mod tests {
    use event::{Finding, codec::Decoder, frame, schema};
    use pipeline::DiscardReason;

    use super::*;
    use crate::recorded::record;

    fn finding() -> Finding {
        Finding {
            reason: "invalid-field".to_owned(),
            pointer: "/properties/revenue".to_owned(),
            problem: "has a value of another type".to_owned(),
            expected: Some("number".to_owned()),
            actual: None,
            outcome: "reject".to_owned(),
            plan_version: Some("shop@3".to_owned()),
        }
    }

    fn rejected(environment: Option<&str>) -> Rejected {
        Rejected {
            findings: vec![finding()],
            plan_version: Some("shop@3".to_owned()),
            environment: environment.map(str::to_owned),
            ..Rejected::new(RejectReason::InvalidField, "told to")
        }
    }

    /// The dead letter that is written, of an event whose own environment is this.
    fn written(record: &Record, rejected: Rejected, environment: Option<&str>) -> DeadLetter {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let registry = Registry::offline(runtime.handle().clone()).unwrap();
        let hints = Hints { environment: environment.map(str::to_owned), ..Hints::default() };
        let told = Told { record, waybill: None, hints: &hints, traceparent: None };
        let letter = Ledger::new(Stage::Validate, registry).dead_letter(&told, rejected).unwrap();
        let schema = &schema::DEAD_LETTERS;
        let decoder = Decoder::new(schema, schema.parsed().unwrap()).unwrap();
        decoder.decode(frame::parse(&letter.value.unwrap()).unwrap().datum).unwrap()
    }

    #[test]
    fn a_discard_says_the_environment_that_step_or_event_knows() {
        let record = record(Topic::RawEvents, 7, "{}");
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let registry = Registry::offline(runtime.handle().clone()).unwrap();
        let mut ledger = Ledger::new(Stage::Validate, registry);
        let schema = &schema::DISCARDED_EVENTS;
        let decoder = Decoder::new(schema, schema.parsed().unwrap()).unwrap();
        for (by_step, by_event, expected) in [
            (Some("staging"), None, Some("staging")),
            (None, Some("staging"), Some("staging")),
            (Some("production"), Some("staging"), Some("production")),
            (None, None, None),
        ] {
            let owned = |text: Option<&str>| text.map(str::to_owned);
            let hints = Hints { environment: owned(by_event), ..Hints::default() };
            let told = Told { record: &record, waybill: None, hints: &hints, traceparent: None };
            let discarded = Discarded {
                environment: owned(by_step),
                ..Discarded::new(DiscardReason::Suppressed, "told to")
            };
            let value = ledger.discard(&told, discarded).unwrap().value.unwrap();
            let read: DiscardedEvent = decoder.decode(frame::parse(&value).unwrap().datum).unwrap();
            assert_eq!(read.environment.as_deref(), expected);
        }
    }

    #[test]
    fn a_dead_letter_says_what_the_step_found_and_the_environment_that_step_or_event_knows() {
        let record = record(Topic::RawEvents, 7, "{}");
        for (by_step, by_event, expected) in [
            (Some("staging"), None, Some("staging")),
            (None, Some("staging"), Some("staging")),
            (Some("production"), Some("staging"), Some("production")),
            (None, None, None),
        ] {
            let letter = written(&record, rejected(by_step), by_event);
            assert_eq!(letter.environment.as_deref(), expected);
            assert_eq!(letter.findings, [finding()]);
            assert_eq!(letter.plan_version.as_deref(), Some("shop@3"));
        }
    }

    #[test]
    fn what_is_left_of_a_letter_that_does_not_fit_says_the_environment_and_the_plan() {
        let mut record = record(Topic::RawEvents, 7, "{}");
        record.key = Some(vec![b'k'; STAGE_MESSAGE_BYTES].into());
        let letter = written(&record, rejected(Some("staging")), None);
        assert_eq!((letter.key, letter.value, letter.findings), (None, None, Vec::new()));
        assert_eq!(letter.environment.as_deref(), Some("staging"));
        assert_eq!(letter.plan_version.as_deref(), Some("shop@3"));
    }
}
