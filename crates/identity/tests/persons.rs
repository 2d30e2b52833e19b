//! Who did it, and which links an event makes.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

#[allow(dead_code, reason = "each test file uses a part")]
mod remembered;

use std::collections::BTreeMap;

use event::{EnrichedEvent, IdentityFacts, IdentityLink, IdentityState};
use identity::{Changes, Limits, PersonId, Refusal, Rules, Told, device_hash, resolve, stitch};
use pipeline::Verdict;
use proptest::prelude::*;
use remembered::{Remembered, at, rules, with_ids};

#[expect(clippy::needless_pass_by_value, reason = "events are made in place")]
fn play(past: &mut Remembered, event: EnrichedEvent, offset: i64) -> (IdentityFacts, Changes) {
    let (verdict, changes) = stitch(&event, &at(offset, 0), &rules(), past).unwrap();
    past.keep(&changes);
    let Verdict::Emit(identity) = verdict else { panic!("{verdict:?} is not emitted") };
    (identity, changes)
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
    let (_, changes) = stitch(&again, &at(2, 0), &rules(), &past).unwrap();
    assert_eq!(changes, Changes::default());
}

/// A history of one device: user, event time; the number of each is its place.
fn told() -> impl Strategy<Value = Vec<(i64, u8, i64)>> {
    prop::collection::vec((0..5_u8, 0..400_000_i64), 1..14)
        .prop_map(|told| (0..).zip(told).map(|(at, (user, time))| (at, user, time)).collect())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn whom_a_device_holds_is_what_the_resolution_holds_in_any_order_of_arrival(
        (told, shuffled) in told().prop_flat_map(|told| (Just(told.clone()), Just(told).prop_shuffle())),
        limit in 1..4_usize,
    ) {
        let (state, links, _) = device_after(&told, limit);
        let (other, _, _) = device_after(&shuffled, limit);
        let held = |state: &IdentityState| -> Vec<_> {
            state.held.iter().map(|user| (user.user_id.clone(), user.first_time, user.first_cause)).collect()
        };
        prop_assert_eq!(held(&state), held(&other));

        let limits = Limits { users_per_device: limit, devices_per_user: 200 };
        let known = resolve(&links, [], limits);
        let mut firsts = BTreeMap::new();
        for candidate in known.devices["a"].candidates.iter().filter(|it| it.refused.is_none()) {
            let first = (candidate.event_time, candidate.cause);
            firsts.entry(candidate.user_id.clone()).or_insert(first);
        }
        let of_state: BTreeMap<_, _> =
            held(&state).into_iter().map(|(user, time, cause)| (user, (time, cause))).collect();
        prop_assert_eq!(of_state, firsts);
    }

    #[test]
    fn where_nobody_is_refused_the_present_person_is_the_one_that_the_resolution_knows(
        told in told().prop_shuffle(),
    ) {
        let (_, links, person) = device_after(&told, 5);
        let known = resolve(&links, [], Limits::default());
        let asked = Told { anonymous_id: Some("a"), time: i64::MAX, ..Told::default() };
        let expected = known.person(asked);
        prop_assert_eq!(person.link_origin, expected.link.map(|origin| origin.to_string()));
        prop_assert_eq!(person.person_id, expected.person_id);
    }
}

/// The state of the device, what was told of it, and the person of an anonymous event afterwards.
fn device_after(
    told: &[(i64, u8, i64)],
    limit: usize,
) -> (IdentityState, Vec<IdentityLink>, IdentityFacts) {
    let rules = Rules { users_per_device: limit, ..rules() };
    let mut past = Remembered::default();
    let mut links = Vec::new();
    let mut play = |event, offset| {
        let (verdict, changes) = stitch(&event, &at(offset, 0), &rules, &past).unwrap();
        past.keep(&changes);
        links.extend(changes.links);
        let Verdict::Emit(identity) = verdict else { panic!("{verdict:?} is not emitted") };
        identity
    };
    for (offset, user, time) in told {
        let user = format!("u{user}");
        let mut event = with_ids(&format!("m{offset}"), "track", Some("a"), Some(&user));
        event.event.timestamp = *time;
        play(event, *offset);
    }
    let person = play(with_ids("last", "page", Some("a"), None), 1_000);
    (past.devices[&device_hash("a")].clone(), links, person)
}

#[test]
fn a_user_that_was_refused_and_is_held_by_an_earlier_candidate_keeps_its_last_one() {
    let told = [(1, 0, 600_000), (2, 1, 300_000), (3, 0, 60_000)];
    let (state, _, person) = device_after(&told, 1);
    assert_eq!(state.held.len(), 1);
    assert_eq!((state.held[0].first_time, state.held[0].last_time), (60_000, 600_000));
    assert_eq!(person.user_id.as_deref(), Some("u0"));
}

#[test]
fn nobody_is_known_while_the_last_candidate_is_refused() {
    let rules = Rules { users_per_device: 1, ..rules() };
    let mut past = Remembered::default();
    let mut play = |kind, user, offset: i64| {
        let mut event = with_ids(&format!("m{offset}"), kind, Some("a"), user);
        event.event.timestamp = offset * 60_000;
        let (verdict, changes) = stitch(&event, &at(offset, 0), &rules, &past).unwrap();
        past.keep(&changes);
        let Verdict::Emit(identity) = verdict else { panic!("{verdict:?} is not emitted") };
        let refused = changes.links.first().and_then(|link| link.refused.clone());
        (identity.user_id, refused)
    };
    let user = |id: &str| Some(id.to_owned());
    assert_eq!(play("identify", Some("u1"), 1), (user("u1"), None));
    assert_eq!(play("page", None, 2), (user("u1"), None));
    let refused = user(Refusal::TooManyUsers.word());
    assert_eq!(play("identify", Some("u2"), 3), (user("u2"), refused));
    assert_eq!(play("page", None, 4), (None, None), "whose it is now, no one may say");
    assert_eq!(play("identify", Some("u1"), 5), (user("u1"), None));
    assert_eq!(play("page", None, 6), (user("u1"), None));
}
