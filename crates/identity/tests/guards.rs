//! What must not glue customers together: placeholders, shared devices, a log-in as somebody else.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

#[allow(dead_code, reason = "each test file uses a part")]
mod remembered;

use std::collections::BTreeSet;

use event::{IdentityFacts, IdentityLink, Millis};
use identity::{
    FLAG_BLOCKED_DEVICE, FLAG_BLOCKED_USER, Limits, PersonId, Refusal, Resolution, Rules, Told,
    resolve, stitch,
};
use pipeline::Verdict;
use remembered::{Remembered, at, rules, with_ids};

const HOUR: Millis = 3_600_000;

/// Events played one hour after another, with all that was told of them.
#[derive(Default)]
struct Played {
    past: Remembered,
    links: Vec<IdentityLink>,
    number: i64,
}

impl Played {
    fn event(&mut self, device: Option<&str>, user: Option<&str>, rules: &Rules) -> IdentityFacts {
        self.number += 1;
        let mut event = with_ids(&format!("m{}", self.number), "identify", device, user);
        event.event.timestamp = self.number * HOUR;
        let (verdict, changes) = stitch(&event, &at(self.number, 0), rules, &self.past).unwrap();
        self.past.keep(&changes);
        self.links.extend(changes.links);
        let Verdict::Emit(identity) = verdict else { panic!("{verdict:?} is not emitted") };
        identity
    }

    fn known(&self) -> Resolution {
        resolve(&self.links, [], Limits::default())
    }
}

fn person_at(known: &Resolution, device: &str, time: Millis) -> String {
    known.person(Told { anonymous_id: Some(device), time, ..Told::default() }).person_id
}

#[test]
fn a_blocked_id_names_nobody_links_nothing_and_is_flagged() {
    let rules = Rules { blocked: ["Demo"].into_iter().collect(), ..rules() };
    let cases = [
        (Some("d"), Some("demo"), PersonId::of_anonymous("d"), FLAG_BLOCKED_USER),
        (Some("DEMO"), Some("u"), PersonId::of_user("u"), FLAG_BLOCKED_DEVICE),
        (Some("demo"), None, PersonId::of_message("web/app", "m1"), FLAG_BLOCKED_DEVICE),
        (None, Some("demo"), PersonId::of_message("web/app", "m1"), FLAG_BLOCKED_USER),
    ];
    for (device, user, person, flag) in cases {
        let mut played = Played::default();
        let facts = played.event(device, user, &rules);
        assert_eq!(facts.person_id, person.to_string(), "{device:?} {user:?}");
        assert_eq!(facts.flags, [flag], "{device:?} {user:?}");
        let told: Vec<_> = played.links.iter().map(|link| link.refused.as_deref()).collect();
        let expected: &[_] = match (device, user) {
            (Some(_), Some(_)) => &[Some(Refusal::Blocked.word())],
            _ => &[],
        };
        assert_eq!(told, expected, "the candidate is kept, and refused");
        assert!(played.past.devices.is_empty());
        let held = played.known().devices.into_values().any(|device| !device.intervals.is_empty());
        assert!(!held);
    }
}

/// An SDK that says `identify("undefined")` for everybody, where the operator blocks the word: no
/// two devices get one person by it.
#[test]
fn a_placeholder_that_the_operator_blocks_glues_no_devices_together() {
    let rules = Rules { blocked: ["undefined"].into_iter().collect(), ..rules() };
    let mut played = Played::default();
    let devices: Vec<_> = (0..50).map(|number| format!("d{number}")).collect();
    let persons: BTreeSet<_> = devices
        .iter()
        .map(|device| played.event(Some(device), Some("undefined"), &rules).person_id)
        .collect();
    assert_eq!(persons.len(), 50);
    let known = played.known();
    let resolved: BTreeSet<_> =
        devices.iter().map(|device| person_at(&known, device, i64::MAX)).collect();
    assert_eq!(resolved, persons);
}

#[test]
fn the_eleventh_user_of_a_shared_device_is_refused_and_passes() {
    let mut played = Played::default();
    for user in 1..=11 {
        let facts = played.event(Some("kiosk"), Some(&format!("u{user}")), &rules());
        let person = PersonId::of_user(&format!("u{user}")).to_string();
        assert_eq!(facts.person_id, person, "every event keeps its own user");
    }
    let refused: Vec<_> = played.links.iter().map(|link| link.refused.as_deref()).collect();
    assert_eq!(refused[..10], [None; 10]);
    assert_eq!(refused[10], Some(Refusal::TooManyUsers.word()));
    let after = played.event(Some("kiosk"), None, &rules());
    assert_eq!(after.basis, "anonymous_id", "whose it is now, no one may say");
    assert_eq!(after.person_id, person_at(&played.known(), "kiosk", 12 * HOUR));
}

/// A colleague of support logs in as one customer after another in one browser, and looks around
/// without an id in between.
#[test]
fn a_log_in_as_by_support_makes_no_person_of_two_customers() {
    let mut played = Played::default();
    let customers: Vec<_> = (0..50).map(|number| format!("customer-{number}")).collect();
    let mut persons = BTreeSet::new();
    for customer in &customers {
        persons.insert(played.event(Some("desk"), Some(customer), &rules()).person_id);
        let between = played.event(Some("desk"), None, &rules()).user_id;
        assert!(between.is_none_or(|user| user == *customer), "another's");
    }
    assert_eq!(persons.len(), 50, "each customer stays a person of its own");

    let known = played.known();
    let of_customer = |customer| {
        let told = Told { user_id: Some(customer), ..Told::default() };
        known.person(told).person_id
    };
    let as_known: BTreeSet<_> = customers.iter().map(|customer| of_customer(customer)).collect();
    assert_eq!(as_known, persons, "and so it is in the end");
    let desk = &known.devices["desk"];
    let held = desk.candidates.iter().filter(|it| it.refused.is_none());
    assert_eq!(held.map(|it| &it.user_id).collect::<BTreeSet<_>>().len(), 10);
    assert!(played.past.devices.values().all(|device| device.held.len() == 10), "bounded");

    // What each customer does on its own device is its own.
    for customer in &customers {
        let device = format!("phone of {customer}");
        played.event(Some(&device), Some(customer), &rules());
    }
    let known = played.known();
    for customer in &customers {
        let device = format!("phone of {customer}");
        assert_eq!(person_at(&known, &device, 0), PersonId::of_user(customer).to_string());
    }
}

/// A script that gives every visitor the same user id.
#[test]
fn one_user_id_on_a_thousand_devices_holds_two_hundred() {
    let mut played = Played::default();
    for number in 0..1_000 {
        played.event(Some(&format!("d{number}")), Some("everybody"), &rules());
    }
    let known = played.known();
    let held = |device: &identity::KnownDevice| device.candidates[0].refused.is_none();
    assert_eq!(known.devices.values().filter(|device| held(device)).count(), 200);
    assert_eq!(
        person_at(&known, "d999", i64::MAX),
        PersonId::of_anonymous("d999").to_string(),
        "the visitors beyond stay themselves"
    );
}
