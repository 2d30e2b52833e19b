//! What the auditor takes down of one record: its headers, never its value.

use event::{Millis, Waybill};
use pipeline::{DiscardReason, RejectReason};
use topology::{Stage, Topic};

/// One record, by its headers alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// Topic.
    pub topic: Topic,
    /// Partition.
    pub partition: i32,
    /// Offset.
    pub offset: i64,
    /// Kafka timestamp; milliseconds UTC. On `raw-events` the broker's append time.
    pub timestamp: Option<Millis>,
    /// Header `waybill`; `None` where it is absent or unreadable. Ignored on `raw-events`.
    pub waybill: Option<Waybill>,
    /// Header `stage`, on discards.
    pub stage: Option<Stage>,
    /// Header `reason`, on dead letters and discards; `None` where the word is not known.
    pub reason: Option<Reason>,
    /// Header `settles`, on redriven records: partition and offset of the dead letter.
    pub settles: Option<(i32, i64)>,
}

/// Why an event did not go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// On purpose.
    Discard(DiscardReason),
    /// Put aside to be mended.
    Reject(RejectReason),
}

/// A record that the books cannot account to any event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stranger {
    /// Topic.
    pub topic: Topic,
    /// Partition.
    pub partition: i32,
    /// Offset.
    pub offset: i64,
    /// Kafka timestamp; milliseconds UTC.
    pub timestamp: Option<Millis>,
    /// What is wrong with it.
    pub what: Strangeness,
}

/// What is wrong with a stranger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Strangeness {
    /// It has no readable waybill header, in a topic whose records all have one.
    NoWaybill,
    /// A discard that does not say, in words that are known, which stage dropped the event and
    /// why: it is nobody's fate.
    NoFate,
}

impl Strangeness {
    /// The word that stands for it in findings.
    pub const fn word(self) -> &'static str {
        match self {
            Self::NoWaybill => "no-waybill",
            Self::NoFate => "no-fate",
        }
    }
}
