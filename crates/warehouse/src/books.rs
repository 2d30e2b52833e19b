//! What the auditor writes and reads again.

use event::{Millis, Origin};
use serde::Deserialize;

use crate::{Column, Row, RowBinary, Warehouse, WarehouseError};

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
    const COLUMNS: &'static [Column<Self>] = &[
        Column::new("revision", |r, o| o.u64(r.revision)),
        Column::new("hour", |r, o| o.u32(r.hour)),
        Column::new("epoch", |r, o| o.u16(r.epoch)),
        Column::new("state", |r, o| o.text(&r.state)),
        Column::new("raw", |r, o| o.u64(r.raw)),
        Column::new("loaded", |r, o| o.u64(r.loaded)),
        Column::new("discarded", |r, o| o.u64(r.discarded)),
        Column::new("dead", |r, o| o.u64(r.dead)),
        Column::new("missing", |r, o| o.u64(r.missing)),
        Column::new("expired", |r, o| o.u64(r.expired)),
        Column::new("erased", |r, o| o.u64(r.erased)),
        Column::new("duplicated", |r, o| o.u64(r.duplicated)),
        Column::new("counts", |r, o| o.array(&r.counts, count)),
        Column::new("held_by", |r, o| o.text(&r.held_by)),
        Column::new("closed_at", |r, o| o.nullable(r.closed_at, RowBinary::millis)),
    ];
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
    const COLUMNS: &'static [Column<Self>] = &[
        Column::new("found_at", |r, o| o.millis(r.found_at)),
        Column::new("hour", |r, o| o.u32(r.hour)),
        Column::new("kind", |r, o| o.text(r.kind)),
        Column::new("origin_epoch", |r, o| o.u16(r.origin.epoch)),
        Column::new("origin_partition", |r, o| o.i32(r.origin.partition)),
        Column::new("origin_offset", |r, o| o.i64(r.origin.offset)),
        Column::new("source", |r, o| o.opt_text(r.source.as_deref())),
        Column::new("event_name", |r, o| o.opt_text(r.event_name.as_deref())),
        Column::new("message_id", |r, o| o.opt_text(r.message_id.as_deref())),
        Column::new("detail", |r, o| o.text(&r.detail)),
    ];
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
