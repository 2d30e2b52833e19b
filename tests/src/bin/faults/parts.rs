//! The parts that the flow stands on are killed or frozen.

use std::{thread, time::Duration};

use local_stack::Part;
use topology::{Service, Stage};
use waybill_tests::Flow;

use crate::{
    fault::{Fault, Scene},
    watch::{ABORTS, REBUILDS, UNCERTAIN, Watch},
};

/// As the list of faults has it.
const BROKER_FROZEN: Duration = Duration::from_secs(20);
/// Longer than the loader waits for an answer.
const CLICKHOUSE_FROZEN: Duration = Duration::from_secs(15);
const TIMES: usize = 2;

pub(crate) fn all() -> Vec<Fault> {
    vec![
        Fault::new("kafka killed", "refusals, aborts", kafka_killed).quick(true),
        Fault::new("kafka frozen 20 s", "refusals, aborts", kafka_frozen),
        Fault::new("clickhouse killed", "uncertain, halts", clickhouse_killed),
        Fault::new("clickhouse frozen 15 s", "uncertain, halts", clickhouse_frozen),
        Fault::new("registry down at every start", "stages waited", registry_down),
    ]
}

fn kafka_killed(scene: &Scene<'_>) -> anyhow::Result<u64> {
    seen_by_all(scene, |flow| {
        for _ in 0..TIMES {
            flow.kill_part(Part::Kafka)?;
            scene.traffic.until_refused(1)?;
            flow.restart_part(Part::Kafka)?;
            scene.traffic.until_acknowledged(20)?;
        }
        Ok(())
    })
}

fn kafka_frozen(scene: &Scene<'_>) -> anyhow::Result<u64> {
    seen_by_all(scene, |flow| {
        flow.freeze_part(Part::Kafka)?;
        thread::sleep(BROKER_FROZEN);
        flow.thaw_part(Part::Kafka)?;
        scene.traffic.until_acknowledged(20)
    })
}

/// Refusals of ingest, and what every stage counted, while `body` ran.
pub(crate) fn seen_by_all(
    scene: &Scene<'_>,
    body: impl FnOnce(&Flow) -> anyhow::Result<()>,
) -> anyhow::Result<u64> {
    let of_stage = |stage: &Stage| Watch::begin(scene.flow.service(stage.service()));
    let watches = Stage::ALL.iter().map(of_stage).collect::<anyhow::Result<Vec<_>>>()?;
    let refused = scene.traffic.refused();
    body(scene.flow)?;
    let grown: u64 = watches.iter().map(|watch| watch.grown(&[ABORTS, REBUILDS])).sum();
    Ok(grown + scene.traffic.refused() - refused)
}

fn clickhouse_killed(scene: &Scene<'_>) -> anyhow::Result<u64> {
    seen_by_loader(scene, |flow| {
        for _ in 0..TIMES {
            flow.kill_part(Part::ClickHouse)?;
            flow.service(Service::Forward).until_it_waits_for("clickhouse")?;
            flow.restart_part(Part::ClickHouse)?;
            flow.service(Service::Forward).until_ready()?;
            scene.traffic.until_acknowledged(10)?;
        }
        Ok(())
    })
}

fn clickhouse_frozen(scene: &Scene<'_>) -> anyhow::Result<u64> {
    seen_by_loader(scene, |flow| {
        flow.freeze_part(Part::ClickHouse)?;
        thread::sleep(CLICKHOUSE_FROZEN);
        flow.thaw_part(Part::ClickHouse)?;
        scene.traffic.until_acknowledged(10)
    })
}

/// What the loaders counted while `body` ran.
fn seen_by_loader(
    scene: &Scene<'_>,
    body: impl FnOnce(&Flow) -> anyhow::Result<()>,
) -> anyhow::Result<u64> {
    let watch = Watch::begin(scene.flow.service(Service::Forward))?;
    body(scene.flow)?;
    Ok(watch.grown(&[UNCERTAIN, ABORTS]))
}

/// What a stage has looked up it needs not ask again: a start must ask. One after the other, since
/// a stage behind one that waits gets nothing that it would have to ask about.
fn registry_down(scene: &Scene<'_>) -> anyhow::Result<u64> {
    let flow = scene.flow;
    let mut waited = 0;
    for stage in Stage::ALL {
        let process = flow.service(stage.service());
        flow.kill_part(Part::Registry)?;
        process.kill()?;
        process.start()?;
        process.until_it_waits_for("registry")?;
        waited += 1;
        flow.restart_part(Part::Registry)?;
        process.until_ready()?;
    }
    Ok(waited)
}
