//! The comparison: what came in against what became of it, by name.

use std::collections::BTreeMap;

use event::Origin;
use pipeline::{DiscardReason, RejectReason};
use topology::{Stage, Topic};

use crate::{Books, Expired, OriginSet, Span, Stranger};

/// What the warehouse said that it holds of a span.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct WarehouseView {
    /// The origins that it holds at least once.
    pub present: OriginSet,
    /// The origins that it says were erased on request. Asked for after `present`: an erasure notes an
    /// event before it deletes it.
    pub erased: OriginSet,
    /// The origins that it holds more than once, with the number of rows.
    pub duplicated: Vec<(Origin, u64)>,
}

/// An origin that has no fate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lost {
    /// The event.
    pub origin: Origin,
    /// The furthest topic in which it was seen.
    pub last_seen: Topic,
    /// The stage that read it there and owes its fate.
    pub owed_by: Stage,
}

/// What came of a span of `raw-events`. The sets `loaded`, `erased`, `discarded`, `dead`,
/// `missing` and `expired` make up the raw set: each origin counts once, by the first of these that holds it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Verdict {
    /// Events that came in.
    pub raw: u64,
    /// Of these, those that the warehouse holds.
    pub loaded: u64,
    /// Of the rest, those that were erased on request: explained, whatever became of them before.
    pub erased: u64,
    /// Of the rest, those that a stage dropped on purpose.
    pub discarded: u64,
    /// Of the rest, those with an open dead letter.
    pub dead: u64,
    /// Of the rest: those with no fate at all.
    pub missing: OriginSet,
    /// Where each missing one was last seen.
    pub lost: Vec<Lost>,
    /// Those that left the log before a stage had read them, by what was given up: explained, and
    /// gone. Empty until [`book_expired`](Self::book_expired).
    pub expired: Vec<Expired>,
    /// Origins that the warehouse holds more than once, with the number of rows.
    pub duplicated: Vec<(Origin, u64)>,
    /// Origins that the warehouse holds, but that no record of `raw-events` has.
    pub unissued: OriginSet,
    /// Records that belong to no event.
    pub strangers: Vec<Stranger>,
    /// Final discards by stage and reason.
    pub discarded_by: BTreeMap<(Stage, DiscardReason), u64>,
    /// Discards of copies by stage and reason: nobody's fate.
    pub copies_by: BTreeMap<(Stage, DiscardReason), u64>,
    /// Open dead letters by stage and reason (`None`: a word that is not known).
    pub dead_by: BTreeMap<(Stage, Option<RejectReason>), u64>,
    /// Origins that have more than one final fate; explained, but worth a look.
    pub contested: OriginSet,
    /// Origins seen in each topic.
    pub topics: BTreeMap<Topic, u64>,
    /// Origins that went through an output topic more than once.
    pub repeated: BTreeMap<Topic, OriginSet>,
}

impl Verdict {
    /// Nothing unexplained: nothing missing, nothing twice in the warehouse, nothing there or in
    /// the topics that is no event.
    pub fn is_balanced(&self) -> bool {
        self.missing.is_empty()
            && self.duplicated.is_empty()
            && self.unissued.is_empty()
            && self.strangers.is_empty()
    }

    /// Balanced, nothing awaits repair, and nothing has expired.
    pub fn is_complete(&self) -> bool {
        self.is_balanced() && self.dead == 0 && self.expired.is_empty()
    }

    /// The share of what came in that the warehouse does not hold and was not told to erase, 0.0..=1.0.
    #[expect(clippy::cast_precision_loss, reason = "a share needs no 53 bits")]
    pub fn shortfall(&self) -> f64 {
        if self.raw == 0 {
            return 0.0;
        }
        self.raw.saturating_sub(self.loaded).saturating_sub(self.erased) as f64 / self.raw as f64
    }
}

/// Compares what the books say of a span with what the warehouse holds of it.
///
/// The books must not be newer than the view, or what was redriven in between looks missing.
pub fn reconcile(books: &Books, warehouse: &WarehouseView, span: &Span) -> Verdict {
    let raw = books.raw().within(span);
    let present = warehouse.present.within(span);
    let discards = books.discarded(span, false);
    let dead = books.dead(span);
    let (dropped, open) = (union(&discards), union(&dead));

    let loaded = raw.and(&present);
    let unloaded = raw.minus(&present);
    let unerased = unloaded.minus(&warehouse.erased);
    let undropped = unerased.minus(&dropped);
    let missing = undropped.minus(&open);
    let contested = present.and(&dropped).or(&present.or(&dropped).and(&open));
    Verdict {
        raw: raw.len(),
        loaded: loaded.len(),
        erased: unloaded.and(&warehouse.erased).len(),
        discarded: unerased.and(&dropped).len(),
        dead: undropped.and(&open).len(),
        lost: missing.iter().map(|origin| lost(books, origin)).collect(),
        missing,
        expired: Vec::new(),
        duplicated: duplicated_within(warehouse, span),
        unissued: present.minus(&raw),
        strangers: books.strangers(span),
        discarded_by: sizes(&discards, &unerased),
        copies_by: sizes(&books.discarded(span, true), &raw),
        dead_by: sizes(&dead, &undropped),
        contested,
        topics: books.counts(span),
        repeated: books.repeated(span),
    }
}

fn lost(books: &Books, origin: Origin) -> Lost {
    let last_seen = books.last_seen(origin);
    let reader = Stage::ALL.into_iter().find(|stage| stage.inputs().contains(&last_seen));
    Lost { origin, last_seen, owed_by: reader.unwrap_or(Stage::Validate) }
}

fn duplicated_within(warehouse: &WarehouseView, span: &Span) -> Vec<(Origin, u64)> {
    let within = |(origin, copies): &&(Origin, u64)| {
        let range = span.offsets.get(&origin.partition);
        let inside = range.is_some_and(|range| range.contains(&origin.offset));
        inside && origin.epoch == span.epoch && *copies > 1
    };
    let mut duplicated: Vec<_> = warehouse.duplicated.iter().filter(within).copied().collect();
    duplicated.sort_unstable();
    duplicated
}

fn union<K>(sets: &BTreeMap<K, OriginSet>) -> OriginSet {
    let mut all = OriginSet::default();
    for set in sets.values() {
        all.add(set);
    }
    all
}

/// How many of `among` each set has; none without any.
fn sizes<K: Ord + Copy>(sets: &BTreeMap<K, OriginSet>, among: &OriginSet) -> BTreeMap<K, u64> {
    let sizes = sets.iter().map(|(key, set)| (*key, set.and(among).len()));
    sizes.filter(|(_, size)| *size > 0).collect()
}
