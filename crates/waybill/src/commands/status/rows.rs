//! One row for each part, service, and instance of a stage.

use std::collections::{BTreeMap, BTreeSet};

use pipeline::{StageControl, Stop};
use serde::Serialize;
use telemetry::{ComponentReport, ComponentState};

use super::snapshot::{Group, Heard, Lag, PartAnswer, Snapshot, Standing, Unit, slot_of};
use crate::commands::{ports, times::utc};

/// What something does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum State {
    /// A part that answers.
    Up,
    Running,
    Starting,
    Restoring,
    Paused,
    Breaker,
    Halted,
    /// A member of the group for which no admin port answers.
    Unseen,
    Down,
}

impl State {
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Running => "running",
            Self::Starting => "starting",
            Self::Restoring => "restoring",
            Self::Paused => "paused",
            Self::Breaker => "breaker",
            Self::Halted => "halted",
            Self::Unseen => "unseen",
            Self::Down => "down",
        }
    }
}

impl From<ComponentState> for State {
    fn from(state: ComponentState) -> Self {
        match state {
            ComponentState::Starting => Self::Starting,
            ComponentState::Running => Self::Running,
            ComponentState::Halted => Self::Halted,
            ComponentState::Paused => Self::Paused,
            ComponentState::Breaker => Self::Breaker,
            ComponentState::Restoring => Self::Restoring,
        }
    }
}

/// A row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Row {
    /// Part, service, stage or loader.
    pub(super) name: &'static str,
    /// Slot of the instance.
    pub(super) slot: Option<u16>,
    /// URL of a part; admin port of an instance, else its host.
    pub(super) at: Option<String>,
    /// What it does.
    pub(super) state: State,
    /// What a halted one waits for, in one word.
    pub(super) dependency: Option<String>,
    /// Why it does not run.
    pub(super) cause: Option<String>,
    /// For how long it has been in this state; milliseconds.
    pub(super) since_ms: Option<u64>,
    /// How much of its state is restored.
    pub(super) restored_percent: Option<u8>,
    /// The partitions that it holds, as `topic-partition`.
    pub(super) partitions: Vec<String>,
    /// At most so many records wait in all its partitions.
    pub(super) lag_records: Option<i64>,
    /// Its partition that is furthest behind.
    pub(super) furthest: Option<Lag>,
}

impl Row {
    fn new(name: &'static str, state: State) -> Self {
        Self {
            name,
            slot: None,
            at: None,
            state,
            dependency: None,
            cause: None,
            since_ms: None,
            restored_percent: None,
            partitions: Vec::new(),
            lag_records: None,
            furthest: None,
        }
    }
}

/// All rows: the parts first, then everything else in the order of the flow.
pub(super) fn rows(snapshot: &Snapshot) -> Vec<Row> {
    let parts = snapshot.parts.iter().map(part_row);
    let units = snapshot.units.iter().flat_map(|unit| unit_rows(snapshot, unit));
    parts.chain(units).collect()
}

fn part_row(part: &PartAnswer) -> Row {
    let state = if part.answer.is_ok() { State::Up } else { State::Down };
    let cause = part.answer.clone().err();
    Row { at: Some(part.at.clone()), cause, ..Row::new(part.part.name(), state) }
}

fn unit_rows(snapshot: &Snapshot, unit: &Unit) -> Vec<Row> {
    let reported: Vec<_> = ports::components_named(&snapshot.ports, unit.name).collect();
    let reported_slots: BTreeSet<_> = reported.iter().filter_map(|(_, it)| it.slot).collect();
    let mut rows: Vec<Row> =
        reported.into_iter().map(|(address, it)| reported_row(unit.name, address, it)).collect();
    let members = unit.known().map_or(&[][..], |group| &group.members);
    for member in members {
        let slot = slot_of(unit.name, member);
        if slot.is_some_and(|slot| !reported_slots.contains(&slot)) {
            let cause = "a member of its group, but no admin port answers for it".to_owned();
            let (at, cause) = (Some(member.host.clone()), Some(cause));
            rows.push(Row { slot, at, cause, ..Row::new(unit.name, State::Unseen) });
        }
    }
    rows.sort_by_key(|row| row.slot);
    if rows.is_empty() {
        let cause = match &unit.group {
            Heard::NoGroup => "no admin port answers for it".to_owned(),
            Heard::Group(_) => "no admin port answers for it, its group has no member".to_owned(),
            Heard::Nothing(why) => format!("no admin port answers for it; its group: {why}"),
        };
        rows.push(Row { cause: Some(cause), ..Row::new(unit.name, State::Down) });
    }
    if let Some(group) = unit.known() {
        place(snapshot, unit, group, &mut rows);
    }
    if let Some(control) = control_of(snapshot, unit) {
        for row in &mut rows {
            follow_order(row, control, snapshot.at);
        }
    }
    rows
}

fn reported_row(name: &'static str, address: &str, component: &ComponentReport) -> Row {
    Row {
        slot: component.slot,
        at: Some(address.to_owned()),
        dependency: component.dependency.clone(),
        cause: component.waiting_for.clone(),
        since_ms: Some(component.since_ms),
        restored_percent: component.restored_percent,
        ..Row::new(name, component.state.into())
    }
}

/// Gives each instance its partitions, and what they have not got to yet. What nobody holds is
/// told with the first instance: it waits all the same.
fn place(snapshot: &Snapshot, unit: &Unit, group: &Group, rows: &mut [Row]) {
    let mut standings: BTreeMap<usize, Vec<&Standing>> = BTreeMap::new();
    let holder = |standing: &Standing| {
        rows.iter().position(|row| {
            let member = row.slot.and_then(|slot| group.member(unit.name, slot));
            member.is_some_and(|it| it.partitions.contains(&(standing.topic, standing.partition)))
        })
    };
    let held: Vec<_> = group.standings.iter().map(|it| (holder(it), it)).collect();
    for (holder, standing) in held {
        standings.entry(holder.unwrap_or(0)).or_default().push(standing);
        if let Some(row) = holder.and_then(|index| rows.get_mut(index)) {
            row.partitions.push(format!("{}-{}", standing.topic, standing.partition));
        }
    }
    for (index, standings) in standings {
        let Some(row) = rows.get_mut(index) else { continue };
        let lags: Vec<Lag> = standings.iter().filter_map(|it| it.lag(snapshot.at)).collect();
        row.lag_records = Some(lags.iter().map(|lag| lag.records).sum());
        row.furthest = lags.into_iter().max_by_key(|lag| (lag.waiting_ms, lag.records));
    }
}

pub(super) fn control_of<'a>(snapshot: &'a Snapshot, unit: &Unit) -> Option<&'a StageControl> {
    snapshot.controls.as_ref().ok()?.get(&unit.stage?)
}

/// An order holds also where nobody tells of it.
fn follow_order(row: &mut Row, control: &StageControl, now: event::Millis) {
    let Some(stop) = control.whole() else { return };
    let told = told(stop);
    match row.state {
        State::Unseen => {
            row.state = if stop.by_breaker { State::Breaker } else { State::Paused };
            row.since_ms = u64::try_from(now.saturating_sub(stop.at)).ok();
            row.cause = Some(told);
        }
        State::Running => row.cause = Some(format!("does not follow yet: {told}")),
        State::Paused | State::Breaker => row.cause = Some(told),
        State::Down => {
            let cause = row.cause.take().unwrap_or_default();
            row.cause = Some(format!("{cause}; {told}"));
        }
        State::Up | State::Starting | State::Restoring | State::Halted => {}
    }
}

/// Who stopped it, since when, and why.
pub(super) fn told(stop: &Stop) -> String {
    let Stop { by_breaker, who, why, at } = stop;
    let at = utc(*at);
    if *by_breaker {
        return format!("its breaker opened at {at} ({who}): {why}");
    }
    format!("paused by {who} at {at}: {why}")
}
