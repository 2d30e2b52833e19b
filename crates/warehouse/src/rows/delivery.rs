//! A row of the table `deliveries`.

use event::{Delivery, Millis, Origin, Waybill};

use super::{Undecodable, nullable_epoch, nullable_offset, nullable_partition};
use crate::{Row, RowBinary, RowPosition, rows::columns};

/// What became of an event at a destination, as it is loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryRow {
    position: RowPosition,
    content: Content,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Content {
    Decoded(Delivery),
    Raw(Undecodable),
}

impl DeliveryRow {
    /// The row of a delivery.
    pub fn new(position: RowPosition, delivery: Delivery) -> Self {
        Self { position, content: Content::Decoded(delivery) }
    }

    /// The row of a record that cannot be decoded: what its headers say, and its value as it is.
    pub fn undecodable(position: RowPosition, record: Undecodable) -> Self {
        Self { position, content: Content::Raw(record) }
    }

    fn delivery(&self) -> Option<&Delivery> {
        match &self.content {
            Content::Decoded(delivery) => Some(delivery),
            Content::Raw(_) => None,
        }
    }

    fn told<'a>(&'a self, text: fn(&'a Delivery) -> &'a str) -> &'a str {
        self.delivery().map_or("", text)
    }

    fn known<'a>(&'a self, text: fn(&'a Delivery) -> Option<&'a str>) -> Option<&'a str> {
        self.delivery().and_then(text)
    }

    fn destination(&self) -> &str {
        match &self.content {
            Content::Decoded(delivery) => &delivery.destination,
            Content::Raw(record) => &record.stage,
        }
    }

    fn reason(&self) -> Option<&str> {
        match &self.content {
            Content::Decoded(delivery) => delivery.reason.as_deref(),
            Content::Raw(record) => {
                Some(record.reason.as_str()).filter(|reason| !reason.is_empty())
            }
        }
    }

    fn waybill(&self) -> Option<Waybill> {
        match &self.content {
            Content::Decoded(it) => {
                Some(Waybill { origin: it.origin, appended_at: it.appended_at })
            }
            Content::Raw(record) => record.waybill,
        }
    }

    fn origin(&self) -> Option<Origin> {
        self.waybill().map(|waybill| waybill.origin)
    }

    fn appended_at(&self) -> Option<Millis> {
        self.waybill().map(|waybill| waybill.appended_at)
    }

    fn first_attempted_at(&self) -> Option<Millis> {
        self.delivery().map(|delivery| delivery.first_attempted_at)
    }

    fn settled_at(&self) -> Millis {
        match &self.content {
            Content::Decoded(delivery) => delivery.settled_at,
            Content::Raw(record) => record.timestamp.unwrap_or_default(),
        }
    }

    fn raw(&self) -> Option<&[u8]> {
        match &self.content {
            Content::Decoded(_) => None,
            Content::Raw(record) => Some(&record.value),
        }
    }
}

impl Row for DeliveryRow {
    const TABLE: &'static str = "deliveries";
    const FORMAT: u16 = 1;
    columns! {
        "position_epoch" => |r, o| o.u16(r.position.epoch),
        "position_topic" => |r, o| o.text(r.position.topic),
        "position_partition" => |r, o| o.i32(r.position.partition),
        "position_offset" => |r, o| o.i64(r.position.offset),
        "destination" => |r, o| o.text(r.destination()),
        "outcome" => |r, o| o.text(r.told(|x| &x.outcome)),
        "reason" => |r, o| o.opt_text(r.reason()),
        "detail" => |r, o| o.text(r.told(|x| &x.detail)),
        "status" => |r, o| {
            o.nullable(r.delivery().and_then(|x| x.status), RowBinary::i32);
        },
        "origin_epoch" => |r, o| nullable_epoch(r.origin(), o),
        "origin_partition" => |r, o| nullable_partition(r.origin(), o),
        "origin_offset" => |r, o| nullable_offset(r.origin(), o),
        "appended_at" => |r, o| o.nullable(r.appended_at(), RowBinary::millis),
        "attempts" => |r, o| o.i32(r.delivery().map_or(0, |x| x.attempts)),
        "first_attempted_at" => |r, o| {
            o.nullable(r.first_attempted_at(), RowBinary::millis);
        },
        "settled_at" => |r, o| o.millis(r.settled_at()),
        "idempotency_key" => |r, o| o.text(r.told(|x| &x.idempotency_key)),
        "source" => |r, o| o.opt_text(r.known(|x| x.source.as_deref())),
        "environment" => |r, o| o.opt_text(r.known(|x| x.environment.as_deref())),
        "event_name" => |r, o| o.opt_text(r.known(|x| x.event.as_deref())),
        "message_id" => |r, o| o.opt_text(r.known(|x| x.message_id.as_deref())),
        "code_version" => |r, o| o.text(r.told(|x| &x.code_version)),
        "raw" => |r, o| o.nullable(r.raw(), RowBinary::bytes),
    }

    fn times(&self) -> impl IntoIterator<Item = (&'static str, Option<Millis>)> {
        [
            ("appended_at", self.appended_at()),
            ("first_attempted_at", self.first_attempted_at()),
            ("settled_at", Some(self.settled_at())),
        ]
    }
}
