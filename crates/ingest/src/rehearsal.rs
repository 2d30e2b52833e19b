//! What validate will say of an event, told before it is written: the same pure rules.

use axum::{
    Json,
    response::{IntoResponse, Response},
};
use event::{Finding, Millis, RawEvent, ValidatedEvent};
use pipeline::Verdict;
use serde::Serialize;
use serde_json::{json, value::RawValue};
use tracking_plan::{SourceCatalog, clean};

use crate::{
    message::{Arrival, Envelope, GivenId, Line, raw_event},
    records::RECORD_BYTES,
};

/// What validate will say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "verdict", rename_all = "lowercase")]
pub(crate) enum Judgement {
    /// It goes on.
    Pass {
        /// Oddities that do not reject.
        flags: Vec<String>,
    },
    /// It becomes a dead letter.
    Reject {
        /// One word, as in the dead letter.
        reason: &'static str,
        /// What is wrong, each with the JSON pointer of its field where there is one.
        problems: Vec<String>,
        /// The same for a program: each with its JSON pointer, expected and actual type.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        findings: Vec<Finding>,
    },
    /// It is dropped on purpose.
    Discard {
        /// One word, as in the discard.
        reason: &'static str,
        /// Why, for a person.
        problems: Vec<String>,
    },
}

impl Judgement {
    /// Whether the event goes on.
    pub(crate) const fn passes(&self) -> bool {
        matches!(self, Self::Pass { .. })
    }
}

/// The rules in force at the moment of a request.
pub(crate) struct Rules<'a> {
    /// The sources.
    pub(crate) catalog: &'a SourceCatalog,
    /// Now: the broker's append time is not known yet.
    pub(crate) now: Millis,
}

impl Rules<'_> {
    /// What validate will say, and the event as it would be stored.
    pub(crate) fn judge(&self, event: RawEvent) -> (Judgement, Option<ValidatedEvent>) {
        match clean(event, self.now, self.catalog) {
            Verdict::Emit(event) => {
                let flags = event.validation.flags.clone();
                (Judgement::Pass { flags }, Some(event))
            }
            Verdict::Discard(discarded) => {
                let reason = discarded.reason.word();
                (Judgement::Discard { reason, problems: vec![discarded.detail] }, None)
            }
            Verdict::Reject(rejected) => {
                let problems = rejected.detail.split("; ").map(str::to_owned).collect();
                let findings = rejected.findings;
                (Judgement::Reject { reason: rejected.reason.word(), problems, findings }, None)
            }
        }
    }

    /// The outcome of each message, in order.
    pub(crate) fn rehearse(
        &self,
        messages: &[Line<'_>],
        envelope: &Envelope<'_>,
        arrival: &Arrival,
        give_id: &mut dyn FnMut(usize) -> GivenId,
    ) -> Vec<Rehearsal> {
        let mut times = envelope.times(messages.len(), &arrival.received_at);
        let read = |(index, line): (usize, &Line<'_>)| {
            let message = numbered(line)?;
            let mut event = raw_event(message, envelope, arrival, &mut || give_id(index));
            times.meet(&mut event);
            Ok(event)
        };
        let mut events: Vec<_> = messages.iter().enumerate().map(read).collect();
        if let Some(mut later) = times.later() {
            for event in events.iter_mut().flatten() {
                later.meet(event);
            }
        }
        let one = |(index, event): (usize, Result<RawEvent, Judgement>)| match event {
            Ok(event) => {
                let message_id = event.message_id.clone();
                let (judgement, event) = self.judge(event);
                Rehearsal { index, message_id, judgement, event }
            }
            Err(judgement) => Rehearsal { index, message_id: None, judgement, event: None },
        };
        events.into_iter().enumerate().map(one).collect()
    }
}

/// A message that would get a number; or why it would get none.
fn numbered<'a>(line: &Line<'a>) -> Result<&'a RawValue, Judgement> {
    let refused = |reason, problem| Judgement::Reject {
        reason,
        problems: vec![problem],
        findings: Vec::new(),
    };
    match line {
        Ok(message) if message.get().len() <= RECORD_BYTES => Ok(message),
        Ok(_) => Err(refused("too-large", format!("the event has more than {RECORD_BYTES} bytes"))),
        Err(why) => Err(refused("not-json", format!("the event is not JSON: {why}"))),
    }
}

/// The outcome of one message, as the answer tells it.
#[derive(Debug, Serialize)]
pub(crate) struct Rehearsal {
    /// Which message of the request, counted from 0.
    index: usize,
    /// The sender's id, or the one that it would be given.
    #[serde(skip_serializing_if = "Option::is_none")]
    message_id: Option<String>,
    #[serde(flatten)]
    judgement: Judgement,
    /// The event as it would be stored, where it passes.
    #[serde(skip_serializing_if = "Option::is_none", flatten)]
    event: Option<ValidatedEvent>,
}

/// 200 whatever the verdicts are: nothing was to be accepted.
pub(crate) fn answer(outcomes: &[Rehearsal]) -> Response {
    let valid = outcomes.iter().all(|outcome| outcome.judgement.passes());
    Json(json!({ "valid": valid, "events": outcomes })).into_response()
}
