//! What programs do to events.
#![cfg(feature = "vrl")]
#![allow(clippy::unwrap_used, clippy::panic, unreachable_pub, reason = "a test fails by panicking")]

mod sent;

use event::Event;
use sent::{compile, facts, failure, named, order, run};
use transformation::{Stopped, TransformationSettings, Transformations};

/// Program, properties before, properties after.
const MAPPINGS: &[(&str, &str, &str)] = &[
    (".properties.currency = \"EUR\"", r#"{"b":1}"#, r#"{"b":1,"currency":"EUR"}"#),
    ("del(.properties.email)", r#"{"email":"ada@example.com","b":1}"#, r#"{"b":1}"#),
    ("del(.properties)", r#"{"b":1}"#, "{}"),
    (
        "cents = to_float(.properties.cents) ?? 0\n.properties.total = float(cents) / 100",
        r#"{"cents":"1250"}"#,
        r#"{"cents":"1250","total":12.5}"#,
    ),
    (
        ".properties.cents = to_int((float(.properties.total) * 100) ?? 0)",
        r#"{"total":12.5}"#,
        r#"{"cents":1250,"total":12.5}"#,
    ),
    (
        ".properties.names = map_values(array(.properties.items) ?? []) -> |item| { item.name }",
        r#"{"items":[{"name":"a"},{"name":"b"}]}"#,
        r#"{"items":[{"name":"a"},{"name":"b"}],"names":["a","b"]}"#,
    ),
    (
        "if .enrichment.locale == \"de-DE\" && .source_kind == \"browser\" { .properties.german = true }",
        "{}",
        r#"{"german":true}"#,
    ),
    (".properties.day = format_timestamp!(.timestamp, \"%F\")", "{}", r#"{"day":"2026-11-23"}"#),
    (
        ".properties.plan, _ = parse_json(.properties.plan)",
        r#"{"plan":"{\"a\":[1]}"}"#,
        r#"{"plan":{"a":[1]}}"#,
    ),
    (
        ".properties.shop = replace(string(.properties.shop) ?? \"\", r'^shop-', \"\")",
        r#"{"shop":"shop-7"}"#,
        r#"{"shop":"7"}"#,
    ),
    // A local variable may be anything, and nothing of it stays.
    ("x = [1, {\"a\": .properties}]", r#"{"b":1}"#, r#"{"b":1}"#),
];

#[test]
fn a_program_maps_an_event() {
    let mut wrong = Vec::new();
    for (program, before, after) in MAPPINGS {
        let mut event = order(before);
        match run(program, &mut event) {
            Ok(()) if event.properties == *after => (),
            Ok(()) => wrong.push(format!("{program}\n  gave {}", event.properties)),
            Err(stopped) => wrong.push(format!("{program}\n  {stopped:?}")),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_program_renames_an_event_and_leaves_its_ids_alone() {
    let mut event = order("{}");
    let program =
        ".event = \"Purchase\"\n.name = null\n.category = \"shop\"\n.traits.plan = \"pro\"";
    run(program, &mut event).unwrap();
    let expected = Event {
        event: Some("Purchase".to_owned()),
        category: Some("shop".to_owned()),
        traits: r#"{"plan":"pro"}"#.to_owned(),
        ..order("{}")
    };
    assert_eq!(event, expected);
}

#[test]
fn what_a_program_does_not_write_stays_as_it_was_sent_to_the_byte() {
    let odd = r#"{ "n":1.50, "big":12345678901234567890, "n":2 }"#;
    let mut event = order(odd);
    run(".traits.seen = .properties.big", &mut event).unwrap();
    assert_eq!(event.properties, odd);
}

#[test]
fn abort_discards_the_event_and_tells_no_more_than_the_transformations_name() {
    let program =
        "if .properties.email == \"ada@example.com\" { abort string!(.properties.email) }";
    let stopped = run(program, &mut order(r#"{"email":"ada@example.com"}"#));
    assert_eq!(stopped, Err(Stopped::Filtered { name: "mine".to_owned() }));
    assert_eq!(run(program, &mut order(r#"{"email":"bob@example.com"}"#)), Ok(()));
}

#[test]
fn a_failure_names_the_place_and_what_stands_there_but_no_value_of_the_event() {
    let program = ".properties.a = 1\n  .properties.b = to_int!(.properties.email)";
    let properties = r#"{"email":"ada@example.com"}"#;
    let expected = "transformation mine: an error at line 2, column 19: to_int!(.properties.email)";
    assert_eq!(failure(program, properties), expected);
    let message = "assert!(.properties.ok == true, message: string!(.properties.email))";
    let told = failure(message, properties);
    assert!(told.contains("line 1, column 1") && !told.contains("ada@"), "{told}");
}

#[test]
fn an_event_that_a_program_fails_on_is_as_it_was_before_it() {
    let mut event = order(r#"{"n":"x"}"#);
    let stopped = run(".event = \"Other\"\n.properties.n = to_int!(.properties.n)", &mut event);
    assert!(stopped.is_err());
    assert_eq!(event, order(r#"{"n":"x"}"#));
}

#[test]
fn a_track_event_may_not_lose_its_name() {
    assert!(failure("del(.event)", "{}").ends_with("it took the name from a track event"));
    let mut page = Event { kind: "page".to_owned(), ..order("{}") };
    run("del(.event)", &mut page).unwrap();
    assert_eq!(page.event, None);
}

#[test]
fn of_two_the_second_sees_what_the_first_left() {
    let programs = [
        (named("first"), ".properties.n = 1".to_owned()),
        (named("second"), ".properties.m = int!(.properties.n) + 1".to_owned()),
    ];
    let all = Transformations::compile(&programs).unwrap();
    let (mut event, mut facts) = (order("{}"), facts());
    all.apply(&mut event, &mut facts, &mut |_| false).unwrap();
    assert_eq!(event.properties, r#"{"m":2,"n":1}"#);
    let names: Vec<&str> = facts.applied.iter().map(|run| run.name.as_str()).collect();
    assert_eq!(names, ["page", "transform:first", "transform:second"]);
}

#[test]
fn a_version_is_that_of_the_text() {
    // printf %s '.event = "A"' | sha256sum
    let all = compile(".event = \"A\"").unwrap();
    let versions: Vec<&str> = all.runs().map(|run| run.version.as_str()).collect();
    assert_eq!(versions, ["b063591f03d9"]);
}

/// Sources and events as configured, and whether the order of `web/shop` is among them.
const SELECTIONS: &[(&str, bool)] = &[
    ("", true),
    ("sources = [\"web/shop\"]", true),
    ("sources = [\"web/*\"]", true),
    ("sources = [\"server/billing\", \"web/*\"]", true),
    ("sources = [\"web/sho\"]", false),
    ("sources = [\"server/*\"]", false),
    ("events = [\"Order Completed\"]", true),
    ("events = [\"order completed\"]", false),
    ("events = [\"track\"]", false),
    ("sources = [\"server/*\"]\nevents = [\"Order Completed\"]", false),
];

#[test]
fn only_chosen_sources_and_events_are_seen_and_told() {
    for (chosen, expected) in SELECTIONS {
        let settings: TransformationSettings =
            toml::from_str(&format!("name = \"mine\"\n{chosen}")).unwrap();
        let all =
            Transformations::compile(&[(settings, ".category = \"seen\"".to_owned())]).unwrap();
        let (mut event, mut facts) = (order("{}"), facts());
        all.apply(&mut event, &mut facts, &mut |_| false).unwrap();
        assert_eq!(event.category.is_some(), *expected, "{chosen}");
        assert_eq!(facts.applied.len(), if *expected { 2 } else { 1 }, "{chosen}");
    }
}

#[test]
fn an_event_without_a_name_goes_by_its_type() {
    let settings = toml::from_str("name = \"pages\"\nevents = [\"page\"]").unwrap();
    let all = Transformations::compile(&[(settings, ".category = \"seen\"".to_owned())]).unwrap();
    let mut page = Event { kind: "page".to_owned(), event: None, ..order("{}") };
    all.apply(&mut page, &mut facts(), &mut |_| false).unwrap();
    assert_eq!(page.category.as_deref(), Some("seen"));
}

#[test]
fn events_that_went_the_same_way_share_the_list_of_what_ran() {
    let all = compile(".category = \"a\"").unwrap();
    let before = facts();
    let mut lists = Vec::new();
    for _ in 0..2 {
        let mut facts = before.clone();
        all.apply(&mut order("{}"), &mut facts, &mut |_| false).unwrap();
        lists.push(facts.applied);
    }
    assert!(std::sync::Arc::ptr_eq(&lists[0], &lists[1]));
    // A new list of enrichments, such as after the files were read again, is not mistaken for the old.
    let mut other = facts();
    other.applied = [].into();
    all.apply(&mut order("{}"), &mut other, &mut |_| false).unwrap();
    assert_eq!(other.applied.len(), 1);
}
