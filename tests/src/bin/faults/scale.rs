//! Each stage from one instance to three and back, under load.

use std::{
    thread,
    time::{Duration, Instant},
};

use topology::Stage;
use waybill_tests::{SLOTS, ServiceProcess};

use crate::fault::{Fault, Scene};

/// How often a stage is scaled up and down.
pub(crate) const CYCLES: u64 = 10;
/// From one change to the next.
const EVERY: Duration = Duration::from_secs(15);

pub(crate) fn all(cycles: u64) -> Vec<Fault> {
    let fault = |stage: Stage| {
        let name = format!("scale {stage} 1-3-1, {cycles} times");
        Fault::new(name, "instances worked", move |scene| scale(scene, stage, cycles))
    };
    Stage::ALL.into_iter().map(fault).collect()
}

/// How many of the instances that were added had something to do.
fn scale(scene: &Scene<'_>, stage: Stage, cycles: u64) -> anyhow::Result<u64> {
    let added = || (1..SLOTS).map(|slot| scene.flow.instance(stage.service(), slot));
    let mut worked = 0;
    for cycle in 0..cycles {
        let up = Instant::now();
        added().try_for_each(ServiceProcess::start)?;
        added().try_for_each(ServiceProcess::until_ready)?;
        thread::sleep(EVERY.saturating_sub(up.elapsed()));
        let down = Instant::now();
        for (instance, number) in added().zip(cycle..) {
            worked += u64::from(received(instance)? > 0.0);
            // One is asked to go, the other is not: next time the other way round.
            if number.is_multiple_of(2) {
                instance.stop_gracefully()?;
            } else {
                instance.kill()?;
            }
        }
        thread::sleep(EVERY.saturating_sub(down.elapsed()));
    }
    Ok(worked)
}

fn received(instance: &ServiceProcess) -> anyhow::Result<f64> {
    Ok(instance.metrics()?.sum("waybill_stage_received_records_total", &[]))
}
