//! The views of people, with the story of a shop.
//!
//! Times are minutes after the story begins. Ann looks around on her phone, logs in, and joins the
//! account acme; her backend tells of orders; `old-ann` is her former user id.

use std::time::{Duration, Instant};

use event::{
    BusinessKey, IdentityAlias, IdentityLink, Inherited, Millis, Origin, SessionFacts,
    StitchedEvent,
};
use identity::{LINK, MERGE, PersonId, RULE_COMMAND, UNLINK};
use local_stack::Stack;
use warehouse::{EventRow, InsertAnswer, InsertRequest, Warehouse};

use crate::loaded::{APPENDED_AT, row};
use crate::resolution::{load_aliases, load_links};
use crate::{migrated, number, texts};

const DATABASE: &str = "people";
const MINUTE: Millis = 60_000;
const DAY: i64 = 24 * 60;
/// How soon an order is to be effective.
const EFFECTIVE_WITHIN: Duration = Duration::from_mins(1);

const VIEWS: [&str; 6] =
    ["sessions", "people", "traits_history", "groups", "memberships", "identity_health"];

pub(crate) async fn views_tell_who_did_what(stack: &Stack) {
    let warehouse = migrated(stack, DATABASE).await;
    load(&warehouse, &story()).await;
    load_links(
        &warehouse,
        0,
        &[link(1, "ann", 1, None), link(2, "admin", 2, Some("blocked-value"))],
    )
    .await;
    load_aliases(&warehouse, 0, &[merge("old-ann", "ann")]).await;
    every_view_is_there_and_says_what_it_shows(stack).await;
    an_event_has_the_person_as_known_and_what_it_inherits(stack).await;
    what_is_superseded_is_left_out_and_a_fast_device_is_a_bot(stack).await;
    a_server_event_is_in_the_only_session_of_its_person(stack).await;
    sessions_are_counted_over_the_life_of_the_device(stack).await;
    traits_hold_from_event_time_to_event_time(stack).await;
    people_and_accounts_are_told_as_known_now(stack).await;
    a_group_is_known_only_while_it_is_the_only_one(stack).await;
    health_tells_orphans_fragmentation_and_refusals(stack).await;
    every_query_reads_from_another_database_too(stack).await;
    an_order_takes_effect_within_a_minute_and_can_be_undone(stack, &warehouse).await;
}

fn story() -> Vec<EventRow> {
    let mut rows = vec![
        event(0, 0, |it| visit(it, "s-1", 1, None)),
        event(1, 1, |it| identify(it, r#"{"plan":"free","age":7}"#)),
        event(2, 2, |it| {
            visit(it, "s-1", 1, None);
            it.identity.inherited =
                vec![inherited("campaign_source", "news"), inherited("click_ids.gclid", "Cj0")];
        }),
        event(3, 10, |it| server(it, "ann")),
        event(4, 11, |it| group(it, "acme", r#"{"seats":5}"#)),
        event(5, 12, |it| visit(it, "s-1", 1, None)),
        // Told late.
        event(6, 3, |it| identify(it, r#"{"plan":"trial"}"#)),
        event(7, 20, |it| identify(it, r#"{"plan":"paid"}"#)),
        event(8, 30, |it| visit(it, "s-1", 1, Some("order-1"))),
        event(9, 31, |it| {
            server(it, "ann");
            it.identity.supersedes = Some("0-3-1008".to_owned());
        }),
        event(10, -40 * DAY, |it| it.event.anonymous_id = Some("kiosk".to_owned())),
        event(11, 32, |it| server(it, "old-ann")),
        event(12, 33, |it| {
            visit(it, "s-1", 1, None);
            it.identity.flags = vec!["device-rate".to_owned()];
        }),
        event(13, 200, |it| group(it, "other", "{}")),
        event(14, 201, |it| visit(it, "s-2", 1, None)),
    ];
    let mut staging = event(15, 5, |it| visit(it, "s-1", 1, None));
    "staging".clone_into(&mut staging.stitched.event.environment);
    rows.push(staging);
    rows
}

fn event(offset: i64, minute: i64, change: impl FnOnce(&mut StitchedEvent)) -> EventRow {
    let mut row = row(offset);
    let it = &mut row.stitched;
    it.event.anonymous_id = Some("phone".to_owned());
    it.event.timestamp = APPENDED_AT + minute * MINUTE;
    "{}".clone_into(&mut it.event.properties);
    it.enrichment = event::EnrichmentFacts::default();
    it.validation.business_key = None;
    it.identity = event::IdentityFacts {
        person_id: PersonId::of_anonymous("phone").to_string(),
        basis: "anonymous_id".to_owned(),
        ..event::IdentityFacts::default()
    };
    change(it);
    row
}

fn visit(it: &mut StitchedEvent, session: &str, number: i32, key: Option<&str>) {
    it.identity.session = Some(SessionFacts {
        id: session.to_owned(),
        basis: "sent".to_owned(),
        number: Some(number),
        started_at: APPENDED_AT,
    });
    it.enrichment.page = Some(event::PageFacts {
        url: format!("https://shop.example/{session}"),
        ..event::PageFacts::default()
    });
    it.validation.business_key = key.map(|key| BusinessKey {
        key: key.to_owned(),
        rank: 1,
        window_days: 7,
        on_repeat: "discard".to_owned(),
    });
}

fn identify(it: &mut StitchedEvent, traits: &str) {
    visit(it, "s-1", 1, None);
    "identify".clone_into(&mut it.event.kind);
    it.event.user_id = Some("ann".to_owned());
    traits.clone_into(&mut it.event.traits);
}

fn group(it: &mut StitchedEvent, id: &str, traits: &str) {
    identify(it, traits);
    it.identity.session = None;
    "group".clone_into(&mut it.event.kind);
    it.event.group_id = Some(id.to_owned());
}

fn server(it: &mut StitchedEvent, user: &str) {
    "server".clone_into(&mut it.event.source_kind);
    "api".clone_into(&mut it.event.source);
    it.event.anonymous_id = None;
    it.event.user_id = Some(user.to_owned());
}

fn inherited(field: &str, value: &str) -> Inherited {
    let [field, value] = [field, value].map(str::to_owned);
    Inherited { field, value, origin: "0-3-1000".to_owned() }
}

fn link(offset: i64, user: &str, minute: i64, refused: Option<&str>) -> IdentityLink {
    IdentityLink {
        kind: LINK.to_owned(),
        anonymous_id: "phone".to_owned(),
        user_id: user.to_owned(),
        person_id: PersonId::of_user(user).to_string(),
        rule: "identify".to_owned(),
        cause: Origin { epoch: 0, partition: 3, offset: offset + 1_000 },
        event_time: APPENDED_AT + minute * MINUTE,
        appended_at: APPENDED_AT + 1,
        refused: refused.map(str::to_owned),
        who: None,
        why: None,
    }
}

fn order(kind: &str, offset: i64) -> IdentityLink {
    IdentityLink {
        kind: kind.to_owned(),
        rule: RULE_COMMAND.to_owned(),
        who: Some("ops".to_owned()),
        why: Some("a shared phone".to_owned()),
        ..link(offset, "ann", 500 + offset, None)
    }
}

pub(crate) fn merge(previous: &str, user: &str) -> IdentityAlias {
    IdentityAlias {
        kind: MERGE.to_owned(),
        previous_id: previous.to_owned(),
        user_id: user.to_owned(),
        rule: "alias".to_owned(),
        cause: Origin { epoch: 0, partition: 3, offset: 1_011 },
        event_time: APPENDED_AT,
        appended_at: APPENDED_AT,
        who: None,
        why: None,
    }
}

async fn load(warehouse: &Warehouse, rows: &[EventRow]) {
    let insert = InsertRequest::new(rows, "story".to_owned(), "story-1".to_owned());
    assert_eq!(warehouse.insert(insert).await, InsertAnswer::Loaded);
}

/// What the query says, a line a row, in order.
async fn lines(stack: &Stack, columns: &str, rest: &str) -> Vec<String> {
    let shown = columns.split(", ").map(|it| format!("ifNull(toString({it}), '-')"));
    let shown = shown.collect::<Vec<_>>().join(", ");
    texts(stack, DATABASE, &format!("SELECT concatWithSeparator(' ', {shown}) AS line FROM {rest}"))
        .await
}

fn minute(column: &str) -> String {
    format!("(toUnixTimestamp64Milli({column}) - {APPENDED_AT}) DIV {MINUTE}")
}

async fn every_view_is_there_and_says_what_it_shows(stack: &Stack) {
    let all = "SELECT name FROM system.tables WHERE database = 'people' AND comment = ''";
    let bare = texts(stack, DATABASE, all).await;
    assert_eq!(bare, ["schema_migrations"; 0], "tables and views without a comment");
    for view in VIEWS.map(|view| format!("{view}_by_environment")) {
        let bare = "SELECT name FROM system.columns \
            WHERE database = 'people' AND comment = '' AND table";
        let bare = texts(stack, DATABASE, &format!("{bare} = '{view}'")).await;
        assert_eq!(bare, [""; 0], "{view}");
    }
    let events = "SELECT name FROM system.columns WHERE database = 'people' AND table";
    let mut columns = texts(stack, DATABASE, &format!("{events} = 'events'")).await;
    columns.extend(
        ["person_id", "basis", "user_id", "link_origin", "link_time", "alias_origin", "group_id"]
            .map(|it| format!("known_{it}")),
    );
    for view in ["events_resolved", "events_resolved_by_environment"] {
        assert_eq!(
            texts(stack, DATABASE, &format!("{events} = '{view}'")).await,
            columns,
            "{view}"
        );
    }
}

async fn an_event_has_the_person_as_known_and_what_it_inherits(stack: &Stack) {
    let told = "origin_offset - 1000, known_basis, known_user_id, known_link_origin, \
        known_alias_origin, known_group_id";
    let shown =
        lines(stack, told, "events_resolved WHERE event_name != '' ORDER BY origin_offset").await;
    let expected = [
        "0 link ann 0-3-1001 - -",
        "1 user_id ann - - -",
        "2 link ann 0-3-1001 - -",
        "3 user_id ann - - -",
        "4 user_id ann - - acme",
        "5 link ann 0-3-1001 - acme",
        "6 user_id ann - - -",
        "7 user_id ann - - acme",
        "9 user_id ann - - acme",
        "10 anonymous_id - - - -",
        "11 user_id ann - 0-3-1011 acme",
        "12 link ann 0-3-1001 - acme",
        "13 user_id ann - - other",
        "14 link ann 0-3-1001 - -",
    ];
    assert_eq!(shown, expected);
    let persons = [
        (PersonId::of_user("ann"), "known_user_id = 'ann'"),
        (PersonId::of_anonymous("kiosk"), "known_user_id IS NULL"),
    ];
    for (person, who) in persons {
        let sql = format!("SELECT DISTINCT known_person_id FROM events_resolved WHERE {who}");
        assert_eq!(texts(stack, DATABASE, &sql).await, [person.to_string()]);
    }
    let filled = "events_resolved WHERE notEmpty(inherited)";
    let shown =
        lines(stack, "origin_offset, campaign_source, click_ids[1].1, click_ids[1].2", filled)
            .await;
    assert_eq!(shown, ["1002 news gclid Cj0"]);
}

async fn what_is_superseded_is_left_out_and_a_fast_device_is_a_bot(stack: &Stack) {
    for (sql, expected) in [
        ("SELECT count() FROM events FINAL WHERE origin_offset = 1008", 1),
        ("SELECT count() FROM events_resolved WHERE origin_offset = 1008", 0),
        ("SELECT origin_offset FROM events_resolved WHERE is_bot", 1_012),
        ("SELECT count() FROM events_resolved_by_environment WHERE environment = 'staging'", 1),
    ] {
        let found = if sql.contains("origin_offset FROM") {
            number(
                stack,
                DATABASE,
                &sql.replace("SELECT origin_offset", "SELECT toUInt64(origin_offset)"),
            )
            .await
        } else {
            number(stack, DATABASE, sql).await
        };
        assert_eq!(found, expected, "{sql}");
    }
}

async fn a_server_event_is_in_the_only_session_of_its_person(stack: &Stack) {
    let told = "origin_offset - 1000, session_id, known_session_id, known_session_device";
    let rest =
        "events_in_sessions WHERE source = 'api' OR origin_offset = 1005 ORDER BY origin_offset";
    let expected = ["3 - s-1 phone", "5 s-1 s-1 phone", "9 - s-1 phone", "11 - s-1 phone"];
    assert_eq!(lines(stack, told, rest).await, expected);
}

async fn sessions_are_counted_over_the_life_of_the_device(stack: &Stack) {
    let (from, to) = (minute("started_at"), minute("ended_at"));
    let told = format!(
        "anonymous_id, session_id, number, {from}, {to}, events, user_id, landing_page, campaign_source, is_bot"
    );
    let shown = lines(stack, &told, "sessions ORDER BY number").await;
    let expected = [
        "phone s-1 1 0 33 7 ann https://shop.example/s-1 news true",
        "phone s-2 2 201 201 1 ann https://shop.example/s-2 - false",
    ];
    assert_eq!(shown, expected);
}

async fn traits_hold_from_event_time_to_event_time(stack: &Stack) {
    let (from, to) = (minute("valid_from"), minute("valid_to"));
    let told = format!("trait, value, {from}, {to}, origin");
    let shown = lines(stack, &told, "traits_history ORDER BY trait, valid_from").await;
    let expected = [
        "age 7 1 - 0-3-1001",
        r#"plan "free" 1 3 0-3-1001"#,
        r#"plan "trial" 3 20 0-3-1006"#,
        r#"plan "paid" 20 - 0-3-1007"#,
    ];
    assert_eq!(shown, expected);
}

async fn people_and_accounts_are_told_as_known_now(stack: &Stack) {
    let (from, to) = (minute("first_seen"), minute("last_seen"));
    let told = format!("user_id, {from}, {to}, events, sessions, anonymous_ids, user_ids, traits");
    let shown = lines(stack, &told, "people ORDER BY user_id").await;
    let kiosk = format!("- {} {} 1 0 ['kiosk'] [] {{}}", -40 * DAY, -40 * DAY);
    let ann = r#"ann 0 201 13 2 ['phone'] ['ann','old-ann'] {'age':'7','plan':'"paid"'}"#;
    assert_eq!(shown, [ann.to_owned(), kiosk]);
    let told = format!("group_id, {from}, {to}, events, people, traits");
    let shown = lines(stack, &told, "groups ORDER BY group_id").await;
    assert_eq!(shown, ["acme 11 11 1 1 {'seats':'5'}", "other 200 200 1 1 {}"]);
}

async fn a_group_is_known_only_while_it_is_the_only_one(stack: &Stack) {
    let told = format!("user_id, group_id, {}, events, cause", minute("first_seen"));
    let shown = lines(stack, &told, "memberships ORDER BY group_id").await;
    assert_eq!(shown, ["ann acme 11 1 0-3-1004", "ann other 200 1 0-3-1013"]);
}

async fn health_tells_orphans_fragmentation_and_refusals(stack: &Stack) {
    let told = "source, events, judged_events, orphans, devices_per_person, refused";
    let shown = lines(stack, told, "identity_health ORDER BY source").await;
    // The story lies in the past of every day on which this runs by less than orphan_days, or more.
    let web = shown.iter().find(|it| it.starts_with("web/app")).unwrap();
    assert!(web.ends_with(" 1 1 {'blocked-value':1}"), "{web}");
    assert!(
        shown.iter().any(|it| it.starts_with("api 3 ") && it.ends_with(" 0 0 {}")),
        "{shown:?}"
    );
}

async fn every_query_reads_from_another_database_too(stack: &Stack) {
    for view in
        VIEWS.into_iter().chain(["events_resolved", "events_in_sessions", "identity_intervals"])
    {
        let sql = format!("SELECT count() FROM people.{view}");
        assert!(number(stack, "default", &sql).await > 0, "{view}");
    }
}

async fn an_order_takes_effect_within_a_minute_and_can_be_undone(
    stack: &Stack,
    warehouse: &Warehouse,
) {
    while !warehouse.catch_up_persons(0).await.unwrap().is_empty() {}
    let linked = "SELECT count() FROM events_resolved WHERE known_basis = 'link'";
    let before = number(stack, DATABASE, linked).await;
    assert!(before > 0);
    for (first, kind, expected) in [(10, UNLINK, 0), (11, LINK, before)] {
        load_links(warehouse, first, &[order(kind, first)]).await;
        let ordered = Instant::now();
        while number(stack, DATABASE, linked).await != expected {
            assert!(ordered.elapsed() < EFFECTIVE_WITHIN, "{kind} takes no effect");
            // What forward does every ten seconds, with less patience.
            warehouse.catch_up_persons(0).await.unwrap();
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }
    as_of_a_moment_the_persons_are_those_of_then(stack).await;
}

/// Links are appended a millisecond after the events.
async fn as_of_a_moment_the_persons_are_those_of_then(stack: &Stack) {
    let linked = |moment: Millis| {
        format!(
            "SELECT countIf(known_basis = 'link') FROM \
             events_as_of(at = fromUnixTimestamp64Milli({moment}, 'UTC')) WHERE environment = 'production'"
        )
    };
    let now =
        number(stack, DATABASE, "SELECT countIf(known_basis = 'link') FROM events_resolved").await;
    assert_eq!(number(stack, DATABASE, &linked(APPENDED_AT + 1)).await, now);
    assert_eq!(number(stack, DATABASE, &linked(APPENDED_AT)).await, 0);
    let events = linked(APPENDED_AT).replace("countIf(known_basis = 'link')", "count()");
    assert_eq!(number(stack, DATABASE, &events).await, 14);
}
