//! A row of the table `identity_links`.

use event::{IdentityLink, Millis, Origin};

use super::{Undecodable, nullable_epoch, nullable_offset, nullable_partition};
use crate::{Row, RowBinary, RowPosition, rows::columns};

/// A candidate link, or an order, as it is loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkRow {
    position: RowPosition,
    content: Content,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Content {
    Decoded(IdentityLink),
    Raw(Undecodable),
}

impl LinkRow {
    /// The row of a link.
    pub fn new(position: RowPosition, link: IdentityLink) -> Self {
        Self { position, content: Content::Decoded(link) }
    }

    /// The row of a record that cannot be decoded: its time, and its value as it is.
    pub fn undecodable(position: RowPosition, record: Undecodable) -> Self {
        Self { position, content: Content::Raw(record) }
    }

    fn link(&self) -> Option<&IdentityLink> {
        match &self.content {
            Content::Decoded(link) => Some(link),
            Content::Raw(_) => None,
        }
    }

    fn told<'a>(&'a self, text: fn(&'a IdentityLink) -> &'a str) -> &'a str {
        self.link().map_or("", text)
    }

    fn cause(&self) -> Option<Origin> {
        self.link().map(|link| link.cause)
    }

    fn event_time(&self) -> Millis {
        match &self.content {
            Content::Decoded(link) => link.event_time,
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

impl Row for LinkRow {
    const TABLE: &'static str = "identity_links";
    const FORMAT: u16 = 1;
    columns! {
        "position_epoch" => |r, o| o.u16(r.position.epoch),
        "position_topic" => |r, o| o.text(r.position.topic),
        "position_partition" => |r, o| o.i32(r.position.partition),
        "position_offset" => |r, o| o.i64(r.position.offset),
        "kind" => |r, o| o.text(r.told(|x| &x.kind)),
        "anonymous_id" => |r, o| o.text(r.told(|x| &x.anonymous_id)),
        "user_id" => |r, o| o.text(r.told(|x| &x.user_id)),
        "person_id" => |r, o| o.text(r.told(|x| &x.person_id)),
        "rule" => |r, o| o.text(r.told(|x| &x.rule)),
        "cause_epoch" => |r, o| nullable_epoch(r.cause(), o),
        "cause_partition" => |r, o| nullable_partition(r.cause(), o),
        "cause_offset" => |r, o| nullable_offset(r.cause(), o),
        "event_time" => |r, o| o.millis(r.event_time()),
        "appended_at" => |r, o| {
            o.nullable(r.link().map(|x| x.appended_at), RowBinary::millis);
        },
        "refused" => |r, o| o.opt_text(r.link().and_then(|x| x.refused.as_deref())),
        "who" => |r, o| o.opt_text(r.link().and_then(|x| x.who.as_deref())),
        "why" => |r, o| o.opt_text(r.link().and_then(|x| x.why.as_deref())),
        "raw" => |r, o| o.nullable(r.raw(), RowBinary::bytes),
    }

    fn times(&self) -> impl IntoIterator<Item = (&'static str, Option<Millis>)> {
        let appended_at = self.link().map(|link| link.appended_at);
        [("event_time", Some(self.event_time())), ("appended_at", appended_at)]
    }
}
