//! What a network does: late, slow, cut, and worst of all cut after it has delivered.

use std::{thread, time::Duration};

use topology::{Service, Stage};
use waybill_tests::{Aim, Flow, Mode, Proxy, kafka_api};

use crate::{
    fault::{Fault, Scene},
    watch::{RECOVERED, UNCERTAIN, Watch},
};

const LATENCY: Mode = Mode::Latency(Duration::from_millis(100));
const ONE_KB_A_SECOND: Mode = Mode::Throttle(1_024);
const LASTING: Duration = Duration::from_secs(10);
/// Longer than any call to ClickHouse, and about as long as a transactional one, may take.
const LONG: Duration = Duration::from_secs(15);

const fn dropped(api: i16, every: u64) -> Mode {
    Mode::DropReply { to: Aim::Kafka(api), every }
}

pub(crate) fn all() -> Vec<Fault> {
    let mut faults = kafka();
    faults.extend(clickhouse());
    faults.extend(registry());
    faults
}

fn kafka() -> Vec<Fault> {
    let late_end = Mode::DelayRequest {
        of: Aim::Kafka(kafka_api::END_TXN),
        every: 8,
        by: Duration::from_secs(3),
    };
    let fault = |name: &str, mode, lasting| {
        Fault::new(format!("net kafka {name}"), "times by the proxy", move |scene| {
            harm(scene, &scene.flow.proxies()?.kafka, mode, lasting)
        })
    };
    vec![
        fault("latency 100 ms", LATENCY, LASTING),
        fault("1 KB/s", ONE_KB_A_SECOND, LASTING),
        fault("reset", Mode::Reset, Duration::from_secs(5)),
        fault("blackhole 15 s", Mode::Blackhole, LONG),
        fault("reply to produce dropped", dropped(kafka_api::PRODUCE, 20), LASTING),
        fault("reply to offsets dropped", dropped(kafka_api::TXN_OFFSET_COMMIT, 5), LASTING),
        fault("reply to commit dropped", dropped(kafka_api::END_TXN, 5), LASTING),
        fault("commit delayed past a reset", late_end, LONG),
    ]
}

fn clickhouse() -> Vec<Fault> {
    let fault = |name: &str, mode, lasting| {
        Fault::new(format!("net clickhouse {name}"), "times by the proxy", move |scene| {
            harm(scene, &scene.flow.proxies()?.clickhouse, mode, lasting)
        })
    };
    vec![
        fault("latency 100 ms", LATENCY, LASTING),
        fault("1 KB/s", ONE_KB_A_SECOND, LONG),
        fault("reset", Mode::Reset, Duration::from_secs(5)),
        fault("blackhole 15 s", Mode::Blackhole, LONG),
        Fault::new("net clickhouse reply to INSERT dropped", "read back, complete", |scene| {
            let watch = Watch::begin(scene.flow.service(Service::Forward))?;
            let to = Aim::Text("INSERT");
            let mode = Mode::DropReply { to, every: 3 };
            harm(scene, &scene.flow.proxies()?.clickhouse, mode, LASTING)?;
            Ok(watch.grown(&[RECOVERED]).min(watch.grown(&[UNCERTAIN])))
        })
        .quick(true),
    ]
}

/// A stage asks the registry when it starts.
fn registry() -> Vec<Fault> {
    let fault = |name: &str, mode| {
        Fault::new(format!("net registry {name}"), "times by the proxy", move |scene| {
            let proxy = &scene.flow.proxies()?.registry;
            proxy.set(mode);
            start_anew(scene.flow)?;
            scene.traffic.until_acknowledged(20)?;
            thread::sleep(LASTING);
            let acted = proxy.acted();
            proxy.set(Mode::Pass);
            Ok(acted)
        })
    };
    vec![
        fault("latency 100 ms", LATENCY),
        fault("1 KB/s", ONE_KB_A_SECOND),
        fault("reset", Mode::Reset),
        fault("blackhole", Mode::Blackhole),
        fault("every second reply dropped", Mode::DropReply { to: Aim::Any, every: 2 }),
    ]
}

fn start_anew(flow: &Flow) -> anyhow::Result<()> {
    for stage in Stage::ALL {
        let process = flow.service(stage.service());
        process.kill()?;
        process.start()?;
    }
    Ok(())
}

fn harm(scene: &Scene<'_>, proxy: &Proxy, mode: Mode, lasting: Duration) -> anyhow::Result<u64> {
    proxy.set(mode);
    thread::sleep(lasting);
    let acted = proxy.acted();
    proxy.set(Mode::Pass);
    scene.traffic.until_acknowledged(10)?;
    Ok(acted)
}
