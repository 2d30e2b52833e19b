//! Counts the fates of every origin in every topic, and its rows in ClickHouse.
//!
//! Knows nothing of what was sent (the oracle does) and shares no code with the auditor: it reads
//! all records, keeps a count per stage and origin, and looks whether each count is one. Redriven
//! origins owe a second fate, which it does not know of: use it on a flow without redrives.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fmt,
    time::Duration,
};

use anyhow::{Context as _, ensure};
use event::{Origin, Waybill};
use kafka_runtime::{Record, header};
use pipeline::DiscardReason;
use topology::{Stage, Topic};

use crate::{
    flow::Flow,
    topic_reader::{Offsets, read_on},
    wait::until,
};

/// Loaders of side tables follow on their own.
const FOLLOW_WITHIN: Duration = Duration::from_mins(1);

/// What a flow's topics have told so far.
#[derive(Debug, Default)]
pub struct LedgerCheck {
    next: Offsets,
    raw: BTreeSet<Origin>,
    outputs: HashMap<(Stage, Origin), u64>,
    /// Dead letters, and discards that are no copies'.
    ends: HashMap<(Stage, Origin), u64>,
    dead_letters: u64,
    discards: u64,
}

/// What is wrong.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Findings {
    /// Origins that a stage got and gave no fate.
    pub lost: BTreeSet<Named>,
    /// Origins to which a stage gave more than one fate.
    pub duplicated: BTreeSet<Named>,
    /// Origins that a stage wrote and never got.
    pub unknown: BTreeSet<Named>,
}

/// An origin at a stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Named(pub Stage, pub Origin);

impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {}", self.1, self.0)
    }
}

impl LedgerCheck {
    /// Reads what has come since the last time and looks at everything. The flow must have
    /// settled; what is on its way counts as lost.
    pub fn check(&mut self, flow: &Flow) -> anyhow::Result<Findings> {
        // Before the topics: a row that comes meanwhile must not look like one of no event.
        let rows = rows_by_origin(flow)?;
        let mut topics = vec![Topic::RawEvents, Topic::DiscardedEvents];
        topics.extend(Stage::ALL.into_iter().filter_map(Stage::output));
        topics.extend(Stage::ALL.map(Stage::dead_letters));
        let mut next = std::mem::take(&mut self.next);
        let mut noted = Ok(());
        let read = read_on(flow.kafka(), &topics, &mut next, |record| {
            if noted.is_ok() {
                noted = self.note(&record);
            }
        });
        self.next = next;
        read.and(noted)?;
        Ok(self.findings(&rows))
    }

    fn note(&mut self, record: &Record) -> anyhow::Result<()> {
        let at = record.position;
        if at.topic == Topic::RawEvents {
            self.raw.insert(Origin { epoch: 0, partition: at.partition, offset: at.offset });
            return Ok(());
        }
        let waybill = record.header(header::WAYBILL).map(Waybill::from_header);
        let origin = waybill.with_context(|| format!("{at:?} has no waybill"))??.origin;
        let word = |name| record.header(name).map(String::from_utf8_lossy);
        if let Some(stage) = Stage::ALL.into_iter().find(|it| it.output() == Some(at.topic)) {
            *self.outputs.entry((stage, origin)).or_default() += 1;
            return Ok(());
        }
        let stage = word(header::STAGE).and_then(|name| Stage::from_name(&name));
        let stage = stage.with_context(|| format!("{at:?} names no stage"))?;
        if at.topic == Topic::DiscardedEvents {
            self.discards += 1;
            let reason = word(header::REASON).and_then(|it| DiscardReason::from_word(&it));
            if reason.with_context(|| format!("{at:?} has no reason"))?.is_of_a_copy() {
                return Ok(());
            }
        } else {
            ensure!(at.topic == stage.dead_letters(), "{at:?} is a dead letter of {stage}");
            self.dead_letters += 1;
        }
        *self.ends.entry((stage, origin)).or_default() += 1;
        Ok(())
    }

    fn findings(&self, rows: &BTreeMap<Origin, u64>) -> Findings {
        let mut findings = Findings::default();
        let mut got: BTreeSet<Origin> = self.raw.clone();
        for stage in Stage::ALL {
            let written = self.written(stage, rows);
            for origin in &got {
                let ends = self.ends.get(&(stage, *origin)).copied().unwrap_or_default();
                match ends + written.get(origin).copied().unwrap_or_default() {
                    0 => findings.lost.insert(Named(stage, *origin)),
                    1 => false,
                    _ => findings.duplicated.insert(Named(stage, *origin)),
                };
            }
            let unknown = written.keys().filter(|origin| !got.contains(origin));
            findings.unknown.extend(unknown.map(|origin| Named(stage, *origin)));
            got = written.into_keys().collect();
        }
        findings
    }

    /// What a stage let through, with how often.
    fn written(&self, stage: Stage, rows: &BTreeMap<Origin, u64>) -> BTreeMap<Origin, u64> {
        if stage == Stage::ForwardClickhouse {
            return rows.clone();
        }
        let of_stage = self.outputs.iter().filter(|((its, _), _)| *its == stage);
        of_stage.map(|((_, origin), count)| (*origin, *count)).collect()
    }

    /// Waits until the side tables have a row for each record that [`check`](Self::check) has
    /// read, and no more.
    pub fn side_tables_follow(&self, flow: &Flow) -> anyhow::Result<()> {
        let tables = [("dead_letters", self.dead_letters), ("discarded_events", self.discards)];
        for (table, records) in tables {
            let sql = format!(
                "SELECT count(), uniqExact(position_topic, position_partition, position_offset) \
                 FROM {table}"
            );
            let expected = format!("{records}\t{records}");
            let mut found = String::new();
            let followed = until(&format!("{table} follows"), FOLLOW_WITHIN, || {
                found = flow.clickhouse(&sql)?;
                Ok((found == expected).then_some(()))
            });
            followed.with_context(|| {
                format!("{table} has (rows, positions) {found}, the topics have {records} records")
            })?;
        }
        Ok(())
    }
}

/// Rows of each origin; not FINAL.
fn rows_by_origin(flow: &Flow) -> anyhow::Result<BTreeMap<Origin, u64>> {
    let text = flow.clickhouse(
        "SELECT origin_epoch, origin_partition, origin_offset, count() FROM events \
         GROUP BY origin_epoch, origin_partition, origin_offset",
    )?;
    let row = |line: &str| {
        let mut fields = line.split('\t');
        let mut field = || fields.next().with_context(|| format!("`{line}` is no row"));
        let origin = Origin {
            epoch: field()?.parse()?,
            partition: field()?.parse()?,
            offset: field()?.parse()?,
        };
        Ok((origin, field()?.parse()?))
    };
    text.lines().map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(offset: i64) -> Origin {
        Origin { epoch: 0, partition: 0, offset }
    }

    /// Two origins that went all the way, one that validate rejected and one that is a repeat.
    fn good() -> (LedgerCheck, BTreeMap<Origin, u64>) {
        let mut ledger = LedgerCheck { raw: (0..4).map(origin).collect(), ..Default::default() };
        ledger.ends.insert((Stage::Validate, origin(2)), 1);
        ledger.ends.insert((Stage::IdentityStitch, origin(3)), 1);
        for offset in [0, 1, 3] {
            ledger.outputs.insert((Stage::Validate, origin(offset)), 1);
            ledger.outputs.insert((Stage::Enrich, origin(offset)), 1);
        }
        for offset in [0, 1] {
            ledger.outputs.insert((Stage::IdentityStitch, origin(offset)), 1);
        }
        (ledger, BTreeMap::from([(origin(0), 1), (origin(1), 1)]))
    }

    #[test]
    fn one_fate_for_each_at_each_stage_is_all_right() {
        let (ledger, rows) = good();
        assert_eq!(ledger.findings(&rows), Findings::default());
    }

    #[test]
    fn what_is_lost_or_there_twice_is_named_with_the_stage() {
        let (mut ledger, mut rows) = good();
        ledger.outputs.insert((Stage::Enrich, origin(1)), 2);
        ledger.outputs.remove(&(Stage::IdentityStitch, origin(0)));
        rows.remove(&origin(0));
        rows.insert(origin(1), 2);
        rows.insert(origin(9), 1);
        let findings = ledger.findings(&rows);
        let named = |list: &[(Stage, i64)]| {
            list.iter().map(|(stage, offset)| Named(*stage, origin(*offset))).collect()
        };
        assert_eq!(findings.lost, named(&[(Stage::IdentityStitch, 0)]));
        let twice = named(&[(Stage::Enrich, 1), (Stage::ForwardClickhouse, 1)]);
        assert_eq!(findings.duplicated, twice);
        assert_eq!(findings.unknown, named(&[(Stage::ForwardClickhouse, 9)]));
    }

    #[test]
    fn a_fate_of_each_kind_is_one_too_many() {
        let (mut ledger, rows) = good();
        ledger.ends.insert((Stage::ForwardClickhouse, origin(1)), 1);
        assert_eq!(ledger.findings(&rows).duplicated.len(), 1);
    }
}
