//! What became of each event of a native request.

use axum::{
    Json,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use event::Origin;
use serde::Serialize;
use serde_json::json;
use telemetry::IngestRefusal;

use crate::{rehearsal::Judgement, written::Written};

/// What became of one event, as the answer tells it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "status", rename_all = "lowercase")]
pub(crate) enum EventFate {
    /// The broker has acknowledged it, or the spool has it.
    Accepted {
        /// Which event of the request, counted from 0.
        index: usize,
        /// The sender's id, or the one that it was given.
        message_id: String,
        /// Its waybill number, for `waybill trace`; none yet where the spool has it.
        #[serde(skip_serializing_if = "Option::is_none")]
        origin: Option<String>,
        /// Whether the spool has it, and the broker not yet.
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        spooled: bool,
        /// What validate will say of it; only where the source is strict.
        #[serde(flatten)]
        judgement: Option<Judgement>,
    },
    /// It could not be numbered: it is in no topic.
    Rejected {
        /// Which event of the request, counted from 0.
        index: usize,
        /// One word.
        reason: &'static str,
        /// What is wrong with it.
        detail: String,
    },
}

/// What is known of an event before the broker has answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Prospect {
    /// The next record of the request is it.
    Record {
        /// Its message id.
        message_id: String,
        /// What validate will say of it, where that is to be told.
        judgement: Option<Judgement>,
    },
    /// It has no record: why, and in words.
    Rejected(IngestRefusal, String),
}

/// The fates, once the records are written, in the same order.
pub(crate) fn fates(prospects: Vec<Prospect>, written: &Written, epoch: u16) -> Vec<EventFate> {
    let spooled = matches!(written, Written::InSpool);
    let mut delivered = match written {
        Written::InLog(delivered) => delivered.iter(),
        Written::InSpool => [].iter(),
    };
    let fate = |(index, prospect)| match prospect {
        Prospect::Rejected(why, detail) => {
            Some(EventFate::Rejected { index, reason: why.word(), detail })
        }
        Prospect::Record { message_id, judgement } => {
            let origin = match delivered.next().map(|delivered| delivered.position) {
                Some(at) => {
                    Some(Origin { epoch, partition: at.partition, offset: at.offset }.to_string())
                }
                None if spooled => None,
                None => return None,
            };
            Some(EventFate::Accepted { index, message_id, origin, spooled, judgement })
        }
    };
    prospects.into_iter().enumerate().filter_map(fate).collect()
}

/// 200 if every event was accepted and, where that is told, passes; 400 if none was accepted; else
/// 207.
pub(crate) fn answer(fates: &[EventFate]) -> Response {
    let is_well = |fate: &EventFate| match fate {
        EventFate::Accepted { judgement, .. } => judgement.as_ref().is_none_or(Judgement::passes),
        EventFate::Rejected { .. } => false,
    };
    let is_accepted = |fate: &EventFate| matches!(fate, EventFate::Accepted { .. });
    let status = if !fates.iter().any(is_accepted) {
        StatusCode::BAD_REQUEST
    } else if fates.iter().all(is_well) {
        StatusCode::OK
    } else {
        StatusCode::MULTI_STATUS
    };
    let mut body = json!({"success": status == StatusCode::OK, "events": fates});
    if status == StatusCode::BAD_REQUEST {
        body["code"] = json!("no-event-accepted");
        body["message"] = json!("no event of the request could be numbered; `events` says why");
    }
    (status, Json(body)).into_response()
}
