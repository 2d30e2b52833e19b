//! Another slot takes over what a dead one had: its partitions, and the intents that stand beside
//! their offsets.

use std::{
    collections::{BTreeMap, BTreeSet},
    thread,
    time::{Duration, Instant},
};

use anyhow::ensure;
use kafka_runtime::{GroupPosition, ReadError, Scanner, members};
use serde_json::Value;
use topology::{Service, Stage, Topic};
use waybill_tests::{Flow, ServiceProcess, until};

use crate::watch::{FOUND_NONE, FOUND_SOME, RECEIVED, RECOVERED, Series};

/// The group gives a member up after 7 s; the broker a transaction that it left open after 15 s, at
/// its next look, which is at most 10 s later.
const TAKEN_OVER_WITHIN: Duration = Duration::from_secs(90);
const ANSWERS_WITHIN: Duration = Duration::from_secs(30);
/// A commit whose transaction has ended is visible after this time, if not at once.
const VISIBLE_AFTER: Duration = Duration::from_millis(500);

/// What a member of a group leaves behind.
pub(crate) struct Estate {
    /// Also the name of the stage, or of the side table.
    group: &'static str,
    partitions: BTreeSet<(Topic, i32)>,
    /// Where it had begun with what comes next.
    begun: BTreeMap<(Topic, i32), i64>,
    /// Partitions with the range that was in doubt, both as a log has them.
    intents: BTreeSet<(String, String)>,
}

impl Estate {
    /// What the dead one has committed last. To be asked before anyone else commits.
    pub(crate) fn of(flow: &Flow, group: &'static str) -> anyhow::Result<Self> {
        let mut scanner = scanner(flow)?;
        let mut before = None;
        let positions = until("what was committed is visible", ANSWERS_WITHIN, || {
            // A broker that is slow to answer is asked again.
            let Ok(now) = scanner.group_positions(group, &topics_of(group)) else {
                return Ok(None);
            };
            let same = before.as_ref() == Some(&now);
            before = Some(now.clone());
            thread::sleep(VISIBLE_AFTER);
            Ok(same.then_some(now))
        })?;
        let mut estate = Self {
            group,
            partitions: BTreeSet::new(),
            begun: BTreeMap::new(),
            intents: BTreeSet::new(),
        };
        for at in positions {
            let partition = (at.topic, at.partition);
            estate.partitions.insert(partition);
            let begun = at.offset.filter(|_| !at.metadata.is_empty());
            estate.begun.extend(begun.map(|offset| (partition, offset)));
            let intent = intent_in(&at.metadata);
            estate.intents.extend(intent.map(|it| (format!("{partition:?}"), it)));
        }
        Ok(estate)
    }

    /// How many ranges were in doubt.
    pub(crate) fn in_doubt(&self) -> usize {
        self.intents.len()
    }

    /// Starts `heir`, unless it runs, and waits until the group has given it all partitions, each
    /// intent is settled, and it has committed past all that the dead one had begun: who dies again
    /// and again before, on the same record, is taken for killed by it. Tells how that went.
    pub(crate) fn taken_by(&self, flow: &Flow, heir: &ServiceProcess) -> anyhow::Result<String> {
        let begun = Instant::now();
        let log_before = heir.log().len();
        if !heir.is_running() {
            heir.start()?;
        }
        let mut scanner = scanner(flow)?;
        let said = || heir.log().get(log_before..).unwrap_or_default().to_owned();
        let mut last = String::new();
        let taken = until(&format!("{heir} has taken over"), TAKEN_OVER_WITHIN, || {
            ensure!(heir.is_running(), "{heir} has ended");
            let (holder, unmoved) = (self.holder(flow), self.unmoved(&mut scanner));
            let (unsettled, received) = (self.unsettled(&said()), self.counted(heir, RECEIVED));
            last = format!(
                "held by {holder:?}, unsettled {unsettled:?}, unmoved {unmoved:?}, received {received}"
            );
            let is_his =
                holder.is_ok_and(|it| it == Some(format!("{}-{}", self.group, heir.slot())));
            let is_done = unsettled.is_empty() && unmoved.is_ok_and(|it| it.is_empty());
            Ok((is_his && is_done && received > 0).then_some(()))
        });
        taken.map_err(|error| error.context(format!("{last}\n{}", heir.log_tail())))?;
        let did = match self.group {
            STITCH => format!("{} changes restored", restored(&said())),
            _ => self.settled(heir),
        };
        let (slot, seconds) = (heir.slot(), begun.elapsed().as_secs());
        Ok(format!("slot {slot} took over within {seconds} s: {did}"))
    }

    /// The client that has all partitions, as the broker sees it.
    fn holder(&self, flow: &Flow) -> Result<Option<String>, ReadError> {
        let members = members(flow.kafka(), self.group, ANSWERS_WITHIN)?;
        let holder = members.into_iter().find(|it| it.partitions == self.partitions);
        Ok(holder.map(|it| it.client_id))
    }

    /// The positions that stand where the dead one left them.
    fn unmoved(&self, scanner: &mut Scanner) -> Result<Vec<(Topic, i32)>, ReadError> {
        let now = scanner.group_positions(self.group, &topics_of(self.group))?;
        let moved =
            |at: &GroupPosition| at.offset > self.begun.get(&(at.topic, at.partition)).copied();
        let begun = now.iter().filter(|at| self.begun.contains_key(&(at.topic, at.partition)));
        Ok(begun.filter(|at| !moved(at)).map(|at| (at.topic, at.partition)).collect())
    }

    /// The intents that this log does not say are being settled.
    fn unsettled(&self, log: &str) -> Vec<&(String, String)> {
        let settled: BTreeSet<_> = lines(log, "settling an intent")
            .filter(|line| line["sink"] == self.group)
            .filter_map(|line| {
                let text = |name: &str| line[name].as_str().map(str::to_owned);
                Some((text("partition")?, intent_in(&text("intent")?)?))
            })
            .collect();
        self.intents.iter().filter(|intent| !settled.contains(*intent)).collect()
    }

    fn settled(&self, heir: &ServiceProcess) -> String {
        let found = [("all", RECOVERED), ("none", FOUND_NONE), ("some", FOUND_SOME)]
            .map(|(what, series)| format!("{what} {}", self.counted(heir, series)));
        format!("{} intents left and settled; found {}", self.in_doubt(), found.join(", "))
    }

    /// What `heir` has counted for the group.
    fn counted(&self, heir: &ServiceProcess, (name, labels): Series) -> u64 {
        let own = format!("=\"{}\"", self.group);
        let labels: Vec<&str> = labels.iter().copied().chain([own.as_str()]).collect();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count")]
        let count = heir.metrics().map_or(0.0, |all| all.sum(name, &labels)) as u64;
        count
    }
}

const STITCH: &str = Stage::IdentityStitch.name();

/// Whether what a service does is moved to another slot by more than an assignment: it has intents,
/// or a state.
pub(crate) const fn has_estate(service: Service) -> bool {
    matches!(service, Service::Forward | Service::IdentityStitch)
}

fn scanner(flow: &Flow) -> anyhow::Result<Scanner> {
    Ok(Scanner::new(flow.kafka(), "waybill-tests")?)
}

/// The range that an intent tells of. What bundle it is in is behind that.
fn intent_in(text: &str) -> Option<String> {
    text.split(' ').find(|word| word.starts_with("load:")).map(str::to_owned)
}

/// What the group reads.
fn topics_of(group: &str) -> Vec<Topic> {
    let stage = Stage::ALL.into_iter().find(|stage| stage.group() == group);
    stage.map_or(vec![Topic::DiscardedEvents], Stage::reads)
}

/// Changes that were taken from the changelogs.
fn restored(log: &str) -> u64 {
    lines(log, "caught up").filter_map(|line| line["changes"].as_u64()).sum()
}

fn lines<'l>(log: &'l str, message: &'static str) -> impl Iterator<Item = Value> + 'l {
    let parsed = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    parsed.filter(move |line| line["message"] == message)
}
