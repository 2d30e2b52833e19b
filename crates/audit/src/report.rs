//! What the auditor says, for a person and for a script.

use std::{collections::BTreeMap, fmt};

use event::{Hints, LostRange};
use reconciliation::{Expired, Expiry, Holder, Skip, Verdict};
use serde::Serialize;

use crate::check::AllNamed;

/// Whether the books could be closed, and what they say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Nothing is unexplained.
    Balanced,
    /// Something is missing, duplicated or foreign.
    Unbalanced,
    /// Not all has gone through yet: nothing can be called missing.
    Open,
}

impl State {
    /// The word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Balanced => "balanced",
            Self::Unbalanced => "unbalanced",
            Self::Open => "open",
        }
    }
}

/// An origin that the auditor names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Named {
    /// Waybill number.
    pub origin: String,
    /// Source of the event, where it could be read.
    pub source: Option<String>,
    /// Event name, else its type.
    pub event: Option<String>,
    /// The sender's own id of the message.
    pub message_id: Option<String>,
    /// Where it was seen last, or how many copies there are.
    pub detail: String,
}

impl Named {
    pub(crate) fn new(origin: impl fmt::Display, hints: Hints, detail: String) -> Self {
        let Hints { source, event, message_id, .. } = hints;
        Self { origin: origin.to_string(), source, event, message_id, detail }
    }
}

/// A range that a stage gave up, since it had left the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ExpiredRange {
    /// The stage.
    pub stage: &'static str,
    /// What it gave up.
    #[serde(flatten)]
    pub lost: LostRange,
    /// Events of this audit that it accounts for.
    pub events: u64,
    /// Whether these are exactly the events of the range.
    pub exact: bool,
    /// Positions of it that the audit could not read either: their events have no name.
    pub unread: i64,
    /// When it was given up; milliseconds UTC.
    pub at: i64,
    /// Who gave it up.
    pub who: String,
    /// Why.
    pub why: String,
}

impl ExpiredRange {
    fn new(Skip { stage, lost, at, who, why }: Skip) -> Self {
        let (stage, exact) = (stage.name(), false);
        Self { stage, lost, events: 0, exact, unread: 0, at, who, why }
    }

    fn booked(expired: &Expired) -> Self {
        let (events, exact) = (expired.origins.len(), expired.is_exact());
        Self { events, exact, ..Self::new(expired.skip.clone()) }
    }
}

/// The books of everything that came in up to a moment.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// Whether they are closed, and what they say.
    pub state: State,
    /// Nothing awaits repair either.
    pub complete: bool,
    /// While open: who holds them.
    pub held_by: Option<&'static str>,
    /// While open: where.
    pub held_detail: Option<String>,
    /// Events that came in.
    pub raw: u64,
    /// Of these, in the warehouse.
    pub loaded: u64,
    /// Of these, erased on request.
    pub erased: u64,
    /// Of these, dropped on purpose.
    pub discarded: u64,
    /// Of these, with an open dead letter.
    pub dead: u64,
    /// Origins seen in each topic.
    pub topics: BTreeMap<String, u64>,
    /// Discards by `stage/reason`.
    pub discarded_by: BTreeMap<String, u64>,
    /// Discards of copies by `stage/reason`: nobody's fate.
    pub copies_by: BTreeMap<String, u64>,
    /// Open dead letters by `stage/reason`.
    pub dead_by: BTreeMap<String, u64>,
    /// Of these, gone before a stage had read them, and given up by order.
    pub expired: u64,
    /// What was given up.
    pub expired_ranges: Vec<ExpiredRange>,
    /// What has expired, by name.
    pub expired_origins: Vec<Named>,
    /// No fate at all.
    pub missing: Vec<Named>,
    /// More than once in the warehouse.
    pub duplicated: Vec<Named>,
    /// In the warehouse, but never in `raw-events`.
    pub unissued: Vec<String>,
    /// Records that belong to no event, as `topic partition offset: what`.
    pub strangers: Vec<String>,
}

impl Report {
    /// The report of a closed span; what it is about is named by the caller.
    pub(crate) fn closed(verdict: &Verdict, expiry: &Expiry, named: AllNamed) -> Self {
        let state = if verdict.is_balanced() { State::Balanced } else { State::Unbalanced };
        let AllNamed { missing, expired: expired_origins, duplicated } = named;
        Self { state, expired_origins, missing, duplicated, ..Self::counts(verdict, expiry) }
    }

    /// The report of a span that is still open: counts, and nothing called missing.
    pub(crate) fn open(
        verdict: &Verdict,
        expiry: &Expiry,
        held_by: Holder,
        detail: String,
    ) -> Self {
        Self {
            state: State::Open,
            complete: false,
            held_by: Some(held_by.name()),
            held_detail: Some(detail),
            ..Self::counts(verdict, expiry)
        }
    }

    fn counts(verdict: &Verdict, expiry: &Expiry) -> Self {
        let by = |stage: topology::Stage, word: &str| format!("{stage}/{word}");
        Self {
            state: State::Open,
            complete: verdict.is_complete() && expiry.unread().is_empty(),
            held_by: None,
            held_detail: None,
            raw: verdict.raw,
            loaded: verdict.loaded,
            erased: verdict.erased,
            discarded: verdict.discarded,
            dead: verdict.dead,
            topics: verdict.topics.iter().map(|(topic, n)| (topic.name().to_owned(), *n)).collect(),
            discarded_by: verdict
                .discarded_by
                .iter()
                .map(|((stage, reason), n)| (by(*stage, reason.word()), *n))
                .collect(),
            copies_by: verdict
                .copies_by
                .iter()
                .map(|((stage, reason), n)| (by(*stage, reason.word()), *n))
                .collect(),
            dead_by: verdict
                .dead_by
                .iter()
                .map(|((stage, reason), n)| {
                    (by(*stage, reason.map_or("unknown", pipeline::RejectReason::word)), *n)
                })
                .collect(),
            expired: verdict.expired_origins(),
            expired_ranges: expired_ranges(verdict, expiry),
            expired_origins: Vec::new(),
            missing: Vec::new(),
            duplicated: Vec::new(),
            unissued: verdict.unissued.iter().map(|origin| origin.to_string()).collect(),
            strangers: verdict
                .strangers
                .iter()
                .map(|it| {
                    format!("{} {} {}: {}", it.topic, it.partition, it.offset, it.what.word())
                })
                .collect(),
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the books are {}", self.state.word())?;
        if let (Some(held_by), Some(detail)) = (self.held_by, &self.held_detail) {
            write!(f, ": held by {held_by}, which {detail}")?;
        } else if self.state == State::Balanced {
            let but = match (self.expired_ranges.is_empty(), self.dead) {
                (true, 0) => " and complete",
                (true, _) => "; dead letters are open",
                (false, _) => ", but events have EXPIRED before they were read",
            };
            f.write_str(but)?;
        }
        writeln!(f, "\n\n{:>10}  came in (raw-events)", self.raw)?;
        writeln!(f, "{:>10}  in ClickHouse", self.loaded)?;
        if self.erased > 0 {
            writeln!(f, "{:>10}  erased on request", self.erased)?;
        }
        writeln!(f, "{:>10}  discarded", self.discarded)?;
        lines(f, &self.discarded_by)?;
        writeln!(f, "{:>10}  dead letters open", self.dead)?;
        lines(f, &self.dead_by)?;
        self.tell_expired(f)?;
        if self.state == State::Open {
            return f.write_str("\nnothing is called missing while the books are open");
        }
        if !self.expired_origins.is_empty() {
            named(f, "EXPIRED, by name", &self.expired_origins)?;
        }
        named(f, "missing", &self.missing)?;
        named(f, "duplicated", &self.duplicated)?;
        plain(f, "in ClickHouse, but never in raw-events", &self.unissued)?;
        plain(f, "records that belong to no event", &self.strangers)
    }
}

impl Report {
    fn tell_expired(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.expired_ranges.is_empty() {
            return Ok(());
        }
        writeln!(f, "{:>10}  EXPIRED before they were read, and given up by order", self.expired)?;
        self.expired_ranges.iter().try_for_each(|range| {
            let ExpiredRange { stage, lost, events, unread, who, why, .. } = range;
            write!(f, "{events:>16}  {stage}: {lost}")?;
            if *unread > 0 {
                write!(
                    f,
                    " (and at most {unread} events that had gone before the audit read them)"
                )?;
            }
            writeln!(f, "; given up by {who}: {why}")
        })
    }
}

/// What accounts for an event, and what nobody could read.
fn expired_ranges(verdict: &Verdict, expiry: &Expiry) -> Vec<ExpiredRange> {
    let mut ranges: Vec<_> = verdict.expired.iter().map(ExpiredRange::booked).collect();
    for (skip, unread) in expiry.unread() {
        let lost = skip.lost.clone();
        match ranges.iter_mut().find(|it| it.stage == skip.stage.name() && it.lost == lost) {
            Some(range) => range.unread = unread,
            None => ranges.push(ExpiredRange { unread, exact: true, ..ExpiredRange::new(skip) }),
        }
    }
    ranges
}

fn lines(f: &mut fmt::Formatter<'_>, by: &BTreeMap<String, u64>) -> fmt::Result {
    by.iter().try_for_each(|(what, count)| writeln!(f, "{count:>16}  {what}"))
}

fn named(f: &mut fmt::Formatter<'_>, what: &str, all: &[Named]) -> fmt::Result {
    writeln!(f, "{:>10}  {what}", all.len())?;
    all.iter().try_for_each(|it| {
        let text = |value: &Option<String>| value.clone().unwrap_or_else(|| "?".to_owned());
        let (source, event, id) = (text(&it.source), text(&it.event), text(&it.message_id));
        writeln!(f, "{:>16}  {source}  {event}  message {id}  ({})", it.origin, it.detail)
    })
}

fn plain(f: &mut fmt::Formatter<'_>, what: &str, all: &[String]) -> fmt::Result {
    if all.is_empty() {
        return Ok(());
    }
    writeln!(f, "{:>10}  {what}", all.len())?;
    all.iter().try_for_each(|it| writeln!(f, "{:>16}{it}", ""))
}
