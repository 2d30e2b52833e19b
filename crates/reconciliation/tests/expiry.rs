//! What is booked as expired, and what stays missing.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use event::{LostRange, Millis, Origin, Waybill};
use reconciliation::{
    Books, Ends, Entry, Expiry, Progress, Skip, Verdict, WarehouseView, reconcile,
};
use topology::{Stage, Topic};

const HOUR: Millis = 3_600_000;
const RAW: Topic = Topic::RawEvents;
const VALIDATED: Topic = Topic::ValidatedEvents;

fn origin(offset: i64) -> Origin {
    Origin { epoch: 0, partition: 0, offset }
}

fn note(books: &mut Books, topic: Topic, offset: i64, of: Option<Origin>) {
    books.note(&Entry {
        topic,
        partition: 0,
        offset,
        timestamp: Some(0),
        waybill: of.map(|origin| Waybill { origin, appended_at: 0 }),
        stage: None,
        reason: None,
        settles: None,
    });
}

/// Ten events came in during hour 0; those of `validated` went through validate.
fn books(validated: &[i64]) -> Books {
    let mut books = Books::new(0);
    for offset in 0..10 {
        note(&mut books, RAW, offset, None);
    }
    for (offset, number) in (100..).zip(validated) {
        note(&mut books, VALIDATED, offset, Some(origin(*number)));
    }
    books
}

fn skip(stage: Stage, topic: Topic, from: i64, to: i64) -> Skip {
    Skip {
        stage,
        lost: LostRange { topic: topic.name().to_owned(), partition: 0, from, to },
        at: HOUR,
        who: "ada".to_owned(),
        why: "test".to_owned(),
    }
}

/// The verdict when nothing is in the warehouse; the books begin at offset 0 but where told.
fn judged(books: &Books, skips: Vec<Skip>, begins: &[(Topic, i64)]) -> Verdict {
    let begins: Ends = begins.iter().map(|(topic, offset)| ((*topic, 0), *offset)).collect();
    let mut expiry = Expiry::new(begins);
    for skip in skips {
        expiry.note(skip);
    }
    let mut verdict = reconcile(books, &WarehouseView::default(), &books.whole_span());
    verdict.book_expired(books, &expiry);
    assert_eq!(verdict.lost.len() as u64, verdict.missing.len());
    assert_eq!(verdict.missing.len() + verdict.expired_origins(), 10);
    verdict
}

fn expired(verdict: &Verdict) -> Vec<i64> {
    let origins = verdict.expired.iter().flat_map(|it| it.origins.iter());
    origins.map(|origin| origin.offset).collect()
}

#[test]
fn what_validate_gave_up_is_expired_exactly_and_the_rest_stays_missing() {
    let verdict = judged(&books(&[]), vec![skip(Stage::Validate, RAW, 3, 6)], &[]);
    assert_eq!(expired(&verdict), [3, 4, 5]);
    assert!(verdict.expired[0].is_exact());
    assert!(verdict.missing.contains(origin(2)) && verdict.missing.contains(origin(6)));
    assert!(!verdict.is_balanced());
}

#[test]
fn a_loss_for_which_nothing_was_given_up_stays_missing() {
    let all = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9];
    assert_eq!(expired(&judged(&books(&all), Vec::new(), &[])), [0_i64; 0]);
    // Another stage's skip, and one of another topic, explain nothing.
    let foreign = [
        skip(Stage::IdentityStitch, Topic::EnrichedEvents, 0, 50),
        skip(Stage::Enrich, Stage::Enrich.redrive(), 0, 50),
    ];
    assert_eq!(expired(&judged(&books(&all), foreign.to_vec(), &[])), [0_i64; 0]);
}

#[test]
fn a_later_stage_accounts_for_what_was_seen_last_in_its_input_and_for_no_more_than_it_gave_up() {
    let books = books(&[0, 1, 2, 3, 4]);
    let enough = judged(&books, vec![skip(Stage::Enrich, VALIDATED, 100, 105)], &[]);
    assert_eq!(expired(&enough), [0, 1, 2, 3, 4]);
    assert!(!enough.expired[0].is_exact());
    let small = judged(&books, vec![skip(Stage::Enrich, VALIDATED, 100, 102)], &[]);
    assert_eq!(expired(&small), [0, 1]);
    assert_eq!(small.missing.len(), 8);
}

#[test]
fn what_came_in_after_it_was_given_up_stays_missing() {
    let mut books = books(&[0]);
    let late = 3 * HOUR;
    books.note(&Entry {
        topic: RAW,
        partition: 0,
        offset: 10,
        timestamp: Some(late),
        waybill: None,
        stage: None,
        reason: None,
        settles: None,
    });
    note(&mut books, VALIDATED, 101, Some(origin(10)));
    let mut expiry = Expiry::default();
    expiry.note(skip(Stage::Enrich, VALIDATED, 100, 150));
    let mut verdict = reconcile(&books, &WarehouseView::default(), &books.whole_span());
    verdict.book_expired(&books, &expiry);
    assert_eq!(expired(&verdict), [0]);
    assert!(verdict.missing.contains(origin(10)));
}

#[test]
fn what_the_books_could_not_see_is_accounted_for_by_the_range_that_they_could_not_see() {
    // An auditor that began after validated-events 0 to 99 were gone.
    let books = books(&[]);
    let unseen = skip(Stage::Enrich, VALIDATED, 90, 100);
    let verdict = judged(&books, vec![unseen.clone()], &[(VALIDATED, 100)]);
    assert_eq!(expired(&verdict).len(), 10);
    // One that began before has seen that nothing was there.
    let verdict = judged(&books, vec![unseen.clone()], &[(VALIDATED, 0)]);
    assert_eq!(expired(&verdict), [0_i64; 0]);
    // And what was seen in the topic cannot have been in the range that was not.
    let verdict = judged(&self::books(&[7]), vec![unseen], &[(VALIDATED, 100)]);
    assert!(verdict.missing.contains(origin(7)));
}

#[test]
fn a_range_of_which_more_expires_later_is_one_range() {
    let more = [skip(Stage::Validate, RAW, 3, 5), skip(Stage::Validate, RAW, 3, 8)];
    let verdict = judged(&books(&[]), more.to_vec(), &[]);
    assert_eq!((expired(&verdict), verdict.expired.len()), (vec![3, 4, 5, 6, 7], 1));
}

#[test]
fn what_nobody_could_read_of_raw_events_is_told_by_its_positions() {
    let mut expiry = Expiry::new(Ends::from([((RAW, 0), 20)]));
    expiry.note(skip(Stage::Validate, RAW, 5, 25));
    expiry.note(skip(Stage::Enrich, VALIDATED, 5, 25));
    let unread: Vec<_> = expiry.unread().into_iter().map(|(it, n)| (it.lost.from, n)).collect();
    assert_eq!(unread, [(5, 15)]);
}

#[test]
fn books_in_which_something_expired_may_balance_but_are_not_complete() {
    let mut books = Books::new(0);
    note(&mut books, RAW, 3, None);
    let mut expiry = Expiry::default();
    expiry.note(skip(Stage::Validate, RAW, 3, 4));
    let mut verdict = reconcile(&books, &WarehouseView::default(), &books.whole_span());
    assert!(!verdict.is_balanced());
    verdict.book_expired(&books, &expiry);
    assert!(verdict.is_balanced() && !verdict.is_complete());
}

#[test]
fn what_has_expired_and_nobody_gave_up_accounts_for_nothing_but_what_waits_for_an_order() {
    let books = books(&[]);
    let mut progress = Progress::default();
    progress.committed.insert((Stage::Validate, RAW, 0), 3);
    progress.committed.insert((Stage::Enrich, VALIDATED, 0), 9);
    progress.starts = Ends::from([((RAW, 0), 6), ((VALIDATED, 0), 9)]);
    let mut verdict = reconcile(&books, &WarehouseView::default(), &books.whole_span());
    verdict.book_expired(&books, &Expiry::pending(Ends::new(), &progress));
    assert_eq!(expired(&verdict), [3, 4, 5]);
}
