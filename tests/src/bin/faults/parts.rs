//! The parts that the flow stands on are killed or frozen.

use std::{fs, thread, time::Duration};

use anyhow::{Context as _, ensure};
use local_stack::Part;
use topology::{Service, Stage};
use waybill_tests::{Flow, Mode, shards, until};

use crate::{
    fault::{Fault, Fired, Scene},
    watch::{ABORTS, REBUILDS, UNCERTAIN, Watch},
};

/// As the list of faults has it.
const BROKER_FROZEN: Duration = Duration::from_secs(20);
/// Longer than the loader waits for an answer.
const CLICKHOUSE_FROZEN: Duration = Duration::from_secs(15);
const TIMES: usize = 2;
const TOLD_WITHIN: Duration = Duration::from_secs(40);
/// So slow that a rebuild takes seconds, and `waybill status` still has its answers in time.
const SLOW: Duration = Duration::from_millis(25);

pub(crate) fn all() -> Vec<Fault> {
    let mut faults = vec![
        Fault::new("kafka killed", "refusals, aborts", kafka_killed).quick(true),
        Fault::new("kafka frozen 20 s", "refusals, aborts", kafka_frozen),
        Fault::new("clickhouse killed", "uncertain, halts", clickhouse_killed),
        Fault::new("clickhouse frozen 15 s", "uncertain, halts", clickhouse_frozen),
        Fault::new("registry down at every start", "stages waited", registry_down),
        Fault::new("identity state lost", "statuses that said so", state_lost).quick(true),
    ];
    if shards().is_ok_and(|shards| shards > 1) {
        faults.push(Fault::new("second shard frozen", "uncertain, halts", shard_frozen));
    }
    faults
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

/// The first shard's rows are counted by its own ClickHouse: whoever asks for all waits for the second.
fn shard_frozen(scene: &Scene<'_>) -> anyhow::Result<Fired> {
    let mut told = Vec::new();
    let times = seen_by_loader(scene, |flow| {
        for _ in 0..TIMES {
            flow.freeze_shard(1)?;
            flow.service(Service::Forward).until_it_waits_for("clickhouse")?;
            let loaded = || flow.clickhouse("SELECT count() FROM waybill_shard.events");
            let before: u64 = loaded()?.parse()?;
            let grown = until("the first shard is loaded", TOLD_WITHIN, || {
                let grown = loaded()?.parse::<u64>()?.saturating_sub(before);
                Ok((grown > 100).then_some(grown))
            })?;
            told.push(format!("{grown} rows loaded into the first shard meanwhile"));
            flow.thaw_shards()?;
            flow.service(Service::Forward).until_ready()?;
            scene.traffic.until_acknowledged(10)?;
        }
        Ok(())
    })?;
    Ok(Fired { times, told })
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

/// The folder with identity-stitch's state is gone, and the network is slow enough that one sees
/// `waybill status` tell of the rebuild from the changelogs.
fn state_lost(scene: &Scene<'_>) -> anyhow::Result<u64> {
    let flow = scene.flow;
    let (process, proxies) = (flow.service(Service::IdentityStitch), flow.proxies()?);
    process.kill()?;
    fs::remove_dir_all(flow.state_folder())?;
    proxies.kafka.set(Mode::Latency(SLOW));
    process.start()?;
    process.until_it_waits_for("restoring")?;
    let mut last = String::new();
    let told = until("status says `restoring`", TOLD_WITHIN, || {
        let status = flow.status()?;
        last = status.to_string();
        let is_so = status.kind() == Some("restoring");
        Ok(is_so.then_some(status))
    });
    let told = told.with_context(|| last)?;
    let stage = Stage::IdentityStitch.name();
    ensure!(told.culprit() == Some(stage) && told.code == 2, "{told}");
    ensure!(told.rows_of(stage)[0]["state"] == "restoring", "{told}");
    ensure!(told.rows_of(stage)[0]["restored_percent"].is_u64(), "{told}");
    proxies.kafka.set(Mode::Pass);
    process.until_ready()?;
    scene.traffic.until_acknowledged(20)?;
    Ok(1)
}
