//! The same thing told by several sources is emitted once, as its plan says.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

#[allow(dead_code, reason = "each test file uses a part")]
mod remembered;

use event::{BusinessKey, EnrichedEvent, IdentityFacts};
use identity::{Changes, FLAG_TOLD_BEFORE, stitch};
use pipeline::Verdict;
use remembered::{DAY_MS, Remembered, at, rules, with_ids};

const WINDOW: i32 = 3;

/// `page:1` is the event of source `page`, of precedence 1, about the order; its message id is its
/// number unless the same one was told before: `page:1=4` is message 4 once more. A day may be in
/// front: `2d page:1`. `?` at the end: the plan wants what was told before flagged.
fn event(text: &str, number: i64) -> (EnrichedEvent, i64) {
    let (day, text) = text.split_once("d ").unwrap_or(("0", text));
    let (text, flags) = text.strip_suffix('?').map_or((text, false), |text| (text, true));
    let (text, message) = text.split_once('=').unwrap_or((text, ""));
    let (source, rank) = text.split_once(':').unwrap();
    let message = if message.is_empty() { number.to_string() } else { message.to_owned() };
    let mut event = with_ids(&message, "track", Some(source), None);
    event.event.source = source.into();
    event.validation.business_key = Some(BusinessKey {
        key: "order_id=7".into(),
        rank: rank.parse().unwrap(),
        window_days: WINDOW,
        on_repeat: if flags { "flag" } else { "discard" }.into(),
    });
    (event, day.parse().unwrap())
}

fn fate(verdict: &Verdict<IdentityFacts>) -> String {
    match verdict {
        Verdict::Emit(identity) => {
            let facts = &identity;
            let flagged = facts.flags.iter().any(|flag| flag == FLAG_TOLD_BEFORE);
            assert_eq!(flagged, facts.told_first.is_some());
            match (&facts.supersedes, &facts.told_first) {
                (None, None) => "emitted".to_owned(),
                (Some(before), None) => format!("emitted for {}", &before[4..]),
                (None, Some(first)) => format!("flagged after {}", &first[4..]),
                both => panic!("{both:?}"),
            }
        }
        Verdict::Discard(discarded) => {
            let first = discarded.first.map_or(String::new(), |it| format!(" after {}", it.offset));
            format!("{}{first}", discarded.reason.word())
        }
        Verdict::Reject(rejected) => panic!("{rejected:?}"),
    }
}

fn play(past: &mut Remembered, text: &str, number: i64) -> (String, Changes) {
    let (event, day) = event(text, number);
    let (verdict, changes) = stitch(&event, &at(number, day * DAY_MS), &rules(), past).unwrap();
    past.keep(&changes);
    (fate(&verdict), changes)
}

/// What happened, each with what became of it.
type Case = (&'static str, &'static [(&'static str, &'static str)]);

const CASES: &[Case] = &[
    ("the better one first", &[("server:0", "emitted"), ("page:1", "told-before after 1")]),
    ("the better one last", &[("page:1", "emitted"), ("server:0", "emitted for 1")]),
    (
        "the same precedence: who comes first",
        &[("page:1", "emitted"), ("app:1", "told-before after 1")],
    ),
    (
        "three sources, upwards",
        &[
            ("page:2", "emitted"),
            ("app:1", "emitted for 1"),
            ("server:0", "emitted for 2"),
            ("app:1", "told-before after 3"),
        ],
    ),
    (
        "three sources, mixed",
        &[
            ("app:1", "emitted"),
            ("page:2", "told-before after 1"),
            ("server:0", "emitted for 1"),
            ("page:2", "told-before after 3"),
        ],
    ),
    (
        "flagged where the plan says so, always after the one that stands",
        &[("server:0?", "emitted"), ("page:1?", "flagged after 1"), ("app:1?", "flagged after 1")],
    ),
    (
        "superseded also where the plan flags",
        &[("page:1?", "emitted"), ("server:0?", "emitted for 1"), ("app:1?", "flagged after 2")],
    ),
    (
        "the same message again is a repeat, whoever stands now",
        &[
            ("page:1", "emitted"),
            ("server:0", "emitted for 1"),
            ("page:1=1", "repeat after 1"),
            ("server:0=2", "repeat after 2"),
        ],
    ),
    (
        "what was dropped is dropped again",
        &[
            ("server:0", "emitted"),
            ("page:1", "told-before after 1"),
            ("page:1=2", "told-before after 1"),
        ],
    ),
    (
        "and flagged, if the plan says so by then; from then on it is a repeat",
        &[
            ("server:0", "emitted"),
            ("page:1", "told-before after 1"),
            ("page:1=2?", "flagged after 1"),
            ("page:1=2", "repeat after 3"),
        ],
    ),
    (
        "the window counts from the one that stands",
        &[
            ("0d page:1", "emitted"),
            ("3d app:1", "told-before after 1"),
            ("4d app:1", "emitted"),
            ("5d page:1", "told-before after 3"),
        ],
    ),
    (
        "who supersedes begins the window anew",
        &[
            ("0d page:1", "emitted"),
            ("3d server:0", "emitted for 1"),
            ("6d page:1", "told-before after 2"),
            ("7d page:1", "emitted"),
        ],
    ),
];

#[test]
fn what_was_told_before_is_dropped_flagged_or_superseded() {
    for (what, told) in CASES {
        let mut past = Remembered::default();
        for (number, (text, expected)) in (1..).zip(*told) {
            assert_eq!(&play(&mut past, text, number).0, expected, "{what}: {number}, {text}");
        }
    }
}

#[test]
fn a_record_that_comes_twice_is_a_copy_whatever_its_plan_says_now() {
    let mut past = Remembered::default();
    play(&mut past, "page:1", 1);
    play(&mut past, "server:0", 2);
    play(&mut past, "app:1?", 3);
    for (text, number) in [("page:1", 1), ("server:0", 2), ("app:1", 3), ("page:0?", 1)] {
        assert_eq!(play(&mut past, text, number).0, "already-emitted", "{text}, {number}");
    }
}

#[test]
fn an_event_redriven_under_another_message_id_does_not_take_its_own_place() {
    for again in ["server:0=x", "server:1=x?"] {
        let mut past = Remembered::default();
        play(&mut past, "server:1", 1);
        assert_eq!(play(&mut past, again, 1).0, "already-emitted", "{again}");
    }
}

#[test]
fn another_key_is_another_thing() {
    let mut past = Remembered::default();
    play(&mut past, "server:0", 1);
    let (mut other, _) = event("page:1", 2);
    other.validation.business_key.as_mut().unwrap().key = "order_id=8".into();
    let (verdict, _) = stitch(&other, &at(2, 0), &rules(), &past).unwrap();
    assert_eq!(fate(&verdict), "emitted");
}

#[test]
fn a_window_of_the_plan_reaches_no_further_than_the_stages_own() {
    let mut past = Remembered::default();
    let with_window = |number, day: i64| {
        let (mut event, _) = event("page:1", number);
        event.validation.business_key.as_mut().unwrap().window_days = 300;
        (event, at(number, day * DAY_MS))
    };
    let mut fates = Vec::new();
    for (number, day) in [(1, 0), (2, 7), (3, 8)] {
        let (event, cx) = with_window(number, day);
        let (verdict, changes) = stitch(&event, &cx, &rules(), &past).unwrap();
        past.keep(&changes);
        fates.push(fate(&verdict));
    }
    assert_eq!(fates, ["emitted", "told-before after 1", "emitted"]);
}

#[test]
fn what_is_dropped_still_says_who_is_who_and_leaves_nothing_else() {
    let mut past = Remembered::default();
    play(&mut past, "server:0", 1);
    let (mut event, _) = event("page:1", 2);
    event.event.user_id = Some("u".into());
    let (verdict, changes) = stitch(&event, &at(2, 0), &rules(), &past).unwrap();
    assert_eq!(fate(&verdict), "told-before after 1");
    let told: Vec<_> =
        changes.links.iter().map(|link| (&*link.anonymous_id, &*link.user_id)).collect();
    assert_eq!(told, [("page", "u")]);
    assert_eq!(changes, Changes { links: changes.links.clone(), ..Changes::default() });
}
