//! Random fates, redrives included: what was deleted from the warehouse, lost by a stage or
//! duplicated is named exactly, and nothing else.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::collections::{BTreeMap, BTreeSet};

use event::{Origin, Waybill};
use pipeline::{DiscardReason, RejectReason};
use proptest::{collection::vec, prelude::*, sample::Index};
use reconciliation::{Books, Entry, OriginSet, Reason, WarehouseView, reconcile};
use topology::{Stage, Topic};

/// What becomes of an event at the stage where its way ends, or is interrupted.
#[derive(Debug, Clone)]
enum End {
    Loaded,
    Discarded(usize),
    Dead(usize),
    /// Swallowed by a stage: no fate at all.
    Lost(usize),
    /// Dead at a stage, then sent in again there: once, or twice by mistake.
    Redriven(usize, bool, Box<End>),
}

fn end_after(stage: usize) -> BoxedStrategy<End> {
    prop_oneof![
        6 => Just(End::Loaded),
        1 => (stage..3).prop_map(End::Discarded).boxed(),
        1 => (stage..4).prop_map(End::Dead),
        1 => (stage..4).prop_map(End::Lost),
    ]
    .boxed()
}

fn any_end() -> impl Strategy<Value = End> {
    let redriven = (0..3_usize, any::<bool>()).prop_flat_map(|(stage, twice)| {
        end_after(stage).prop_map(move |end| End::Redriven(stage, twice, Box::new(end)))
    });
    prop_oneof![4 => end_after(0), 1 => redriven]
}

/// The topics as lists of entries, in the order in which they were written.
#[derive(Default)]
struct Logs(BTreeMap<(Topic, i32), Vec<Entry>>);

impl Logs {
    fn write(&mut self, topic: Topic, origin: Origin) -> &mut Entry {
        let log = self.0.entry((topic, origin.partition)).or_default();
        // Every third offset: commit markers and the like lie between.
        let offset = i64::try_from(log.len()).unwrap() * 3;
        log.push(Entry {
            topic,
            partition: origin.partition,
            offset,
            timestamp: Some(0),
            waybill: Some(Waybill { origin, appended_at: 0 }),
            stage: None,
            reason: None,
            settles: None,
        });
        log.last_mut().unwrap()
    }

    /// Lets an event run from stage `from` to its end. Returns whether it reaches the warehouse.
    fn run(&mut self, origin: Origin, from: usize, end: &End) -> bool {
        let last = match end {
            End::Loaded => 4,
            End::Discarded(at) | End::Dead(at) | End::Lost(at) | End::Redriven(at, ..) => *at,
        };
        for stage in &Stage::ALL[from..last] {
            if let Some(output) = stage.output() {
                self.write(output, origin);
            }
        }
        match end {
            End::Loaded => true,
            End::Lost(_) => false,
            End::Discarded(at) => {
                let discard = self.write(Topic::DiscardedEvents, origin);
                discard.stage = Some(Stage::ALL[*at]);
                discard.reason = Some(Reason::Discard(DiscardReason::Repeat));
                false
            }
            End::Dead(at) => {
                self.bury(origin, *at);
                false
            }
            End::Redriven(at, twice, end) => {
                let place = self.bury(origin, *at);
                let redrive = Stage::ALL[*at].redrive();
                self.write(redrive, origin).settles = Some(place);
                if *twice {
                    self.write(redrive, origin).settles = Some(place);
                    let copy = self.write(Topic::DiscardedEvents, origin);
                    copy.stage = Some(Stage::IdentityStitch);
                    copy.reason = Some(Reason::Discard(DiscardReason::AlreadyEmitted));
                }
                self.run(origin, *at, end)
            }
        }
    }

    fn bury(&mut self, origin: Origin, at: usize) -> (i32, i64) {
        let letter = self.write(Topic::DeadLetters(Stage::ALL[at]), origin);
        letter.reason = Some(Reason::Reject(RejectReason::InvalidField));
        (letter.partition, letter.offset)
    }

    /// Reads the topics in some interleaving; each partition in its own order.
    fn read(self, picks: &[Index]) -> Books {
        let mut books = Books::new(0);
        let mut logs: Vec<_> = self.0.into_values().map(|log| log.into_iter().peekable()).collect();
        let mut picks = picks.iter().cycle();
        while !logs.is_empty() {
            let at = picks.next().unwrap().index(logs.len());
            match logs[at].next() {
                Some(entry) => books.note(&entry),
                None => drop(logs.swap_remove(at)),
            }
        }
        books
    }
}

fn lost_at(end: &End) -> Option<Stage> {
    match end {
        End::Lost(at) => Some(Stage::ALL[*at]),
        End::Redriven(_, _, end) => lost_at(end),
        _ => None,
    }
}

proptest! {
    #[test]
    fn what_is_missing_or_duplicated_is_named_exactly(
        ends in vec(any_end(), 1..120),
        deleted in vec(any::<Index>(), 0..4),
        doubled in vec(any::<Index>(), 0..4),
        picks in vec(any::<Index>(), 1..50),
    ) {
        let mut logs = Logs::default();
        let mut warehouse = BTreeSet::new();
        let mut missing = OriginSet::default();
        let mut guilty = BTreeMap::new();
        for (number, end) in ends.iter().enumerate() {
            let partition = i32::try_from(number % 3).unwrap();
            let key = (Topic::RawEvents, partition);
            let offset = i64::try_from(logs.0.get(&key).map_or(0, Vec::len)).unwrap() * 3;
            let origin = Origin { epoch: 0, partition, offset };
            logs.write(Topic::RawEvents, origin).waybill = None;
            if logs.run(origin, 0, end) {
                warehouse.insert(origin);
            }
            if let Some(stage) = lost_at(end) {
                missing.insert(origin);
                guilty.insert(origin, stage);
            }
        }
        let loaded: Vec<_> = warehouse.iter().copied().collect();
        let mut duplicated = BTreeMap::new();
        if !loaded.is_empty() {
            let (doubled, deleted): (Vec<_>, Vec<_>) = (
                doubled.iter().map(|pick| *pick.get(&loaded)).collect(),
                deleted.iter().map(|pick| *pick.get(&loaded)).collect(),
            );
            duplicated.extend(doubled.iter().map(|origin| (*origin, 2)));
            for origin in deleted.iter().filter(|origin| !doubled.contains(origin)) {
                warehouse.remove(origin);
                missing.insert(*origin);
                guilty.insert(*origin, Stage::ForwardClickhouse);
            }
        }
        let duplicated: Vec<(Origin, u64)> = duplicated.into_iter().collect();
        let view = WarehouseView {
            present: warehouse.iter().copied().collect(),
            duplicated: duplicated.clone(),
            ..WarehouseView::default()
        };

        let books = logs.read(&picks);
        let verdict = reconcile(&books, &view, &books.whole_span());

        prop_assert_eq!(&verdict.missing, &missing);
        prop_assert_eq!(&verdict.duplicated, &duplicated);
        prop_assert_eq!(verdict.is_balanced(), missing.is_empty() && duplicated.is_empty());
        for lost in &verdict.lost {
            prop_assert_eq!(lost.owed_by, guilty[&lost.origin]);
        }
        prop_assert_eq!(verdict.raw, u64::try_from(ends.len()).unwrap());
        let fates = verdict.loaded + verdict.discarded + verdict.dead + verdict.missing.len();
        prop_assert_eq!(fates, verdict.raw);
        prop_assert!(verdict.unissued.is_empty() && verdict.strangers.is_empty());
    }
}
