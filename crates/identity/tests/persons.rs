//! Who did it, and which links an event makes.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

#[allow(dead_code, reason = "each test file uses a part")]
mod remembered;

use event::{EnrichedEvent, IdentityFacts};
use identity::{Changes, PersonId, device_hash, stitch};
use pipeline::Verdict;
use proptest::prelude::*;
use remembered::{Remembered, at, rules, with_ids};

fn play(past: &mut Remembered, event: EnrichedEvent, offset: i64) -> (IdentityFacts, Changes) {
    let (verdict, changes) = stitch(event, &at(offset, 0), &rules(), past).unwrap();
    past.keep(&changes);
    let Verdict::Emit(stitched) = verdict else { panic!("{verdict:?} is not emitted") };
    (stitched.identity, changes)
}

#[test]
fn the_person_follows_from_the_best_id_of_the_event() {
    let cases = [
        (Some("a"), Some("u"), PersonId::of_user("u"), "user_id"),
        (None, Some("u"), PersonId::of_user("u"), "user_id"),
        (Some("a"), None, PersonId::of_anonymous("a"), "anonymous_id"),
        (Some("a"), Some(""), PersonId::of_anonymous("a"), "anonymous_id"),
        (None, None, PersonId::of_message("web/app", "m"), "message_id"),
    ];
    for (anonymous_id, user_id, person, basis) in cases {
        let event = with_ids("m", "track", anonymous_id, user_id);
        let (facts, _) = play(&mut Remembered::default(), event, 1);
        assert_eq!((facts.person_id, facts.basis.as_str()), (person.to_string(), basis));
        assert_eq!(facts.link_origin, None);
    }
}

#[test]
fn later_anonymous_events_of_a_linked_device_carry_the_users_person() {
    let mut past = Remembered::default();
    let (before, _) = play(&mut past, with_ids("m1", "page", Some("a"), None), 1);
    play(&mut past, with_ids("m2", "identify", Some("a"), Some("u")), 2);
    let (after, _) = play(&mut past, with_ids("m3", "page", Some("a"), None), 3);
    assert_eq!(before.basis, "anonymous_id");
    assert_eq!(after.basis, "link");
    assert_eq!(after.person_id, PersonId::of_user("u").to_string());
    assert_eq!(after.user_id.as_deref(), Some("u"));
    assert_eq!(after.link_origin.as_deref(), Some("0-0-2"));
}

#[test]
fn an_event_makes_the_links_that_its_ids_tell() {
    let cases = [
        ("identify", Some("a"), None, Some("u"), &[("a", "identify")][..]),
        ("track", Some("a"), None, Some("u"), &[("a", "both-ids")]),
        ("track", Some("a"), Some("p"), Some("u"), &[("a", "both-ids")]),
        ("alias", Some("a"), None, Some("u"), &[("a", "alias")]),
        ("alias", None, Some("p"), Some("u"), &[("p", "alias")]),
        ("alias", Some("a"), Some("p"), Some("u"), &[("a", "alias"), ("p", "alias")]),
        ("alias", Some("a"), Some("a"), Some("u"), &[("a", "alias")]),
        ("alias", None, Some("u"), Some("u"), &[]),
        ("identify", Some("a"), None, None, &[]),
        ("identify", Some(""), None, Some("u"), &[]),
        ("identify", None, None, Some("u"), &[]),
        ("alias", None, Some("p"), None, &[]),
    ];
    for (kind, anonymous_id, previous_id, user_id, expected) in cases {
        let mut event = with_ids("m", kind, anonymous_id, user_id);
        event.event.previous_id = previous_id.map(Into::into);
        let (_, changes) = play(&mut Remembered::default(), event, 1);
        let made: Vec<_> =
            changes.links.iter().map(|link| (&*link.anonymous_id, &*link.rule)).collect();
        assert_eq!(made, expected, "{kind} {anonymous_id:?} {previous_id:?} {user_id:?}");
    }
}

#[test]
fn the_state_of_a_device_stays_in_the_partition_of_its_key() {
    let mut keyed_otherwise = with_ids("m", "track", Some("a"), Some("u"));
    keyed_otherwise.validation.device_key = "order-7".into();
    let (_, changes) = play(&mut Remembered::default(), keyed_otherwise, 1);
    assert_eq!(changes.links.len(), 1);
    assert_eq!(changes.device, None);
}

#[test]
fn a_repeat_makes_no_link() {
    let mut past = Remembered::default();
    play(&mut past, with_ids("m", "identify", Some("a"), Some("u")), 1);
    let again = with_ids("m", "identify", Some("a"), Some("u"));
    let (_, changes) = stitch(again, &at(2, 0), &rules(), &past).unwrap();
    assert_eq!(changes, Changes::default());
}

proptest! {
    #[test]
    fn the_users_of_a_device_do_not_depend_on_the_order_in_which_its_links_arrive(
        links in prop::collection::vec((0..4_u8, 0..200_000_i64), 1..12),
        seed in any::<prop::sample::Index>(),
    ) {
        let told: Vec<(i64, u8, i64)> =
            (0..).zip(&links).map(|(offset, (user, time))| (offset, *user, *time)).collect();
        let mut shuffled = told.clone();
        shuffled.rotate_left(seed.index(told.len()));
        shuffled.reverse();
        prop_assert_eq!(device_after(&told), device_after(&shuffled));
    }
}

fn device_after(told: &[(i64, u8, i64)]) -> event::IdentityState {
    let mut past = Remembered::default();
    for (offset, user, time) in told {
        let mut event =
            with_ids(&format!("m{offset}"), "track", Some("a"), Some(&format!("u{user}")));
        event.event.timestamp = *time;
        play(&mut past, event, *offset);
    }
    past.devices[&device_hash("a")].clone()
}
