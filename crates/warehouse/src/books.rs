//! What the auditor writes and reads again.

use event::{Millis, Origin};
use serde::Deserialize;

use crate::{Row, RowBinary, Warehouse, WarehouseError, rows::columns};

/// The verdict on one hour: a row of `audit_hours`.
#[derive(Debug, Clone, PartialEq, Eq, clickhouse::Row, Deserialize)]
pub struct AuditHour {
    /// Higher is newer; the highest of an hour holds.
    pub revision: u64,
    /// Start of the hour; seconds since 1970-01-01T00:00:00Z.
    pub hour: u32,
    /// Epoch of the log.
    pub epoch: u16,
    /// What the auditor says of the hour.
    pub state: String,
    /// Origins in `raw-events`.
    pub raw: u64,
    /// Of these, in `events`.
    pub loaded: u64,
    /// Of these, finally discarded.
    pub discarded: u64,
    /// Of these, open dead letters.
    pub dead: u64,
    /// Of these, nowhere.
    pub missing: u64,
    /// Of these, expired before a stage had read them.
    pub expired: u64,
    /// Of these, erased on request.
    pub erased: u64,
    /// Of these, in `events` more than once.
    pub duplicated: u64,
    /// Origins of the hour by topic.
    pub counts: Vec<(String, u64)>,
    /// While the hour is open: who holds it, and where; else empty.
    pub held_by: String,
    /// When the hour was closed; milliseconds UTC; `None` while it is open.
    pub closed_at: Option<Millis>,
}

impl Row for AuditHour {
    const TABLE: &'static str = "audit_hours";
    const FORMAT: u16 = 2;
    columns! {
        "revision" => |r, o| o.u64(r.revision),
        "hour" => |r, o| o.u32(r.hour),
        "epoch" => |r, o| o.u16(r.epoch),
        "state" => |r, o| o.text(&r.state),
        "raw" => |r, o| o.u64(r.raw),
        "loaded" => |r, o| o.u64(r.loaded),
        "discarded" => |r, o| o.u64(r.discarded),
        "dead" => |r, o| o.u64(r.dead),
        "missing" => |r, o| o.u64(r.missing),
        "expired" => |r, o| o.u64(r.expired),
        "erased" => |r, o| o.u64(r.erased),
        "duplicated" => |r, o| o.u64(r.duplicated),
        "counts" => |r, o| o.array(&r.counts, count),
        "held_by" => |r, o| o.text(&r.held_by),
        "closed_at" => |r, o| o.nullable(r.closed_at, RowBinary::millis),
    }
}

fn count(out: &mut RowBinary, (topic, count): &(String, u64)) {
    out.text(topic);
    out.u64(*count);
}

/// An origin that did not arrive exactly once: a row of `audit_findings`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditFinding {
    /// When the auditor found it; milliseconds UTC.
    pub found_at: Millis,
    /// Start of the hour of append; seconds since 1970-01-01T00:00:00Z.
    pub hour: u32,
    /// `missing`, `expired`, `duplicated` or `stranger`.
    pub kind: &'static str,
    /// The origin.
    pub origin: Origin,
    /// Source of the event, where it could be read.
    pub source: Option<String>,
    /// Event name, else its type, where it could be read.
    pub event_name: Option<String>,
    /// The sender's own id of the message, where it could be read.
    pub message_id: Option<String>,
    /// More, for a person.
    pub detail: String,
}

impl Row for AuditFinding {
    const TABLE: &'static str = "audit_findings";
    const FORMAT: u16 = 1;
    columns! {
        "found_at" => |r, o| o.millis(r.found_at),
        "hour" => |r, o| o.u32(r.hour),
        "kind" => |r, o| o.text(r.kind),
        "origin_epoch" => |r, o| o.u16(r.origin.epoch),
        "origin_partition" => |r, o| o.i32(r.origin.partition),
        "origin_offset" => |r, o| o.i64(r.origin.offset),
        "source" => |r, o| o.opt_text(r.source.as_deref()),
        "event_name" => |r, o| o.opt_text(r.event_name.as_deref()),
        "message_id" => |r, o| o.opt_text(r.message_id.as_deref()),
        "detail" => |r, o| o.text(&r.detail),
    }
}

impl Warehouse {
    /// The verdict that holds on each hour of the epoch from `first` to `last` (starts of hours in
    /// seconds since 1970-01-01T00:00:00Z, inclusive), ascending.
    pub async fn audit_hours(
        &self,
        epoch: u16,
        first: u32,
        last: u32,
    ) -> Result<Vec<AuditHour>, WarehouseError> {
        const SQL: &str = "SELECT revision, toUnixTimestamp(hour) AS hour, epoch, \
            toString(state) AS state, raw, loaded, discarded, dead, missing, expired, erased, \
            duplicated, counts, held_by, if(isNull(closed_at), NULL, \
            toUnixTimestamp64Milli(assumeNotNull(audit_hours.closed_at))) AS closed_at \
            FROM audit_hours \
            WHERE epoch = ? AND audit_hours.hour BETWEEN toDateTime(?, 'UTC') AND toDateTime(?, 'UTC') \
            ORDER BY audit_hours.hour, revision DESC LIMIT 1 BY audit_hours.hour";
        self.rows(self.question(SQL).bind(epoch).bind(first).bind(last)).await
    }
}
