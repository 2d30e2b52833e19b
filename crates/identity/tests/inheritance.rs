//! What later events of a session inherit from its first ones.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

#[allow(dead_code, reason = "each test file uses a part")]
mod remembered;

use event::{
    CampaignFacts, ClickId, EnrichedEvent, EnrichmentFacts, IdentityFacts, Millis, PageFacts,
    ReferrerFacts, UserAgentFacts,
};
use identity::{is_inheritable, stitch};
use pipeline::Verdict;
use remembered::{DAY_MS, Remembered, at, rules, with_ids};

const MINUTE: Millis = 60_000;

#[expect(clippy::unnecessary_wraps, reason = "facts are optional")]
fn text(value: &str) -> Option<String> {
    Some(value.to_owned())
}

#[expect(clippy::unnecessary_wraps, reason = "facts are optional")]
fn page(path: &str) -> Option<PageFacts> {
    Some(PageFacts {
        url: format!("https://s.example{path}"),
        path: text(path),
        ..PageFacts::default()
    })
}

/// A browser's event of the device `d` that tells all there is.
fn rich(number: i64) -> EnrichedEvent {
    let mut event = with_ids(&format!("m{number}"), "page", Some("d"), None);
    event.event.timestamp = number * MINUTE;
    event.enrichment = EnrichmentFacts {
        page: page("/landing"),
        referrer: Some(ReferrerFacts {
            url: "https://find.example/".into(),
            medium: "search".into(),
            ..ReferrerFacts::default()
        }),
        campaign: Some(CampaignFacts { source: text("news"), ..CampaignFacts::default() }),
        click_ids: vec![ClickId { name: "gclid".into(), value: "g1".into(), network: "n".into() }],
        locale: text("de-AT"),
        timezone: text("Europe/Vienna"),
        user_agent: Some(
            UserAgentFacts { browser: text("Firefox"), ..UserAgentFacts::default() }.into(),
        ),
        ..EnrichmentFacts::default()
    };
    event
}

/// A server's event of the device that tells nothing and may inherit these places of `context`.
fn poor(number: i64, places: &[&str]) -> EnrichedEvent {
    let mut event = with_ids(&format!("m{number}"), "track", Some("d"), Some("u"));
    event.event.timestamp = number * MINUTE;
    event.event.source_kind = "server".into();
    event.validation.inheritable = places.iter().map(|place| format!("/context{place}")).collect();
    event
}

const ALL: [&str; 6] =
    ["/page", "/page/referrer", "/campaign", "/locale", "/timezone", "/userAgent"];

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

/// `page_path=/landing from 0-0-1`, each.
fn inherited(facts: &IdentityFacts) -> Vec<String> {
    facts
        .inherited
        .iter()
        .map(|it| format!("{}={} from {}", it.field, it.value, it.origin))
        .collect()
}

#[test]
fn an_event_inherits_the_groups_that_its_plan_names_and_no_other() {
    let cases: [(&[&str], &[&str]); 12] = [
        (&["/page"], &["page_url=https://s.example/landing", "page_path=/landing"]),
        (&["/page/url"], &["page_url=https://s.example/landing", "page_path=/landing"]),
        (&["/page/referrer"], &["referrer_url=https://find.example/", "referrer_medium=search"]),
        (&["/referrer"], &["referrer_url=https://find.example/", "referrer_medium=search"]),
        (&["/campaign/source"], &["campaign_source=news", "click_ids.gclid=g1"]),
        (&["/locale"], &["locale=de-AT"]),
        (&["/timezone"], &["timezone=Europe/Vienna"]),
        (&["/userAgent"], &["browser=Firefox"]),
        (&["/screen/width"], &["browser=Firefox"]),
        (&["/locale", "/timezone"], &["locale=de-AT", "timezone=Europe/Vienna"]),
        (&["/localeX", "/ip", "/context/locale"], &[]),
        (&[], &[]),
    ];
    for (places, expected) in cases {
        let mut past = Remembered::default();
        play(&mut past, rich(1), 1, 0);
        let facts = play(&mut past, poor(2, places), 2, 0);
        let mut expected: Vec<_> = expected.iter().map(|it| format!("{it} from 0-0-1")).collect();
        let mut found = inherited(&facts);
        expected.sort();
        found.sort();
        assert_eq!(found, expected, "{places:?}");
        let known = !places.is_empty() && !places.contains(&"/ip");
        assert_eq!(places.iter().any(|place| is_inheritable(place)), known, "{places:?}");
    }
}

#[test]
fn what_an_event_tells_itself_is_not_inherited() {
    let mut past = Remembered::default();
    play(&mut past, rich(1), 1, 0);
    let mut event = poor(2, &["/page", "/locale"]);
    event.enrichment.locale = text("en");
    assert_eq!(
        inherited(&play(&mut past, event, 2, 0)),
        ["page_url=https://s.example/landing from 0-0-1", "page_path=/landing from 0-0-1"]
    );
}

#[test]
fn each_group_is_of_the_first_event_of_the_session_that_told_it() {
    let mut past = Remembered::default();
    let mut first = with_ids("m1", "page", Some("d"), None);
    first.event.timestamp = MINUTE;
    first.enrichment.page = page("/first");
    play(&mut past, first, 1, 0);
    play(&mut past, rich(2), 2, 0);
    assert_eq!(
        inherited(&play(&mut past, poor(3, &["/page", "/locale"]), 3, 0)),
        [
            "page_url=https://s.example/first from 0-0-1",
            "page_path=/first from 0-0-1",
            "locale=de-AT from 0-0-2",
        ]
    );
}

#[test]
fn nothing_is_inherited_from_another_session_or_by_a_late_event() {
    let mut past = Remembered::default();
    play(&mut past, rich(100), 100, 0);
    assert!(inherited(&play(&mut past, poor(10, &ALL), 10, 0)).is_empty(), "before the session");
    assert!(inherited(&play(&mut past, poor(200, &ALL), 200, 0)).is_empty(), "after it");
    let mut next = with_ids("next", "track", Some("d"), None);
    next.event.timestamp = 201 * MINUTE;
    next.validation.inheritable = ALL.map(|place| format!("/context{place}")).to_vec();
    assert!(inherited(&play(&mut past, next, 201, 0)).is_empty(), "the next session");
}

/// Nothing was told in between, so that the context of the first visit is still stored.
#[test]
fn a_session_whose_id_comes_back_after_another_knows_nothing_yet() {
    let mut past = Remembered::default();
    let mut in_session = |mut event: EnrichedEvent, number: i64, id: &str| {
        event.event.context = format!(r#"{{"sessionId":"{id}"}}"#);
        event.event.source_kind = "browser".into();
        inherited(&play(&mut past, event, number, 0))
    };
    in_session(rich(1), 1, "A");
    in_session(poor(2, &[]), 2, "B");
    assert!(in_session(poor(3, &["/locale"]), 3, "A").is_empty());
    in_session(rich(4), 4, "A");
    assert_eq!(in_session(poor(5, &["/locale"]), 5, "A"), ["locale=de-AT from 0-0-4"]);
}

#[test]
fn nothing_is_inherited_by_another_device() {
    let mut past = Remembered::default();
    play(&mut past, rich(1), 1, 0);
    let mut other = with_ids("m2", "track", Some("e"), None);
    other.event.timestamp = 2 * MINUTE;
    other.validation.inheritable = ALL.map(|place| format!("/context{place}")).to_vec();
    assert!(inherited(&play(&mut past, other, 2, 0)).is_empty());
}

#[test]
fn what_a_server_forwards_of_the_visitor_is_handed_down() {
    let mut past = Remembered::default();
    let mut first = with_ids("m1", "page", Some("d"), None);
    first.event.timestamp = MINUTE;
    play(&mut past, first, 1, 0);
    let mut server = rich(2);
    server.event.source_kind = "server".into();
    play(&mut past, server, 2, 0);
    let facts = play(&mut past, poor(3, &["/locale"]), 3, 0);
    assert_eq!(inherited(&facts), ["locale=de-AT from 0-0-2"]);
}

#[test]
fn a_value_longer_than_1024_bytes_is_left_out() {
    for (length, is_there) in [(1_024, true), (1_025, false)] {
        let mut past = Remembered::default();
        let mut event = rich(1);
        event.enrichment.page.as_mut().unwrap().query = Some("q".repeat(length));
        play(&mut past, event, 1, 0);
        let facts = play(&mut past, poor(2, &["/page"]), 2, 0);
        let fields: Vec<_> = facts.inherited.iter().map(|it| it.field.as_str()).collect();
        assert_eq!(fields.contains(&"page_query"), is_there, "{length}: {fields:?}");
        assert!(fields.contains(&"page_url"), "the rest is there");
    }
}

/// A sensor sends under one session id for weeks: what it told first leaves the window.
#[test]
fn context_that_has_left_the_window_is_told_again() {
    for store_has_dropped_it in [true, false] {
        let mut past = Remembered::default();
        let play_on = |past: &mut Remembered, mut event: EnrichedEvent, number: i64, day: i64| {
            event.event.context = r#"{"sessionId":"S"}"#.into();
            event.event.timestamp += day * DAY_MS;
            play(past, event, number, day * DAY_MS)
        };
        play_on(&mut past, rich(1), 1, 0);
        play_on(&mut past, rich(2), 2, 7);
        assert_eq!(play_on(&mut past, poor(3, &["/locale"]), 3, 7).inherited.len(), 1);
        if store_has_dropped_it {
            past.contexts.clear();
        }
        assert!(play_on(&mut past, poor(4, &["/locale"]), 4, 8).inherited.is_empty());
        play_on(&mut past, rich(5), 5, 8);
        let again = inherited(&play_on(&mut past, poor(6, &["/locale"]), 6, 8));
        assert_eq!(again, ["locale=de-AT from 0-0-5"], "dropped: {store_has_dropped_it}");
    }
}
