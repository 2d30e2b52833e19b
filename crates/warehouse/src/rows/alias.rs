//! A row of the table `identity_aliases`.

use event::{IdentityAlias, Millis, Origin};

use super::{Undecodable, nullable_epoch, nullable_offset, nullable_partition};
use crate::{Row, RowBinary, RowPosition, rows::columns};

/// A merge of two users, or an order, as it is loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AliasRow {
    position: RowPosition,
    content: Content,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Content {
    Decoded(IdentityAlias),
    Raw(Undecodable),
}

impl AliasRow {
    /// The row of a merge.
    pub fn new(position: RowPosition, alias: IdentityAlias) -> Self {
        Self { position, content: Content::Decoded(alias) }
    }

    /// The row of a record that cannot be decoded: its time, and its value as it is.
    pub fn undecodable(position: RowPosition, record: Undecodable) -> Self {
        Self { position, content: Content::Raw(record) }
    }

    fn alias(&self) -> Option<&IdentityAlias> {
        match &self.content {
            Content::Decoded(alias) => Some(alias),
            Content::Raw(_) => None,
        }
    }

    fn told<'a>(&'a self, text: fn(&'a IdentityAlias) -> &'a str) -> &'a str {
        self.alias().map_or("", text)
    }

    fn cause(&self) -> Option<Origin> {
        self.alias().map(|alias| alias.cause)
    }

    fn event_time(&self) -> Millis {
        match &self.content {
            Content::Decoded(alias) => alias.event_time,
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

impl Row for AliasRow {
    const TABLE: &'static str = "identity_aliases";
    const FORMAT: u16 = 1;
    columns! {
        "position_epoch" => |r, o| o.u16(r.position.epoch),
        "position_topic" => |r, o| o.text(r.position.topic),
        "position_partition" => |r, o| o.i32(r.position.partition),
        "position_offset" => |r, o| o.i64(r.position.offset),
        "kind" => |r, o| o.text(r.told(|x| &x.kind)),
        "previous_id" => |r, o| o.text(r.told(|x| &x.previous_id)),
        "user_id" => |r, o| o.text(r.told(|x| &x.user_id)),
        "rule" => |r, o| o.text(r.told(|x| &x.rule)),
        "cause_epoch" => |r, o| nullable_epoch(r.cause(), o),
        "cause_partition" => |r, o| nullable_partition(r.cause(), o),
        "cause_offset" => |r, o| nullable_offset(r.cause(), o),
        "event_time" => |r, o| o.millis(r.event_time()),
        "appended_at" => |r, o| {
            o.nullable(r.alias().map(|x| x.appended_at), RowBinary::millis);
        },
        "who" => |r, o| o.opt_text(r.alias().and_then(|x| x.who.as_deref())),
        "why" => |r, o| o.opt_text(r.alias().and_then(|x| x.why.as_deref())),
        "raw" => |r, o| o.nullable(r.raw(), RowBinary::bytes),
    }

    fn times(&self) -> impl IntoIterator<Item = (&'static str, Option<Millis>)> {
        let appended_at = self.alias().map(|alias| alias.appended_at);
        [("event_time", Some(self.event_time())), ("appended_at", appended_at)]
    }
}
