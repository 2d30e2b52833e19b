//! A row of the table `dead_letters`.

use event::{DeadLetter, Millis, RecordHeader};

use super::{Undecodable, finding, nullable_epoch, nullable_offset, nullable_partition};
use crate::{Column, Row, RowBinary, RowPosition};

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
    const COLUMNS: &'static [Column<Self>] = &[
        Column::new("position_epoch", |r, o| o.u16(r.position.epoch)),
        Column::new("position_topic", |r, o| o.text(r.position.topic)),
        Column::new("position_partition", |r, o| o.i32(r.position.partition)),
        Column::new("position_offset", |r, o| o.i64(r.position.offset)),
        Column::new("stage", |r, o| o.text(&r.letter.stage)),
        Column::new("reason", |r, o| o.text(&r.letter.reason)),
        Column::new("detail", |r, o| o.text(&r.letter.detail)),
        Column::new("origin_epoch", |r, o| nullable_epoch(r.letter.origin, o)),
        Column::new("origin_partition", |r, o| nullable_partition(r.letter.origin, o)),
        Column::new("origin_offset", |r, o| nullable_offset(r.letter.origin, o)),
        Column::new("appended_at", |r, o| o.nullable(r.letter.appended_at, RowBinary::millis)),
        Column::new("rejected_topic", |r, o| o.text(&r.letter.topic)),
        Column::new("rejected_partition", |r, o| {
            o.nullable(r.readable(r.letter.partition), RowBinary::i32);
        }),
        Column::new("rejected_offset", |r, o| {
            o.nullable(r.readable(r.letter.offset), RowBinary::i64);
        }),
        Column::new("record_timestamp", |r, o| {
            o.nullable(r.letter.record_timestamp, RowBinary::millis);
        }),
        Column::new("key", |r, o| o.nullable(r.letter.key.as_deref(), RowBinary::bytes)),
        Column::new("value", |r, o| o.nullable(r.letter.value.as_deref(), RowBinary::bytes)),
        Column::new("headers", |r, o| o.array(&r.letter.headers, header)),
        Column::new("reference_length", |r, o| {
            o.nullable(r.letter.by_reference.as_ref().map(|x| x.length), RowBinary::i64);
        }),
        Column::new("reference_sha256", |r, o| {
            o.opt_text(r.letter.by_reference.as_ref().map(|x| x.sha256.as_str()));
        }),
        Column::new("attempts", |r, o| o.i32(r.letter.attempts)),
        Column::new("failed_at", |r, o| o.millis(r.letter.failed_at)),
        Column::new("code_version", |r, o| o.text(&r.letter.code_version)),
        Column::new("plan_version", |r, o| o.opt_text(r.letter.plan_version.as_deref())),
        Column::new("source", |r, o| o.opt_text(r.letter.source.as_deref())),
        Column::new("environment", |r, o| o.opt_text(r.letter.environment.as_deref())),
        Column::new("event_name", |r, o| o.opt_text(r.letter.event.as_deref())),
        Column::new("message_id", |r, o| o.opt_text(r.letter.message_id.as_deref())),
        Column::new("findings", |r, o| o.array(&r.letter.findings, finding)),
        Column::new("raw", |r, o| o.nullable(r.raw.as_deref(), RowBinary::bytes)),
    ];

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
