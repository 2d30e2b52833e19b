//! A loader is killed while its INSERT is on its way, and the INSERT arrives when another slot has
//! taken over.

use std::time::Duration;

use anyhow::ensure;
use topology::Topic;
use waybill_tests::{Aim, Flow, Mode, until};

use crate::{
    crashes::{LOADER, Place, SIDE},
    fault::{Fault, Fired, Scene},
    takeover::Estate,
};

const TIMES: u16 = 2;
/// Traffic brings an INSERT within this time, and ClickHouse its answer.
const SOON: Duration = Duration::from_secs(30);
/// ClickHouse lists a query once it has read `max_query_size` (256 KiB) of it, or its end, and the
/// rows behind the word FORMAT count: so long are they when they are packed.
const LISTED_FROM: usize = 48 * 1024;
/// Events of all partitions that make an INSERT that long: 538 rows of the traffic pack to less.
const BACKLOG: i64 = 5_000;
/// Traffic brings them within this time.
const GROWN_WITHIN: Duration = Duration::from_mins(2);

/// An INSERT that outlives its loader.
#[derive(Clone, Copy)]
struct Late {
    of: Aim,
    /// ClickHouse has all of it but its last byte, and lists it as running: whoever takes over must end
    /// it. Else ClickHouse knows nothing of it: when it comes, it must be a repeat.
    runs: bool,
}

pub(crate) fn all() -> Vec<Fault> {
    let fault = |place: Place, what, late: Late| {
        let name = format!("crash {}/INSERT {what} (other slot)", place.0);
        Fault::new(name, "late INSERTs", move |scene| inject(scene, place, late))
    };
    let (events, discards) =
        (Aim::Text("INSERT+INTO+events"), Aim::Text("INSERT+INTO+discarded_events"));
    vec![
        fault(LOADER, "on its way", Late { of: events, runs: false }),
        fault(LOADER, "running", Late { of: events, runs: true }),
        fault(SIDE, "on its way", Late { of: discards, runs: false }),
    ]
}

fn inject(scene: &Scene<'_>, (thread, service): Place, late: Late) -> anyhow::Result<Fired> {
    let (flow, proxy) = (scene.flow, &scene.flow.proxies()?.clickhouse);
    let mut told = Vec::new();
    for slot in 0..TIMES {
        hold(scene, (thread, service), late, slot)?;
        flow.instance(service, slot).kill()?;
        let estate = Estate::of(flow, thread)?;
        ensure!(estate.in_doubt() > 0, "the INSERT has no intent");
        told.push(estate.taken_by(flow, flow.instance(service, slot + 1))?);
        proxy.set(Mode::Pass);
        let reply = until("the late INSERT has ended", SOON, || Ok(proxy.late_reply()))?;
        let status = reply.lines().next().unwrap_or("connection broken").to_owned();
        ensure!(late.runs != status.ends_with("200 OK"), "the late INSERT: {reply}");
        told.push(format!("late INSERT: {status}"));
        scene.traffic.until_acknowledged(10)?;
    }
    Ok(Fired { times: TIMES.into(), told })
}

/// Waits until the loader has sent the INSERT, and ClickHouse has it, or has not.
fn hold(scene: &Scene<'_>, (_, service): Place, late: Late, slot: u16) -> anyhow::Result<()> {
    let (flow, process) = (scene.flow, scene.flow.instance(service, slot));
    let proxy = &flow.proxies()?.clickhouse;
    let Late { of, runs } = late;
    if runs {
        let before = stitched(flow)?;
        process.kill()?;
        until("the loader has a backlog", GROWN_WITHIN, || {
            Ok((stitched(flow)? - before >= BACKLOG).then_some(()))
        })?;
    }
    let at_least = if runs { LISTED_FROM } else { 0 };
    proxy.set(Mode::HoldRequest { of, at_least, begun: runs });
    if runs {
        process.start()?;
    }
    until("an INSERT is on its way", SOON, || Ok((proxy.acted() > 0).then_some(())))?;
    until("ClickHouse lists it, if it has it", SOON, || {
        let listed =
            "SELECT count() FROM system.processes WHERE startsWith(query, 'INSERT INTO events')";
        Ok((!runs || flow.clickhouse(listed)? != "0").then_some(()))
    })
}

/// How many offsets `stitched-events` has had.
fn stitched(flow: &Flow) -> anyhow::Result<i64> {
    Ok(flow.bounds(Topic::StitchedEvents)?.iter().map(|it| it.stable_end).sum())
}
