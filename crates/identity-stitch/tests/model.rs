//! Any history with crashes, aborts and lost disks gives what a simple reference gives that never
//! fails.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

#[allow(dead_code, reason = "each test file uses a part")]
mod world;

use std::collections::{BTreeSet, HashMap};

use event::Millis;
use identity_stitch::{FjallStores, MemoryStores, Stores};
use kafka_runtime::{Fate, Processed, Processor as _};
use proptest::prelude::*;
use schema_registry::Registry;
use world::{DAY_MS, Input, MemoryLog, append_changes, emitted, event, input, process, stitcher};

const PARTITIONS: i32 = 2;

#[derive(Debug, Clone)]
struct Told {
    partition: i32,
    message: u8,
    payload: u8,
    /// A copy of an earlier number, of the same message.
    copy_of: Option<usize>,
    device: Option<u8>,
    user: Option<u8>,
    time: i64,
    appended_at: Millis,
}

fn told() -> impl Strategy<Value = Told> {
    let ids = (prop::option::of(0..3_u8), prop::option::weighted(0.3, 0..2_u8));
    let copy = prop::option::weighted(0.2, any::<prop::sample::Index>());
    (0..PARTITIONS, 0..6_u8, 0..2_u8, copy, ids, 0..9_i64, 0..3 * DAY_MS).prop_map(
        |(partition, message, payload, copy, (device, user), time, appended_at)| Told {
            partition,
            message,
            payload,
            copy_of: copy.map(|index| index.index(1_000)),
            device,
            user,
            time,
            appended_at,
        },
    )
}

/// How a batch of so many records ends.
#[derive(Debug, Clone)]
enum End {
    Committed,
    Aborted,
    KilledBeforeCommit,
    /// The log has the batch; the store was never told.
    KilledAfterCommit,
    /// The disk of a partition is lost.
    Wiped(i32),
}

fn end() -> impl Strategy<Value = End> {
    prop_oneof![
        4 => Just(End::Committed),
        1 => Just(End::Aborted),
        1 => Just(End::KilledBeforeCommit),
        1 => Just(End::KilledAfterCommit),
        1 => (0..PARTITIONS).prop_map(End::Wiped),
    ]
}

/// What is seen of a fate from outside.
#[derive(Debug, Clone, PartialEq)]
enum Outcome {
    Emitted { basis: String, user: Option<String>, link: Option<String>, flagged: bool },
    Dropped { word: &'static str, first: Option<i64> },
}

fn outcome(registry: &Registry, processed: &Processed) -> Outcome {
    match &processed.fate {
        Fate::Discard(discarded) => Outcome::Dropped {
            word: discarded.reason.word(),
            first: discarded.first.map(|origin| origin.offset),
        },
        Fate::Emit { .. } => {
            let facts = emitted(registry, processed).unwrap().identity;
            let flagged = !facts.flags.is_empty();
            let (basis, user, link) = (facts.basis, facts.user_id, facts.link_origin);
            Outcome::Emitted { basis, user, link, flagged }
        }
        Fate::Reject(rejected) => panic!("{rejected:?}"),
    }
}

/// Says the rules again, over plain maps, with ids instead of hashes.
#[derive(Default)]
struct Reference {
    newest: i64,
    /// Message → first origin and payload, and the day up to which it is filed.
    firsts: HashMap<String, (i64, String, i64)>,
    /// Emitted beside a first: (message, payload) → origin, day.
    others: HashMap<(String, String), (i64, i64)>,
    /// Device → user → first candidate: all event times of the model lie within one minute.
    devices: HashMap<String, HashMap<String, (i64, i64)>>,
}

impl Reference {
    fn judge(&mut self, input: &Input, told: &event::Event) -> Outcome {
        let origin = input.waybill.origin.offset;
        let own_day = input.waybill.appended_at / DAY_MS;
        let today = self.newest.max(own_day);
        let oldest = today - 7;
        let (message, payload) = (told.message_id.clone(), told.properties.clone());
        let first = self.firsts.get(&message).filter(|first| first.2 >= oldest).cloned();
        let flagged = first.is_some();
        if let Some((first_origin, first_payload, _)) = first {
            let others: Vec<_> = self
                .others
                .iter()
                .filter(|((of, _), it)| *of == message && it.1 >= oldest)
                .collect();
            if first_origin == origin || others.iter().any(|(_, it)| it.0 == origin) {
                return Outcome::Dropped { word: "already-emitted", first: None };
            }
            if first_payload == payload {
                return Outcome::Dropped { word: "repeat", first: Some(first_origin) };
            }
            if let Some((_, it)) = others.iter().find(|((_, of), _)| *of == payload) {
                return Outcome::Dropped { word: "repeat", first: Some(it.0) };
            }
            self.others.insert((message.clone(), payload), (origin, today));
            self.firsts.insert(message, (first_origin, first_payload, today));
        } else {
            self.firsts.insert(message, (origin, payload, today));
        }
        self.newest = today;
        self.person(told, origin, input.waybill.origin.partition, flagged)
    }

    fn person(&mut self, told: &event::Event, origin: i64, at: i32, flagged: bool) -> Outcome {
        let (user, device) = (told.user_id.clone(), told.anonymous_id.clone());
        let users = device.as_ref().and_then(|device| self.devices.get(device));
        let latest = users.and_then(|users| users.iter().max_by_key(|(_, first)| **first));
        let linked = latest.map(|(user, first)| (user.clone(), *first));
        if let (Some(user), Some(device)) = (&user, &device) {
            let candidate = (told.timestamp, origin);
            let users = self.devices.entry(device.clone()).or_default();
            let first = users.entry(user.clone()).or_insert(candidate);
            *first = candidate.min(*first);
        }
        let (basis, user, link) = match (user, device, linked) {
            (Some(user), _, _) => ("user_id", Some(user), None),
            (None, Some(_), Some((user, (_, cause)))) => {
                ("link", Some(user), Some(format!("0-{at}-{cause}")))
            }
            (None, Some(_), None) => ("anonymous_id", None, None),
            (None, None, _) => ("message_id", None, None),
        };
        Outcome::Emitted { basis: basis.to_owned(), user, link, flagged }
    }
}

/// Inputs in order; the append times of a partition go up by and by, over some weeks.
fn inputs(registry: &Registry, history: &[Told]) -> Vec<(Input, event::Event)> {
    let mut made: Vec<(Input, event::Event, u8)> = Vec::new();
    for (offset, told) in (0..).zip(history) {
        let copied = told.copy_of.and_then(|index| made.get(index % made.len().max(1)));
        let (partition, origin, message, appended_at) = match copied {
            Some((input, _, message)) => {
                let number = input.waybill.origin;
                (number.partition, number.offset, *message, input.waybill.appended_at)
            }
            None => (told.partition, offset, told.message, told.appended_at + offset * DAY_MS / 4),
        };
        let name = |letter: &str, id: u8| format!("{letter}{id}");
        let device = told.device.map(|id| name("d", id));
        let user = told.user.map(|id| name("u", id));
        let id = name("m", message);
        let mut enriched = event(&id, device.as_deref(), user.as_deref(), told.payload);
        // The ids are part of the payload: told in it, so that the reference sees them as well.
        enriched.event.properties = format!(
            "{:?}",
            [
                told.payload.into(),
                told.device.map_or(99, u16::from),
                told.user.map_or(99, u16::from)
            ]
        );
        enriched.event.timestamp = told.time;
        let made_input = input(registry, partition, (offset, origin, appended_at), &enriched);
        made.push((made_input, enriched.event, message));
    }
    made.into_iter().map(|(input, event, _)| (input, event)).collect()
}

fn play<T: Stores>(
    registry: &Registry,
    inputs: &[(Input, event::Event)],
    ends: &[(usize, End)],
    mut reopen: impl FnMut(Option<i32>) -> T,
) -> Vec<Outcome> {
    let all: Vec<i32> = (0..PARTITIONS).collect();
    let mut log = MemoryLog::default();
    let mut ends = ends.iter();
    let mut outcomes = Vec::new();
    let mut running = Some(stitcher(registry, reopen(None), 2));
    running.as_mut().unwrap().assigned(&all, &mut log).unwrap();
    while outcomes.len() < inputs.len() {
        let (size, end) = ends.next().cloned().unwrap_or((inputs.len(), End::Committed));
        let upto = (outcomes.len() + size).min(inputs.len());
        let batch = &inputs[outcomes.len()..upto];
        let mut stage = running.take().unwrap();
        let told: Vec<_> =
            batch.iter().map(|(input, _)| outcome(registry, &process(&mut stage, input))).collect();
        let written = match end {
            End::Aborted | End::KilledBeforeCommit => {
                let _ = stage.changes().unwrap();
                None
            }
            _ => Some(append_changes(&mut stage, &mut log)),
        };
        if written.is_some() {
            outcomes.extend(told);
        }
        match (&end, written) {
            (End::Committed, Some(written)) => stage.committed(&written).unwrap(),
            (End::Aborted, _) => stage.aborted(),
            _ => {
                drop(stage);
                let lost = if let End::Wiped(partition) = end { Some(partition) } else { None };
                stage = stitcher(registry, reopen(lost), 2);
                stage.assigned(&all, &mut log).unwrap();
            }
        }
        running = Some(stage);
    }
    outcomes
}

fn expected(inputs: &[(Input, event::Event)]) -> Vec<Outcome> {
    let mut references: HashMap<i32, Reference> = HashMap::new();
    inputs
        .iter()
        .map(|(input, told)| {
            let partition = input.record.position.partition;
            references.entry(partition).or_default().judge(input, told)
        })
        .collect()
}

/// Within the window no number is emitted twice.
fn emitted_numbers_are_unique(inputs: &[(Input, event::Event)], outcomes: &[Outcome]) -> bool {
    let mut seen = BTreeSet::new();
    let newest = inputs.iter().map(|(input, _)| input.waybill.appended_at).max().unwrap_or(0);
    let oldest = inputs.iter().map(|(input, _)| input.waybill.appended_at).min().unwrap_or(0);
    newest - oldest >= 7 * DAY_MS
        || inputs.iter().zip(outcomes).all(|((input, _), outcome)| {
            !matches!(outcome, Outcome::Emitted { .. }) || seen.insert(input.waybill.origin)
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    #[test]
    fn crashes_and_lost_state_change_nothing_of_the_output(
        history in prop::collection::vec(told(), 1..60),
        ends in prop::collection::vec((1..8_usize, end()), 0..20),
    ) {
        let (_runtime, registry) = world::offline();
        let inputs = inputs(&registry, &history);
        let stores = MemoryStores::new(7);
        let outcomes = play(&registry, &inputs, &ends, |lost| {
            if let Some(partition) = lost { stores.wipe(partition) }
            stores.clone()
        });
        prop_assert_eq!(&outcomes, &expected(&inputs));
        prop_assert!(emitted_numbers_are_unique(&inputs, &outcomes));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]
    #[test]
    fn the_same_holds_on_disk(
        history in prop::collection::vec(told(), 1..60),
        ends in prop::collection::vec((1..8_usize, end()), 0..12),
    ) {
        let (_runtime, registry) = world::offline();
        let inputs = inputs(&registry, &history);
        let dir = tempfile::tempdir().unwrap();
        let outcomes = play(&registry, &inputs, &ends, |lost| {
            if let Some(partition) = lost {
                std::fs::remove_dir_all(dir.path().join(format!("p{partition}"))).unwrap();
            }
            FjallStores::new(dir.path().to_owned(), 7)
        });
        prop_assert_eq!(&outcomes, &expected(&inputs));
    }
}
