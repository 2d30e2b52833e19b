//! What became of each event of a native request.

use axum::{
    Json,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use event::Origin;
use kafka_runtime::Delivered;
use serde::Serialize;
use serde_json::json;
use telemetry::IngestRefusal;

/// What became of one event, as the answer tells it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "status", rename_all = "lowercase")]
pub(crate) enum EventFate {
    /// The broker has acknowledged it.
    Accepted {
        /// Which event of the request, counted from 0.
        index: usize,
        /// The sender's id, or the one that it was given.
        message_id: String,
        /// Its waybill number, for `waybill trace`.
        origin: String,
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
    /// The next record of the request is it; its message id.
    Record(String),
    /// It has no record: why, and in words.
    Rejected(IngestRefusal, String),
}

/// The fates, once the records are delivered, in the same order.
pub(crate) fn fates(
    prospects: Vec<Prospect>,
    delivered: &[Delivered],
    epoch: u16,
) -> Vec<EventFate> {
    let mut delivered = delivered.iter();
    let fate = |(index, prospect)| match prospect {
        Prospect::Rejected(why, detail) => {
            Some(EventFate::Rejected { index, reason: why.word(), detail })
        }
        Prospect::Record(message_id) => {
            let at = delivered.next()?.position;
            let origin = Origin { epoch, partition: at.partition, offset: at.offset }.to_string();
            Some(EventFate::Accepted { index, message_id, origin })
        }
    };
    prospects.into_iter().enumerate().filter_map(fate).collect()
}

/// 200 if every event was accepted, 400 if none was, else 207.
pub(crate) fn answer(fates: &[EventFate]) -> Response {
    let accepted = fates.iter().filter(|fate| matches!(fate, EventFate::Accepted { .. })).count();
    let status = match accepted {
        0 => StatusCode::BAD_REQUEST,
        _ if accepted == fates.len() => StatusCode::OK,
        _ => StatusCode::MULTI_STATUS,
    };
    let mut body = json!({"success": status == StatusCode::OK, "events": fates});
    if status == StatusCode::BAD_REQUEST {
        body["code"] = json!("no-event-accepted");
        body["message"] = json!("no event of the request could be numbered; `events` says why");
    }
    (status, Json(body)).into_response()
}
