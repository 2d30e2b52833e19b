//! Which visit of its device an event belongs to.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

#[allow(dead_code, reason = "each test file uses a part")]
mod remembered;

use event::{EnrichedEvent, IdentityFacts, Millis};
use identity::{FLAG_LATE, FLAG_RATE, Rules, stitch};
use pipeline::Verdict;
use remembered::{DAY_MS, Remembered, at, rules, with_ids};

const MINUTE: Millis = 60_000;

fn time(clock: &str) -> Millis {
    let (hour, minute) = clock.split_once(':').unwrap();
    (hour.parse::<Millis>().unwrap() * 60 + minute.parse::<Millis>().unwrap()) * MINUTE
}

fn clock(time: Millis) -> String {
    format!("{:02}:{:02}", time / MINUTE / 60, time / MINUTE % 60)
}

/// `10:00`, `10:00 A` with a session id as sent, `10:00 server`, `10:00 server A`.
fn event(text: &str, number: i64) -> EnrichedEvent {
    let mut words = text.split_whitespace();
    let mut event = with_ids(&format!("m{number}"), "track", Some("d"), None);
    event.event.timestamp = time(words.next().unwrap());
    for word in words {
        if word == "server" {
            event.event.source_kind = "server".into();
        } else {
            event.event.context = format!(r#"{{"sessionId":"{word}"}}"#);
        }
    }
    event
}

#[expect(clippy::needless_pass_by_value, reason = "events are made in place")]
fn play(
    past: &mut Remembered,
    event: EnrichedEvent,
    number: i64,
    appended: Millis,
) -> IdentityFacts {
    let (verdict, changes) = stitch(&event, &at(number, appended), &rules(), past).unwrap();
    past.keep(&changes);
    let Verdict::Emit(identity) = verdict else { panic!("{verdict:?} is not emitted") };
    identity
}

/// `#2 of A since 10:00`; an id that was not sent is the number of the event that began it.
fn shown(facts: &IdentityFacts) -> String {
    let late = if facts.flags.iter().any(|flag| flag == FLAG_LATE) { " late" } else { "" };
    let Some(session) = &facts.session else { return format!("none{late}") };
    assert_eq!(session.basis == "derived", session.id.starts_with("0-0-"), "{session:?}");
    let number = session.number.map_or("?".to_owned(), |number| number.to_string());
    format!("#{number} of {} since {}{late}", session.id, clock(session.started_at))
}

/// What happened, each with the session that it is found in.
type Case = (&'static str, &'static [(&'static str, &'static str)]);

const CASES: &[Case] = &[
    (
        "without an id the session ends after 30 minutes of nothing, and not at 30 exactly",
        &[
            ("10:00", "#1 of 0-0-1 since 10:00"),
            ("10:30", "#1 of 0-0-1 since 10:00"),
            ("11:00", "#1 of 0-0-1 since 10:00"),
            ("11:31", "#2 of 0-0-4 since 11:31"),
        ],
    ),
    (
        "the session that was sent holds, however long nothing happens",
        &[
            ("10:00 A", "#1 of A since 10:00"),
            ("15:00 A", "#1 of A since 10:00"),
            ("15:01 B", "#2 of B since 15:01"),
        ],
    ),
    (
        "an event without the id belongs to the session that was sent",
        &[
            ("10:00 A", "#1 of A since 10:00"),
            ("10:20", "#1 of A since 10:00"),
            ("10:51", "#2 of 0-0-3 since 10:51"),
        ],
    ),
    (
        "a session that is sent after one that was not is another",
        &[
            ("10:00", "#1 of 0-0-1 since 10:00"),
            ("10:01 A", "#2 of A since 10:01"),
            ("10:02", "#2 of A since 10:01"),
        ],
    ),
    (
        "an event that comes late but not too late moves the beginning",
        &[
            ("10:00", "#1 of 0-0-1 since 10:00"),
            ("09:31", "#1 of 0-0-1 since 09:31"),
            ("10:20", "#1 of 0-0-1 since 09:31"),
        ],
    ),
    (
        "one that is older than the session and the pause before it is in none",
        &[
            ("10:00", "#1 of 0-0-1 since 10:00"),
            ("09:29", "none late"),
            ("10:01", "#1 of 0-0-1 since 10:00"),
        ],
    ),
    (
        "one of an earlier session that was sent keeps its id, without a number",
        &[
            ("10:00 A", "#1 of A since 10:00"),
            ("12:00 B", "#2 of B since 12:00"),
            ("10:30 A", "#? of A since 10:30 late"),
            ("12:01", "#2 of B since 12:00"),
        ],
    ),
    (
        "out of order within the session changes nothing but its borders",
        &[
            ("10:00", "#1 of 0-0-1 since 10:00"),
            ("10:25", "#1 of 0-0-1 since 10:00"),
            ("10:10", "#1 of 0-0-1 since 10:00"),
            ("10:55", "#1 of 0-0-1 since 10:00"),
        ],
    ),
    (
        "midnight ends no session",
        &[
            ("23:50", "#1 of 0-0-1 since 23:50"),
            ("24:10", "#1 of 0-0-1 since 23:50"),
            ("24:41", "#2 of 0-0-3 since 24:41"),
        ],
    ),
    (
        "a server's event joins a session and neither begins nor prolongs one",
        &[
            ("09:00 server", "none"),
            ("10:00", "#1 of 0-0-2 since 10:00"),
            ("10:30 server", "#1 of 0-0-2 since 10:00"),
            ("10:31 server", "none"),
            ("10:45", "#2 of 0-0-5 since 10:45"),
        ],
    ),
    (
        "a server's event keeps the session that it names",
        &[
            ("10:00 server A", "#? of A since 10:00"),
            ("10:01", "#1 of 0-0-2 since 10:01"),
            ("10:02 A", "#2 of A since 10:02"),
            ("10:03 server A", "#2 of A since 10:02"),
            ("10:04 server B", "#? of B since 10:04"),
            ("10:05", "#2 of A since 10:02"),
        ],
    ),
];

#[test]
fn an_event_belongs_to_the_visit_that_the_table_says() {
    for (what, events) in CASES {
        let mut past = Remembered::default();
        for (number, (text, expected)) in (1..).zip(*events) {
            let facts = play(&mut past, event(text, number), number, 0);
            assert_eq!(&shown(&facts), expected, "{what}: event {number}, at {text}");
        }
    }
}

#[test]
fn the_number_counts_as_long_as_the_device_comes_back_within_the_window() {
    for (days, number) in [(1, 2), (7, 2), (8, 1)] {
        let mut past = Remembered::default();
        play(&mut past, event("10:00", 1), 1, 0);
        let mut later = event("10:00", 2);
        later.event.timestamp += days * DAY_MS;
        let facts = play(&mut past, later, 2, days * DAY_MS);
        assert_eq!(facts.session.unwrap().number, Some(number), "{days} days later");
    }
}

#[test]
fn a_session_id_may_be_a_text_or_a_whole_number_under_either_name() {
    let cases = [
        (r#"{"sessionId":"A"}"#, Some("A")),
        (r#"{"sessionId":1712345678901}"#, Some("1712345678901")),
        (r#"{"session_id":" A "}"#, Some("A")),
        (r#"{"sessionId":"","session_id":"B"}"#, Some("B")),
        (r#"{"sessionId":null}"#, None),
        (r#"{"sessionId":1.5}"#, None),
        (r#"{"sessionId":["A"]}"#, None),
        (r#"{"page":{"title":"session"}}"#, None),
        (r#"{"page":{"sessionId":"A"}}"#, None),
    ];
    for (context, id) in cases {
        let mut event = event("10:00", 1);
        event.event.context = context.into();
        let session = play(&mut Remembered::default(), event, 1, 0).session.unwrap();
        assert_eq!(session.id, id.unwrap_or("0-0-1"), "{context}");
        assert_eq!(session.basis, if id.is_some() { "sent" } else { "derived" }, "{context}");
    }
    let long = format!(r#"{{"sessionId":"{}"}}"#, "x".repeat(129));
    let mut event = event("10:00", 1);
    event.event.context = long;
    let session = play(&mut Remembered::default(), event, 1, 0).session.unwrap();
    assert_eq!(session.basis, "derived", "a longer id than 128 bytes is none");
}

#[test]
fn an_event_whose_device_is_elsewhere_keeps_the_session_that_it_names() {
    let business = event::BusinessKey {
        key: "order-1".into(),
        rank: 0,
        window_days: 1,
        on_repeat: "discard".into(),
    };
    for (text, expected) in [("10:00", "none"), ("10:00 A", "#? of A since 10:00")] {
        let mut event = event(text, 1);
        event.validation.business_key = Some(business.clone());
        let mut past = Remembered::default();
        assert_eq!(shown(&play(&mut past, event, 1, 0)), expected);
        assert!(past.sessions.is_empty());
    }
}

#[test]
fn an_event_without_a_device_has_no_session() {
    let facts = play(&mut Remembered::default(), with_ids("m", "track", None, Some("u")), 1, 0);
    assert_eq!(facts.session, None);
}

#[test]
fn the_pause_that_ends_a_session_can_be_set() {
    let rules = Rules { session_gap: 5 * MINUTE, ..rules() };
    let mut past = Remembered::default();
    let mut session = |text, number| {
        let (verdict, changes) =
            stitch(&event(text, number), &at(number, 0), &rules, &past).unwrap();
        past.keep(&changes);
        let Verdict::Emit(identity) = verdict else { panic!("{verdict:?} is not emitted") };
        identity.session.unwrap().number
    };
    assert_eq!(
        ["10:00", "10:05", "10:11"].map(|text| session(text, time(text))),
        [Some(1), Some(1), Some(2)]
    );
}

#[test]
fn a_device_that_sends_more_in_a_minute_than_its_source_expects_is_flagged() {
    let mut past = Remembered::default();
    let mut flagged = |number: i64, appended: Millis, limit| {
        let mut event = event("10:00", number);
        event.enrichment.bot.rate_limit = limit;
        let facts = play(&mut past, event, number, appended);
        facts.flags.iter().any(|flag| flag == FLAG_RATE)
    };
    assert!(!flagged(1, 0, Some(2)));
    assert!(!flagged(2, 59_999, Some(2)));
    assert!(flagged(3, 59_999, Some(2)), "the third of a minute");
    assert!(flagged(4, 30_000, Some(2)), "by append time, not by event time");
    assert!(!flagged(5, 59_999, None), "a source that expects nothing");
    assert!(!flagged(6, 60_000, Some(2)), "the next minute");
    assert!(!flagged(7, 59_999, Some(2)), "a late one counts in the minute that is being counted");
    assert!(flagged(8, 60_000, Some(2)));
}
