//! How long rows are kept.
//!
//! A table forgets by the time that it is divided by, and by whole parts: a part goes when the youngest
//! of its rows is old enough, which costs nothing, where taking single rows out would write every old
//! part anew each few hours. So a row stays for at least so many days, and at most a month longer.

use std::fmt;

use clickhouse::Row;
use serde::{Deserialize, Serialize};

use crate::{Warehouse, WarehouseError};

/// ClickHouse counts in seconds until 2106.
const MOST_DAYS: u32 = 20_000;

/// For how many days rows are kept, by table. 0: for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct KeepDays {
    /// Events, after they were appended to `raw-events`.
    pub events: u32,
    /// Dead letters, after they were rejected.
    pub dead_letters: u32,
    /// Discards, after they were dropped.
    pub discarded_events: u32,
    /// Deliveries, after their outcome was known.
    pub deliveries: u32,
    /// Verdicts on hours, after the hour.
    pub audit_hours: u32,
    /// What the auditor found, after the hour of the event.
    pub audit_findings: u32,
}

impl KeepDays {
    /// Every table with the column that it forgets by.
    const fn tables(&self) -> [(&'static str, &'static str, u32); 6] {
        [
            ("events", "appended_at", self.events),
            ("dead_letters", "failed_at", self.dead_letters),
            ("discarded_events", "discarded_at", self.discarded_events),
            ("deliveries", "settled_at", self.deliveries),
            ("audit_hours", "hour", self.audit_hours),
            ("audit_findings", "hour", self.audit_findings),
        ]
    }

    /// Whether ClickHouse can count that far.
    pub(crate) fn check(&self) -> Result<(), WarehouseError> {
        match self.tables().into_iter().find(|(.., days)| *days > MOST_DAYS) {
            None => Ok(()),
            Some((table, ..)) => Err(WarehouseError::Config {
                key: "keep_days",
                detail: format!("{table}: at most {MOST_DAYS} days; 0 keeps rows for ever"),
            }),
        }
    }
}

/// A table that is to keep its rows for another time than it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct RetentionChange {
    /// The table.
    pub table: &'static str,
    /// Days count from this column.
    pub column: &'static str,
    /// For how many days it keeps rows now; 0 is for ever.
    pub from: u32,
    /// For how many days it is to keep them; 0 is for ever.
    pub to: u32,
}

impl fmt::Display for RetentionChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let days =
            |days: u32| if days == 0 { "for ever".to_owned() } else { format!("{days} days") };
        let Self { table, column, from, to } = *self;
        write!(f, "{table} will keep rows {} after {column} (now: {})", days(to), days(from))?;
        let deletes = to > 0 && (from == 0 || to < from);
        if deletes { write!(f, "; older ones are DELETED") } else { Ok(()) }
    }
}

impl RetentionChange {
    fn statements(&self) -> Vec<String> {
        let Self { table, column, to, .. } = self;
        if *to == 0 {
            return vec![format!("ALTER TABLE {table} REMOVE TTL")];
        }
        vec![
            format!(
                "ALTER TABLE {table} MODIFY SETTING ttl_only_drop_parts = 1, \
                 materialize_ttl_recalculate_only = 1"
            ),
            format!("ALTER TABLE {table} MODIFY TTL {}", expression(column, *to)),
        ]
    }
}

/// As ClickHouse writes it back.
fn expression(column: &str, days: u32) -> String {
    format!("toDateTime({column}) + toIntervalDay({days})")
}

/// What a table of `system.tables` says of its TTL.
#[derive(Debug, Clone, PartialEq, Eq, Row, Deserialize)]
pub(crate) struct TableEngine {
    name: String,
    engine_full: String,
}

/// What is to be changed, and what stands in the way of it. A TTL that is not ours is left alone.
fn changes(keep: &KeepDays, found: &[TableEngine]) -> (Vec<RetentionChange>, Vec<String>) {
    let (mut changes, mut problems) = (Vec::new(), Vec::new());
    for (table, column, to) in keep.tables() {
        let ttl = found.iter().find(|it| it.name == table).and_then(|it| ttl(&it.engine_full));
        let from = match ttl {
            None => 0,
            Some(ttl) => match days(ttl, column) {
                Some(days) => days,
                None if to == 0 => continue,
                None => {
                    problems.push(format!(
                        "{table} has a TTL that `waybill migrate` did not set ({ttl}): remove it \
                         (ALTER TABLE {table} REMOVE TTL), or leave {table} out of keep_days"
                    ));
                    continue;
                }
            },
        };
        if from != to {
            changes.push(RetentionChange { table, column, from, to });
        }
    }
    (changes, problems)
}

fn ttl(engine: &str) -> Option<&str> {
    let (_, rest) = engine.split_once(" TTL ")?;
    Some(rest.split_once(" SETTINGS ").map_or(rest, |(ttl, _)| ttl).trim())
}

fn days(ttl: &str, column: &str) -> Option<u32> {
    let days = ttl.strip_prefix(&format!("toDateTime({column}) + toIntervalDay("))?;
    days.strip_suffix(')')?.parse().ok()
}

impl Warehouse {
    /// What [`Self::put_retention_in_force`] would change, and what stands in its way.
    pub(crate) async fn retention(
        &self,
    ) -> Result<(Vec<RetentionChange>, Vec<String>), WarehouseError> {
        const SQL: &str = "SELECT name, engine_full FROM system.tables WHERE database = ?";
        let found: Vec<TableEngine> = self.rows(self.server(SQL).bind(&self.storage)).await?;
        Ok(changes(&self.keep_days, &found))
    }

    pub(crate) async fn put_retention_in_force(&self) -> Result<(), WarehouseError> {
        for change in self.retention().await?.0 {
            for statement in change.statements() {
                let done = self.apply(&statement).await;
                // Somebody else may have done it meanwhile: what is not there cannot be removed.
                if done.is_err() && self.retention().await?.0.contains(&change) {
                    return done;
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(name: &str, rest: &str) -> TableEngine {
        let engine_full = format!("ReplacingMergeTree PARTITION BY toYYYYMM(a) ORDER BY b{rest}");
        TableEngine { name: name.to_owned(), engine_full }
    }

    const EVENTS: KeepDays = KeepDays {
        events: 90,
        dead_letters: 0,
        discarded_events: 0,
        deliveries: 0,
        audit_hours: 0,
        audit_findings: 0,
    };

    fn told(keep: KeepDays, found: &[TableEngine]) -> Vec<String> {
        let (changes, problems) = changes(&keep, found);
        changes.iter().map(ToString::to_string).chain(problems).collect()
    }

    #[test]
    fn only_what_differs_is_changed_and_what_deletes_says_so() {
        let ours = |days| {
            table("events", &format!(" TTL {} SETTINGS x = 1", expression("appended_at", days)))
        };
        let text = "events will keep rows 90 days after appended_at";
        let deleted = "; older ones are DELETED";
        for (keep, found, expected) in [
            (EVENTS, vec![], vec![format!("{text} (now: for ever){deleted}")]),
            (
                EVENTS,
                vec![table("events", " SETTINGS x = 1")],
                vec![format!("{text} (now: for ever){deleted}")],
            ),
            (EVENTS, vec![ours(400)], vec![format!("{text} (now: 400 days){deleted}")]),
            (EVENTS, vec![ours(30)], vec![format!("{text} (now: 30 days)")]),
            (EVENTS, vec![ours(90)], vec![]),
            (
                KeepDays::default(),
                vec![ours(90)],
                vec!["events will keep rows for ever after appended_at (now: 90 days)".to_owned()],
            ),
            (KeepDays::default(), vec![table("events", "")], vec![]),
        ] {
            assert_eq!(told(keep, &found), expected);
        }
    }

    #[test]
    fn a_ttl_of_somebody_else_is_left_alone_and_stands_in_the_way_of_ours() {
        let found =
            [table("events", " TTL toDateTime(appended_at) + toIntervalDay(9) TO VOLUME 'cold'")];
        assert_eq!(told(KeepDays::default(), &found), Vec::<String>::new());
        let told = told(EVENTS, &found);
        assert_eq!(told.len(), 1);
        assert!(told[0].contains("TO VOLUME 'cold'") && told[0].contains("REMOVE TTL"), "{told:?}");
    }

    #[test]
    fn more_days_than_clickhouse_can_count_are_refused() {
        assert_eq!(KeepDays { events: 20_000, ..EVENTS }.check(), Ok(()));
        assert!(KeepDays { audit_hours: 20_001, ..EVENTS }.check().is_err());
    }
}
