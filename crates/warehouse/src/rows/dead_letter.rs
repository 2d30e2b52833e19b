//! A row of the table `dead_letters`.

use event::{DeadLetter, Millis, RecordHeader};

use super::{Undecodable, finding, nullable_epoch, nullable_offset, nullable_partition};
use crate::{Row, RowBinary, RowPosition, rows::columns};

/// A dead letter as it is loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetterRow {
    position: RowPosition,
    letter: DeadLetter,
    raw: Option<Vec<u8>>,
}

impl DeadLetterRow {
    /// The row of a dead letter.
    pub fn new(position: RowPosition, letter: DeadLetter) -> Self {
        Self { position, letter, raw: None }
    }

    /// The row of a record that cannot be decoded: what its headers say, and its value as it is.
    pub fn undecodable(position: RowPosition, record: Undecodable) -> Self {
        let Undecodable { stage, reason, waybill, timestamp, value } = record;
        let letter = DeadLetter {
            stage,
            reason,
            detail: String::new(),
            origin: waybill.map(|waybill| waybill.origin),
            appended_at: waybill.map(|waybill| waybill.appended_at),
            topic: String::new(),
            partition: 0,
            offset: 0,
            record_timestamp: None,
            key: None,
            value: None,
            headers: Vec::new(),
            by_reference: None,
            attempts: 0,
            failed_at: timestamp.unwrap_or_default(),
            code_version: String::new(),
            plan_version: None,
            source: None,
            event: None,
            message_id: None,
            environment: None,
            findings: Vec::new(),
        };
        Self { position, letter, raw: Some(value) }
    }

    fn readable<T>(&self, value: T) -> Option<T> {
        self.raw.is_none().then_some(value)
    }
}

impl Row for DeadLetterRow {
    const TABLE: &'static str = "dead_letters";
    const FORMAT: u16 = 3;
    columns! {
        "position_epoch" => |r, o| o.u16(r.position.epoch),
        "position_topic" => |r, o| o.text(r.position.topic),
        "position_partition" => |r, o| o.i32(r.position.partition),
        "position_offset" => |r, o| o.i64(r.position.offset),
        "stage" => |r, o| o.text(&r.letter.stage),
        "reason" => |r, o| o.text(&r.letter.reason),
        "detail" => |r, o| o.text(&r.letter.detail),
        "origin_epoch" => |r, o| nullable_epoch(r.letter.origin, o),
        "origin_partition" => |r, o| nullable_partition(r.letter.origin, o),
        "origin_offset" => |r, o| nullable_offset(r.letter.origin, o),
        "appended_at" => |r, o| o.nullable(r.letter.appended_at, RowBinary::millis),
        "rejected_topic" => |r, o| o.text(&r.letter.topic),
        "rejected_partition" => |r, o| {
            o.nullable(r.readable(r.letter.partition), RowBinary::i32);
        },
        "rejected_offset" => |r, o| {
            o.nullable(r.readable(r.letter.offset), RowBinary::i64);
        },
        "record_timestamp" => |r, o| {
            o.nullable(r.letter.record_timestamp, RowBinary::millis);
        },
        "key" => |r, o| o.nullable(r.letter.key.as_deref(), RowBinary::bytes),
        "value" => |r, o| o.nullable(r.letter.value.as_deref(), RowBinary::bytes),
        "headers" => |r, o| o.array(&r.letter.headers, header),
        "reference_length" => |r, o| {
            o.nullable(r.letter.by_reference.as_ref().map(|x| x.length), RowBinary::i64);
        },
        "reference_sha256" => |r, o| {
            o.opt_text(r.letter.by_reference.as_ref().map(|x| x.sha256.as_str()));
        },
        "attempts" => |r, o| o.i32(r.letter.attempts),
        "failed_at" => |r, o| o.millis(r.letter.failed_at),
        "code_version" => |r, o| o.text(&r.letter.code_version),
        "plan_version" => |r, o| o.opt_text(r.letter.plan_version.as_deref()),
        "source" => |r, o| o.opt_text(r.letter.source.as_deref()),
        "environment" => |r, o| o.opt_text(r.letter.environment.as_deref()),
        "event_name" => |r, o| o.opt_text(r.letter.event.as_deref()),
        "message_id" => |r, o| o.opt_text(r.letter.message_id.as_deref()),
        "findings" => |r, o| o.array(&r.letter.findings, finding),
        "raw" => |r, o| o.nullable(r.raw.as_deref(), RowBinary::bytes),
    }

    fn times(&self) -> impl IntoIterator<Item = (&'static str, Option<Millis>)> {
        [
            ("appended_at", self.letter.appended_at),
            ("record_timestamp", self.letter.record_timestamp),
            ("failed_at", Some(self.letter.failed_at)),
        ]
    }
}

fn header(out: &mut RowBinary, header: &RecordHeader) {
    out.text(&header.name);
    out.nullable(header.value.as_deref(), RowBinary::bytes);
}
