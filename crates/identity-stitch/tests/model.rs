//! Any history with crashes, aborts, lost disks and rebalances gives what a simple reference gives
//! that never fails.
//!
//! `MODEL_HISTORIES=10000 cargo test -p identity-stitch --test model -- --nocapture` plays so many
//! histories in memory, and says so.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod history;
mod reference;
mod wire;
#[allow(dead_code, reason = "each test file uses a part")]
mod world;

use std::collections::{BTreeMap, BTreeSet};

use event::{IdentityAlias, Origin};
use history::{End, PARTITIONS, Said, Step, Turn, history, steps, turns};
use identity::{Aliases, MERGE, RULE_COMMAND, Rules};
use identity_stitch::{FjallStores, MemoryStores, Stitcher, Stores};
use kafka_runtime::{Fate, Numbered, Outgoing, Processor as _};
use proptest::{prelude::*, strategy::ValueTree as _, test_runner::TestRunner};
use reference::{Fated, Outcome, Plain, Retold};
use wire::Wire;
use world::{DAY_MS, MemoryLog, append_changes, stitcher_with};

/// Few users, so that the limit is met.
fn rules() -> Rules {
    Rules { users_per_device: 2, ..Rules::new(7) }
}

/// One merge, known from the beginning.
fn aliases() -> Aliases {
    let mut aliases = Aliases::default();
    aliases.apply(&IdentityAlias {
        kind: MERGE.into(),
        previous_id: "u3".into(),
        user_id: "u0".into(),
        rule: RULE_COMMAND.into(),
        cause: Origin { epoch: 0, partition: 0, offset: 0 },
        event_time: 0,
        appended_at: 0,
        who: None,
        why: None,
    });
    aliases
}

/// Two stages with a disk each, over one log.
struct Group<'a, T: Stores, F: FnMut(usize) -> T> {
    wire: &'a Wire,
    steps: &'a [Step],
    open: F,
    log: MemoryLog,
    stages: Vec<Stitcher<T>>,
    /// Which stage has a partition.
    owner: [usize; PARTITIONS as usize],
    outcomes: Vec<Option<Outcome>>,
}

impl<'a, T: Stores, F: FnMut(usize) -> T> Group<'a, T, F> {
    fn new(wire: &'a Wire, steps: &'a [Step], mut open: F) -> Self {
        let stages = (0..2).map(|stage| started(wire, open(stage))).collect();
        let outcomes = vec![None; steps.len()];
        let log = MemoryLog::default();
        let mut group = Self { wire, steps, open, log, stages, owner: [0, 0], outcomes };
        group.assign(0);
        group.assign(1);
        group
    }

    fn partitions(&self, stage: usize) -> Vec<i32> {
        (0..PARTITIONS).filter(|partition| self.owner_of(*partition) == stage).collect()
    }

    fn owner_of(&self, partition: i32) -> usize {
        self.owner[usize::try_from(partition).unwrap()]
    }

    fn assign(&mut self, stage: usize) {
        let partitions = self.partitions(stage);
        self.stages[stage].assigned(&partitions, &mut self.log).unwrap();
    }

    /// The next records of the stage's partitions.
    fn batch(&self, stage: usize, size: usize) -> Vec<usize> {
        let open = (0..self.steps.len()).filter(|at| self.outcomes[*at].is_none());
        open.filter(|at| self.owner_of(self.steps[*at].partition()) == stage).take(size).collect()
    }

    fn take(&mut self, turn: &Turn, mut wipe: impl FnMut(usize, i32)) {
        let stage = turn.stage;
        let batch = self.batch(stage, turn.size);
        let told: Vec<_> = batch.iter().map(|at| self.process(stage, &self.steps[*at])).collect();
        if matches!(turn.end, End::Aborted | End::KilledBeforeCommit) {
            let _ = self.stages[stage].changes().unwrap();
        } else {
            let written = append_changes(&mut self.stages[stage], &mut self.log);
            batch.iter().zip(told).for_each(|(at, outcome)| self.outcomes[*at] = Some(outcome));
            if matches!(turn.end, End::Committed | End::Moved(_)) {
                self.stages[stage].committed(&written).unwrap();
            }
        }
        match turn.end {
            End::Committed => {}
            End::Aborted => self.stages[stage].aborted(),
            End::Moved(partition) => self.hand_over(partition),
            End::Wiped(partition) => self.restart(stage, || wipe(stage, partition)),
            End::KilledBeforeCommit | End::KilledAfterCommit => self.restart(stage, || ()),
        }
    }

    fn process(&mut self, stage: usize, step: &Step) -> Outcome {
        let stitcher = &mut self.stages[stage];
        let (fate, side) = match &step.said {
            Said::Event(_) => {
                let (record, waybill) = (&step.record, step.waybill);
                let done = stitcher.process(&Numbered { record, waybill }).unwrap();
                (self.wire.fated(&done.fate), done.side)
            }
            Said::Order(_) => (Fated::Followed, stitcher.follow(&step.record).unwrap()),
        };
        let bytes = |it: Outgoing| (it.topic, it.value.unwrap());
        Outcome { fate, side: side.into_iter().map(bytes).collect() }
    }

    /// A rebalance. What the other stage has on its disk is as old as its last turn.
    fn hand_over(&mut self, partition: i32) {
        let from = self.owner_of(partition);
        self.stages[from].revoked(&[partition]);
        self.owner[usize::try_from(partition).unwrap()] = 1 - from;
        self.assign(from);
        self.assign(1 - from);
    }

    fn restart(&mut self, stage: usize, between: impl FnOnce()) {
        drop(self.stages.remove(stage));
        between();
        let again = started(self.wire, (self.open)(stage));
        self.stages.insert(stage, again);
        self.assign(stage);
    }

    /// Plays all turns, then what is left.
    fn play(mut self, turns: &[Turn], mut wipe: impl FnMut(usize, i32)) -> Vec<Outcome> {
        for turn in turns {
            self.take(turn, &mut wipe);
        }
        for stage in 0..2 {
            let turn = Turn { stage, size: self.steps.len(), end: End::Committed };
            self.take(&turn, &mut wipe);
        }
        self.outcomes.into_iter().map(Option::unwrap).collect()
    }
}

fn started<T: Stores>(wire: &Wire, stores: T) -> Stitcher<T> {
    stitcher_with(&wire.registry, stores, (2, rules(), aliases()))
}

/// What the references say of the history, and whether they agree.
fn expected(wire: &Wire, steps: &[Step]) -> Result<Vec<Outcome>, String> {
    let (rules, aliases) = (rules(), aliases());
    let mut plain: BTreeMap<i32, Plain> = BTreeMap::new();
    let mut retold: BTreeMap<i32, Retold> = BTreeMap::new();
    let mut outcomes = Vec::new();
    for (at, step) in steps.iter().enumerate() {
        let partition = step.partition();
        let plain = plain.entry(partition).or_insert_with(|| Plain::new(&aliases));
        let outcome = plain.play(wire, &rules, step);
        let agreed = retold.entry(partition).or_default().check(step, &outcome);
        agreed.map_err(|why| format!("record {at}: {why}"))?;
        outcomes.push(outcome);
    }
    Ok(outcomes)
}

/// Within the window no number is emitted twice.
fn emitted_numbers_are_unique(steps: &[Step], outcomes: &[Outcome]) -> bool {
    let mut seen = BTreeSet::new();
    let times = || steps.iter().map(|step| step.waybill.appended_at);
    let span = times().max().unwrap_or(0) - times().min().unwrap_or(0);
    span >= 7 * DAY_MS
        || steps.iter().zip(outcomes).all(|(step, outcome)| {
            !matches!(outcome.fate, Fated::Emitted(_)) || seen.insert(step.waybill.origin)
        })
}

/// As many histories as the environment asks for.
#[expect(clippy::disallowed_methods, reason = "for how long a test searches is no configuration")]
#[expect(clippy::print_stdout, reason = "a figure for whoever asked for more")]
fn cases(usual: u32) -> ProptestConfig {
    let asked = std::env::var("MODEL_HISTORIES").ok().and_then(|cases| cases.parse().ok());
    let cases = asked.unwrap_or(usual);
    println!("{cases} random histories");
    ProptestConfig::with_cases(cases)
}

proptest! {
    #![proptest_config(cases(2_000))]
    #[test]
    fn crashes_rebalances_and_lost_state_change_nothing_of_the_output(
        history in history(),
        turns in turns(12),
    ) {
        let wire = Wire::shared();
        let steps = steps(&wire, &history);
        let disks = [MemoryStores::new(7), MemoryStores::new(7)];
        let group = Group::new(&wire, &steps, |stage| disks[stage].clone());
        let outcomes = group.play(&turns, |stage, partition| disks[stage].wipe(partition));
        let expected = expected(&wire, &steps).map_err(TestCaseError::fail)?;
        prop_assert_eq!(&outcomes, &expected);
        prop_assert!(emitted_numbers_are_unique(&steps, &outcomes));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4))]
    #[test]
    fn the_same_holds_on_disk(history in history(), turns in turns(8)) {
        let wire = Wire::shared();
        let steps = steps(&wire, &history);
        let dir = tempfile::tempdir().unwrap();
        let disk = |stage: usize| dir.path().join(stage.to_string());
        let group = Group::new(&wire, &steps, |stage| FjallStores::new(disk(stage), 7));
        let outcomes = group.play(&turns, |stage, partition| {
            let lost = disk(stage).join(format!("p{partition}"));
            if lost.exists() {
                std::fs::remove_dir_all(lost).unwrap();
            }
        });
        let expected = expected(&wire, &steps).map_err(TestCaseError::fail)?;
        prop_assert_eq!(&outcomes, &expected);
    }
}

#[test]
fn a_history_meets_every_rule() {
    let wire = Wire::shared();
    let mut met = BTreeSet::new();
    let mut runner = TestRunner::deterministic();
    for _ in 0..200 {
        let history = history().new_tree(&mut runner).unwrap().current();
        for outcome in expected(&wire, &steps(&wire, &history)).unwrap() {
            met.extend(met_by(&outcome));
        }
    }
    let all = [
        "already-emitted",
        "device-rate",
        "emitted",
        "inherited",
        "late-for-session",
        "link",
        "merged",
        "repeat",
        "same-id-other-payload",
        "supersedes",
        "told-before",
    ];
    let missing: Vec<_> = all.iter().filter(|word| !met.contains(**word)).collect();
    assert!(missing.is_empty(), "{missing:?} of {met:?}");
}

fn met_by(outcome: &Outcome) -> Vec<String> {
    let facts = match &outcome.fate {
        Fated::Followed => return vec!["order".to_owned()],
        Fated::Dropped { word, .. } => return vec![(*word).to_owned()],
        Fated::Emitted(facts) => facts,
    };
    let of = |is: bool, word: &str| is.then(|| word.to_owned());
    let mut met = facts.flags.clone();
    met.extend(of(true, "emitted"));
    met.extend(of(!facts.inherited.is_empty(), "inherited"));
    met.extend(of(facts.link_origin.is_some(), "link"));
    met.extend(of(facts.alias_origin.is_some(), "merged"));
    met.extend(of(facts.supersedes.is_some(), "supersedes"));
    met
}

impl Wire {
    fn fated(&self, fate: &Fate) -> Fated {
        match fate {
            Fate::Discard(discarded) => Fated::Dropped {
                word: discarded.reason.word(),
                first: discarded.first.map(|origin| origin.offset),
            },
            Fate::Emit { value, .. } => Fated::Emitted(Box::new(self.stitched(value).identity)),
            Fate::Reject(rejected) => panic!("{rejected:?}"),
        }
    }
}
