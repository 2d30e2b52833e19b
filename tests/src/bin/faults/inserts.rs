//! ClickHouse dies, or says the wrong thing, between an INSERT and its answer.

use std::time::{Duration, Instant};

use anyhow::ensure;
use local_stack::Part;
use topology::Service;
use waybill_tests::{Aim, Flow, Mode, until};

use crate::{
    fault::{Fault, Fired, Scene},
    watch::{FOUND_NONE, FOUND_SOME, RECOVERED, UNCERTAIN, Watch},
};

/// Together a hundred. What one row has inserted is merged before the next: until then each INSERT is a part,
/// and ClickHouse reads every part when it starts, so that a hundred in one go take longer with each.
const ROWS: u64 = 5;
const KILLS: u64 = 20;
/// As it stands in the URL of the request.
const INTO_EVENTS: Aim = Aim::Text("INSERT+INTO+events");
/// Traffic brings an INSERT within this time, and ClickHouse its answer.
const SOON: Duration = Duration::from_secs(30);
/// So often it is tried to find an INSERT in part, and so often it is to be found so.
const TRIES: u64 = 60;
const IN_PART: u64 = 3;
/// ClickHouse cuts each INSERT into blocks of [`SMALL`] rows: it takes effect in parts.
const SMALL_BLOCKS: &str =
    "&max_insert_block_size=8&min_insert_block_size_rows=8&min_insert_block_size_bytes=0";
const SMALL: u64 = 8;
const LASTING: Duration = Duration::from_secs(10);

pub(crate) fn all() -> Vec<Fault> {
    let killed = |row| {
        let name = format!("clickhouse killed within {KILLS} INSERTs ({row} of {ROWS})");
        Fault::new(name, "kills", killed_within)
    };
    let others = [
        Fault::new("clickhouse killed between blocks", "found in part", killed_between_blocks),
        Fault::new("net clickhouse 200 with an exception", "read back, complete", |scene| {
            let watch = Watch::begin(scene.flow.service(Service::Forward))?;
            let proxy = &scene.flow.proxies()?.clickhouse;
            proxy.set(Mode::ExceptionReply { to: INTO_EVENTS, every: 3 });
            std::thread::sleep(LASTING);
            let acted = proxy.acted();
            proxy.set(Mode::Pass);
            scene.traffic.until_acknowledged(10)?;
            Ok(acted.min(watch.until_grown(&[RECOVERED], SOON)))
        }),
    ];
    (1..=ROWS).map(killed).chain(others).collect()
}

/// Every other time as soon as the request has begun, else when it was answered and the loader does not
/// know.
fn killed_within(scene: &Scene<'_>) -> anyhow::Result<Fired> {
    let watch = Watch::begin(scene.flow.service(Service::Forward))?;
    for kill in 0..KILLS {
        let when = if kill % 2 == 0 { Within::Begun } else { Within::Answered };
        kill_within(scene, "", when)?;
    }
    // What was answered is there: a row in which it was found so now and then only has missed its moment.
    let found = watch.grown(&[RECOVERED]);
    ensure!(found >= KILLS / 4, "only {found} INSERTs were found to be there after all");
    Ok(Fired { times: KILLS, told: vec![branches(&watch)] })
}

/// One INSERT is one block, so that it is there whole or not at all, but for the turn of a month. Here ClickHouse cuts
/// it, so that some of it may be there.
fn killed_between_blocks(scene: &Scene<'_>) -> anyhow::Result<Fired> {
    let watch = Watch::begin(scene.flow.service(Service::Forward))?;
    for _ in 0..TRIES {
        kill_within(scene, SMALL_BLOCKS, Within::Written)?;
        if watch.grown(&[FOUND_SOME]) >= IN_PART {
            break;
        }
    }
    Ok(Fired { times: watch.grown(&[FOUND_SOME]), told: vec![branches(&watch)] })
}

/// What the proxy has seen of an INSERT when ClickHouse is killed.
#[derive(Clone, Copy)]
enum Within {
    /// The begin of its request.
    Begun,
    /// The begin of its request; and ClickHouse says that it has written some of it.
    Written,
    /// Its answer, which the loader will not get.
    Answered,
}

/// Kills ClickHouse after this much of an INSERT with these settings.
fn kill_within(scene: &Scene<'_>, with: &'static str, when: Within) -> anyhow::Result<()> {
    let flow = scene.flow;
    let proxy = &flow.proxies()?.clickhouse;
    proxy.set(Mode::HoldReply { to: INTO_EVENTS, with });
    until("an INSERT is under way", SOON, || {
        let seen = match when {
            Within::Begun | Within::Written => proxy.acted(),
            Within::Answered => proxy.held(),
        };
        Ok((seen > 0).then_some(()))
    })?;
    if matches!(when, Within::Written) {
        let begun = Instant::now();
        // No pause between two questions: it is all over soon.
        while !is_written(flow)? && proxy.held() == 0 && begun.elapsed() < SOON {}
    }
    flow.kill_part(Part::ClickHouse)?;
    proxy.set(Mode::Pass);
    flow.restart_part(Part::ClickHouse)?;
    flow.service(Service::Forward).until_ready()
}

/// Whether ClickHouse has written blocks of an INSERT that it has not ended yet. A block is there once the one
/// behind it is written.
fn is_written(flow: &Flow) -> anyhow::Result<bool> {
    let blocks = flow.clickhouse(&format!(
        "SELECT ifNull(intDiv(max(written_rows), {SMALL}), 0) FROM system.processes \
         WHERE query LIKE 'INSERT INTO events%'"
    ))?;
    Ok(blocks.parse::<u64>()? > 2)
}

/// How the loader found what it read back.
fn branches(watch: &Watch<'_>) -> String {
    let told = [
        ("all there", RECOVERED),
        ("none", FOUND_NONE),
        ("some", FOUND_SOME),
        ("uncertain INSERTs", UNCERTAIN),
    ]
    .map(|(what, series)| format!("{what} {}", watch.grown(&[series])));
    told.join(", ")
}
