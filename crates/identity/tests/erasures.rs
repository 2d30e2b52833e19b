//! What an order to forget a person changes.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

#[allow(dead_code, reason = "each test file uses a part")]
mod remembered;

use event::{EnrichedEvent, ErasedIds, IdentityAlias, Origin, PageFacts};
use identity::{Erased, LINK, MERGE, device_hash, erase, user_hash};
use pipeline::Verdict;
use remembered::{Remembered, at, with_ids};

fn ids(devices: &[&str], shared: &[&str], users: &[&str]) -> ErasedIds {
    let hashes = |ids: &[&str]| ids.iter().map(|id| device_hash(id)).collect();
    let users = users.iter().map(|id| user_hash(id)).collect();
    ErasedIds { devices: hashes(devices), shared_devices: hashes(shared), users }
}

fn erased(past: &mut Remembered, ids: &ErasedIds) -> Erased {
    let erased = erase(ids, past).unwrap();
    for device in &erased.forgotten {
        past.devices.remove(&device_hash(device));
    }
    for device in &erased.devices {
        past.keep_device(Some(device.clone()));
    }
    past.sessions.extend(erased.sessions.iter().map(|it| (it.device, it.clone())));
    past.contexts.extend(erased.contexts.iter().map(|it| (it.device, it.clone())));
    for (previous, user) in &erased.aliases {
        past.aliases.forget(previous, user);
    }
    erased
}

/// An event of the device that tells its page, and inherits one where it tells none.
fn event(device: &str, user: Option<&str>, minute: i64, page: Option<&str>) -> EnrichedEvent {
    let mut event = with_ids(&format!("m{device}{minute}"), "identify", Some(device), user);
    event.event.timestamp = minute * 60_000;
    event.validation.inheritable = vec!["/context/page/url".to_owned()];
    event.enrichment.page =
        page.map(|url| PageFacts { url: url.to_owned(), ..PageFacts::default() });
    event
}

fn play(past: &mut Remembered, event: EnrichedEvent, offset: i64) -> event::IdentityFacts {
    match past.play(event, &at(offset, 0)) {
        Verdict::Emit(identity) => identity,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_device_that_was_forgotten_is_as_one_that_never_came() {
    let mut past = Remembered::default();
    play(&mut past, event("d", Some("u"), 1, Some("https://shop.example/")), 1);
    let before = play(&mut past, event("d", None, 2, None), 2);
    assert_eq!((before.user_id.as_deref(), before.inherited.len()), (Some("u"), 1));
    let changes = erased(&mut past, &ids(&["d"], &[], &["u"]));
    assert_eq!(changes.forgotten, ["d"]);
    let facts = play(&mut past, event("d", None, 3, None), 3);
    let stranger = play(&mut Remembered::default(), event("d", None, 3, None), 3);
    assert_eq!(facts, stranger);
    let text = format!("{:?}{:?}", past.devices, past.contexts);
    assert!(!text.contains("\"u\"") && !text.contains("shop.example"), "{text}");
}

#[test]
fn a_shared_device_forgets_the_person_and_keeps_the_others() {
    let mut past = Remembered::default();
    play(&mut past, event("d", Some("u"), 1, None), 1);
    play(&mut past, event("d", Some("v"), 2, None), 2);
    let session = past.sessions[&device_hash("d")].clone();
    let changes = erased(&mut past, &ids(&[], &["d"], &["u"]));
    assert!(changes.forgotten.is_empty() && changes.sessions.is_empty(), "{changes:?}");
    assert!(!format!("{:?}", past.devices).contains("\"u\""));
    assert_eq!(past.sessions[&device_hash("d")], session);
    assert_eq!(play(&mut past, event("d", None, 3, None), 3).user_id.as_deref(), Some("v"));
    // Whoever erases the person who has it now, ends her visit too.
    let changes = erased(&mut past, &ids(&[], &["d"], &["v"]));
    assert_eq!(changes.sessions.len(), 1);
    assert_eq!(play(&mut past, event("d", None, 4, None), 4).user_id, None);
}

#[test]
fn merges_are_forgotten_by_either_id_and_those_of_others_are_not() {
    let mut past = Remembered::default();
    let alias = |previous: &str, user: &str| IdentityAlias {
        kind: MERGE.to_owned(),
        previous_id: previous.to_owned(),
        user_id: user.to_owned(),
        rule: "alias".to_owned(),
        cause: Origin { epoch: 0, partition: 0, offset: 1 },
        event_time: 1,
        appended_at: 1,
        who: None,
        why: None,
    };
    for (previous, user) in [("old", "u"), ("u", "new"), ("a", "b")] {
        past.aliases.apply(&alias(previous, user));
    }
    let changes = erased(&mut past, &ids(&[], &[], &["u"]));
    let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
    assert_eq!(changes.aliases, [pair("old", "u"), pair("u", "new")]);
    assert_eq!(past.aliases.resolve("old"), None);
    assert_eq!(past.aliases.resolve("a").map(|it| it.user_id), Some("b"));
}

#[test]
fn who_is_not_known_is_no_change_and_twice_is_as_once() {
    let mut past = Remembered::default();
    let order = ids(&["d", "other"], &["e"], &["u", LINK]);
    assert_eq!(erased(&mut past, &order), Erased::default());
    play(&mut past, event("d", Some("u"), 1, Some("https://shop.example/")), 1);
    play(&mut past, event("e", Some("u"), 1, None), 2);
    assert_ne!(erased(&mut past, &order), Erased::default());
    assert_eq!(erased(&mut past, &order), Erased::default());
}
