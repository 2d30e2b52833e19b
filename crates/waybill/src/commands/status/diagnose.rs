//! From what was heard to who is to blame, and what to type: a pure function.

use std::collections::BTreeSet;

use serde::Serialize;
use topology::Service;

use super::{
    databases, findings,
    rows::{Row, State},
    snapshot::{Part, Snapshot},
};

/// What is wrong, the root of it first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Kind {
    /// Kafka, the registry or ClickHouse does not answer.
    PartDown,
    /// Kafka or an ingest answers, but not what it was asked for.
    Unknown,
    /// A group was never given a position.
    NoPosition,
    /// Two processes use the same slot.
    SlotTaken,
    /// Something left the log before it was read.
    Expired,
    /// A service does not run.
    ProcessDown,
    /// A breaker opened.
    Breaker,
    /// A component waits for something that we see no fault of.
    Halted,
    /// An admin port that does not answer, and nothing else tells why.
    PortSilent,
    /// What waits will be deleted soon.
    ExpiresSoon,
    /// Events have been in a disk spool for long, though Kafka is there to take them.
    Spooled,
    /// A person ordered it.
    Paused,
    /// A state is brought up to date.
    Restoring,
    /// It has not begun yet.
    Starting,
    /// It runs, but does not keep up.
    Behind,
    /// It runs, with data that should have been replaced.
    OldData,
}

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Verdict {
    /// Everything runs.
    Running,
    /// Something stands still by order, or for a time.
    Waiting,
    /// Somebody has to do something.
    Broken,
}

impl Kind {
    const fn verdict(self) -> Verdict {
        match self {
            Self::Behind | Self::OldData => Verdict::Running,
            Self::Spooled | Self::Paused | Self::Restoring | Self::Starting => Verdict::Waiting,
            _ => Verdict::Broken,
        }
    }
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Finding {
    /// What is to blame: a part, a service, or a stage.
    pub(super) culprit: String,
    /// What is wrong with it.
    pub(super) kind: Kind,
    /// In words.
    pub(super) detail: String,
    /// What to do, in order; commands as they are to be typed.
    pub(super) next: Vec<String>,
}

/// Everything that is wrong, the root first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Diagnosis {
    pub(super) verdict: Verdict,
    pub(super) findings: Vec<Finding>,
}

/// Who is to blame.
pub(super) fn diagnose(snapshot: &Snapshot, rows: &[Row]) -> Diagnosis {
    let mut found = findings::of_parts(snapshot, rows);
    found.extend(findings::of_groups(snapshot));
    found.extend(findings::of_slots(rows));
    found.extend(findings::of_processes(snapshot, rows));
    found.extend(findings::of_orders(snapshot, rows));
    found.extend(findings::of_spools(snapshot));
    found.extend(databases::findings(&snapshot.databases));
    let explained = Explained::new(snapshot, &found);
    for row in rows {
        found.extend(findings::of_state(snapshot, row).filter(|_| !explained.covers(row)));
        found.extend(findings::of_lag(row));
    }
    let is_explained = found.iter().any(|it| it.kind <= Kind::ProcessDown);
    if !is_explained {
        found.extend(findings::of_ports(snapshot));
    }
    found.sort_by_key(|finding| finding.kind);
    let verdict = found.iter().map(|it| it.kind.verdict()).max().unwrap_or(Verdict::Running);
    Diagnosis { verdict, findings: found }
}

/// What needs no finding of its own, since a deeper one says why.
struct Explained {
    down: BTreeSet<&'static str>,
    kafka_down: bool,
    expired: BTreeSet<String>,
}

impl Explained {
    fn new(snapshot: &Snapshot, found: &[Finding]) -> Self {
        let down = snapshot.parts.iter().filter(|it| it.answer.is_err());
        let of_groups = |it: &&Finding| matches!(it.kind, Kind::Expired | Kind::NoPosition);
        Self {
            down: down.clone().map(|it| it.part.dependency()).collect(),
            kafka_down: down.clone().any(|it| it.part == Part::Kafka),
            expired: found.iter().filter(of_groups).map(|it| it.culprit.clone()).collect(),
        }
    }

    fn covers(&self, row: &Row) -> bool {
        if row.state == State::Starting {
            return !self.down.is_empty();
        }
        let Some(dependency) = row.dependency.as_deref() else { return false };
        // Without Kafka a group has neither positions nor an assignment.
        let of_kafka = !matches!(dependency, "registry" | "clickhouse" | "state-store");
        self.down.contains(dependency)
            || (self.kafka_down && of_kafka)
            || self.expired.contains(row.name)
    }
}

/// What is typed to start a service.
pub(super) fn start_of(service: Service) -> String {
    let serve = if service == Service::Audit { " --serve" } else { "" };
    format!("waybill {}{serve}", service.name())
}
