//! What has been read so far, as sets of origins.

use std::collections::{BTreeMap, BTreeSet};

use event::{Origin, Waybill};
use pipeline::{DiscardReason, RejectReason};
use topology::{Stage, Topic};

use crate::{
    Entry, Hour, OriginSet, Reason, Span, Strangeness, Stranger, dead_letters::DeadLetters,
};

/// The books of one log epoch: what every topic's headers said, as far as it was read.
#[derive(Debug, Clone, Default)]
pub struct Books {
    epoch: u16,
    raw: OriginSet,
    /// For each partition of `raw-events` the first offset of each hour.
    hours: BTreeMap<i32, BTreeMap<Hour, i64>>,
    passages: BTreeMap<Topic, Passage>,
    discards: BTreeMap<(Stage, DiscardReason), OriginSet>,
    dead: BTreeMap<Stage, DeadLetters>,
    strangers: Vec<Stranger>,
    records: BTreeMap<Topic, u64>,
    last: BTreeMap<(Topic, i32), i64>,
    redriven: OriginSet,
}

/// The origins that went through one topic.
#[derive(Debug, Clone, Default)]
struct Passage {
    seen: OriginSet,
    /// Those that came more than once.
    again: OriginSet,
}

impl Books {
    /// Empty books of one epoch of `raw-events`.
    pub fn new(epoch: u16) -> Self {
        Self { epoch, ..Self::default() }
    }

    /// Takes down one record. Records of one partition come in the order of their offsets; one
    /// that was taken down already is not counted again.
    pub fn note(&mut self, entry: &Entry) {
        let last = self.last.entry((entry.topic, entry.partition)).or_insert(-1);
        if entry.offset <= *last {
            return;
        }
        *last = entry.offset;
        *self.records.entry(entry.topic).or_default() += 1;
        match (entry.topic, entry.waybill) {
            (Topic::RawEvents, _) => self.came_in(entry),
            (_, None) => self.strange(entry, Strangeness::NoWaybill),
            (topic, Some(waybill)) => self.went_on(topic, entry, waybill),
        }
    }

    fn came_in(&mut self, entry: &Entry) {
        let Entry { partition, offset, .. } = *entry;
        self.raw.insert(Origin { epoch: self.epoch, partition, offset });
        let hours = self.hours.entry(partition).or_default();
        // A running maximum: the broker's clock may step back at a leader change, hours may not.
        let current = hours.last_key_value().map(|(hour, _)| *hour);
        let hour = entry.timestamp.map(Hour::of).max(current).unwrap_or(Hour(0));
        hours.entry(hour).or_insert(offset);
    }

    fn went_on(&mut self, topic: Topic, entry: &Entry, waybill: Waybill) {
        let origin = waybill.origin;
        match topic {
            Topic::DiscardedEvents => self.dropped(entry, origin),
            Topic::DeadLetters(stage) => {
                let reason = match entry.reason {
                    Some(Reason::Reject(reason)) => Some(reason),
                    _ => None,
                };
                let place = (entry.partition, entry.offset);
                self.dead.entry(stage).or_default().opened(place, origin, reason);
            }
            Topic::Redrive(stage) => {
                if let Some(place) = entry.settles {
                    self.dead.entry(stage).or_default().settled(place, origin);
                }
                self.redriven.insert(origin);
                self.passed(topic, origin);
            }
            _ => self.passed(topic, origin),
        }
    }

    fn passed(&mut self, topic: Topic, origin: Origin) {
        let passage = self.passages.entry(topic).or_default();
        if !passage.seen.insert(origin) {
            passage.again.insert(origin);
        }
    }

    fn dropped(&mut self, entry: &Entry, origin: Origin) {
        match (entry.stage, entry.reason) {
            (Some(stage), Some(Reason::Discard(reason))) => {
                self.discards.entry((stage, reason)).or_default().insert(origin);
            }
            _ => self.strange(entry, Strangeness::NoFate),
        }
    }

    fn strange(&mut self, entry: &Entry, what: Strangeness) {
        let Entry { topic, partition, offset, timestamp, .. } = *entry;
        self.strangers.push(Stranger { topic, partition, offset, timestamp, what });
    }

    /// Origins of redriven records taken down since the last call: their hours are open again.
    pub fn take_redriven(&mut self) -> OriginSet {
        std::mem::take(&mut self.redriven)
    }

    /// Packs the sets; worth a call every few million records.
    pub fn compact(&mut self) {
        self.raw.compact();
        for passage in self.passages.values_mut() {
            passage.seen.compact();
        }
        for set in self.discards.values_mut() {
            set.compact();
        }
    }

    /// The epoch of `raw-events` that these books are of.
    pub const fn epoch(&self) -> u16 {
        self.epoch
    }

    /// The origins read in `raw-events`.
    pub const fn raw(&self) -> &OriginSet {
        &self.raw
    }

    /// The hours in which something came in.
    pub fn hours(&self) -> BTreeSet<Hour> {
        self.hours.values().flat_map(|hours| hours.keys().copied()).collect()
    }

    /// The hour in which an origin came in, if it was read in `raw-events`.
    pub fn hour_of(&self, origin: Origin) -> Option<Hour> {
        let mut hours = self.hours.get(&origin.partition)?.iter().rev();
        hours.find(|(_, first)| **first <= origin.offset).map(|(hour, _)| *hour)
    }

    /// The offsets of an hour, as far as they were read.
    pub fn span_of(&self, hour: Hour) -> Span {
        let range = |(&partition, hours): (&i32, &BTreeMap<Hour, i64>)| {
            let start = *hours.get(&hour)?;
            let next = hours.range(Hour(hour.0.saturating_add(1))..).next();
            let end = next.map_or_else(|| self.after_last(partition), |(_, first)| *first);
            Some((partition, start..end))
        };
        let offsets = self.hours.iter().filter_map(range).collect();
        Span { epoch: self.epoch, offsets, hour: Some(hour) }
    }

    /// Whether a record of a later hour was read in this partition of `raw-events`: no record of
    /// the hour can follow.
    pub fn is_over(&self, hour: Hour, partition: i32) -> bool {
        let hours = self.hours.get(&partition).and_then(|hours| hours.last_key_value());
        hours.is_some_and(|(last, _)| *last > hour)
    }

    /// Everything that was read in `raw-events`.
    pub fn whole_span(&self) -> Span {
        let range = |(&partition, hours): (&i32, &BTreeMap<Hour, i64>)| {
            let (_, start) = hours.first_key_value()?;
            Some((partition, *start..self.after_last(partition)))
        };
        let offsets = self.hours.iter().filter_map(range).collect();
        Span { epoch: self.epoch, offsets, hour: None }
    }

    fn after_last(&self, partition: i32) -> i64 {
        self.last.get(&(Topic::RawEvents, partition)).map_or(0, |last| last.saturating_add(1))
    }

    /// The offset of the last record read in each partition.
    pub const fn last_read(&self) -> &BTreeMap<(Topic, i32), i64> {
        &self.last
    }

    /// How many records were read in each topic; beside the sets, which count events.
    pub const fn records(&self) -> &BTreeMap<Topic, u64> {
        &self.records
    }

    /// Records that belong to no event: within the span's hour if it is one, else all.
    pub fn strangers(&self, span: &Span) -> Vec<Stranger> {
        let belongs = |stranger: &&Stranger| {
            span.hour.is_none_or(|hour| stranger.timestamp.map(Hour::of) == Some(hour))
        };
        self.strangers.iter().filter(belongs).copied().collect()
    }

    /// Origins of the span by topic they went through.
    pub fn counts(&self, span: &Span) -> BTreeMap<Topic, u64> {
        let mut counts = BTreeMap::from([(Topic::RawEvents, self.raw.count_within(span))]);
        for (topic, passage) in &self.passages {
            counts.insert(*topic, passage.seen.count_within(span));
        }
        for (stage, dead) in &self.dead {
            counts.insert(stage.dead_letters(), dead.seen().count_within(span));
        }
        let mut discarded = OriginSet::default();
        for set in self.discards.values() {
            discarded.add(set);
        }
        counts.insert(Topic::DiscardedEvents, discarded.count_within(span));
        counts
    }

    /// Origins of the span that went through an output topic of a stage more than once.
    pub fn repeated(&self, span: &Span) -> BTreeMap<Topic, OriginSet> {
        let outputs = Stage::ALL.into_iter().filter_map(Stage::output);
        let repeated = outputs.filter_map(|topic| {
            let again = self.passages.get(&topic)?.again.within(span);
            (!again.is_empty()).then_some((topic, again))
        });
        repeated.collect()
    }

    /// Origins of the span that a stage dropped, by stage and reason; of copies or of events.
    pub fn discarded(
        &self,
        span: &Span,
        of_copies: bool,
    ) -> BTreeMap<(Stage, DiscardReason), OriginSet> {
        let wanted =
            self.discards.iter().filter(|((_, reason), _)| reason.is_of_a_copy() == of_copies);
        let within = wanted.map(|(key, set)| (*key, set.within(span)));
        within.filter(|(_, set)| !set.is_empty()).collect()
    }

    /// Origins of the span with an open dead letter, by stage and reason (`None`: a word that is
    /// not known).
    pub fn dead(&self, span: &Span) -> BTreeMap<(Stage, Option<RejectReason>), OriginSet> {
        let mut dead = BTreeMap::new();
        for (stage, letters) in &self.dead {
            for (reason, set) in letters.open() {
                let set = set.within(span);
                if !set.is_empty() {
                    dead.insert((*stage, reason), set);
                }
            }
        }
        dead
    }

    /// The furthest topic of the flow in which the origin was seen.
    pub fn last_seen(&self, origin: Origin) -> Topic {
        let seen = |topic: &Topic| {
            self.passages.get(topic).is_some_and(|passage| passage.seen.contains(origin))
        };
        let flow = Stage::ALL.into_iter().rev();
        let mut topics = flow.flat_map(|stage| [stage.redrive(), stage.input()]);
        topics.find(seen).unwrap_or(Topic::RawEvents)
    }
}
