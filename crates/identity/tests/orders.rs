//! What an operator's order changes.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

#[allow(dead_code, reason = "each test file uses a part")]
mod remembered;

use event::{IdentityCommand, IdentityLink, Origin, Waybill};
use identity::{
    LINK, MERGE, NotFollowed, Ordered, PersonId, Rules, UNLINK, UNMERGE, follow, stitch,
};
use pipeline::Verdict;
use remembered::{Remembered, at, rules, with_ids};

/// `link d u`, `unlink d u`; `link a=b` of two users.
fn command(text: &str) -> IdentityCommand {
    let words: Vec<_> = text.split(' ').collect();
    let (device, previous, user) = match words[1].split_once('=') {
        Some((previous, user)) => (None, Some(previous), user),
        None => (Some(words[1]), None, words[2]),
    };
    IdentityCommand {
        action: words[0].into(),
        anonymous_id: device.map(Into::into),
        previous_id: previous.map(Into::into),
        user_id: user.into(),
        who: "ops".into(),
        why: "ticket 1".into(),
        at: 0,
        erased: None,
    }
}

fn give(past: &mut Remembered, text: &str, offset: i64) -> Ordered {
    let at = at(offset, offset * 60_000).waybill;
    let ordered = follow(&command(text), at, &rules(), past).unwrap().unwrap();
    past.keep_device(ordered.device.clone());
    ordered
}

/// Plays `identify` or, without a user, `page`, and says whose the event is.
fn play(
    past: &mut Remembered,
    user: Option<&str>,
    offset: i64,
) -> (Option<String>, Vec<IdentityLink>) {
    let kind = if user.is_some() { "identify" } else { "page" };
    let mut event = with_ids(&format!("m{offset}"), kind, Some("d"), user);
    event.event.timestamp = offset * 60_000;
    let (verdict, changes) = stitch(&event, &at(offset, 0), &rules(), past).unwrap();
    past.keep(&changes);
    let Verdict::Emit(identity) = verdict else { panic!("{verdict:?} is not emitted") };
    (identity.user_id, changes.links)
}

#[test]
fn an_anonymous_event_carries_the_user_that_events_and_orders_leave() {
    let cases: [(&str, &[&str], Option<&str>); 11] = [
        ("no order", &["u"], Some("u")),
        ("a link without any event", &["link d u"], Some("u")),
        ("an unlink without any event", &["unlink d u"], None),
        ("unlink", &["u", "unlink d u"], None),
        ("unlink leaves the user before", &["t", "u", "unlink d u"], Some("t")),
        ("unlink holds for what comes later", &["u", "unlink d u", "u"], None),
        ("and only for that user", &["unlink d u", "u", "t"], Some("t")),
        ("unlink, then link", &["u", "unlink d u", "link d u"], Some("u")),
        ("link, then unlink", &["link d u", "unlink d u"], None),
        ("a link is the latest word until another comes", &["u", "link d t"], Some("t")),
        ("the next event comes after it", &["link d t", "u"], Some("u")),
    ];
    for (what, steps, expected) in cases {
        let mut past = Remembered::default();
        for (offset, step) in (1..).zip(steps) {
            if step.contains(' ') {
                give(&mut past, step, offset);
            } else {
                play(&mut past, Some(step), offset);
            }
        }
        assert_eq!(play(&mut past, None, 100).0.as_deref(), expected, "{what}");
    }
}

#[test]
fn an_order_is_told_with_who_and_why() {
    let link = give(&mut Remembered::default(), "unlink d u", 5).link.unwrap();
    assert_eq!((&*link.kind, &*link.rule), (UNLINK, "command"));
    assert_eq!((link.who.as_deref(), link.why.as_deref()), (Some("ops"), Some("ticket 1")));
    assert_eq!((link.cause.offset, link.event_time), (5, 300_000));
    assert_eq!(link.refused.as_deref(), Some("unlinked"));
    assert_eq!(link.person_id, PersonId::of_user("u").to_string());
    let link = give(&mut Remembered::default(), "link d u", 5).link.unwrap();
    assert_eq!((&*link.kind, link.refused), (LINK, None));
}

#[test]
fn candidates_of_an_unlinked_user_are_told_and_refused() {
    let mut past = Remembered::default();
    give(&mut past, "unlink d u", 1);
    let (_, links) = play(&mut past, Some("u"), 2);
    assert_eq!(links[0].refused.as_deref(), Some("unlinked"));
}

#[test]
fn whom_an_order_unlinked_takes_no_place_of_another() {
    let mut past = Remembered::default();
    let refused = |links: &[IdentityLink]| links[0].refused.clone();
    for (offset, user) in (1..).zip(["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"]) {
        assert_eq!(refused(&play(&mut past, Some(user), offset).1), None);
    }
    assert_eq!(refused(&play(&mut past, Some("k"), 11).1).as_deref(), Some("too-many-users"));
    give(&mut past, "unlink d a", 12);
    assert_eq!(refused(&play(&mut past, Some("k"), 13).1), None);
    assert_eq!(play(&mut past, None, 14).0.as_deref(), Some("k"));
}

#[test]
fn the_same_order_again_or_an_older_one_changes_nothing() {
    let mut past = Remembered::default();
    give(&mut past, "unlink d u", 5);
    for (text, offset) in [("unlink d u", 5), ("link d u", 4)] {
        assert_eq!(give(&mut past, text, offset), Ordered::default(), "{text} at {offset}");
    }
    assert_ne!(give(&mut past, "link d u", 6), Ordered::default());
}

#[test]
fn an_order_of_a_topic_that_was_created_anew_is_newer() {
    let mut past = Remembered::default();
    give(&mut past, "unlink d u", 500);
    let origin = Origin { epoch: 1, partition: 0, offset: 0 };
    let at = Waybill { origin, appended_at: 501 * 60_000 };
    let ordered = follow(&command("link d u"), at, &rules(), &past).unwrap().unwrap();
    assert!(ordered.link.is_some());
}

#[test]
fn two_users_are_merged_and_told_apart() {
    let merged = give(&mut Remembered::default(), "link a=b", 1);
    let alias = merged.alias.unwrap();
    assert_eq!((&*alias.kind, &*alias.previous_id, &*alias.user_id), (MERGE, "a", "b"));
    assert_eq!((merged.device, merged.link), (None, None));
    let apart = give(&mut Remembered::default(), "unlink a=b", 1).alias.unwrap();
    assert_eq!(apart.kind, UNMERGE);
}

#[test]
fn an_order_that_cannot_be_understood_is_not_followed() {
    let both = IdentityCommand { previous_id: Some("a".into()), ..command("link d u") };
    let neither = IdentityCommand { anonymous_id: None, ..command("link d u") };
    let empty = IdentityCommand { user_id: String::new(), ..command("link d u") };
    let cases = [
        (command("merge d u"), NotFollowed::Action),
        (command("Link d u"), NotFollowed::Action),
        (both, NotFollowed::Ids),
        (neither, NotFollowed::Ids),
        (empty, NotFollowed::Ids),
        (command("link  u"), NotFollowed::Ids),
        (command("link a=a"), NotFollowed::Ids),
        (command("link d demo"), NotFollowed::Blocked),
        (command("link DEMO u"), NotFollowed::Blocked),
        (command("link demo=u"), NotFollowed::Blocked),
    ];
    let rules = Rules { blocked: ["demo"].into_iter().collect(), ..rules() };
    for (command, why) in cases {
        let followed = follow(&command, at(1, 0).waybill, &rules, &Remembered::default()).unwrap();
        assert_eq!(followed, Err(why), "{command:?}");
    }
    let undone = command("unlink d demo");
    let followed = follow(&undone, at(1, 0).waybill, &rules, &Remembered::default()).unwrap();
    assert!(followed.is_ok(), "what was linked before the id was blocked can be undone");
}

#[test]
fn an_order_waits_for_a_past_that_cannot_be_read() {
    let past = Remembered::default();
    past.gone.set(true);
    assert!(follow(&command("link d u"), at(1, 0).waybill, &rules(), &past).is_err());
}
