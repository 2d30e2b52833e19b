//! A span closes when its last record has gone through every stage, and not before.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::collections::BTreeMap;

use event::{Origin, Waybill};
use reconciliation::{Barrier, Books, Entry, Holder, Progress, Standing};
use topology::{Stage, TOPICS, Topic};

fn entry(topic: Topic, offset: i64) -> Entry {
    let origin = Origin { epoch: 0, partition: 0, offset };
    let waybill = (topic != Topic::RawEvents).then_some(Waybill { origin, appended_at: 0 });
    Entry {
        topic,
        partition: 0,
        offset,
        timestamp: Some(0),
        waybill,
        stage: None,
        reason: None,
        settles: None,
    }
}

/// One partition for each topic; each topic of the flow holds records 0 to 9 and then, but for
/// `raw-events`, a commit marker at 10.
fn settled() -> (Books, Progress) {
    let mut books = Books::new(0);
    let mut progress = Progress::default();
    for spec in TOPICS {
        progress.ends.insert((spec.topic, 0), 0);
        progress.read.insert((spec.topic, 0), 0);
    }
    for stage in Stage::ALL {
        let topic = stage.input();
        let end = if topic == Topic::RawEvents { 10 } else { 11 };
        (0..10).for_each(|offset| books.note(&entry(topic, offset)));
        progress.ends.insert((topic, 0), end);
        progress.read.insert((topic, 0), end);
        progress.committed.insert((stage, topic, 0), 10);
    }
    progress.last.clone_from(books.last_read());
    (books, progress)
}

fn standing(books: &Books, progress: &Progress) -> Standing {
    Barrier::new(books.whole_span(), progress).advance(books, progress)
}

fn holder(standing: &Standing) -> Option<Holder> {
    match standing {
        Standing::Closed => None,
        Standing::Open { held_by, .. } => Some(*held_by),
    }
}

#[test]
fn a_settled_pipeline_closes_at_once_although_commit_markers_use_offsets() {
    let (books, progress) = settled();
    assert_eq!(standing(&books, &progress), Standing::Closed);
}

#[test]
fn nothing_at_all_is_closed() {
    let (_, mut progress) = settled();
    progress = Progress { committed: BTreeMap::new(), last: BTreeMap::new(), ..progress };
    progress.ends.values_mut().for_each(|end| *end = 0);
    assert_eq!(standing(&Books::new(0), &progress), Standing::Closed);
}

#[test]
fn the_stage_that_has_not_committed_is_named_with_place_and_offsets() {
    for stage in Stage::ALL {
        let (books, mut progress) = settled();
        progress.committed.insert((stage, stage.input(), 0), 9);
        let Standing::Open { held_by, detail } = standing(&books, &progress) else {
            panic!("{stage} is behind");
        };
        assert_eq!(held_by, Holder::Stage(stage));
        assert_eq!(detail, format!("has committed 9 of 10 on {} partition 0", stage.input()));
    }
}

#[test]
fn a_stage_that_never_committed_holds_the_span() {
    let (books, mut progress) = settled();
    progress.committed.remove(&(Stage::Enrich, Topic::ValidatedEvents, 0));
    assert_eq!(holder(&standing(&books, &progress)), Some(Holder::Stage(Stage::Enrich)));
}

#[test]
fn a_redriven_record_holds_the_span_until_its_stage_has_taken_it() {
    for stage in Stage::ALL {
        let (mut books, mut progress) = settled();
        let topic = stage.redrive();
        books.note(&entry(topic, 0));
        progress.ends.insert((topic, 0), 1);
        progress.last.clone_from(books.last_read());
        assert_eq!(holder(&standing(&books, &progress)), Some(Holder::Auditor));
        progress.read.insert((topic, 0), 1);
        assert_eq!(holder(&standing(&books, &progress)), Some(Holder::Stage(stage)));
        progress.committed.insert((stage, topic, 0), 1);
        assert_eq!(standing(&books, &progress), Standing::Closed);
    }
}

#[test]
fn the_auditor_holds_the_span_until_it_has_read_every_fate() {
    let fates = Stage::ALL.into_iter().map(Stage::dead_letters).chain([Topic::DiscardedEvents]);
    for topic in fates {
        let (books, mut progress) = settled();
        progress.ends.insert((topic, 0), 2);
        assert_eq!(holder(&standing(&books, &progress)), Some(Holder::Auditor), "{topic}");
        progress.read.insert((topic, 0), 2);
        assert_eq!(standing(&books, &progress), Standing::Closed);
    }
}

#[test]
fn the_ends_are_those_at_the_commit_and_later_records_do_not_hold_the_span() {
    let (books, progress) = settled();
    let mut behind = progress.clone();
    behind.committed.insert((Stage::Validate, Topic::RawEvents, 0), 9);
    let mut barrier = Barrier::new(books.whole_span(), &behind);
    assert_ne!(barrier.advance(&books, &behind), Standing::Closed);

    let mut reading = progress.clone();
    reading.read.insert((Topic::ValidatedEvents, 0), 5);
    assert_eq!(holder(&barrier.advance(&books, &reading)), Some(Holder::Auditor));

    let mut later = progress;
    later.ends.insert((Topic::ValidatedEvents, 0), 1000);
    later.ends.insert((Topic::RawEvents, 0), 1000);
    assert_eq!(barrier.advance(&books, &later), Standing::Closed);
}
