//! What a row of each table is made of.

mod alias;
mod dead_letter;
mod delivery;
mod discard;
mod event;
mod link;

pub use alias::AliasRow;
pub use dead_letter::DeadLetterRow;
pub use delivery::DeliveryRow;
pub use discard::DiscardRow;
pub use event::EventRow;
pub use link::LinkRow;

use ::event::{Finding, Millis, Origin, Waybill};

use crate::{RowBinary, row_binary::TIMES};

/// The columns of a row with what it writes into each: one list, so that names and values cannot part.
macro_rules! columns {
    ($($name:literal => $write:expr),* $(,)?) => {
        const COLUMNS: &'static [&'static str] = &[$($name),*];

        fn write(&self, out: &mut $crate::RowBinary) {
            $($crate::rows::column(self, out, $write);)*
        }
    };
}
pub(crate) use columns;

/// Writes one column; it tells the macro's closures what they are given.
pub(crate) fn column<R>(row: &R, out: &mut RowBinary, write: impl FnOnce(&R, &mut RowBinary)) {
    write(row, out);
}

/// A row of one of our tables.
pub trait Row {
    /// The table.
    const TABLE: &'static str;
    /// Version of the bytes that a record becomes; part of the deduplication token. Raise it with
    /// every change of `COLUMNS` or of what is written: the same token with other bytes drops rows
    /// in silence.
    const FORMAT: u16;
    /// The columns that an INSERT names, in the order in which they are written.
    const COLUMNS: &'static [&'static str];

    /// The times that the row writes into `DateTime64` columns, with the names of those.
    fn times(&self) -> impl IntoIterator<Item = (&'static str, Option<Millis>)> {
        []
    }

    /// The first column whose time the table cannot hold ([`TIMES`]): it would be stored as another.
    fn unheld_time(&self) -> Option<&'static str> {
        let unheld = |time: &Option<Millis>| time.is_some_and(|time| !TIMES.contains(&time));
        self.times().into_iter().find(|(_, time)| unheld(time)).map(|(column, _)| column)
    }

    /// Writes the row.
    fn write(&self, out: &mut RowBinary);
}

/// Which Kafka record a row was made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RowPosition {
    /// Epoch of the log under which the row is loaded: offsets begin anew with every epoch.
    pub epoch: u16,
    /// Topic.
    pub topic: &'static str,
    /// Partition.
    pub partition: i32,
    /// Offset.
    pub offset: i64,
}

/// A record of a side table that cannot be decoded: it is loaded all the same, as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Undecodable {
    /// Stage, from the header or the topic; empty where neither says it.
    pub stage: String,
    /// Reason, from the header; empty where there is none.
    pub reason: String,
    /// Waybill, from the header.
    pub waybill: Option<Waybill>,
    /// Kafka timestamp; milliseconds UTC.
    pub timestamp: Option<Millis>,
    /// The value, byte for byte.
    pub value: Vec<u8>,
}

fn nullable_epoch(origin: Option<Origin>, out: &mut RowBinary) {
    out.nullable(origin.map(|origin| origin.epoch), RowBinary::u16);
}

fn nullable_partition(origin: Option<Origin>, out: &mut RowBinary) {
    out.nullable(origin.map(|origin| origin.partition), RowBinary::i32);
}

fn nullable_offset(origin: Option<Origin>, out: &mut RowBinary) {
    out.nullable(origin.map(|origin| origin.offset), RowBinary::i64);
}

fn finding(out: &mut RowBinary, finding: &Finding) {
    out.text(&finding.reason);
    out.text(&finding.pointer);
    out.text(&finding.problem);
    out.opt_text(finding.expected.as_deref());
    out.opt_text(finding.actual.as_deref());
    out.text(&finding.outcome);
    out.opt_text(finding.plan_version.as_deref());
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::{AuditFinding, AuditHour, GivenUpHour, migrations::MIGRATIONS};

    /// Names of the columns in `CREATE TABLE`: lines of four blanks, a name and a type; and of
    /// those that were added later.
    fn declared(table: &str) -> BTreeSet<&'static str> {
        let heading = format!("CREATE TABLE IF NOT EXISTS {table}\n");
        let body = MIGRATIONS.iter().find_map(|file| file.text.split_once(&heading)).unwrap().1;
        let (columns, _) = body.split_once("\n)\n").unwrap();
        let statements = MIGRATIONS.iter().flat_map(|file| file.text.split("ALTER TABLE "));
        let of_table = statements.filter_map(|it| it.strip_prefix(table)?.strip_prefix('\n'));
        let added = of_table.flat_map(|it| it.split("ADD COLUMN IF NOT EXISTS ").skip(1));
        let added = added.filter_map(|column| column.split(' ').next());
        columns
            .lines()
            .filter_map(|line| line.strip_prefix("    "))
            .filter_map(|line| line.split_once(' '))
            .map(|(name, _)| name)
            .filter(|name| *name != "INDEX")
            .chain(added)
            .filter(|name| !["loaded_at", "append_hour"].contains(name))
            .collect()
    }

    fn written<R: Row>() -> BTreeSet<&'static str> {
        let names: BTreeSet<_> = R::COLUMNS.iter().copied().collect();
        assert_eq!(names.len(), R::COLUMNS.len(), "a column of {} is written twice", R::TABLE);
        names
    }

    #[test]
    fn a_row_writes_every_column_that_the_server_does_not_fill_itself() {
        assert_eq!(written::<EventRow>(), declared("events"));
        assert_eq!(written::<DeadLetterRow>(), declared("dead_letters"));
        assert_eq!(written::<DiscardRow>(), declared("discarded_events"));
        assert_eq!(written::<DeliveryRow>(), declared("deliveries"));
        assert_eq!(written::<LinkRow>(), declared("identity_links"));
        assert_eq!(written::<AliasRow>(), declared("identity_aliases"));
        assert_eq!(written::<AuditHour>(), declared("audit_hours"));
        assert_eq!(written::<AuditFinding>(), declared("audit_findings"));
        assert_eq!(written::<GivenUpHour>(), declared("given_up_hours"));
    }
}
