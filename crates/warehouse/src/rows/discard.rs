//! A row of the table `discarded_events`.

use event::{DiscardedEvent, Millis, Origin, Waybill};

use super::{Undecodable, nullable_epoch, nullable_offset, nullable_partition};
use crate::{Row, RowBinary, RowPosition, rows::columns};

/// A discard as it is loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DiscardRow {
    position: RowPosition,
    stage: String,
    reason: String,
    waybill: Option<Waybill>,
    discarded_at: Millis,
    content: Content,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Content {
    Decoded(DiscardedEvent),
    Raw(Vec<u8>),
}

impl DiscardRow {
    /// The row of a discard.
    pub fn new(position: RowPosition, discard: DiscardedEvent) -> Self {
        Self {
            position,
            stage: discard.stage.clone(),
            reason: discard.reason.clone(),
            waybill: Some(Waybill { origin: discard.origin, appended_at: discard.appended_at }),
            discarded_at: discard.discarded_at,
            content: Content::Decoded(discard),
        }
    }

    /// The row of a record that cannot be decoded: what its headers say, and its value as it is.
    pub fn undecodable(position: RowPosition, record: Undecodable) -> Self {
        Self {
            position,
            stage: record.stage,
            reason: record.reason,
            waybill: record.waybill,
            discarded_at: record.timestamp.unwrap_or_default(),
            content: Content::Raw(record.value),
        }
    }

    fn origin(&self) -> Option<Origin> {
        self.waybill.map(|waybill| waybill.origin)
    }

    fn first(&self) -> Option<Origin> {
        match &self.content {
            Content::Decoded(discard) => discard.first,
            Content::Raw(_) => None,
        }
    }

    fn told<'a>(&'a self, text: fn(&'a DiscardedEvent) -> Option<&'a str>) -> Option<&'a str> {
        match &self.content {
            Content::Decoded(discard) => text(discard),
            Content::Raw(_) => None,
        }
    }

    fn raw(&self) -> Option<&[u8]> {
        match &self.content {
            Content::Decoded(_) => None,
            Content::Raw(value) => Some(value),
        }
    }
}

impl Row for DiscardRow {
    const TABLE: &'static str = "discarded_events";
    const FORMAT: u16 = 2;
    columns! {
        "position_epoch" => |r, o| o.u16(r.position.epoch),
        "position_topic" => |r, o| o.text(r.position.topic),
        "position_partition" => |r, o| o.i32(r.position.partition),
        "position_offset" => |r, o| o.i64(r.position.offset),
        "stage" => |r, o| o.text(&r.stage),
        "reason" => |r, o| o.text(&r.reason),
        "detail" => |r, o| o.text(r.told(|x| Some(&x.detail)).unwrap_or_default()),
        "origin_epoch" => |r, o| nullable_epoch(r.origin(), o),
        "origin_partition" => |r, o| nullable_partition(r.origin(), o),
        "origin_offset" => |r, o| nullable_offset(r.origin(), o),
        "appended_at" => |r, o| {
            o.nullable(r.waybill.map(|x| x.appended_at), RowBinary::millis);
        },
        "first_epoch" => |r, o| nullable_epoch(r.first(), o),
        "first_partition" => |r, o| nullable_partition(r.first(), o),
        "first_offset" => |r, o| nullable_offset(r.first(), o),
        "discarded_at" => |r, o| o.millis(r.discarded_at),
        "source" => |r, o| o.opt_text(r.told(|x| x.source.as_deref())),
        "environment" => |r, o| o.opt_text(r.told(|x| x.environment.as_deref())),
        "event_name" => |r, o| o.opt_text(r.told(|x| x.event.as_deref())),
        "message_id" => |r, o| o.opt_text(r.told(|x| x.message_id.as_deref())),
        "raw" => |r, o| o.nullable(r.raw(), RowBinary::bytes),
    }

    fn times(&self) -> impl IntoIterator<Item = (&'static str, Option<Millis>)> {
        let appended_at = self.waybill.map(|waybill| waybill.appended_at);
        [("appended_at", appended_at), ("discarded_at", Some(self.discarded_at))]
    }
}
