//! Stages that stand still and go on later: zombies.

use std::{
    thread,
    time::{Duration, Instant},
};

use anyhow::ensure;
use topology::Stage;
use waybill_tests::until;

use crate::{
    fault::{Fault, Scene},
    watch::{ABORTS, REBUILDS, RECEIVED, Watch},
};

/// Longer than a member may be silent, shorter than a transaction may stay open.
const SESSION: Duration = Duration::from_secs(13);
/// Longer than a transaction may stay open (15 s), and the broker looks for such every 10 s.
const TRANSACTION: Duration = Duration::from_secs(30);
const FREEZES_WITHIN: Duration = Duration::from_secs(30);
const SEEN_WITHIN: Duration = Duration::from_secs(40);

pub(crate) fn all() -> Vec<Fault> {
    let each = |fault: fn(Stage) -> Fault| Stage::ALL.into_iter().map(fault);
    each(frozen).chain(each(outlived)).chain(each(replaced)).collect()
}

/// In the middle of what must not be done twice.
const fn worst_point(stage: Stage) -> &'static str {
    match stage {
        Stage::ForwardClickhouse => "after-intent",
        _ => "after-offsets",
    }
}

/// Starts the stage anew so that it freezes, and waits until it has.
fn freeze(scene: &Scene<'_>, stage: Stage) -> anyhow::Result<()> {
    let process = scene.flow.service(stage.service());
    let order = format!("{}/{}:3=freeze", stage.name(), worst_point(stage));
    process.kill()?;
    process.start_with(&[(crashpoint::VARIABLE, &order)])?;
    process.until_frozen(FREEZES_WITHIN)
}

/// Nobody takes its place; the group and the broker give it up all the same.
fn frozen(stage: Stage) -> Fault {
    Fault::new(format!("{stage} frozen 13 and 30 s"), "assignments after it", move |scene| {
        let process = scene.flow.service(stage.service());
        let mut fired = 0;
        for span in [SESSION, TRANSACTION] {
            freeze(scene, stage)?;
            let before = assignments(&process.log());
            thread::sleep(span);
            process.thaw()?;
            let seen = until("the group takes it back", SEEN_WITHIN, || {
                ensure!(process.is_running(), "{process} has ended:\n{}", process.log_tail());
                let grown = assignments(&process.log()) - before;
                Ok((grown > 0).then_some(grown))
            });
            fired += seen?;
            scene.traffic.until_acknowledged(5)?;
        }
        Ok(fired)
    })
}

/// A transforming stage says that it was assigned partitions; a loader, that it has found its own
/// intent when it took them up.
fn assignments(log: &str) -> u64 {
    let says = |line: &&str| line.contains("\"assigned\"") || line.contains("settling an intent");
    log.lines().filter(says).count() as u64
}

/// Another instance has its partitions and goes on; then it wakes with a batch in hand.
fn outlived(stage: Stage) -> Fault {
    Fault::new(format!("{stage} outlived by another slot"), "aborts, rebuilds", move |scene| {
        let zombie = scene.flow.service(stage.service());
        let heir = scene.flow.instance(stage.service(), 1);
        freeze(scene, stage)?;
        let begun = Instant::now();
        heir.start()?;
        heir.until_ready()?;
        let works = Watch::begin(heir)?.until_grown(&[RECEIVED], SEEN_WITHIN);
        ensure!(works > 0, "{heir} got nothing to do");
        thread::sleep(TRANSACTION.saturating_sub(begun.elapsed()));
        zombie.thaw()?;
        // While it was frozen it could not be asked: what it has counted by now counts.
        let fired = until("the zombie notices", SEEN_WITHIN, || {
            ensure!(zombie.is_running(), "{zombie} has ended:\n{}", zombie.log_tail());
            let Ok(now) = zombie.metrics() else { return Ok(None) };
            let counted = [ABORTS, REBUILDS].map(|(name, labels)| now.sum(name, labels));
            Ok((counted.iter().sum::<f64>() > 0.0).then_some(1))
        })?;
        scene.traffic.until_acknowledged(10)?;
        Ok(fired)
    })
}

/// Another process has its very slot: it must end, and never fight.
fn replaced(stage: Stage) -> Fault {
    Fault::new(format!("{stage} replaced in its slot"), "fencings", move |scene| {
        let zombie = scene.flow.service(stage.service());
        let heir = scene.flow.instance(stage.service(), 1);
        freeze(scene, stage)?;
        heir.start_with(&[("WAYBILL_SLOT", "0")])?;
        heir.until_ready()?;
        let works = Watch::begin(heir)?.until_grown(&[RECEIVED], SEEN_WITHIN);
        ensure!(works > 0, "{heir} got nothing to do");
        let pid = heir.pid();
        zombie.thaw()?;
        let status = zombie.until_ended(SEEN_WITHIN)?;
        ensure!(!status.success(), "{zombie} ended as if all were well: {status}");
        ensure!(zombie.log_tail().contains("is taken"), "{}", zombie.log_tail());
        scene.traffic.until_acknowledged(10)?;
        ensure!(heir.pid() == pid, "the one that took the slot has ended too");
        Ok(1)
    })
}
