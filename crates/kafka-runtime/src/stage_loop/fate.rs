//! The fate of one record.

use std::panic::{AssertUnwindSafe, catch_unwind};

use event::{Hints, Millis, Origin, Waybill};
use pipeline::{Halt, RejectReason, Rejected};
use telemetry::trace::RecordSpan;
use topology::Topic;

use super::StageLoop;
use crate::{
    batch::partition_of,
    breaker::Judged,
    care::Care,
    config::STAGE_MESSAGE_BYTES,
    error::Failed,
    ledger::{Ledger, Told, fits, following},
    log::Log,
    processor::{Fate, Processed, Processor},
    record::{Numbered, Outgoing, Position, Record, header},
};

impl<L: Log, P: Processor> StageLoop<'_, L, P> {
    /// Sends what tells the fate of the record. True if the record is the one that killed
    /// processes.
    pub(super) fn settle_record(&mut self, record: &Record) -> Result<bool, Failed> {
        let stage = self.parts.stage;
        if stage.commands() == Some(record.position.topic) {
            return self.follow_order(record);
        }
        let span = RecordSpan::start(stage.name(), record.header(header::TRACEPARENT));
        let numbered = number(record, self.parts.epoch);
        let waybill = numbered.as_ref().ok().copied();
        let condemned = condemns(self.cares.get(&partition_of(record)), record);
        let processed = match (numbered, barred(record, condemned)) {
            (_, Some(rejected)) | (Err(rejected), None) => unprocessed(Fate::Reject(rejected)),
            (Ok(waybill), None) => process(self.parts.processor, record, waybill)?,
        };
        let told =
            Told { record, waybill, hints: &processed.hints, traceparent: span.traceparent() };
        let outgoing = self.tell(&told, processed.fate)?;
        self.log.send(&outgoing, false)?;
        self.send_side(processed.side, &told)?;
        Ok(condemned)
    }

    /// True if the order is the record that killed processes: it is passed over.
    fn follow_order(&mut self, order: &Record) -> Result<bool, Failed> {
        let condemned = condemns(self.cares.get(&partition_of(order)), order);
        let followed = match barred(order, condemned) {
            Some(rejected) => Err(rejected),
            None => in_safety(|| self.parts.processor.follow(order)),
        };
        match followed {
            Ok(side) => {
                let side = side?;
                self.parts.metrics.side_records(side.len() as u64);
                for beside in side {
                    self.log.send(&beside, false)?;
                }
            }
            Err(rejected) => {
                let (stage, detail) = (self.parts.stage.name(), &rejected.detail);
                let Position { topic, partition, offset } = order.position;
                tracing::error!(stage, %topic, partition, offset, "an order was not followed: {detail}");
            }
        }
        Ok(condemned)
    }

    fn send_side(&mut self, side: Vec<Outgoing>, told: &Told<'_>) -> Result<(), Failed> {
        self.parts.metrics.side_records(side.len() as u64);
        for mut beside in side {
            beside.headers.extend(following(told.waybill, told.traceparent.clone()));
            self.log.send(&beside, false)?;
        }
        Ok(())
    }

    /// The one record that tells the fate.
    fn tell(&mut self, told: &Told<'_>, fate: Fate) -> Result<Outgoing, Failed> {
        let source = told.hints.source.as_deref();
        match fate {
            Fate::Emit { key, value } => {
                let Some(topic) = self.parts.stage.output() else {
                    return Err(Failed::Halt(Halt::new("topology", "a sink emits nothing")));
                };
                let headers = following(told.waybill, told.traceparent.clone());
                let (key, value) = (Some(key), Some(value));
                let output = Outgoing { topic, partition: None, key, value, headers };
                if !fits(&output) {
                    return self.tell(told, Fate::Reject(Ledger::too_large(&output)));
                }
                self.breaker.note(source, Judged::Accepted);
                self.parts.metrics.emitted(1);
                Ok(output)
            }
            Fate::Discard(discarded) => {
                self.breaker.note(source, Judged::Accepted);
                self.parts.metrics.discarded(discarded.reason, 1);
                Ok(self.parts.ledger.discard(told, discarded)?)
            }
            Fate::Reject(rejected) => {
                self.breaker.note(source, Judged::Rejected(rejected.reason.word()));
                self.parts.metrics.rejected(rejected.reason, 1);
                tracing::debug!(stage = %self.parts.stage, reason = %rejected.reason, source, "rejected");
                Ok(self.parts.ledger.dead_letter(told, rejected)?)
            }
        }
    }
}

/// Whether the record is the one that killed processes.
pub(crate) fn condemns(care: Option<&Care>, record: &Record) -> bool {
    care.is_some_and(|care| care.condemns(record.position.offset))
}

/// Why the record is not even looked at, if it is not.
pub(crate) fn barred(record: &Record, condemned: bool) -> Option<Rejected> {
    if condemned {
        let detail = "processes died on this record again and again, with no other in hand";
        return Some(Rejected::new(RejectReason::ProcessKilled, detail));
    }
    // The broker's limit is on the compressed batch: a record may be many times larger.
    let size = record.size();
    (size > STAGE_MESSAGE_BYTES).then(|| {
        let detail = format!("the record has {size} bytes; a stage takes {STAGE_MESSAGE_BYTES}");
        Rejected::new(RejectReason::TooLarge, detail)
    })
}

/// The event's number: its position on `raw-events`, the header elsewhere.
pub(crate) fn number(record: &Record, epoch: u16) -> Result<Waybill, Rejected> {
    let Position { topic, partition, offset } = record.position;
    if topic == Topic::RawEvents {
        let appended_at: Millis = record.timestamp.unwrap_or_default();
        return Ok(Waybill { origin: Origin { epoch, partition, offset }, appended_at });
    }
    let Some(value) = record.header(header::WAYBILL) else {
        let detail = format!("{topic}-{partition}@{offset} has no header `{}`", header::WAYBILL);
        return Err(Rejected::new(RejectReason::NoWaybill, detail));
    };
    Waybill::from_header(value)
        .map_err(|error| Rejected::new(RejectReason::NoWaybill, error.to_string()))
}

/// Lets the processor judge.
fn process<P: Processor>(
    processor: &mut P,
    record: &Record,
    waybill: Waybill,
) -> Result<Processed, Halt> {
    let numbered = Numbered { record, waybill };
    crashpoint::taste(record.value.as_deref().unwrap_or_default());
    in_safety(|| processor.process(&numbered))
        .unwrap_or_else(|rejected| Ok(unprocessed(Fate::Reject(rejected))))
}

/// Runs a step's code; a panic in it is the record's fault.
pub(crate) fn in_safety<T>(step: impl FnOnce() -> T) -> Result<T, Rejected> {
    catch_unwind(AssertUnwindSafe(step)).map_err(|panic| {
        let detail = format!("the step panicked: {}", panic_message(panic.as_ref()));
        Rejected::new(RejectReason::StepPanicked, detail)
    })
}

fn unprocessed(fate: Fate) -> Processed {
    Processed { fate, hints: Hints::default(), side: Vec::new() }
}

fn panic_message(panic: &(dyn std::any::Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message")
}
