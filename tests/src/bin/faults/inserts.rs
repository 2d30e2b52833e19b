//! ClickHouse dies, or says the wrong thing, between an INSERT and its answer.

use std::time::Duration;

use local_stack::Part;
use topology::Service;
use waybill_tests::{Aim, Mode, until};

use crate::{
    fault::{Fault, Fired, Scene},
    watch::{FOUND_NONE, FOUND_SOME, RECOVERED, UNCERTAIN, Watch},
};

const KILLS: u64 = 100;
/// As it stands in the URL of the request.
const INTO_EVENTS: Aim = Aim::Text("INSERT+INTO+events");
/// Traffic brings an INSERT within this time, and ClickHouse its answer.
const SOON: Duration = Duration::from_secs(30);
const LASTING: Duration = Duration::from_secs(10);

pub(crate) fn all() -> Vec<Fault> {
    vec![
        Fault::new("clickhouse killed within 100 INSERTs", "kills", killed_within),
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
    ]
}

/// Every other time as soon as the request has begun, else when it was answered and the loader does not
/// know.
fn killed_within(scene: &Scene<'_>) -> anyhow::Result<Fired> {
    let flow = scene.flow;
    let (proxy, forward) = (&flow.proxies()?.clickhouse, flow.service(Service::Forward));
    let watch = Watch::begin(forward)?;
    for kill in 0..KILLS {
        proxy.set(Mode::HoldReply { to: INTO_EVENTS });
        let seen = 1 + kill % 2;
        until("an INSERT is under way", SOON, || Ok((proxy.acted() >= seen).then_some(())))?;
        flow.kill_part(Part::ClickHouse)?;
        proxy.set(Mode::Pass);
        flow.restart_part(Part::ClickHouse)?;
        forward.until_ready()?;
    }
    let told = [
        ("all there", RECOVERED),
        ("none", FOUND_NONE),
        ("some", FOUND_SOME),
        ("uncertain INSERTs", UNCERTAIN),
    ]
    .map(|(what, series)| format!("{what} {}", watch.grown(&[series])));
    Ok(Fired { times: KILLS, told: Some(told.join(", ")) })
}
