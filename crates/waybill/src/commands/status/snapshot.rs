//! What was heard from everybody at one moment.

use std::collections::BTreeMap;

use event::{LostRange, Millis, Origin};
use kafka_runtime::Member;
use pipeline::StageControl;
use serde::Serialize;
use topology::{Cleanup, Service, Stage, Topic};

use super::{databases::Refused, spools::SpoolAnswer};
use crate::commands::ports::PortAnswer;

/// Everything that was heard.
#[derive(Debug, Clone)]
pub(super) struct Snapshot {
    /// When; milliseconds UTC.
    pub(super) at: Millis,
    /// The three parts.
    pub(super) parts: Vec<PartAnswer>,
    /// The admin ports.
    pub(super) ports: Vec<PortAnswer>,
    /// The disk spool of each ingest that answers.
    pub(super) spools: Vec<SpoolAnswer>,
    /// The databases of addresses whose newest file is refused.
    pub(super) databases: Vec<Refused>,
    /// Everything that runs by itself, in the order of the flow.
    pub(super) units: Vec<Unit>,
    /// What is ordered, by stage; why it is not known otherwise.
    pub(super) controls: Result<BTreeMap<Stage, StageControl>, String>,
}

impl Snapshot {
    /// Whether a part answers.
    pub(super) fn is_up(&self, part: Part) -> bool {
        self.parts.iter().any(|answer| answer.part == part && answer.answer.is_ok())
    }
}

/// What Waybill stands on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Kafka,
    Registry,
    ClickHouse,
}

impl Part {
    /// Its name in tables and in JSON.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Kafka => "kafka",
            Self::Registry => "registry",
            Self::ClickHouse => "clickhouse",
        }
    }

    /// Its name in a sentence.
    pub(super) const fn title(self) -> &'static str {
        match self {
            Self::Kafka => "Kafka",
            Self::Registry => "the schema registry",
            Self::ClickHouse => "ClickHouse",
        }
    }

    /// The word by which a halted component names it.
    pub(super) const fn dependency(self) -> &'static str {
        match self {
            Self::Kafka => "broker",
            Self::Registry => "registry",
            Self::ClickHouse => "clickhouse",
        }
    }
}

/// Whether one part answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PartAnswer {
    pub(super) part: Part,
    /// Where it was asked.
    pub(super) at: String,
    /// Why it counts as down.
    pub(super) answer: Result<(), String>,
}

/// A component with a state of its own: a service, a stage, or a loader of a side table.
#[derive(Debug, Clone)]
pub(super) struct Unit {
    /// Its name on the admin port; of what reads topics also its group.
    pub(super) name: &'static str,
    /// The process that runs it.
    pub(super) service: Service,
    /// The stage that it is.
    pub(super) stage: Option<Stage>,
    /// Its group, if it has one.
    pub(super) group: Heard,
}

/// What Kafka says of a group.
#[derive(Debug, Clone)]
pub(super) enum Heard {
    /// It has no group.
    NoGroup,
    /// Kafka does not answer, or not in time.
    Nothing(String),
    Group(Group),
}

/// A group.
#[derive(Debug, Clone, Default)]
pub(super) struct Group {
    pub(super) members: Vec<Member>,
    pub(super) standings: Vec<Standing>,
}

/// Where a group stands on one partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Standing {
    pub(super) topic: Topic,
    pub(super) partition: i32,
    /// Everything below has its fate; `None`: the group was never given a position.
    pub(super) committed: Option<i64>,
    /// First offset that is still there.
    pub(super) start: i64,
    /// Last stable offset.
    pub(super) end: i64,
    pub(super) ahead: Ahead,
}

/// What comes next on a partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Ahead {
    Nothing,
    Record {
        offset: i64,
        origin: Option<Origin>,
        timestamp: Option<Millis>,
    },
    /// It was not read in time.
    Unknown,
}

/// How far a partition is behind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Lag {
    /// Topic.
    pub(super) topic: &'static str,
    /// Partition.
    pub(super) partition: i32,
    /// Offset of the next record, else the committed one.
    pub(super) offset: i64,
    /// Waybill number of the next record.
    pub(super) origin: Option<String>,
    /// At most so many records wait: markers of transactions count too.
    pub(super) records: i64,
    /// For how long the next record has been waiting; milliseconds.
    pub(super) waiting_ms: Option<Millis>,
    /// After how long the next record may be deleted; milliseconds.
    pub(super) expires_in_ms: Option<Millis>,
}

impl Standing {
    /// How far it is behind at `now`; `None` if nothing waits.
    pub(super) fn lag(&self, now: Millis) -> Option<Lag> {
        let (offset, origin, timestamp) = match &self.ahead {
            Ahead::Nothing => return None,
            Ahead::Record { offset, origin, timestamp } => (*offset, *origin, *timestamp),
            Ahead::Unknown => (self.committed?, None, None),
        };
        let kept = match self.topic.spec().cleanup {
            Cleanup::DeleteAfterHours(hours) => Some(Millis::from(hours) * 3_600_000),
            Cleanup::Compact | Cleanup::Never => None,
        };
        Some(Lag {
            topic: self.topic.name(),
            partition: self.partition,
            offset,
            origin: origin.map(|origin| origin.to_string()),
            records: self.end.saturating_sub(offset).max(0),
            waiting_ms: timestamp.map(|at| now.saturating_sub(at).max(0)),
            expires_in_ms: timestamp.zip(kept).map(|(at, kept)| at.saturating_add(kept) - now),
        })
    }

    /// What left the log before it was read.
    pub(super) fn lost(&self) -> Option<LostRange> {
        let from = self.committed.filter(|from| *from < self.start)?;
        let (topic, partition) = (self.topic.name().to_owned(), self.partition);
        Some(LostRange { topic, partition, from, to: self.start })
    }
}

impl Group {
    /// The member in this slot.
    pub(super) fn member(&self, group: &str, slot: u16) -> Option<&Member> {
        self.members.iter().find(|member| slot_of(group, member) == Some(slot))
    }
}

/// The slot of a member of ours: its client id is the group and the slot.
pub(super) fn slot_of(group: &str, member: &Member) -> Option<u16> {
    member.client_id.strip_prefix(group)?.strip_prefix('-')?.parse().ok()
}

impl Unit {
    /// What Kafka knows of its group.
    pub(super) fn known(&self) -> Option<&Group> {
        match &self.group {
            Heard::Group(group) => Some(group),
            Heard::NoGroup | Heard::Nothing(_) => None,
        }
    }
}
