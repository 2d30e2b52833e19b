//! Which links hold in the end, and who the person of an event is.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

#[allow(dead_code, reason = "each test file uses a part")]
mod remembered;

use std::collections::{BTreeMap, BTreeSet};

use event::{IdentityCommand, IdentityLink, Millis, Origin};
use identity::{
    KnownDevice, LINK, Limits, PersonId, RULE_COMMAND, Refusal, Resolution, Rules, Told, UNLINK,
    follow, resolve, stitch,
};
use proptest::{prelude::*, sample::Index};
use remembered::{Remembered, at, with_ids};

const MINUTE: Millis = 60_000;

fn origin(offset: i64) -> Origin {
    Origin { epoch: 0, partition: 0, offset }
}

/// `u2@3#7`: a candidate of user u2 at minute 3, made by 0-0-7; `!u2@3#7` one that was refused as
/// blocked; `+u2@3#7` an order to link, `-u2@3#7` one to unlink. The device is d, or is told in
/// front: `e:u2@3#7`.
fn link(text: &str) -> IdentityLink {
    let (device, rest) = text.split_once(':').unwrap_or(("d", text));
    let (mark, rest) = match rest.chars().next().unwrap() {
        mark @ ('!' | '+' | '-') => (mark, &rest[1..]),
        _ => (' ', rest),
    };
    let (user, rest) = rest.split_once('@').unwrap();
    let (minute, offset) = rest.split_once('#').unwrap();
    let (minute, tenth) = minute.split_once('.').unwrap_or((minute, "0"));
    let [minute, tenth] = [minute, tenth].map(|it| it.parse::<Millis>().unwrap());
    let time = minute * MINUTE + tenth * MINUTE / 10;
    IdentityLink {
        kind: if mark == '-' { UNLINK } else { LINK }.to_owned(),
        anonymous_id: device.to_owned(),
        user_id: user.to_owned(),
        person_id: PersonId::of_user(user).to_string(),
        rule: if matches!(mark, '+' | '-') { RULE_COMMAND } else { "identify" }.to_owned(),
        cause: origin(offset.parse().unwrap()),
        event_time: time,
        appended_at: time,
        refused: (mark == '!').then(|| Refusal::Blocked.word().to_owned()),
        who: None,
        why: None,
    }
}

fn links(text: &str) -> Vec<IdentityLink> {
    text.split_whitespace().map(link).collect()
}

fn minutes(time: Millis) -> String {
    match (time / MINUTE, time % MINUTE * 10 / MINUTE) {
        (minute, 0) => format!("{minute} "),
        (minute, tenth) => format!("{minute}.{tenth} "),
    }
}

/// `u1 | 3 nobody | 5 u2`: whose it is from the beginning, from minute 3, from minute 5.
fn shown(device: &KnownDevice) -> String {
    let interval = |it: &identity::Interval| {
        let from = it.from.map_or(String::new(), minutes);
        format!("{from}{}", it.user_id.as_deref().unwrap_or("nobody"))
    };
    device.intervals.iter().map(interval).collect::<Vec<_>>().join(" | ")
}

fn refused(device: &KnownDevice) -> String {
    let refused = device.candidates.iter().filter_map(|it| {
        Some(format!("{}#{} {}", it.user_id, it.cause.offset, it.refused?.word()))
    });
    refused.collect::<Vec<_>>().join(", ")
}

const TWO: Limits = Limits { users_per_device: 2, devices_per_user: 2 };

#[test]
fn a_device_is_whose_candidates_say_so_at_each_time() {
    let cases = [
        ("no candidate", "", "", ""),
        ("one: for the past too", "u1@5#1", "u1", ""),
        ("the first for the past, the latest for the present", "u1@5#1 u2@9#2", "u1 | 9 u2", ""),
        ("by event time, not by arrival", "u2@9#1 u1@5#2", "u1 | 9 u2", ""),
        ("back again", "u1@5#1 u2@9#2 u1@12#3", "u1 | 9 u2 | 12 u1", ""),
        ("at one time the greater number", "u1@1#1 u2@5#3 u1@5#2", "u1 | 5 u2", ""),
        ("at one time from the beginning", "u2@5#3 u1@5#2", "u1 | 5 u2", ""),
        ("the first of a minute only", "u1@5#1 u1@5.5#2 u2@9#3", "u1 | 9 u2", ""),
        ("the first of a minute each", "u2@5.5#1 u1@5#2 u1@5.9#3", "u1 | 5.5 u2", ""),
        ("blocked never holds", "!u1@1#1 u2@5#2", "u2", "u1#1 blocked-value"),
        ("blocked once only", "!u1@1#1 u1@5#2", "u1", "u1#1 blocked-value"),
        (
            "a third user is refused: nobody",
            "u1@1#1 u2@2#2 u3@3#3 u1@4#4",
            "u1 | 2 u2 | 3 nobody | 4 u1",
            "u3#3 too-many-users",
        ),
        (
            "an earlier user takes the place of a later one",
            "u1@2#1 u2@3#2 u3@1#3",
            "u3 | 2 u1 | 3 nobody",
            "u2#2 too-many-users",
        ),
        (
            "an unlinked user leaves no trace and takes no place",
            "u1@1#1 u2@2#2 u3@3#3 -u1@9#1",
            "u2 | 3 u3",
            "u1#1 unlinked",
        ),
        (
            "an order to link lifts the limit and is a candidate",
            "u1@1#1 u2@2#2 u3@3#3 +u3@9#1",
            "u1 | 2 u2 | 3 u3 | 9 u3",
            "",
        ),
        (
            "whom an operator linked is not counted",
            "u1@1#1 u2@2#2 u3@3#3 +u1@9#1",
            "u1 | 2 u2 | 3 u3 | 9 u1",
            "",
        ),
        ("the newest order counts", "u1@1#1 +u1@8#1 -u1@9#2", "", "u1#1 unlinked, u1#1 unlinked"),
        ("also if it is told first", "-u1@9#2 +u1@8#1 u1@1#1", "", "u1#1 unlinked, u1#1 unlinked"),
        ("unlink, then link", "u1@1#1 u2@2#2 -u1@8#1 +u1@9#2", "u1 | 2 u2 | 9 u1", ""),
        ("an order alone", "+u1@9#1", "u1", ""),
    ];
    for (what, told, intervals, not_held) in cases {
        let links = links(told);
        let resolution = resolve(&links, [], TWO);
        let device = resolution.devices.get("d").cloned().unwrap_or_default();
        assert_eq!(shown(&device), intervals, "{what}: {told}");
        assert_eq!(refused(&device), not_held, "{what}: {told}");
    }
}

#[test]
fn a_user_holds_its_first_devices_only() {
    let told = links("a:u@1#1 b:u@2#2 c:u@3#3 c:v@4#4");
    let known = resolve(&told, [], TWO);
    let intervals = ["a", "b", "c"].map(|device| shown(&known.devices[device]));
    assert_eq!(intervals, ["u", "u", "nobody | 4 v"]);
    assert_eq!(refused(&known.devices["c"]), "u#3 too-many-devices");
}

#[test]
fn a_device_that_does_not_hold_a_user_is_none_of_its_devices() {
    let told = links("a:x@0#1 a:y@0#2 a:u@1#3 b:u@2#4 c:u@3#5");
    let known = resolve(&told, [], TWO);
    assert_eq!(refused(&known.devices["a"]), "u#3 too-many-users");
    assert_eq!(refused(&known.devices["c"]), "");
}

#[test]
fn what_is_told_twice_or_refused_for_another_reason_counts_once() {
    let mut told = links("u1@1#1 u2@2#2");
    told[1].refused = Some(Refusal::TooManyUsers.word().to_owned());
    let once = resolve(&told, [], TWO);
    let twice: Vec<_> = told.iter().chain(&told).cloned().collect();
    assert_eq!(resolve(&twice, [], TWO), once);
    assert_eq!(shown(&once.devices["d"]), "u1 | 2 u2");
}

#[test]
fn the_person_follows_from_the_best_id() {
    let told = links("d:u@5#1");
    let known = resolve(&told, [], TWO);
    let ask = |user_id, anonymous_id| {
        let person =
            known.person(Told { user_id, anonymous_id, message: ("web/app", "m"), time: 0 });
        (person.person_id, person.basis)
    };
    let user = |id| PersonId::of_user(id).to_string();
    assert_eq!(ask(Some("w"), Some("d")), (user("w"), "user_id".to_owned()));
    assert_eq!(ask(None, Some("d")), (user("u"), "link".to_owned()));
    let anonymous = PersonId::of_anonymous("e").to_string();
    assert_eq!(ask(None, Some("e")), (anonymous, "anonymous_id".to_owned()));
    let message = PersonId::of_message("web/app", "m").to_string();
    assert_eq!(ask(None, None), (message, "message_id".to_owned()));
}

#[test]
fn a_refusal_is_written_as_its_word() {
    for refusal in Refusal::ALL {
        assert_eq!(serde_json::to_value(refusal).unwrap(), refusal.word());
    }
}

/// An event with both ids, or an order.
#[derive(Debug, Clone)]
enum Said {
    Event { device: u8, user: u8, time: Millis },
    Order { device: u8, user: u8, linked: bool },
}

fn said() -> impl Strategy<Value = Said> {
    let ids = || (0..3_u8, 0..5_u8);
    prop_oneof![
        5 => (ids(), 0..6 * MINUTE)
            .prop_map(|((device, user), time)| Said::Event { device, user, time }),
        1 => (ids(), any::<bool>())
            .prop_map(|((device, user), linked)| Said::Order { device, user, linked }),
    ]
}

fn rules() -> Rules {
    Rules { users_per_device: 2, ..Rules::new(7) }
}

/// What the step tells of a history: what it was offered, with the number of each.
fn told_by_stitch(history: &[(i64, Said)]) -> Vec<IdentityLink> {
    let mut past = Remembered::default();
    let mut links = Vec::new();
    for (offset, said) in history {
        links.extend(match said {
            Said::Event { device, user, time } => play(&mut past, *offset, (*device, *user), *time),
            Said::Order { device, user, linked } => {
                order(&mut past, *offset, (*device, *user), *linked)
            }
        });
    }
    links
}

fn play(
    past: &mut Remembered,
    offset: i64,
    (device, user): (u8, u8),
    time: Millis,
) -> Vec<IdentityLink> {
    let (device, user) = (format!("d{device}"), format!("u{user}"));
    let mut event = with_ids(&format!("m{offset}"), "identify", Some(&device), Some(&user));
    event.event.timestamp = time;
    let (_, changes) = stitch(&event, &at(offset, 0), &rules(), past).unwrap();
    past.keep(&changes);
    changes.links
}

fn order(
    past: &mut Remembered,
    offset: i64,
    (device, user): (u8, u8),
    linked: bool,
) -> Vec<IdentityLink> {
    let command = IdentityCommand {
        action: if linked { LINK } else { UNLINK }.to_owned(),
        anonymous_id: Some(format!("d{device}")),
        previous_id: None,
        user_id: format!("u{user}"),
        who: "ops".into(),
        why: "a test".into(),
        at: 0,
        erased: None,
    };
    let when = offset * MINUTE / 8;
    let ordered = follow(&command, at(offset, when).waybill, &rules(), past).unwrap().unwrap();
    past.keep_device(ordered.device);
    ordered.link.into_iter().collect()
}

/// Every candidate and order, as if the step left nothing out.
fn all_of(history: &[(i64, Said)]) -> Vec<IdentityLink> {
    let alone = |one: &(i64, Said)| told_by_stitch(std::slice::from_ref(one));
    history.iter().flat_map(alone).collect()
}

/// The same, with orders in the order of their numbers: they come from one partition.
fn shuffled(history: &[(i64, Said)], by: &[Index]) -> Vec<(i64, Said)> {
    let mut shuffled = history.to_vec();
    for (at, index) in by.iter().enumerate().take(shuffled.len()) {
        let other = index.index(shuffled.len());
        shuffled.swap(at, other);
    }
    let is_order = |one: &(i64, Said)| matches!(one.1, Said::Order { .. });
    let mut orders: Vec<_> = history.iter().filter(|it| is_order(it)).cloned().rev().collect();
    for one in shuffled.iter_mut().filter(|it| is_order(it)) {
        *one = orders.pop().unwrap();
    }
    shuffled
}

type Sets<'a> = BTreeMap<&'a str, BTreeSet<&'a str>>;

/// The users held by each device, and the devices held by each user.
fn held(known: &Resolution) -> (Sets<'_>, Sets<'_>) {
    let (mut users, mut devices) = (BTreeMap::new(), BTreeMap::new());
    for (device, of) in &known.devices {
        for candidate in of.candidates.iter().filter(|it| it.refused.is_none()) {
            let user = candidate.user_id.as_str();
            users.entry(device.as_str()).or_insert_with(BTreeSet::new).insert(user);
            devices.entry(user).or_insert_with(BTreeSet::new).insert(device.as_str());
        }
    }
    (users, devices)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn neither_the_order_of_arrival_nor_repeats_nor_what_the_step_leaves_out_change_anything(
        history in prop::collection::vec(said(), 1..24),
        by in prop::collection::vec(any::<Index>(), 0..24),
        again in prop::collection::vec(any::<Index>(), 0..8),
        mix in prop::collection::vec(any::<Index>(), 0..24),
    ) {
        let history: Vec<_> = (1..).zip(history).collect();
        let all = all_of(&history);
        let known = resolve(&all, [], TWO);

        let mut told = told_by_stitch(&shuffled(&history, &by));
        prop_assert!(told.len() <= all.len());
        told.extend(again.iter().map(|index| told[index.index(told.len())].clone()).collect::<Vec<_>>());
        for (at, index) in mix.iter().enumerate().take(told.len()) {
            let other = index.index(told.len());
            told.swap(at, other);
        }
        prop_assert_eq!(resolve(&told, [], TWO), known);
    }

    #[test]
    fn no_device_has_more_users_and_no_user_more_devices_than_the_limits_let(
        history in prop::collection::vec(said(), 1..40),
    ) {
        let history: Vec<_> = (1..).zip(history).collect();
        let without_orders: Vec<_> =
            history.into_iter().filter(|it| matches!(it.1, Said::Event { .. })).collect();
        let all = all_of(&without_orders);
        let known = resolve(&all, [], TWO);
        let (users, devices) = held(&known);
        prop_assert!(users.values().all(|it| it.len() <= 2));
        prop_assert!(devices.values().all(|it| it.len() <= 2));
    }

    #[test]
    fn a_link_after_an_unlink_gives_what_was_before_and_the_orders_own_candidate(
        history in prop::collection::vec(said(), 1..24),
        device in 0..3_u8,
        user in 0..5_u8,
    ) {
        let mut history: Vec<_> = (1..).zip(history).collect();
        let order = |offset, linked| (offset, Said::Order { device, user, linked });
        let linked = order(100, true);
        history.push(linked.clone());
        let before = resolve(&all_of(&history), [], TWO);
        history.pop();
        history.extend([order(50, false), linked]);
        prop_assert_eq!(resolve(&told_by_stitch(&history), [], TWO), before);
    }
}
