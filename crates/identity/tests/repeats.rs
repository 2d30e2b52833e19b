//! Each message is emitted exactly once, however often and in whatever order it comes.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

#[allow(dead_code, reason = "each test file uses a part")]
mod remembered;

use std::collections::{BTreeMap, BTreeSet};

use identity::{FLAG_OTHER_PAYLOAD, stitch};
use pipeline::{DiscardReason, Verdict};
use proptest::prelude::*;
use remembered::{DAY_MS, Remembered, at, rules, track};

fn discard(verdict: Verdict<event::IdentityFacts>) -> pipeline::Discarded {
    let Verdict::Discard(discarded) = verdict else { panic!("{verdict:?} is no discard") };
    discarded
}

fn flags(verdict: Verdict<event::IdentityFacts>) -> Vec<String> {
    let Verdict::Emit(identity) = verdict else { panic!("{verdict:?} is not emitted") };
    identity.flags
}

#[test]
fn a_repeat_is_discarded_and_names_the_first_occurrence() {
    let mut past = Remembered::default();
    assert!(flags(past.play(track("m"), &at(1, 0))).is_empty());
    let mut again = track("m");
    again.event.sent_at = Some(99);
    again.event.received_at = 99;
    again.event.timestamp = 1_099;
    let discarded = discard(past.play(again, &at(5, 1)));
    assert_eq!(discarded.reason, DiscardReason::Repeat);
    assert_eq!(discarded.first, Some(at(1, 0).waybill.origin));
}

#[test]
fn a_copy_of_the_same_number_is_already_emitted_whatever_its_payload_is_now() {
    let mut past = Remembered::default();
    let _ = past.play(track("m"), &at(1, 0));
    let mut changed = track("m");
    changed.event.properties = r#"{"email":"hashed"}"#.into();
    for event in [track("m"), changed] {
        assert_eq!(discard(past.play(event, &at(1, 0))).reason, DiscardReason::AlreadyEmitted);
    }
}

#[test]
fn the_same_id_with_another_payload_is_kept_flagged_and_itself_emitted_once() {
    let mut past = Remembered::default();
    let _ = past.play(track("m"), &at(1, 0));
    let mut other = track("m");
    other.event.properties = r#"{"n":2}"#.into();
    assert_eq!(flags(past.play(other.clone(), &at(2, 0))), [FLAG_OTHER_PAYLOAD]);

    let again = discard(past.play(other.clone(), &at(3, 0)));
    assert_eq!((again.reason, again.first), (DiscardReason::Repeat, Some(at(2, 0).waybill.origin)));
    assert_eq!(discard(past.play(other, &at(2, 0))).reason, DiscardReason::AlreadyEmitted);
    assert_eq!(
        discard(past.play(track("m"), &at(2, 0))).reason,
        DiscardReason::AlreadyEmitted,
        "redriven, and now it looks like the first"
    );
    let first = discard(past.play(track("m"), &at(4, 0)));
    assert_eq!(first.first, Some(at(1, 0).waybill.origin), "the stored entry stays the first one");
}

#[test]
fn the_same_id_of_another_source_is_another_message() {
    let mut past = Remembered::default();
    let _ = past.play(track("m"), &at(1, 0));
    let mut other = track("m");
    other.event.source = "server/shop".into();
    assert!(flags(past.play(other, &at(2, 0))).is_empty());
}

#[test]
fn a_repeat_is_recognised_for_the_window_and_the_day_being_filled() {
    for (days_later, emitted) in [(0, false), (7, false), (8, true)] {
        let mut past = Remembered::default();
        let _ = past.play(track("m"), &at(1, 0));
        let verdict = past.play(track("m"), &at(2, days_later * DAY_MS));
        assert_eq!(matches!(verdict, Verdict::Emit(_)), emitted, "{days_later} days later");
    }
}

#[test]
fn another_payload_is_remembered_no_longer_than_the_first_occurrence() {
    let mut past = Remembered::default();
    let mut other = track("m");
    other.event.properties = r#"{"n":2}"#.into();
    let _ = past.play(track("m"), &at(1, 0));
    let _ = past.play(other.clone(), &at(2, 5 * DAY_MS));
    let late = discard(past.play(other, &at(3, 9 * DAY_MS)));
    assert_eq!(late.first, Some(at(2, 0).waybill.origin));
}

#[test]
fn a_late_message_is_filed_under_the_newest_day_not_its_own() {
    let mut past = Remembered::default();
    let _ = past.play(track("new"), &at(1, 30 * DAY_MS));
    let _ = past.play(track("late"), &at(0, 2 * DAY_MS));
    let discarded = discard(past.play(track("late"), &at(2, 30 * DAY_MS)));
    assert_eq!(discarded.reason, DiscardReason::Repeat);
}

#[test]
fn a_past_that_cannot_be_read_is_a_halt() {
    let past = Remembered::default();
    past.gone.set(true);
    assert!(stitch(&track("m"), &at(1, 0), &rules(), &past).is_err());
}

#[derive(Debug, Clone)]
struct Sent {
    source: bool,
    message: u8,
    payload: u8,
    offset: i64,
}

/// Numbers repeat, since a record can be redriven or written twice upstream.
fn sent() -> impl Strategy<Value = Sent> {
    (any::<bool>(), 0..4_u8, 0..3_u8, 0..24_i64)
        .prop_map(|(source, message, payload, offset)| Sent { source, message, payload, offset })
}

fn event_of(sent: &Sent) -> event::EnrichedEvent {
    let mut enriched = track(&format!("m{}", sent.message));
    enriched.event.source = if sent.source { "web/app" } else { "server/shop" }.into();
    enriched.event.properties = format!(r#"{{"n":{}}}"#, sent.payload);
    enriched
}

proptest! {
    #[test]
    fn any_repeats_in_any_order_emit_each_message_exactly_once(
        order in prop::collection::vec((0..6_u8, any::<bool>(), 0..3 * DAY_MS), 1..60)
    ) {
        let mut past = Remembered::default();
        let mut emitted = BTreeMap::new();
        for (offset, (message, source, appended_at)) in (0..).zip(&order) {
            let sent = Sent { source: *source, message: *message, payload: 0, offset };
            let verdict = past.play(event_of(&sent), &at(offset, *appended_at));
            *emitted.entry((*source, *message)).or_insert(0) += i32::from(matches!(verdict, Verdict::Emit(_)));
        }
        prop_assert!(emitted.values().all(|times| *times == 1));
    }

    #[test]
    fn no_number_and_no_payload_of_a_message_is_emitted_twice(
        history in prop::collection::vec(sent(), 1..80)
    ) {
        let mut past = Remembered::default();
        let (mut numbers, mut payloads) = (BTreeSet::new(), BTreeSet::new());
        let mut fates = BTreeSet::new();
        for sent in &history {
            // A number belongs to one message; only its payload may have changed since.
            let sent = Sent { message: u8::try_from(sent.offset % 4).unwrap(), source: sent.offset % 2 == 0, ..sent.clone() };
            match past.play(event_of(&sent), &at(sent.offset, sent.offset)) {
                Verdict::Emit(_) => {
                    prop_assert!(numbers.insert(sent.offset));
                    prop_assert!(payloads.insert((sent.source, sent.message, sent.payload)));
                    fates.insert(sent.offset);
                }
                Verdict::Discard(discarded) if discarded.reason.is_of_a_copy() => {
                    prop_assert!(fates.contains(&sent.offset), "a copy of what was never emitted");
                }
                Verdict::Discard(discarded) => {
                    let first = discarded.first.unwrap().offset;
                    prop_assert!(numbers.contains(&first), "in favour of what was never emitted");
                    prop_assert!(!numbers.contains(&sent.offset));
                }
                Verdict::Reject(rejected) => prop_assert!(false, "{rejected:?}"),
            }
        }
    }

    #[test]
    fn the_step_gives_the_same_for_the_same_and_leaves_the_past_alone(
        history in prop::collection::vec(sent(), 1..30)
    ) {
        let mut past = Remembered::default();
        for sent in &history {
            let (event, cx) = (event_of(sent), at(sent.offset, sent.offset));
            let before = past.clone();
            let once = stitch(&event, &cx, &rules(), &past).unwrap();
            let twice = stitch(&event, &cx, &rules(), &past).unwrap();
            prop_assert_eq!(&once, &twice);
            prop_assert_eq!(&before, &past);
            past.keep(&once.1);
        }
    }
}
