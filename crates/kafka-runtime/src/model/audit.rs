//! The oracle: every input has one fate, none has two, no offset passes a record without one.

use std::collections::{BTreeMap, BTreeSet};

use event::{Origin, Waybill};
use pipeline::RejectReason;
use topology::{Stage, Topic};

use super::broker::{Broker, State, Transaction};
use crate::{
    log::Partition,
    record::{Outgoing, header},
};

/// What is told of a schedule that goes wrong.
const VIOLATIONS: usize = 5;

#[derive(Default)]
pub(super) struct Audit {
    fates: BTreeMap<Origin, Vec<&'static str>>,
    emitted: BTreeMap<Vec<u8>, u32>,
    passed: BTreeMap<Partition, i64>,
    /// Put aside because processes died on them.
    condemned: BTreeSet<Origin>,
    /// How often a process lost partitions in the middle of its work.
    pub(super) deaths: u64,
    pub(super) violations: Vec<String>,
}

/// The event's number, found without the code under test: position on `raw-events`, else header.
pub(super) fn origin_of((topic, partition): Partition, offset: i64, record: &Outgoing) -> Origin {
    if topic == Topic::RawEvents {
        return Origin { epoch: 0, partition, offset };
    }
    let waybill = record.headers.iter().find(|(name, _)| name == header::WAYBILL);
    let value = waybill.and_then(|(_, value)| value.as_deref()).unwrap();
    Waybill::from_header(value).unwrap().origin
}

fn has_reason(record: &Outgoing, words: &[&str]) -> bool {
    let reason = record.headers.iter().find(|(name, _)| name == header::REASON);
    let reason = reason.and_then(|(_, value)| value.as_deref());
    words.iter().any(|word| reason == Some(word.as_bytes()))
}

fn is_copy(record: &Outgoing) -> bool {
    has_reason(record, &["already-loaded", "already-emitted"])
}

impl Audit {
    /// The first few say enough.
    pub(super) fn violated(&mut self, what: String) {
        if self.violations.len() < VIOLATIONS {
            self.violations.push(what);
        }
    }

    /// An event met its fate.
    pub(super) fn fate(&mut self, origin: Origin, fate: &'static str) {
        let fates = self.fates.entry(origin).or_default();
        fates.push(fate);
        // Who seems to have died on it may be frozen, and send its row after all: then it is told of and
        // stored, each once.
        let is_stored_once = fates.iter().filter(|fate| **fate == "row").count() == 1;
        let most = if self.condemned.contains(&origin) && is_stored_once { 2 } else { 1 };
        if fates.len() > most {
            let what = format!("{origin} has {} fates: {fates:?}", fates.len());
            self.violated(what);
        }
    }

    /// A transaction is committed: its fates hold, and its offsets may not be beyond them. True
    /// for each record that only told of a copy.
    pub(super) fn committed(&mut self, broker: &Broker, stage: Stage, done: &Transaction) -> usize {
        let mut copies = 0;
        for &(partition, offset) in &done.records {
            let entry = &broker.entries(partition)[usize::try_from(offset).unwrap()];
            let record = entry.record.as_ref().unwrap();
            if is_copy(record) {
                copies += 1;
            } else if is_fate(stage, record.topic) {
                self.told(stage, (partition, offset), record);
            }
        }
        for commit in &done.offsets {
            self.passes(broker, commit.partition, commit.next);
        }
        copies
    }

    fn told(&mut self, stage: Stage, (at, offset): (Partition, i64), record: &Outgoing) {
        if has_reason(record, &[RejectReason::ProcessKilled.word()]) {
            self.condemn(origin_of(at, offset, record));
        }
        self.fate(origin_of(at, offset, record), record.topic.name());
        if stage.is_stateful() && stage.output() == Some(record.topic) {
            let key = record.key.clone().unwrap_or_default();
            let times = self.emitted.entry(key.clone()).or_default();
            *times += 1;
            if *times > 1 {
                self.violated(format!("{} was emitted twice", String::from_utf8_lossy(&key)));
            }
        }
    }

    /// Two attempts and two probes must have died.
    fn condemn(&mut self, origin: Origin) {
        self.condemned.insert(origin);
        let deaths = self.deaths;
        if deaths < 4 {
            self.violated(format!("{origin} is condemned after {deaths} deaths"));
        }
    }

    /// Every record below `next` must have its fate.
    fn passes(&mut self, broker: &Broker, partition: Partition, next: i64) {
        let from = self.passed.insert(partition, next).unwrap_or(0);
        if next < from {
            self.violated(format!("{partition:?} went back from {from} to {next}"));
        }
        for (offset, entry) in (0..next).zip(broker.entries(partition)) {
            let Some(record) = entry.record.as_ref().filter(|_| offset >= from) else { continue };
            let told = self.fates.contains_key(&origin_of(partition, offset, record));
            let undecided = entry.state == State::Open;
            if undecided || (entry.state == State::Committed && !told) {
                self.violated(format!("{partition:?} is committed past {offset}, without a fate"));
            }
        }
    }

    /// In a sink what becomes of a record is known: only what is refused has a dead letter.
    fn as_it_ought(&mut self, origin: Origin, record: &Outgoing) {
        let is_row = match record.value.as_deref() {
            Some(b"row") => true,
            Some(b"refused") => false,
            _ => return,
        };
        let fates = self.fates.get(&origin).cloned().unwrap_or_default();
        if !fates.is_empty() && fates.contains(&"row") != is_row {
            self.violated(format!("{origin} has another fate than it ought to: {fates:?}"));
        }
    }

    /// After everything has run dry: what was put in is what came out.
    pub(super) fn close(&mut self, broker: &Broker, stage: Stage, inputs: &[Partition]) {
        let mut expected = BTreeSet::new();
        let mut keys = BTreeSet::new();
        for &partition in inputs {
            for (offset, entry) in (0..).zip(broker.entries(partition)) {
                let committed = entry.state == State::Committed;
                if let Some(record) = entry.record.as_ref().filter(|_| committed) {
                    expected.insert(origin_of(partition, offset, record));
                    if !self.condemned.contains(&origin_of(partition, offset, record)) {
                        keys.extend(record.value.clone());
                        self.as_it_ought(origin_of(partition, offset, record), record);
                    }
                }
            }
        }
        let found: BTreeSet<Origin> = self.fates.keys().copied().collect();
        for origin in expected.difference(&found) {
            self.violated(format!("{origin} is lost"));
        }
        for origin in found.difference(&expected) {
            self.violated(format!("{origin} has a fate and was never put in"));
        }
        keys.retain(|key| stage.is_stateful() && !self.emitted.contains_key(key));
        for key in keys {
            self.violated(format!("{} was never emitted", String::from_utf8_lossy(&key)));
        }
    }
}

fn is_fate(stage: Stage, topic: Topic) -> bool {
    topic == Topic::DiscardedEvents
        || topic == stage.dead_letters()
        || stage.output() == Some(topic)
}
