//! The table: who is to blame, and what is to be typed, for each thing that can be wrong.

use std::collections::BTreeSet;

use telemetry::{ComponentState, HealthReport};
use topology::{Service, Stage, Topic};

use super::{
    diagnose::{Diagnosis, Kind, Verdict},
    made_up::{MINUTE, all_well, component, member},
    rows::{State, rows},
    show,
    snapshot::{Heard, Part, Snapshot},
};
use crate::commands::ports::PortAnswer;

/// What is wrong; then culprit, kind, verdict, a part of the detail, a part of the first step.
type Case =
    (&'static str, fn(&mut Snapshot), (&'static str, Kind, Verdict), &'static str, &'static str);

const BROKEN: Verdict = Verdict::Broken;
const WAITING: Verdict = Verdict::Waiting;

const CASES: &[Case] = &[
    (
        "Kafka is down, and everybody waits for it",
        |it| {
            it.part_down(Part::Kafka);
            it.halted("validate", "broker");
            it.halted("enrich", "broker");
            it.halted("identity-stitch", "changelog");
            it.halted("audit", "broker");
        },
        ("kafka", Kind::PartDown, BROKEN),
        "Kafka at Kafka:1 does not answer (Connection refused); audit, enrich, validate wait for it",
        "start Kafka",
    ),
    (
        "the registry is down",
        |it| {
            it.part_down(Part::Registry);
            it.halted("validate", "registry");
        },
        ("registry", Kind::PartDown, BROKEN),
        "the schema registry at Registry:1 does not answer (Connection refused); validate waits for it",
        "start the schema registry",
    ),
    (
        "the registry is down, and nobody needs it yet",
        |it| it.part_down(Part::Registry),
        ("registry", Kind::PartDown, BROKEN),
        "no process says that it waits for it",
        "start the schema registry",
    ),
    (
        "ClickHouse is down",
        |it| {
            it.part_down(Part::ClickHouse);
            it.halted("forward-clickhouse", "clickhouse");
            it.halted("audit", "clickhouse");
        },
        ("clickhouse", Kind::PartDown, BROKEN),
        "audit, forward-clickhouse wait for it",
        "start ClickHouse",
    ),
    (
        "a stage waits for a part that answers us",
        |it| it.halted("enrich", "registry"),
        ("enrich", Kind::Halted, BROKEN),
        "enrich-0 waits for registry",
        "look whether h2:9100 reaches Registry:1",
    ),
    (
        "a stage does not run",
        |it| it.service_gone(Service::Enrich),
        ("enrich", Kind::ProcessDown, BROKEN),
        "enrich does not run",
        "waybill enrich",
    ),
    (
        "forward does not run: its loaders are one process",
        |it| it.service_gone(Service::Forward),
        ("forward", Kind::ProcessDown, BROKEN),
        "forward-clickhouse, forward-discarded-events does not run",
        "waybill forward",
    ),
    (
        "the auditor does not run",
        |it| it.service_gone(Service::Audit),
        ("audit", Kind::ProcessDown, BROKEN),
        "no answer from admin port h5:9100 (Connection refused)",
        "waybill audit --serve",
    ),
    (
        "one of two instances is gone: only its port tells",
        |it| {
            let report = Err("Connection refused".to_owned());
            it.ports.push(PortAnswer { address: "h9:9100".to_owned(), report });
        },
        ("h9:9100", Kind::PortSilent, BROKEN),
        "the process behind admin port h9:9100 gives no answer",
        "start that process",
    ),
    (
        "nothing at all answers",
        |it| {
            for part in [Part::Kafka, Part::Registry, Part::ClickHouse] {
                it.part_down(part);
            }
            for service in Service::RUNNABLE {
                it.service_gone(service);
            }
        },
        ("kafka", Kind::PartDown, BROKEN),
        "Kafka at Kafka:1",
        "start Kafka",
    ),
    (
        "no service runs",
        |it| {
            for service in Service::RUNNABLE {
                it.service_gone(service);
            }
        },
        ("services", Kind::ProcessDown, BROKEN),
        "none of the six services runs",
        "waybill run",
    ),
    (
        "a stage is paused",
        |it| {
            it.ordered(Stage::Enrich, "pause", |_| {});
            it.component("enrich").state = ComponentState::Paused;
        },
        ("enrich", Kind::Paused, WAITING),
        "enrich stands still by order: paused by ada@host at 2027-01-15T07:59:00Z: the reason",
        "waybill stage resume enrich --why",
    ),
    (
        "a partition is paused",
        |it| it.ordered(Stage::Validate, "pause", |command| command.partition = Some(1)),
        ("validate", Kind::Paused, WAITING),
        "partition 1 of validate stands still by order",
        "waybill stage resume validate --partition 1 --why",
    ),
    (
        "a stage is paused and the registry, which reads the orders, is down",
        |it| {
            it.part_down(Part::Registry);
            let enrich = it.component("enrich");
            enrich.state = ComponentState::Paused;
            enrich.waiting_for = Some("paused by ada".to_owned());
        },
        ("registry", Kind::PartDown, BROKEN),
        "the schema registry",
        "start the schema registry",
    ),
    (
        "a breaker opened",
        |it| {
            it.ordered(Stage::Validate, "breaker", |command| command.who = "validate-0".to_owned());
            it.waits_since(Stage::Validate, 3 * MINUTE);
            it.component("validate").state = ComponentState::Breaker;
        },
        ("validate", Kind::Breaker, BROKEN),
        "validate stopped itself: its breaker opened at 2027-01-15T07:59:00Z (validate-0): the reason",
        "waybill trace 0-0-77",
    ),
    (
        "a state is being restored",
        |it| {
            let stitch = it.component("identity-stitch");
            stitch.state = ComponentState::Restoring;
            stitch.restored_percent = Some(40);
            stitch.waiting_for = Some("the changelogs".to_owned());
        },
        ("identity-stitch", Kind::Restoring, WAITING),
        "identity-stitch-0 restores its state, 40 % done",
        "nothing",
    ),
    (
        "a stage stood still for too long",
        |it| {
            it.standing(Stage::Enrich).start = 25;
            it.halted("enrich", "expired");
        },
        ("enrich", Kind::Expired, BROKEN),
        "at most 15 events left the log before enrich had read them: validated-events-0, offsets 10 to 24",
        "waybill stage skip-expired enrich --why",
    ),
    (
        "a group has no position",
        |it| {
            it.standing(Stage::Enrich).committed = None;
            it.halted("enrich", "position");
        },
        ("enrich", Kind::NoPosition, BROKEN),
        "enrich was never given a position on validated-events partition 0",
        "waybill migrate",
    ),
    (
        "two processes use one slot",
        |it| {
            let components = vec![component("enrich", Some(0))];
            let report = Ok(HealthReport { ready: true, components });
            it.ports.push(PortAnswer { address: "h9:9100".to_owned(), report });
        },
        ("enrich", Kind::SlotTaken, BROKEN),
        "slot 0 of enrich is used by h2:9100 and h9:9100 at once",
        "give each a slot of its own",
    ),
    (
        "what waits is about to be deleted",
        |it| it.waits_since(Stage::Enrich, 7 * 24 * 60 * MINUTE - 30 * MINUTE),
        ("enrich", Kind::ExpiresSoon, BROKEN),
        "validated-events partition 0 may be deleted in 30 min",
        "let it go on",
    ),
    (
        "what lies in a disk spool does not get out",
        |it| {
            it.spooled("web/app", 3, MINUTE / 2);
            it.spooled("server/kiosk", 7, 2 * MINUTE);
        },
        ("ingest", Kind::Spooled, WAITING),
        "the disk spool of ingest at h0:9100 holds 7 events of server/kiosk, the oldest for 2 min 0 s",
        "waybill status",
    ),
    (
        "what lies in a disk spool is not told",
        |it| it.spools[0].held = Err("no answer".to_owned()),
        ("ingest", Kind::Unknown, BROKEN),
        "what lies in the disk spool of ingest at h0:9100 cannot be told: no answer",
        "h0:9100/metrics",
    ),
    (
        "events lie in a disk spool because Kafka is down",
        |it| {
            it.spooled("server/kiosk", 7, 2 * MINUTE);
            it.part_down(Part::Kafka);
        },
        ("kafka", Kind::PartDown, BROKEN),
        "Kafka at Kafka:1",
        "start Kafka",
    ),
    (
        "a stage runs but does not keep up",
        |it| it.waits_since(Stage::Enrich, 20 * MINUTE),
        ("enrich", Kind::Behind, Verdict::Running),
        "enrich-0 is 20 min 0 s behind on validated-events partition 0: at most 100 records",
        "see whether",
    ),
    (
        "a database of addresses is refused",
        |it| it.database_refused("city"),
        ("enrich", Kind::OldData, Verdict::Running),
        "enrich at h2:9100 refuses the newest file of enrich.geo.city: the one before stays in use",
        "waybill check",
    ),
];

#[test]
fn the_root_of_each_trouble_is_named_with_what_to_type() {
    for (what, break_it, expected, detail, next) in CASES {
        let mut snapshot = all_well();
        break_it(&mut snapshot);
        let judged = snapshot.judged();
        let root = judged.findings.first().unwrap_or_else(|| panic!("{what}: all well"));
        assert_eq!(
            (root.culprit.as_str(), root.kind, judged.verdict),
            *expected,
            "{what}: {judged:#?}"
        );
        assert!(root.detail.contains(detail), "{what}: {}", root.detail);
        assert!(root.next[0].contains(next), "{what}: {:?}", root.next);
    }
}

#[test]
fn all_well_is_said_only_when_it_is() {
    let snapshot = all_well();
    let (rows, judged) = (rows(&snapshot), snapshot.judged());
    assert_eq!(judged, Diagnosis { verdict: Verdict::Running, findings: Vec::new() });
    assert!(rows.iter().all(|row| matches!(row.state, State::Up | State::Running)));
    assert!(snapshot.text().starts_with("all well\n"));
}

#[test]
fn a_halt_for_want_of_a_part_that_is_down_is_no_trouble_of_its_own() {
    let mut snapshot = all_well();
    snapshot.part_down(Part::Kafka);
    for name in ["validate", "enrich", "identity-stitch", "audit"] {
        snapshot.halted(name, "broker");
    }
    let judged = snapshot.judged();
    assert_eq!(judged.findings.len(), 1, "{judged:#?}");
}

#[test]
fn what_lies_in_the_disk_spools_is_shown_whether_it_is_a_trouble_or_not() {
    let mut snapshot = all_well();
    assert!(!snapshot.text().contains("SPOOL OF"), "{}", snapshot.text());
    snapshot.spooled("server/kiosk", 7, 12_000);
    assert_eq!(snapshot.judged().findings, []);
    let text = snapshot.text();
    let line = text.lines().last().unwrap();
    let cells: Vec<_> = line.split_whitespace().collect();
    assert_eq!(cells, ["server/kiosk", "h0:9100", "7", "12", "s"], "{text}");
    let json = serde_json::to_value(show::status(&snapshot, &[], &snapshot.judged())).unwrap();
    let held = serde_json::json!([{"source": "server/kiosk", "events": 7, "oldest_ms": 12_000}]);
    let expected = serde_json::json!([{"at": "h0:9100", "held": held, "cause": null}]);
    assert_eq!(json["spools"], expected);
    // While Kafka is down it is no trouble of its own.
    snapshot.spooled("web/app", 1, 2 * MINUTE);
    snapshot.part_down(Part::Kafka);
    assert_eq!(snapshot.judged().findings.len(), 1);
}

#[test]
fn several_roots_are_all_told() {
    let mut snapshot = all_well();
    snapshot.part_down(Part::ClickHouse);
    snapshot.ordered(Stage::Enrich, "pause", |_| {});
    snapshot.service_gone(Service::Ingest);
    let judged = snapshot.judged();
    let kinds: Vec<_> = judged.findings.iter().map(|it| it.kind).collect();
    assert_eq!(kinds, [Kind::PartDown, Kind::ProcessDown, Kind::Paused], "{judged:#?}");
}

#[test]
fn a_member_without_an_admin_port_is_told_apart_from_one_that_is_down() {
    let mut snapshot = all_well();
    let port = snapshot.ports.remove(2);
    assert!(port.report.unwrap().components.iter().all(|it| it.name == "enrich"));
    let rows = rows(&snapshot);
    let enrich = rows.iter().find(|row| row.name == "enrich").unwrap();
    assert_eq!((enrich.state, enrich.slot), (State::Unseen, Some(0)));
    assert_eq!(snapshot.judged().verdict, Verdict::Running);
    snapshot.ordered(Stage::Enrich, "pause", |_| {});
    let rows = super::rows::rows(&snapshot);
    let enrich = rows.iter().find(|row| row.name == "enrich").unwrap();
    assert_eq!(enrich.state, State::Paused);
}

#[test]
fn each_instance_is_told_with_its_own_partitions_and_how_far_they_are_behind() {
    let mut snapshot = all_well();
    snapshot.waits_since(Stage::Enrich, MINUTE);
    let unit = snapshot.units.iter_mut().find(|it| it.stage == Some(Stage::Enrich)).unwrap();
    let Heard::Group(group) = &mut unit.group else { panic!("no group") };
    let topic = Topic::ValidatedEvents;
    group.members = vec![member("enrich", 0, &[(topic, 1)]), member("enrich", 1, &[(topic, 0)])];
    let rows = rows(&snapshot);
    let instances: Vec<_> = rows.iter().filter(|row| row.name == "enrich").collect();
    let held: BTreeSet<_> = instances.iter().map(|it| (it.slot, it.partitions.clone())).collect();
    let named = |partition: i32| vec![format!("{topic}-{partition}")];
    assert_eq!(held, BTreeSet::from([(Some(0), named(1)), (Some(1), named(0))]));
    let furthest = instances[1].furthest.as_ref().unwrap();
    assert_eq!((furthest.offset, furthest.records), (10, 100));
    assert_eq!(furthest.origin.as_deref(), Some("0-0-77"));
    assert_eq!(furthest.waiting_ms, Some(MINUTE));
    assert_eq!(furthest.expires_in_ms, Some(7 * 24 * 60 * MINUTE - MINUTE));
}

#[test]
fn the_status_for_a_script_has_the_root_and_what_to_type() {
    let mut snapshot = all_well();
    snapshot.part_down(Part::Registry);
    let (rows, judged) = (rows(&snapshot), snapshot.judged());
    let json = serde_json::to_value(show::status(&snapshot, &rows, &judged)).unwrap();
    assert_eq!(json["verdict"], "broken");
    assert_eq!(json["diagnosis"]["culprit"], "registry");
    assert_eq!(json["diagnosis"]["kind"], "part-down");
    assert!(json["diagnosis"]["next"][0].as_str().unwrap().starts_with("start"));
    assert_eq!(json["rows"][1]["state"], "down");
}
