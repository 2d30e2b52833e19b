//! Asks everybody at once, each for a short time only: whoever asks does so because something is
//! down.

use std::{collections::BTreeMap, fmt, future::Future, time::Duration};

use event::{Origin, Waybill};
use forward::side_tables;
use kafka_runtime::{
    KafkaConfig, Record, Scanner, header, members, next_records, ping, read_commands,
};
use pipeline::StageControl;
use schema_registry::{Registry, RegistryError};
use tokio::{
    net::TcpStream,
    runtime::Handle,
    task::{JoinSet, spawn_blocking},
    time::timeout,
};
use topology::{Service, Stage, Topic};
use warehouse::{Warehouse, WarehouseError};

use super::{
    databases,
    snapshot::{Ahead, Group, Heard, Part, PartAnswer, Snapshot, Standing, Unit},
    spools,
};
use crate::{
    commands::{ports, times::now},
    config::Config,
};

/// How long a part may take to answer.
const PATIENCE: Duration = Duration::from_secs(3);
/// How long everything that Kafka is asked about one group may take.
const GROUP_PATIENCE: Duration = Duration::from_secs(6);
/// How long the next records of one topic may take.
const RECORD_PATIENCE: Duration = Duration::from_secs(2);

/// Asks the three parts, every admin port and, if Kafka answers, for groups and orders.
pub(super) async fn snapshot(config: &Config) -> Snapshot {
    let ports = async {
        let ports = ports::ask(config).await;
        let (spools, databases) = tokio::join!(spools::ask(&ports), databases::ask(&ports));
        (ports, spools, databases)
    };
    let (kafka, registry, clickhouse, (ports, spools, databases)) =
        tokio::join!(kafka(config), registry(config), clickhouse(config), ports);
    let (units, controls) = match (&kafka.answer, &registry.answer) {
        (Ok(()), Ok(())) => tokio::join!(units(config), controls(config)),
        // The orders are in Kafka, but only the registry knows how to read them.
        (Ok(()), Err(_)) => (units(config).await, Err("the registry is down".to_owned())),
        (Err(_), _) => {
            let away = || Heard::Nothing("Kafka is down".to_owned());
            (all_units(away), Err("Kafka is down".to_owned()))
        }
    };
    let three = vec![kafka, registry, clickhouse];
    Snapshot { at: now(), parts: three, ports, spools, databases, units, controls }
}

async fn kafka(config: &Config) -> PartAnswer {
    let at = config.kafka.bootstrap_servers.clone();
    let kafka = config.kafka.clone();
    let asked = spawn_blocking(move || ping(&kafka, PATIENCE).map_err(text));
    let asked = in_time(2 * PATIENCE, async { asked.await.map_err(text)? });
    // librdkafka says only that it got nowhere; the socket says why.
    let (answer, connected) = tokio::join!(asked, connected(&at));
    let answer = answer.map_err(|detail| connected.err().unwrap_or(detail));
    PartAnswer { part: Part::Kafka, at, answer }
}

async fn connected(bootstrap_servers: &str) -> Result<(), String> {
    let first = bootstrap_servers.split(',').next().unwrap_or_default().trim();
    let connect = async { TcpStream::connect(first).await.map(drop).map_err(text) };
    in_time(PATIENCE, connect).await
}

async fn registry(config: &Config) -> PartAnswer {
    let answer = in_time(PATIENCE, async {
        let registry = Registry::new(&config.registry, Handle::current()).map_err(text)?;
        registry.ping().await.map_err(|error| match error {
            RegistryError::Away { detail, .. } => last_cause(&detail),
            other => other.to_string(),
        })
    });
    PartAnswer { part: Part::Registry, at: config.registry.url.clone(), answer: answer.await }
}

async fn clickhouse(config: &Config) -> PartAnswer {
    let answer = in_time(PATIENCE, async {
        let warehouse = Warehouse::new(&config.warehouse).map_err(text)?;
        warehouse.ping().await.map_err(|error| match error {
            WarehouseError::Away(detail) => last_cause(&detail),
            other => other.to_string(),
        })
    });
    PartAnswer { part: Part::ClickHouse, at: config.warehouse.url.clone(), answer: answer.await }
}

/// Of an error with its causes the last: it is the one that says something.
fn last_cause(causes: &str) -> String {
    causes.rsplit(": ").next().unwrap_or(causes).to_owned()
}

fn text(error: impl fmt::Display) -> String {
    error.to_string()
}

async fn in_time<T>(
    patience: Duration,
    answer: impl Future<Output = Result<T, String>>,
) -> Result<T, String> {
    let late = |_| Err(format!("no answer within {} s", patience.as_secs()));
    timeout(patience, answer).await.unwrap_or_else(late)
}

/// Everything that runs by itself, in the order of the flow.
fn all_units(group: impl Fn() -> Heard) -> Vec<Unit> {
    let alone = |service: Service| Unit {
        name: service.name(),
        service,
        stage: None,
        group: Heard::NoGroup,
    };
    let stages = Stage::ALL.into_iter().map(|stage| (stage.group(), stage.service(), Some(stage)));
    let tables = side_tables().into_iter().map(|spec| (spec.name, Service::Forward, None));
    let readers = stages.chain(tables).map(|(name, service, stage)| Unit {
        name,
        service,
        stage,
        group: group(),
    });
    let first = std::iter::once(alone(Service::Ingest));
    first.chain(readers).chain([alone(Service::Audit)]).collect()
}

/// What each group reads.
fn inputs() -> BTreeMap<&'static str, Vec<Topic>> {
    let stages = Stage::ALL.into_iter().map(|stage| (stage.group(), stage.reads()));
    stages.chain(side_tables().into_iter().map(|spec| (spec.name, spec.topics))).collect()
}

async fn units(config: &Config) -> Vec<Unit> {
    let mut asked = JoinSet::new();
    for (name, topics) in inputs() {
        let (kafka, epoch) = (config.kafka.clone(), config.epoch);
        asked.spawn(async move {
            let asked = spawn_blocking(move || group(&kafka, epoch, name, &topics));
            let heard = in_time(GROUP_PATIENCE, async { asked.await.map_err(text)? }).await;
            (name, heard)
        });
    }
    let mut heard: BTreeMap<_, _> = asked.join_all().await.into_iter().collect();
    let mut units = all_units(|| Heard::NoGroup);
    for unit in &mut units {
        unit.group = match heard.remove(unit.name) {
            Some(Ok(group)) => Heard::Group(group),
            Some(Err(why)) => Heard::Nothing(why),
            None => Heard::NoGroup,
        };
    }
    units
}

/// Members and standings of one group. Blocking.
fn group(kafka: &KafkaConfig, epoch: u16, name: &str, topics: &[Topic]) -> Result<Group, String> {
    let members = members(kafka, name, PATIENCE).map_err(text)?;
    let mut scanner = Scanner::new(kafka, "waybill-status").map_err(text)?;
    let committed: BTreeMap<_, _> = scanner
        .group_positions(name, topics)
        .map_err(text)?
        .into_iter()
        .map(|at| ((at.topic, at.partition), at.offset))
        .collect();
    let mut standings = Vec::new();
    for topic in topics {
        let mut waiting = BTreeMap::new();
        for bounds in scanner.bounds(*topic).map_err(text)? {
            let partition = bounds.partition;
            let committed = committed.get(&(*topic, partition)).copied().flatten();
            let from = committed.unwrap_or(bounds.start).max(bounds.start);
            if from < bounds.stable_end {
                waiting.insert(partition, from);
            }
            standings.push(Standing {
                topic: *topic,
                partition,
                committed,
                start: bounds.start,
                end: bounds.stable_end,
                ahead: Ahead::Nothing,
            });
        }
        look_ahead(kafka, epoch, *topic, &waiting, &mut standings)?;
    }
    Ok(Group { members, standings })
}

/// Reads the next record of each waiting partition, and notes what it is.
fn look_ahead(
    kafka: &KafkaConfig,
    epoch: u16,
    topic: Topic,
    waiting: &BTreeMap<i32, i64>,
    standings: &mut [Standing],
) -> Result<(), String> {
    let next = next_records(kafka, topic, waiting, RECORD_PATIENCE).map_err(text)?;
    for standing in standings.iter_mut().filter(|it| it.topic == topic) {
        if let Some(record) = next.records.get(&standing.partition) {
            let (offset, timestamp) = (record.position.offset, record.timestamp);
            let origin = origin_of(record, epoch);
            standing.ahead = Ahead::Record { offset, origin, timestamp };
        } else if next.late.contains(&standing.partition) {
            standing.ahead = Ahead::Unknown;
        }
    }
    Ok(())
}

fn origin_of(record: &Record, epoch: u16) -> Option<Origin> {
    let position = record.position;
    if position.topic == Topic::RawEvents {
        return Some(Origin { epoch, partition: position.partition, offset: position.offset });
    }
    Waybill::from_header(record.header(header::WAYBILL)?).ok().map(|waybill| waybill.origin)
}

async fn controls(config: &Config) -> Result<BTreeMap<Stage, StageControl>, String> {
    let registry = Registry::new(&config.registry, Handle::current()).map_err(text)?;
    let kafka = config.kafka.clone();
    let asked = spawn_blocking(move || read_commands(&kafka, &registry));
    let asked = async { asked.await.map_err(text)?.map_err(text) };
    let commands = in_time(GROUP_PATIENCE, asked).await?;
    let mut controls: BTreeMap<Stage, StageControl> = BTreeMap::new();
    for command in &commands {
        if let Some(stage) = Stage::from_name(&command.stage) {
            controls.entry(stage).or_default().apply(command);
        }
    }
    Ok(controls)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_an_error_only_the_cause_behind_all_others_is_told() {
        let causes = "error sending request: tcp connect error: Connection refused (os error 111)";
        assert_eq!(last_cause(causes), "Connection refused (os error 111)");
        assert_eq!(last_cause("no answer in time"), "no answer in time");
    }

    #[test]
    fn every_runnable_service_has_a_unit_and_every_reader_its_inputs() {
        let units = all_units(|| Heard::Nothing(String::new()));
        for service in Service::RUNNABLE {
            assert!(units.iter().any(|unit| unit.service == service), "{service}");
        }
        let inputs = inputs();
        for unit in units.iter().filter(|unit| matches!(unit.group, Heard::Nothing(_))) {
            assert!(inputs.contains_key(unit.name), "{}", unit.name);
        }
    }
}
