//! What the books make of single records.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use event::{Millis, Origin, Waybill};
use pipeline::{DiscardReason, RejectReason};
use reconciliation::{
    Books, Entry, Hour, OriginSet, Reason, Strangeness, WarehouseView, reconcile,
};
use topology::{Stage, Topic};

const HOUR: Millis = 3_600_000;
const A: Origin = Origin { epoch: 0, partition: 0, offset: 0 };

fn entry(topic: Topic, offset: i64, timestamp: Millis) -> Entry {
    Entry {
        topic,
        partition: 0,
        offset,
        timestamp: Some(timestamp),
        waybill: None,
        stage: None,
        reason: None,
        settles: None,
    }
}

fn of(origin: Origin, entry: Entry) -> Entry {
    Entry { waybill: Some(Waybill { origin, appended_at: 0 }), ..entry }
}

fn one_event() -> Books {
    let mut books = Books::new(0);
    books.note(&entry(Topic::RawEvents, 0, 0));
    books
}

#[test]
fn hours_are_offset_ranges_and_stay_in_order_when_the_brokers_clock_steps_back() {
    let mut books = Books::new(0);
    for (offset, time) in [(5, 0), (6, HOUR - 1), (7, HOUR), (8, HOUR - 1), (20, 4 * HOUR)] {
        books.note(&entry(Topic::RawEvents, offset, time));
    }
    assert_eq!(books.hours().into_iter().collect::<Vec<_>>(), [Hour(0), Hour(1), Hour(4)]);
    let range = |hour| books.span_of(Hour(hour)).offsets.get(&0).cloned();
    assert_eq!(range(0), Some(5..7));
    assert_eq!(range(1), Some(7..20));
    assert_eq!(range(2), None);
    assert_eq!(range(4), Some(20..21));
    assert!(books.is_over(Hour(1), 0) && !books.is_over(Hour(4), 0));
}

#[test]
fn a_record_that_was_read_before_is_not_counted_again() {
    let mut books = one_event();
    let once = of(A, entry(Topic::ValidatedEvents, 0, 0));
    books.note(&once);
    books.note(&once);
    assert_eq!(books.records()[&Topic::ValidatedEvents], 1);
    assert!(books.repeated(&books.whole_span()).is_empty());
    books.note(&of(A, entry(Topic::ValidatedEvents, 1, 0)));
    let repeated = books.repeated(&books.whole_span());
    assert!(repeated[&Topic::ValidatedEvents].contains(A));
}

#[test]
fn a_producer_cannot_choose_its_number() {
    let mut books = Books::new(3);
    books.note(&of(A, entry(Topic::RawEvents, 9, 0)));
    let raw: Vec<_> = books.raw().iter().collect();
    assert_eq!(raw, [Origin { epoch: 3, partition: 0, offset: 9 }]);
}

#[test]
fn a_record_without_a_number_is_a_stranger_of_its_own_hour_and_unbalances_it() {
    let mut books = one_event();
    books.note(&entry(Topic::EnrichedEvents, 4, 10));
    let view = WarehouseView { present: [A].into_iter().collect(), ..WarehouseView::default() };
    let verdict = reconcile(&books, &view, &books.span_of(Hour(0)));
    assert_eq!(verdict.strangers[0].what, Strangeness::NoWaybill);
    assert!(!verdict.is_balanced());
    assert!(books.strangers(&books.span_of(Hour(1))).is_empty());
}

#[test]
fn a_discard_that_does_not_say_why_or_is_of_a_copy_is_no_fate() {
    let discard = of(A, entry(Topic::DiscardedEvents, 0, 0));
    let copy = Some(Reason::Discard(DiscardReason::AlreadyEmitted));
    let stitch = Some(Stage::IdentityStitch);
    let cases = [
        Entry { stage: stitch, reason: None, ..discard },
        Entry { stage: None, reason: copy, ..discard },
        Entry { stage: stitch, reason: copy, ..discard },
    ];
    for case in cases {
        let mut books = one_event();
        books.note(&case);
        let verdict = reconcile(&books, &WarehouseView::default(), &books.whole_span());
        assert_eq!(verdict.missing.len(), 1, "{case:?}");
    }
}

#[test]
fn a_row_that_nobody_sent_and_a_fate_that_is_contested_are_shown() {
    let mut books = one_event();
    books.note(&entry(Topic::RawEvents, 2, 0));
    let reason = Some(Reason::Reject(RejectReason::RefusedRow));
    let dead = of(A, entry(Topic::DeadLetters(Stage::ForwardClickhouse), 0, 0));
    books.note(&Entry { reason, ..dead });
    let present: OriginSet = (0..5).map(|offset| Origin { offset, ..A }).collect();
    let view = WarehouseView { present, ..WarehouseView::default() };
    let verdict = reconcile(&books, &view, &books.whole_span());
    assert_eq!(verdict.unissued.iter().collect::<Vec<_>>(), [Origin { offset: 1, ..A }]);
    assert!(verdict.contested.contains(A));
    assert_eq!((verdict.raw, verdict.loaded, verdict.dead), (2, 2, 0));
}

#[test]
fn a_redriven_event_owes_a_new_fate_and_opens_its_hour_again() {
    let mut books = one_event();
    books.note(&of(A, entry(Topic::DeadLetters(Stage::Enrich), 0, 0)));
    books.note(&of(A, entry(Topic::ValidatedEvents, 0, 0)));
    let verdict = reconcile(&books, &WarehouseView::default(), &books.whole_span());
    assert!(verdict.is_balanced() && !verdict.is_complete());
    let redriven = of(A, entry(Topic::Redrive(Stage::Enrich), 0, 0));
    books.note(&Entry { settles: Some((0, 0)), ..redriven });
    let verdict = reconcile(&books, &WarehouseView::default(), &books.whole_span());
    assert_eq!(verdict.lost[0].last_seen, Topic::Redrive(Stage::Enrich));
    assert_eq!(verdict.lost[0].owed_by, Stage::Enrich);
    assert!(books.take_redriven().contains(A) && books.take_redriven().is_empty());
}

#[test]
fn what_was_erased_is_neither_missing_nor_awaits_repair_whatever_became_of_it_before() {
    let mut books = Books::new(0);
    for offset in 0..4 {
        books.note(&entry(Topic::RawEvents, offset, 0));
    }
    let origin = |offset| Origin { offset, ..A };
    let reason = Some(Reason::Reject(RejectReason::RefusedRow));
    let dead = of(origin(1), entry(Topic::DeadLetters(Stage::ForwardClickhouse), 0, 0));
    books.note(&Entry { reason, ..dead });
    let repeat = Some(Reason::Discard(DiscardReason::Repeat));
    let dropped = of(origin(2), entry(Topic::DiscardedEvents, 0, 0));
    books.note(&Entry { stage: Some(Stage::IdentityStitch), reason: repeat, ..dropped });
    let erased: OriginSet = (0..3).chain([9]).map(origin).collect();
    // Noted, and not deleted yet.
    let view =
        WarehouseView { present: [A].into_iter().collect(), erased, ..WarehouseView::default() };
    let verdict = reconcile(&books, &view, &books.whole_span());
    assert_eq!((verdict.loaded, verdict.erased, verdict.discarded, verdict.dead), (1, 2, 0, 0));
    assert_eq!(verdict.missing.iter().collect::<Vec<_>>(), [origin(3)]);
    assert!(verdict.discarded_by.is_empty() && verdict.dead_by.is_empty());
    assert!((verdict.shortfall() - 0.25).abs() < f64::EPSILON);
}
