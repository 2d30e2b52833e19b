//! Promises against what is there.

use std::{collections::BTreeMap, fmt, ops::RangeInclusive};

use anyhow::ensure;
use pipeline::DiscardReason;
use serde_json::Value;

use crate::{fates::FateRecords, flow::Flow, flow_config::ORACLE_SOURCES};

use super::{Fate, ID_PREFIX, Obligation, Oracle};

const SHOWN: usize = 20;

/// What the oracle found; everything as it should be.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Messages with at least one acknowledgement.
    pub acknowledged: u64,
    /// Rows in the warehouse.
    pub loaded: u64,
    /// Dead letters.
    pub dead: u64,
    /// Repeats that were discarded.
    pub repeats: u64,
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { acknowledged, loaded, dead, repeats } = self;
        write!(f, "{acknowledged} acknowledged, {loaded} loaded, {dead} dead, {repeats} repeats")
    }
}

/// What is there of one message.
#[derive(Debug, Default)]
struct Found<'a> {
    rows: Vec<&'a Value>,
    /// Stage and reason of each dead letter.
    dead: Vec<(&'a str, &'a str)>,
    repeats: u64,
}

impl Oracle {
    /// Checks every obligation; an error lists what is wrong.
    pub fn check(&self, flow: &Flow) -> anyhow::Result<Tally> {
        let rows = flow.rows(&format!(
            "SELECT source, event_name, message_id, properties FROM events \
             WHERE startsWith(message_id, '{}')",
            self.label
        ))?;
        let fates = flow.fates()?;
        let found = self.found(&rows, &fates);
        let obligations = self.obligations();
        let mut faults = never_issued(&found, &obligations);
        faults.extend(strangers(flow)?);
        let nothing = Found::default();
        let mut tally = Tally::default();
        for (id, obligation) in obligations.iter() {
            let found = found.get(id.as_str()).unwrap_or(&nothing);
            faults
                .extend(obligation.faults(found).into_iter().map(|fault| format!("{id}: {fault}")));
            tally.add(obligation, found);
        }
        faults.truncate(SHOWN);
        ensure!(faults.is_empty(), "promises are broken ({tally}):\n{}", faults.join("\n"));
        Ok(tally)
    }

    fn found<'a>(&self, rows: &'a [Value], fates: &'a FateRecords) -> BTreeMap<&'a str, Found<'a>> {
        let mut found: BTreeMap<&str, Found<'_>> = BTreeMap::new();
        for row in rows {
            found.entry(row["message_id"].as_str().unwrap_or_default()).or_default().rows.push(row);
        }
        let ours = |id: &'a Option<String>| id.as_deref().filter(|id| id.starts_with(&self.label));
        for dead in fates.dead_letters.iter().map(|placed| &placed.value) {
            if let Some(id) = ours(&dead.message_id) {
                found.entry(id).or_default().dead.push((&dead.stage, &dead.reason));
            }
        }
        for discard in fates.discards.iter().map(|placed| &placed.value) {
            if let Some(id) = ours(&discard.message_id)
                && discard.reason == DiscardReason::Repeat.word()
            {
                found.entry(id).or_default().repeats += 1;
            }
        }
        found
    }
}

impl Tally {
    fn add(&mut self, obligation: &Obligation, found: &Found<'_>) {
        self.acknowledged += u64::from(obligation.acknowledged > 0);
        self.loaded += found.rows.len() as u64;
        self.dead += found.dead.len() as u64;
        self.repeats += found.repeats;
    }
}

impl Obligation {
    /// Every acknowledged sending has its fate; one without an answer may have one.
    fn faults(&self, found: &Found<'_>) -> Vec<String> {
        let sent = self.acknowledged..=self.sent;
        let (rows, dead, repeats, letters) = match self.fate {
            Fate::Loaded => (self.once(), 0..=0, self.again(found), None),
            Fate::Dead(stage, reason) => (0..=0, sent, 0..=0, Some((stage, reason))),
            Fate::Redriven(stage, reason) => (1..=1, sent, 0..=0, Some((stage, reason))),
        };
        let mut faults = Vec::new();
        let mut count = |what, count: u64, expected: RangeInclusive<u64>| {
            if !expected.contains(&count) {
                faults.push(format!("{count} {what}, expected {expected:?}"));
            }
        };
        count("rows", found.rows.len() as u64, rows);
        count("dead letters", found.dead.len() as u64, dead);
        count("discards as a repeat", found.repeats, repeats);
        faults.extend(found.rows.iter().flat_map(|row| self.differences(row)));
        if let Some((stage, reason)) = letters {
            let expected = (stage.name(), reason.word());
            let others = found.dead.iter().filter(|letter| **letter != expected);
            faults.extend(others.map(|other| format!("dead by {other:?}, expected {expected:?}")));
        }
        faults
    }

    fn once(&self) -> RangeInclusive<u64> {
        u64::from(self.acknowledged > 0)..=u64::from(self.sent > 0)
    }

    /// All but one of what came in.
    fn again(&self, found: &Found<'_>) -> RangeInclusive<u64> {
        if found.rows.is_empty() {
            return 0..=0;
        }
        self.acknowledged.saturating_sub(1)..=self.sent.saturating_sub(1)
    }

    fn differences(&self, row: &Value) -> Vec<String> {
        let expected = [
            ("source", self.issued.source.id),
            ("event_name", self.issued.event.as_str()),
            ("properties", self.issued.properties.as_str()),
        ];
        let differ = expected.iter().filter(|(field, text)| row[field].as_str() != Some(text));
        differ.map(|(field, text)| format!("{field} is {}, sent {text}", row[field])).collect()
    }
}

fn never_issued(
    found: &BTreeMap<&str, Found<'_>>,
    obligations: &BTreeMap<String, Obligation>,
) -> Vec<String> {
    let unknown = found.keys().filter(|id| !obligations.contains_key(**id));
    unknown.map(|id| format!("{id} is there and was never issued")).collect()
}

fn strangers(flow: &Flow) -> anyhow::Result<Option<String>> {
    let sources = ORACLE_SOURCES.map(|source| format!("'{}'", source.id)).join(", ");
    let sql = format!(
        "SELECT count() FROM events \
         WHERE source IN ({sources}) AND NOT startsWith(message_id, '{ID_PREFIX}')"
    );
    let count = flow.clickhouse(&sql)?;
    Ok((count != "0").then(|| format!("{count} rows of messages that no oracle issued")))
}

#[cfg(test)]
mod tests {
    use pipeline::RejectReason;
    use serde_json::json;
    use topology::Stage;

    use super::*;
    use crate::flow_config::WEB;

    const DEAD: (Stage, RejectReason) = (Stage::Validate, RejectReason::MissingField);

    /// One row of the table: what is owed, how often it was sent and acknowledged, and how many
    /// rows, dead letters and repeats there are.
    fn agrees(fate: Fate, sent: (u64, u64), there: (usize, usize, u64)) -> bool {
        let issued = Oracle::new("table").issue(WEB);
        let row = json!({
            "source": WEB.id, "event_name": issued.event, "properties": issued.properties
        });
        let obligation = Obligation { issued, fate, sent: sent.0, acknowledged: sent.1 };
        let dead = vec![(DEAD.0.name(), DEAD.1.word()); there.1];
        let found = Found { rows: vec![&row; there.0], dead, repeats: there.2 };
        obligation.faults(&found).is_empty()
    }

    #[test]
    fn each_acknowledged_sending_has_one_fate_and_one_without_an_answer_at_most_one() {
        let (loaded, dead) = (Fate::Loaded, Fate::Dead(DEAD.0, DEAD.1));
        let redriven = Fate::Redriven(DEAD.0, DEAD.1);
        for (fate, sent, there, good) in [
            (loaded, (1, 1), (1, 0, 0), true),
            (loaded, (1, 1), (0, 0, 0), false),
            (loaded, (1, 1), (2, 0, 0), false),
            (loaded, (1, 1), (1, 0, 1), false),
            (loaded, (1, 1), (0, 1, 0), false),
            (loaded, (1, 0), (0, 0, 0), true),
            (loaded, (1, 0), (1, 0, 0), true),
            (loaded, (3, 3), (1, 0, 2), true),
            (loaded, (3, 3), (1, 0, 1), false),
            (loaded, (3, 2), (1, 0, 1), true),
            (loaded, (3, 2), (1, 0, 2), true),
            (dead, (1, 1), (0, 1, 0), true),
            (dead, (1, 1), (0, 0, 0), false),
            (dead, (1, 1), (1, 1, 0), false),
            (dead, (2, 1), (0, 2, 0), true),
            (redriven, (1, 1), (1, 1, 0), true),
            (redriven, (1, 1), (0, 1, 0), false),
        ] {
            assert_eq!(agrees(fate, sent, there), good, "{fate:?} {sent:?} {there:?}");
        }
    }

    #[test]
    fn a_payload_that_was_changed_is_a_fault() {
        let issued = Oracle::new("payload").issue(WEB);
        let changed = issued.properties.replace("1e3", "1000");
        assert_ne!(changed, issued.properties);
        let row = json!({
            "source": WEB.id, "event_name": issued.event, "properties": changed
        });
        let obligation = Obligation { issued, fate: Fate::Loaded, sent: 1, acknowledged: 1 };
        let found = Found { rows: vec![&row], ..Found::default() };
        assert_eq!(obligation.faults(&found).len(), 1);
    }
}
