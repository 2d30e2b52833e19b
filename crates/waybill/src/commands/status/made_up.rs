//! Made-up snapshots: everything runs, and what can be done to that.

use std::collections::BTreeMap;

use event::StageCommand;
use kafka_runtime::Member;
use telemetry::{ComponentReport, ComponentState, HealthReport};
use topology::{Service, Stage, Topic};

use super::{
    databases::Refused,
    diagnose::{Diagnosis, diagnose},
    rows::rows,
    show,
    snapshot::{Ahead, Group, Heard, Part, PartAnswer, Snapshot, Standing, Unit},
    spools::{Held, SpoolAnswer},
};
use crate::commands::ports::PortAnswer;

pub(super) const NOW: i64 = 1_800_000_000_000;
pub(super) const MINUTE: i64 = 60_000;
const PARTITIONS: i32 = 2;

pub(super) fn member(group: &str, slot: u16, partitions: &[(Topic, i32)]) -> Member {
    Member {
        client_id: format!("{group}-{slot}"),
        host: "10.0.0.1".to_owned(),
        partitions: partitions.iter().copied().collect(),
    }
}

pub(super) fn reader(
    name: &'static str,
    service: Service,
    stage: Option<Stage>,
    topics: &[Topic],
) -> Unit {
    let partitions: Vec<_> =
        topics.iter().flat_map(|topic| (0..PARTITIONS).map(move |p| (*topic, p))).collect();
    let standing = |(topic, partition): &(Topic, i32)| Standing {
        topic: *topic,
        partition: *partition,
        committed: Some(10),
        start: 0,
        end: 11,
        ahead: Ahead::Nothing,
    };
    let standings = partitions.iter().map(standing).collect();
    let group = Group { members: vec![member(name, 0, &partitions)], standings };
    Unit { name, service, stage, group: Heard::Group(group) }
}

pub(super) fn component(name: &str, slot: Option<u16>) -> ComponentReport {
    ComponentReport {
        name: name.to_owned(),
        slot,
        ready: true,
        state: ComponentState::Running,
        dependency: None,
        waiting_for: None,
        restored_percent: None,
        since_ms: 60_000,
    }
}

/// Everything runs, one process per service.
pub(super) fn all_well() -> Snapshot {
    let alone = |service: Service| Unit {
        name: service.name(),
        service,
        stage: None,
        group: Heard::NoGroup,
    };
    let mut units = vec![alone(Service::Ingest)];
    units.extend(Stage::ALL.map(|it| reader(it.name(), it.service(), Some(it), &it.inputs())));
    let topic = Topic::DiscardedEvents;
    units.push(reader("forward-discarded-events", Service::Forward, None, &[topic]));
    units.push(alone(Service::Audit));
    let port = |(number, service): (usize, Service)| {
        let own = units.iter().filter(|unit| unit.service == service);
        let slot = |unit: &Unit| unit.known().map(|_| 0);
        let components = own.map(|unit| component(unit.name, slot(unit))).collect();
        let report = Ok(HealthReport { ready: true, components });
        PortAnswer { address: format!("h{number}:9100"), report }
    };
    let ports = Service::RUNNABLE.into_iter().enumerate().map(port).collect();
    let answers = |part| PartAnswer { part, at: format!("{part:?}:1"), answer: Ok(()) };
    let three = [Part::Kafka, Part::Registry, Part::ClickHouse].map(answers).to_vec();
    let spools = vec![SpoolAnswer { at: "h0:9100".to_owned(), held: Ok(Vec::new()) }];
    let (databases, controls) = (Vec::new(), Ok(BTreeMap::new()));
    Snapshot { at: NOW, parts: three, ports, spools, databases, units, controls }
}

impl Snapshot {
    pub(super) fn judged(&self) -> Diagnosis {
        diagnose(self, &rows(self))
    }

    pub(super) fn text(&self) -> String {
        show::text(self, &rows(self), &self.judged())
    }

    pub(super) fn part_down(&mut self, part: Part) {
        for answer in self.parts.iter_mut().filter(|it| it.part == part) {
            answer.answer = Err("Connection refused".to_owned());
        }
        if part == Part::Kafka {
            for unit in self.units.iter_mut().filter(|it| it.known().is_some()) {
                unit.group = Heard::Nothing("Kafka is down".to_owned());
            }
            self.controls = Err("Kafka is down".to_owned());
        }
        if part == Part::Registry {
            self.controls = Err("the registry is down".to_owned());
        }
    }

    pub(super) fn component(&mut self, name: &str) -> &mut ComponentReport {
        let reports = self.ports.iter_mut().filter_map(|port| port.report.as_mut().ok());
        reports.flat_map(|it| &mut it.components).find(|it| it.name == name).unwrap()
    }

    pub(super) fn halted(&mut self, name: &str, dependency: &str) {
        let component = self.component(name);
        component.state = ComponentState::Halted;
        component.dependency = Some(dependency.to_owned());
        component.waiting_for = Some(format!("waiting for {dependency}"));
    }

    pub(super) fn service_gone(&mut self, service: Service) {
        let gone: Vec<_> =
            self.units.iter().filter(|it| it.service == service).map(|it| it.name).collect();
        for port in &mut self.ports {
            let runs = |it: &ComponentReport| gone.contains(&it.name.as_str());
            if port.report.as_ref().is_ok_and(|report| report.components.iter().any(runs)) {
                port.report = Err("Connection refused".to_owned());
            }
        }
        for unit in self.units.iter_mut().filter(|it| gone.contains(&it.name)) {
            if let Heard::Group(group) = &mut unit.group {
                group.members.clear();
            }
        }
    }

    pub(super) fn standing(&mut self, stage: Stage) -> &mut Standing {
        let unit = self.units.iter_mut().find(|it| it.stage == Some(stage)).unwrap();
        let Heard::Group(group) = &mut unit.group else { panic!("no group") };
        &mut group.standings[0]
    }

    pub(super) fn waits_since(&mut self, stage: Stage, milliseconds: i64) {
        let origin = Some(event::Origin { epoch: 0, partition: 0, offset: 77 });
        let timestamp = Some(NOW - milliseconds);
        let standing = self.standing(stage);
        standing.end = 110;
        standing.ahead = Ahead::Record { offset: 10, origin, timestamp };
    }

    pub(super) fn database_refused(&mut self, database: &str) {
        self.databases.push(Refused { at: "h2:9100".to_owned(), database: database.to_owned() });
    }

    pub(super) fn spooled(&mut self, source: &str, events: u64, oldest_ms: i64) {
        let held = Held { source: source.to_owned(), events, oldest_ms };
        self.spools[0].held.as_mut().unwrap().push(held);
    }

    pub(super) fn ordered(
        &mut self,
        stage: Stage,
        action: &str,
        change: impl FnOnce(&mut StageCommand),
    ) {
        let mut command = StageCommand {
            stage: stage.name().to_owned(),
            action: action.to_owned(),
            partition: None,
            who: "ada@host".to_owned(),
            why: "the reason".to_owned(),
            at: NOW - MINUTE,
            breaker_off_until: None,
            lost: None,
        };
        change(&mut command);
        let controls = self.controls.as_mut().unwrap();
        assert!(controls.entry(stage).or_default().apply(&command));
    }
}
