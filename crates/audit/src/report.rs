//! What the auditor says, for a person and for a script.

use std::{collections::BTreeMap, fmt};

use event::Hints;
use reconciliation::{Holder, Verdict};
use serde::Serialize;

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
        let Hints { source, event, message_id } = hints;
        Self { origin: origin.to_string(), source, event, message_id, detail }
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
    /// The report of a closed span; `missing` and `duplicated` are named by the caller.
    pub(crate) fn closed(verdict: &Verdict, missing: Vec<Named>, duplicated: Vec<Named>) -> Self {
        let state = if verdict.is_balanced() { State::Balanced } else { State::Unbalanced };
        Self { state, missing, duplicated, ..Self::counts(verdict) }
    }

    /// The report of a span that is still open: counts, and nothing called missing.
    pub(crate) fn open(verdict: &Verdict, held_by: Holder, detail: String) -> Self {
        Self {
            state: State::Open,
            complete: false,
            held_by: Some(held_by.name()),
            held_detail: Some(detail),
            ..Self::counts(verdict)
        }
    }

    fn counts(verdict: &Verdict) -> Self {
        let by = |stage: topology::Stage, word: &str| format!("{stage}/{word}");
        Self {
            state: State::Open,
            complete: verdict.is_complete(),
            held_by: None,
            held_detail: None,
            raw: verdict.raw,
            loaded: verdict.loaded,
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
            f.write_str(if self.complete { " and complete" } else { "; dead letters are open" })?;
        }
        writeln!(f, "\n\n{:>10}  came in (raw-events)", self.raw)?;
        writeln!(f, "{:>10}  in ClickHouse", self.loaded)?;
        writeln!(f, "{:>10}  discarded", self.discarded)?;
        lines(f, &self.discarded_by)?;
        writeln!(f, "{:>10}  dead letters open", self.dead)?;
        lines(f, &self.dead_by)?;
        if self.state == State::Open {
            return f.write_str("\nnothing is called missing while the books are open");
        }
        named(f, "missing", &self.missing)?;
        named(f, "duplicated", &self.duplicated)?;
        plain(f, "in ClickHouse, but never in raw-events", &self.unissued)?;
        plain(f, "records that belong to no event", &self.strangers)
    }
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
