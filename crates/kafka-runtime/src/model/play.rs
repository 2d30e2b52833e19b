//! Plays a schedule, lets the faults stop, and closes the books.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use super::{
    broker::{Slot, State},
    mutant::Mutant,
    process::Process,
    schedule::{Input, Schedule, Step},
    world::{Happened, Kind, Shared, World, locked, slots},
};

/// What a schedule came to.
pub(super) struct Outcome {
    pub(super) violations: Vec<String>,
    pub(super) seen: BTreeMap<Happened, u64>,
}

/// Rounds in which everything must run dry when nothing fails any more.
const ROUNDS: u32 = 120;
const OPERATIONS: u32 = 25;

struct Play {
    world: Shared,
    running: BTreeMap<Slot, Process>,
    zombies: Vec<Process>,
    disks: BTreeMap<Slot, u32>,
    last_disk: u32,
}

/// Plays a schedule from an empty world to the closed books.
pub(super) fn play(kind: Kind, mutant: Option<Mutant>, schedule: &Schedule) -> Outcome {
    let mut play = Play {
        world: Arc::new(Mutex::new(World::new(kind, mutant))),
        running: BTreeMap::new(),
        zombies: Vec::new(),
        disks: BTreeMap::new(),
        last_disk: 0,
    };
    locked(&play.world).group.assignor = schedule.assignor;
    for step in &schedule.steps {
        play.step(*step);
    }
    play.run_dry();
    play.end()
}

impl Play {
    fn happened(&self, what: Happened) {
        locked(&self.world).happened(what);
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Run(slot, operations) => self.run(slot, operations),
            Step::Crash(slot) => self.crash(slot),
            Step::Replace(slot) => self.replace(slot),
            Step::WakeZombie(operations) => self.wake_zombie(operations),
            Step::Stop(slot, operations) => self.stop(slot, operations),
            Step::LoseDisk(slot) => {
                self.crash(slot);
                self.disks.remove(&slot);
                self.happened(Happened::DiskLost);
            }
            Step::Input { redriven, partition, what, how } => {
                let state = match how {
                    Input::Plain => State::Committed,
                    Input::Aborted => State::Aborted,
                    Input::Open => State::Open,
                };
                locked(&self.world).write_input(redriven, partition, what, state);
            }
            other => self.outside(other),
        }
    }

    /// What happens at the broker and in the warehouse.
    fn outside(&self, step: Step) {
        let mut world = locked(&self.world);
        let what = match step {
            Step::SessionTimeout(slot) if world.group.expel(slot) => Happened::SessionTimeout,
            Step::RebalanceTimeout if world.group.rebalance_timeout() => Happened::RebalanceTimeout,
            Step::TransactionTimeout(slot) if world.broker.time_out(slot) => {
                Happened::TransactionTimeout
            }
            Step::Rebalance => {
                // Whoever loses a partition in the middle of a batch looks dead to the next.
                world.audit.deaths += 1;
                return world.group.disturb();
            }
            Step::Arm(slot, trouble) => return world.arm(slot, trouble),
            Step::LateEndTxn => return world.deliver_late(),
            Step::Markers(slot) => return world.broker.finish(slot),
            Step::EndInput { commit } => return world.end_upstream(commit),
            Step::Arrive => return arrive(&mut world),
            _ => return,
        };
        world.happened(what);
    }

    fn run(&mut self, slot: Slot, operations: u32) {
        let disk = self.disk(slot);
        let process =
            self.running.entry(slot).or_insert_with(|| Process::start(&self.world, slot, disk));
        if !process.run(&self.world, operations) {
            self.running.remove(&slot);
        }
    }

    fn disk(&mut self, slot: Slot) -> u32 {
        *self.disks.entry(slot).or_insert_with(|| {
            self.last_disk += 1;
            self.last_disk
        })
    }

    fn crash(&mut self, slot: Slot) {
        let Some(process) = self.running.remove(&slot) else { return };
        self.happened(Happened::Crash);
        if locked(&self.world).broker.is_open(slot) {
            self.happened(Happened::CrashInTransaction);
        }
        process.kill(&self.world);
    }

    /// The frozen process keeps its disk; the new one begins with an empty one.
    fn replace(&mut self, slot: Slot) {
        if let Some(process) = self.running.remove(&slot) {
            self.happened(Happened::Replaced);
            self.zombies.push(process);
            self.disks.remove(&slot);
        }
        self.run(slot, 1);
    }

    fn wake_zombie(&mut self, operations: u32) {
        let Some(mut zombie) = self.zombies.pop() else { return };
        self.happened(Happened::ZombieWoke);
        if zombie.run(&self.world, operations) {
            self.zombies.push(zombie);
        }
    }

    fn stop(&mut self, slot: Slot, operations: u32) {
        let Some(process) = self.running.get(&slot) else { return };
        process.ask_to_stop();
        self.run(slot, operations);
        if !self.running.contains_key(&slot) {
            self.happened(Happened::Stopped);
        }
    }

    /// Nothing fails any more, every zombie has had its say, and there is one more record for
    /// each partition: it must all run dry.
    fn run_dry(&mut self) {
        self.calm();
        for mut zombie in std::mem::take(&mut self.zombies) {
            if zombie.run(&self.world, 40) {
                zombie.kill(&self.world);
                // What it has left open ends as the broker ends it: by its age.
                let mut world = locked(&self.world);
                world.happened(Happened::Crash);
                for slot in slots() {
                    world.broker.time_out(slot);
                }
            }
        }
        for _ in 0..ROUNDS {
            for slot in slots() {
                self.run(slot, OPERATIONS);
            }
            if locked(&self.world).is_drained() {
                return;
            }
        }
        let mut world = locked(&self.world);
        let stands = world.where_it_stands();
        world.audit.violated(format!("it does not run dry: {stands}"));
    }

    fn calm(&self) {
        let mut world = locked(&self.world);
        world.calm();
        while !world.on_the_way.is_empty() {
            world.deliver_late();
        }
        for slot in slots() {
            world.broker.finish(slot);
        }
        world.end_upstream(true);
        let partitions = world.inputs();
        for (what, (topic, number)) in (0..).zip(partitions) {
            let redriven = topic == world.kind.stage().redrive();
            world.write_input(redriven, number, what, State::Committed);
        }
    }

    fn end(self) -> Outcome {
        let Self { world, running, zombies, .. } = self;
        for process in running.into_values().chain(zombies) {
            process.kill(&world);
        }
        let mut world = locked(&world);
        arrive(&mut world);
        world.close();
        Outcome {
            violations: std::mem::take(&mut world.audit.violations),
            seen: std::mem::take(&mut world.seen),
        }
    }
}

/// INSERTs that are running arrive.
fn arrive(world: &mut World) {
    for (body, much) in world.table.running_of(None) {
        world.happened(Happened::ArrivedByItself);
        world.rows_arrive(&body, much);
    }
}
