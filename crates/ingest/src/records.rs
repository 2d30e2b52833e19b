//! From a body's bytes to records of `raw-events`: pure, given the ids that it may mint.

use event::{RawEvent, codec::Encoder};
use kafka_runtime::{Outgoing, header};
use serde_json::value::RawValue;
use telemetry::IngestRefusal;
use topology::{RAW_MESSAGE_BYTES, Topic};

use crate::{
    event_fate::Prospect,
    message::{Arrival, BatchTimes, Body, Envelope, GivenId, Line, raw_event, remains_of},
    refusal::Refusal,
    rehearsal::Rules,
};

/// The broker counts its own framing of a record batch towards the limit of a message.
const FRAMING_BYTES: usize = 512;

/// Most bytes that one record may have: key, value and headers.
pub(crate) const RECORD_BYTES: usize = RAW_MESSAGE_BYTES as usize - FRAMING_BYTES;

/// The records of a request may together be this many times the largest body. A batch's context
/// is copied into each of its events, so a small body could otherwise fill the memory.
const GROWTH: usize = 2;

/// What the records of a request are made with.
pub(crate) struct RecordMaker<'a> {
    /// Writes the values.
    pub(crate) encoder: &'a Encoder,
    /// What is known of the request.
    pub(crate) arrival: &'a Arrival,
    /// Trace context of the request.
    pub(crate) traceparent: Option<&'a str>,
    /// Largest decoded body, in bytes.
    pub(crate) max_body: usize,
    /// The rules that senders of the native route are told the outcome of at once.
    pub(crate) strict: Option<&'a Rules<'a>>,
}

/// What the records of a request weigh together.
struct Weight {
    bytes: usize,
    limit: usize,
}

impl Weight {
    fn add(&mut self, record: &Outgoing) -> Result<(), Refusal> {
        self.bytes += record.size();
        let limit = self.limit;
        if self.bytes > limit { Err(Refusal::EventsTooLarge { limit }) } else { Ok(()) }
    }
}

impl RecordMaker<'_> {
    /// One record per message, in order, or the refusal of them all. Of a message that the broker
    /// would not take, whose SDK would drop it in silence, what fits is kept. `give_id` gives an id
    /// to the message with this index, counted from 0.
    pub(crate) fn records(
        &self,
        body: &Body<'_>,
        give_id: &mut dyn FnMut(usize) -> GivenId,
    ) -> Result<Vec<Outgoing>, Refusal> {
        let mut times = body.envelope.times(body.messages.len(), &self.arrival.received_at);
        let records = self.all(body, &mut times, give_id)?;
        let Some(mut later) = times.later() else { return Ok(records) };
        // Made once more: it is rare, and costs less than to hold every event of each request until the
        // last one is known.
        drop(records);
        self.all(body, &mut later, give_id)
    }

    fn all(
        &self,
        body: &Body<'_>,
        times: &mut BatchTimes<'_>,
        give_id: &mut dyn FnMut(usize) -> GivenId,
    ) -> Result<Vec<Outgoing>, Refusal> {
        let mut weight = self.weight();
        let mut records = Vec::with_capacity(body.messages.len());
        for (index, message) in body.messages.iter().enumerate() {
            let record = match self.one(index, message, &body.envelope, times, give_id) {
                Ok((record, _)) => record,
                Err(Refusal::EventTooLarge { .. }) => {
                    let mut give_id = || give_id(index);
                    self.record(&remains_of(message, self.arrival, &mut give_id))?
                }
                Err(refusal) => return Err(refusal),
            };
            weight.add(&record)?;
            records.push(record);
        }
        Ok(records)
    }

    /// A record for each message that can be numbered, and what is to be expected of each.
    pub(crate) fn each(
        &self,
        messages: &[Line<'_>],
        give_id: &mut dyn FnMut(usize) -> GivenId,
    ) -> Result<(Vec<Outgoing>, Vec<Prospect>), Refusal> {
        let (mut weight, nothing_shared) = (self.weight(), Envelope::default());
        let mut times = BatchTimes::Silent;
        let (mut records, mut prospects) = (Vec::new(), Vec::new());
        for (index, line) in messages.iter().enumerate() {
            let message = match line {
                Ok(message) => message,
                Err(why) => {
                    let detail = format!("the event is not JSON: {why}");
                    prospects.push(Prospect::Rejected(IngestRefusal::NotJson, detail));
                    continue;
                }
            };
            match self.one(index, message, &nothing_shared, &mut times, give_id) {
                Ok((record, event)) => {
                    weight.add(&record)?;
                    records.push(record);
                    let message_id = event.message_id.clone().unwrap_or_default();
                    let judgement = self.strict.map(|rules| rules.judge(event).0);
                    prospects.push(Prospect::Record { message_id, judgement });
                }
                Err(refusal @ Refusal::EventTooLarge { .. }) => {
                    let detail = refusal.to_string();
                    prospects.push(Prospect::Rejected(IngestRefusal::TooLarge, detail));
                }
                Err(refusal) => return Err(refusal),
            }
        }
        Ok((records, prospects))
    }

    fn weight(&self) -> Weight {
        Weight { bytes: 0, limit: self.max_body.saturating_mul(GROWTH) }
    }

    /// The record of one message, and the event in it.
    fn one(
        &self,
        index: usize,
        message: &RawValue,
        envelope: &Envelope<'_>,
        times: &mut BatchTimes<'_>,
        give_id: &mut dyn FnMut(usize) -> GivenId,
    ) -> Result<(Outgoing, RawEvent), Refusal> {
        let too_large = Refusal::EventTooLarge { index, limit: RECORD_BYTES };
        if message.get().len() > RECORD_BYTES {
            return Err(too_large);
        }
        let mut event = raw_event(message, envelope, self.arrival, &mut || give_id(index));
        times.meet(&mut event);
        let record = self.record(&event)?;
        if record.size() > RECORD_BYTES {
            return Err(too_large);
        }
        Ok((record, event))
    }

    fn record(&self, event: &RawEvent) -> Result<Outgoing, Refusal> {
        let value = self.encoder.encode(event).map_err(|error| {
            tracing::error!(%error, "an event cannot be encoded");
            Refusal::NotEncoded
        })?;
        let traceparent = self.traceparent.map(|text| text.as_bytes().to_vec().into());
        Ok(Outgoing {
            topic: Topic::RawEvents,
            partition: None,
            key: key(event).map(|key| key.as_bytes().to_vec()),
            value: Some(value),
            headers: traceparent
                .map(|text| (header::TRACEPARENT.into(), Some(text)))
                .into_iter()
                .collect(),
        })
    }
}

/// Anonymous id, else user id, else message id: the device's events then stand in order already
/// here. Any key would do, since validate works it out anew.
fn key(event: &RawEvent) -> Option<&str> {
    [&event.anonymous_id, &event.user_id, &event.message_id]
        .into_iter()
        .filter_map(Option::as_deref)
        .find(|id| !id.is_empty())
}
