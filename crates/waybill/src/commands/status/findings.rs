//! The findings, each with what to type.

use std::collections::{BTreeMap, BTreeSet};

use pipeline::{StageControl, Stop};
use topology::{Service, Stage};

use super::{
    diagnose::{Finding, Kind, start_of},
    rows::{Row, State, control_of, told},
    snapshot::{Heard, Part, PartAnswer, Snapshot, Standing, Unit},
    spools::{Held, SpoolAnswer},
};
use crate::commands::times::span;

/// From this age of the next record on a stage counts as not keeping up; milliseconds.
const BEHIND_MS: i64 = 5 * 60_000;
/// From this age of its oldest event on a disk spool that Kafka could empty is told; milliseconds.
const SPOOLED_MS: i64 = 60_000;
/// What may be deleted within this time is told as an alarm; milliseconds.
const SOON_MS: i64 = 24 * 3_600_000;

/// Parts that do not answer, with who waits for them.
pub(super) fn of_parts(snapshot: &Snapshot, rows: &[Row]) -> Vec<Finding> {
    let down = snapshot.parts.iter().filter_map(|it| Some((it, it.answer.as_ref().err()?)));
    down.map(|(part, why)| part_down(part, why, rows)).collect()
}

fn part_down(answer: &PartAnswer, why: &str, rows: &[Row]) -> Finding {
    let PartAnswer { part, at, .. } = answer;
    let waits = |row: &&Row| row.dependency.as_deref() == Some(part.dependency());
    let waiting: BTreeSet<&str> = rows.iter().filter(waits).map(|row| row.name).collect();
    let waiting: Vec<&str> = waiting.into_iter().collect();
    let who = match waiting.as_slice() {
        [] => "no process says that it waits for it".to_owned(),
        [one] => format!("{one} waits for it"),
        many => format!("{} wait for it", many.join(", ")),
    };
    Finding {
        culprit: part.name().to_owned(),
        kind: Kind::PartDown,
        detail: format!("{} at {at} does not answer ({why}); {who}", part.title()),
        next: vec![format!("start {}; whoever waits for it goes on by itself", part.title())],
    }
}

/// What Kafka says of the groups: what has expired, what has no position.
pub(super) fn of_groups(snapshot: &Snapshot) -> Vec<Finding> {
    if !snapshot.is_up(Part::Kafka) {
        return Vec::new();
    }
    let mut found: Vec<_> =
        snapshot.units.iter().filter_map(|unit| of_group(snapshot, unit)).collect();
    if let (Err(why), true) = (&snapshot.controls, snapshot.is_up(Part::Registry)) {
        found.push(Finding {
            culprit: Part::Kafka.name().to_owned(),
            kind: Kind::Unknown,
            detail: format!("the orders to the stages cannot be read: {why}"),
            next: vec!["waybill check --online".to_owned()],
        });
    }
    found
}

fn of_group(snapshot: &Snapshot, unit: &Unit) -> Option<Finding> {
    let culprit = unit.name.to_owned();
    let group = match &unit.group {
        Heard::NoGroup => return None,
        Heard::Nothing(why) => {
            let detail = format!("what {culprit} has read cannot be told: {why}");
            let next = vec!["waybill check --online".to_owned()];
            return Some(Finding { culprit, kind: Kind::Unknown, detail, next });
        }
        Heard::Group(group) => group,
    };
    let unplaced = group.standings.iter().find(|it| it.committed.is_none());
    if let Some(at) = unplaced {
        let detail = format!(
            "{culprit} was never given a position on {} partition {}",
            at.topic, at.partition
        );
        let next = vec!["waybill migrate".to_owned()];
        return Some(Finding { culprit, kind: Kind::NoPosition, detail, next });
    }
    let lost: Vec<_> = group.standings.iter().filter_map(Standing::lost).collect();
    let first = lost.first()?;
    let count: i64 = lost.iter().map(|it| it.to - it.from).sum();
    let more = match lost.len() - 1 {
        0 => String::new(),
        more => format!(" and {more} more partitions"),
    };
    let skipped = control_of(snapshot, unit).is_some_and(|control| {
        lost.iter().all(|it| control.skip_of(&it.topic, it.partition, it.from) == Some(it))
    });
    let lost = format!(
        "at most {count} events left the log before {culprit} had read them: {first}{more}"
    );
    let (detail, next) = match unit.stage {
        _ if skipped => (
            format!("{lost}; they were given up, {culprit} goes on behind them"),
            vec![format!("nothing; if it does not go on: {}", start_of(unit.service))],
        ),
        Some(stage) => (lost, vec![format!("waybill stage skip-expired {stage} --why \"…\"")]),
        // No order reaches a side table: it is no stage. What it has lost is missing in its table
        // only.
        None => (
            lost,
            vec![format!(
                "set group {culprit} to the earliest offset with kafka-consumer-groups.sh"
            )],
        ),
    };
    Some(Finding { culprit, kind: Kind::Expired, detail, next })
}

/// Two processes in one slot fence each other.
pub(super) fn of_slots(rows: &[Row]) -> Vec<Finding> {
    let mut users: BTreeMap<(&str, u16), Vec<&str>> = BTreeMap::new();
    for row in rows.iter().filter(|row| row.state != State::Unseen) {
        if let (Some(slot), Some(at)) = (row.slot, &row.at) {
            users.entry((row.name, slot)).or_default().push(at);
        }
    }
    let shared = users.into_iter().filter(|(_, users)| users.len() > 1);
    let finding = |((name, slot), users): ((&str, u16), Vec<&str>)| Finding {
        culprit: name.to_owned(),
        kind: Kind::SlotTaken,
        detail: format!("slot {slot} of {name} is used by {} at once", users.join(" and ")),
        next: vec![format!(
            "give each a slot of its own (`slot` in its configuration, or WAYBILL_SLOT) and restart it"
        )],
    };
    shared.map(finding).collect()
}

/// Services that do not run.
pub(super) fn of_processes(snapshot: &Snapshot, rows: &[Row]) -> Vec<Finding> {
    let is_down =
        |unit: &&Unit| rows.iter().any(|row| row.name == unit.name && row.state == State::Down);
    let down: Vec<&Unit> = snapshot.units.iter().filter(is_down).collect();
    if !down.is_empty() && down.len() == snapshot.units.len() {
        return vec![Finding {
            culprit: "services".to_owned(),
            kind: Kind::ProcessDown,
            detail: format!("none of the six services runs{}", silent(snapshot)),
            next: vec!["waybill run".to_owned()],
        }];
    }
    let services = Service::RUNNABLE.into_iter().filter_map(|service| {
        let units: Vec<_> = down.iter().filter(|it| it.service == service).collect();
        let first = units.first()?;
        let what = units.iter().map(|it| it.name).collect::<Vec<_>>().join(", ");
        let cause =
            rows.iter().find(|row| row.name == first.name).and_then(|row| row.cause.clone());
        Some(Finding {
            culprit: service.name().to_owned(),
            kind: Kind::ProcessDown,
            detail: format!(
                "{what} does not run: {}{}",
                cause.unwrap_or_default(),
                silent(snapshot)
            ),
            next: vec![start_of(service)],
        })
    });
    services.collect()
}

/// The admin ports that gave no answer.
fn silent(snapshot: &Snapshot) -> String {
    let failed = snapshot.ports.iter().filter_map(|port| {
        let why = port.report.as_ref().err()?;
        Some(format!("{} ({why})", port.address))
    });
    let failed: Vec<_> = failed.collect();
    if failed.is_empty() {
        return String::new();
    }
    format!("; no answer from admin port {}", failed.join(", "))
}

/// Admin ports that give no answer although everything that we know of runs: an instance is gone.
pub(super) fn of_ports(snapshot: &Snapshot) -> Vec<Finding> {
    let failed = snapshot.ports.iter().filter_map(|port| {
        let why = port.report.as_ref().err()?;
        Some(Finding {
            culprit: port.address.clone(),
            kind: Kind::PortSilent,
            detail: format!(
                "the process behind admin port {} gives no answer: {why}",
                port.address
            ),
            next: vec!["start that process, or take its port out of [status] admin".to_owned()],
        })
    });
    failed.collect()
}

/// What stands still by order of a person or of a breaker.
pub(super) fn of_orders(snapshot: &Snapshot, rows: &[Row]) -> Vec<Finding> {
    let mut found = Vec::new();
    for unit in &snapshot.units {
        let Some(stage) = unit.stage else { continue };
        let control = control_of(snapshot, unit);
        let at = rows.iter().filter(|row| row.name == unit.name);
        let origin = at.clone().find_map(|row| row.furthest.as_ref()?.origin.as_deref());
        if let Some(stop) = control.and_then(StageControl::whole) {
            found.push(stopped(stage, None, stop, origin));
            continue;
        }
        let partitions = control.into_iter().flat_map(StageControl::partitions);
        found.extend(partitions.map(|(p, stop)| stopped(stage, Some(*p), stop, None)));
        let said = at.clone().find(|row| matches!(row.state, State::Paused | State::Breaker));
        // Only the process knows: the orders could not be read, or a resume is not followed yet.
        if let Some(row) = said.filter(|_| found.iter().all(|it| it.culprit != unit.name)) {
            let detail = row.cause.clone().unwrap_or_default();
            let by_breaker = row.state == State::Breaker;
            found.push(stop_of(stage, None, by_breaker, &detail, origin));
        }
    }
    found
}

fn stopped(stage: Stage, partition: Option<i32>, stop: &Stop, origin: Option<&str>) -> Finding {
    stop_of(stage, partition, stop.by_breaker, &told(stop), origin)
}

fn stop_of(
    stage: Stage,
    partition: Option<i32>,
    by_breaker: bool,
    why: &str,
    origin: Option<&str>,
) -> Finding {
    let (what, option) = match partition {
        Some(partition) => {
            (format!("partition {partition} of {stage}"), format!(" --partition {partition}"))
        }
        None => (stage.to_string(), String::new()),
    };
    let culprit = stage.name().to_owned();
    let resume = format!("waybill stage resume {stage}{option} --why \"…\"");
    if !by_breaker {
        let detail = format!("{what} stands still by order: {why}");
        return Finding { culprit, kind: Kind::Paused, detail, next: vec![resume] };
    }
    let mut next = Vec::from_iter(origin.map(|origin| format!("waybill trace {origin}")));
    next.push(format!(
        "look at what was rejected, in ClickHouse: SELECT reason, source, detail FROM dead_letters \
         WHERE stage = '{stage}' ORDER BY failed_at DESC LIMIT 20"
    ));
    next.push(format!("when the fault is mended: {resume}"));
    if partition.is_none() {
        next.push(format!(
            "when the events are bad: waybill stage resume {stage} --let-through 30 --why \"…\""
        ));
    }
    let detail = format!("{what} stopped itself: {why}");
    Finding { culprit, kind: Kind::Breaker, detail, next }
}

/// Acknowledged events that do not get out of a disk spool. While Kafka is down they are where they
/// should be.
pub(super) fn of_spools(snapshot: &Snapshot) -> Vec<Finding> {
    let kafka = snapshot.is_up(Part::Kafka);
    snapshot.spools.iter().filter_map(|spool| of_spool(spool, kafka)).collect()
}

fn of_spool(spool: &SpoolAnswer, kafka: bool) -> Option<Finding> {
    let culprit = Service::Ingest.name().to_owned();
    let at = &spool.at;
    let held = match &spool.held {
        Ok(held) => held,
        Err(why) => {
            let detail =
                format!("what lies in the disk spool of ingest at {at} cannot be told: {why}");
            let next = vec![format!("look whether http://{at}/metrics answers")];
            return Some(Finding { culprit, kind: Kind::Unknown, detail, next });
        }
    };
    let stuck = held.iter().filter(|held| kafka && held.oldest_ms > SPOOLED_MS);
    let told: Vec<_> = stuck
        .map(|Held { source, events, oldest_ms }| {
            format!("{events} events of {source}, the oldest for {}", span(*oldest_ms))
        })
        .collect();
    let detail = format!("the disk spool of ingest at {at} holds {}", told.join("; "));
    let next = vec![
        "see whether it empties: waybill status".to_owned(),
        format!("if it does not: see what ingest at {at} logs of the spool, and keep its disk"),
    ];
    (!told.is_empty()).then_some(Finding { culprit, kind: Kind::Spooled, detail, next })
}

/// What one instance says of itself that nothing else tells.
pub(super) fn of_state(snapshot: &Snapshot, row: &Row) -> Option<Finding> {
    let (name, cause) = (instance(row), row.cause.clone().unwrap_or_default());
    let wait = || "nothing: it goes on by itself".to_owned();
    let (kind, detail, next) = match row.state {
        State::Halted => {
            let dependency = row.dependency.as_deref().unwrap_or("something");
            let detail = format!("{name} waits for {dependency}: {cause}");
            (Kind::Halted, detail, mend(snapshot, row, dependency))
        }
        State::Restoring => {
            let percent = row.restored_percent.unwrap_or_default();
            let detail = format!("{name} restores its state, {percent} % done: {cause}");
            (Kind::Restoring, detail, wait())
        }
        State::Starting => (Kind::Starting, format!("{name} is starting: {cause}"), wait()),
        _ => return None,
    };
    Some(Finding { culprit: row.name.to_owned(), kind, detail, next: vec![next] })
}

/// What an instance has not got to.
pub(super) fn of_lag(row: &Row) -> Vec<Finding> {
    let Some(lag) = &row.furthest else { return Vec::new() };
    let (name, at) = (instance(row), format!("{} partition {}", lag.topic, lag.partition));
    let finding = |kind, detail, next: &str| Finding {
        culprit: row.name.to_owned(),
        kind,
        detail,
        next: vec![next.to_owned()],
    };
    let soon = lag.expires_in_ms.filter(|left| *left < SOON_MS).map(|left| {
        let left = span(left);
        let detail = format!("what {name} has not read on {at} may be deleted in {left}");
        let next = "let it go on, or raise retention.ms of that topic for a time";
        finding(Kind::ExpiresSoon, detail, next)
    });
    let runs = matches!(row.state, State::Running | State::Unseen);
    let behind = lag.waiting_ms.filter(|waiting| runs && *waiting > BEHIND_MS).map(|waiting| {
        let (waiting, records) = (span(waiting), lag.records);
        let detail = format!("{name} is {waiting} behind on {at}: at most {records} records");
        finding(Kind::Behind, detail, "see whether it catches up: waybill status")
    });
    soon.into_iter().chain(behind).collect()
}

fn instance(row: &Row) -> String {
    row.slot.map_or_else(|| row.name.to_owned(), |slot| format!("{}-{slot}", row.name))
}

/// What to do about a component that waits for something that answers us.
fn mend(snapshot: &Snapshot, row: &Row, dependency: &str) -> String {
    let part = snapshot.parts.iter().find(|it| it.part.dependency() == dependency);
    let at = row.at.as_deref().unwrap_or("that process");
    if let Some(part) = part {
        let title = part.part.title();
        return format!("{title} answers from here: look whether {at} reaches {}", part.at);
    }
    match dependency {
        "position" => "waybill migrate".to_owned(),
        "transaction" => "if it lasts: find and end it as in docs/kafka.md".to_owned(),
        "state-store" => format!("look at the disk under identity_stitch.state_dir of {at}"),
        _ => "waybill check --online".to_owned(),
    }
}
