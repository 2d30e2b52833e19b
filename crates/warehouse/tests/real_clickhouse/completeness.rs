//! How complete hours are: every kind of fate in one hour, then hour after hour.

use event::{DeadLetter, DiscardedEvent, Millis, Origin, Waybill};
use local_stack::Stack;
use warehouse::{
    AuditFinding, AuditHour, DeadLetterRow, DiscardRow, EventRow, InsertAnswer, InsertRequest, Row,
    RowPosition, Undecodable, Warehouse,
};

use crate::loaded::{APPENDED_AT, dead_letter, row};
use crate::{execute, given_up, migrated, number, texts};

pub(crate) const DATABASE: &str = "completeness";
const HOUR: Millis = 3_600_000;
/// Start of the first hour.
pub(crate) const BEGIN: Millis = APPENDED_AT - APPENDED_AT % HOUR;
const PRODUCTION: Option<&str> = Some("production");
const STAGING: Option<&str> = Some("staging");

const TOLD: [&str; 12] = [
    "open_dead_letters_by_environment",
    "open_dead_letters",
    "completeness_by_environment",
    "completeness",
    "hour_states",
    "complete_hours",
    "complete_through",
    "production_events",
    "events_resolved",
    "events_of(environment = 'staging')",
    "hour_states_of(environment = 'staging')",
    "complete_through_of(environment = 'staging')",
];

pub(crate) async fn hours_are_complete_when_nothing_awaits_repair(stack: &Stack) {
    let warehouse = migrated(stack, DATABASE).await;
    nothing_is_complete_before_the_auditor_has_closed_an_hour(stack).await;
    load_events(&warehouse).await;
    load_dead_letters(&warehouse).await;
    load_discards(&warehouse).await;
    load_books(stack, &warehouse).await;
    every_event_counts_once_by_its_fate(stack).await;
    an_event_of_which_too_much_does_not_arrive_is_named(&warehouse).await;
    an_open_dead_letter_is_the_newest_of_an_event_without_a_later_fate(stack).await;
    every_row_tells_its_hour(stack).await;
    hours_become_complete_one_after_another(stack, &warehouse).await;
    given_up::hours_are_given_up_by_order(stack, &warehouse).await;
    every_view_says_what_it_shows_from_another_database_too(stack).await;
    every_query_of_the_documentation_is_answered(stack).await;
}

async fn nothing_is_complete_before_the_auditor_has_closed_an_hour(stack: &Stack) {
    assert_eq!(through(stack, "complete_through").await, "- - unaudited 0");
    assert_eq!(number(stack, DATABASE, "SELECT count() FROM hour_states").await, 0);
}

fn origin(offset: i64) -> Origin {
    Origin { epoch: 0, partition: 3, offset: offset + 1_000 }
}

fn waybill(offset: i64) -> Waybill {
    Waybill { origin: origin(offset), appended_at: BEGIN + 5 }
}

fn event(offset: i64, change: impl FnOnce(&mut EventRow)) -> EventRow {
    let mut row = row(offset);
    row.waybill = waybill(offset);
    row.stitched.identity.supersedes = None;
    change(&mut row);
    row
}

async fn load<R: Row>(warehouse: &Warehouse, rows: &[R], token: &str) {
    let insert = InsertRequest::new(rows, token.to_owned(), format!("{token}-1"));
    assert_eq!(warehouse.insert(insert).await, InsertAnswer::Loaded);
}

async fn load_events(warehouse: &Warehouse) {
    let rows = [
        event(0, |_| ()),
        event(1, |_| ()),
        event(2, |it| "staging".clone_into(&mut it.stitched.event.environment)),
        event(3, |_| ()),
        event(4, |it| {
            "api".clone_into(&mut it.stitched.event.source);
            it.stitched.identity.supersedes = Some(origin(3).to_string());
        }),
    ];
    load(warehouse, &rows, "events").await;
    load(warehouse, &rows[..1], "the first once more").await;
}

/// A dead letter of the event at `offset`; `minute` is when it was rejected.
fn letter(offset: i64, minute: i64, environment: Option<&str>) -> DeadLetter {
    DeadLetter {
        origin: Some(origin(offset)),
        appended_at: Some(BEGIN + 5),
        failed_at: BEGIN + minute * 60_000,
        source: Some("web/app".to_owned()),
        event: Some("Order Completed".to_owned()),
        environment: environment.map(str::to_owned),
        ..dead_letter()
    }
}

async fn load_dead_letters(warehouse: &Warehouse) {
    let enrich = |reason: &str, letter| DeadLetter {
        stage: "enrich".to_owned(),
        reason: reason.to_owned(),
        ..letter
    };
    let nameless = DeadLetter { source: None, event: None, ..letter(23, 1, None) };
    let numberless = DeadLetter {
        origin: None,
        appended_at: None,
        source: None,
        event: None,
        ..letter(0, 301, None)
    };
    let letters = [
        letter(0, 1, PRODUCTION),
        letter(20, 1, PRODUCTION),
        // Redriven, and died again where nobody could read it.
        DeadLetter {
            source: None,
            environment: None,
            ..enrich("process-killed", letter(20, 2, None))
        },
        letter(21, 1, PRODUCTION),
        letter(22, 1, PRODUCTION),
        nameless,
        letter(24, 1, STAGING),
        DeadLetter { stage: "forward-crm".to_owned(), ..letter(25, 1, PRODUCTION) },
        numberless,
    ];
    let at =
        |offset| RowPosition { epoch: 0, topic: "dead-letters.validate", partition: 1, offset };
    let rows: Vec<_> =
        (0..).zip(letters).map(|(offset, it)| DeadLetterRow::new(at(offset), it)).collect();
    load(warehouse, &rows, "letters").await;
    load(warehouse, &rows[1..2], "a letter once more").await;
}

async fn load_discards(warehouse: &Warehouse) {
    let discard = |offset, reason: &str, environment: &str| DiscardedEvent {
        stage: "identity-stitch".to_owned(),
        reason: reason.to_owned(),
        detail: String::new(),
        origin: origin(offset),
        appended_at: BEGIN + 5,
        first: None,
        discarded_at: BEGIN + 6,
        source: Some("web/app".to_owned()),
        event: Some("Order Completed".to_owned()),
        message_id: None,
        environment: Some(environment.to_owned()),
    };
    let discards = [
        discard(21, "repeat", "production"),
        discard(30, "repeat", "production"),
        discard(30, "repeat", "production"),
        discard(20, "already-emitted", "production"),
        discard(32, "bot", "staging"),
    ];
    let at = |offset| RowPosition { epoch: 0, topic: "discarded-events", partition: 1, offset };
    let mut rows: Vec<_> =
        (0..).zip(discards).map(|(offset, it)| DiscardRow::new(at(offset), it)).collect();
    let unreadable = |reason: &str, offset| Undecodable {
        stage: "validate".to_owned(),
        reason: reason.to_owned(),
        waybill: Some(waybill(offset)),
        timestamp: Some(BEGIN + 6),
        value: vec![0xde, 0xad],
    };
    rows.push(DiscardRow::undecodable(at(8), unreadable("suppressed", 31)));
    rows.push(DiscardRow::undecodable(at(9), unreadable("", 20)));
    load(warehouse, &rows, "discards").await;
}

/// A verdict on an hour by its number.
pub(crate) fn verdict(hour: i64, revision: i64, state: &str) -> AuditHour {
    AuditHour {
        revision: u64::try_from(BEGIN + revision).unwrap(),
        hour: u32::try_from((BEGIN + hour * HOUR) / 1_000).unwrap(),
        epoch: 0,
        state: state.to_owned(),
        raw: 0,
        loaded: 0,
        discarded: 0,
        dead: 0,
        missing: 0,
        expired: 0,
        erased: 0,
        duplicated: 0,
        counts: Vec::new(),
        held_by: String::new(),
        closed_at: (state != "open").then_some(BEGIN + revision),
    }
}

pub(crate) async fn say(warehouse: &Warehouse, verdict: AuditHour) {
    let id = format!("verdict-{}-{}", verdict.hour, verdict.revision);
    warehouse.append(&[verdict], id).await.unwrap();
}

/// One event was erased, one is about to be, one had died before. Of three that are missing the auditor
/// names one; what it named before has been found since.
async fn load_books(stack: &Stack, warehouse: &Warehouse) {
    for offset in [1, 22, 33] {
        let sql = format!(
            "INSERT INTO erased_events VALUES (0, 3, {}, fromUnixTimestamp64Milli({}, 'UTC'), \
             'web/app', 'Order Completed', '2026-11-18', 'an-erasure', now64(3))",
            origin(offset).offset,
            BEGIN + 5
        );
        execute(stack, DATABASE, &sql).await;
    }
    say(warehouse, AuditHour { missing: 2, ..verdict(0, 1, "unbalanced") }).await;
    say(warehouse, AuditHour { missing: 3, ..verdict(0, 2, "unbalanced") }).await;
    let finding = |found_at, offset| AuditFinding {
        found_at: BEGIN + found_at,
        hour: verdict(0, 0, "").hour,
        kind: "missing",
        origin: origin(offset),
        source: Some("web/app".to_owned()),
        event_name: Some("Order Completed".to_owned()),
        message_id: None,
        detail: String::new(),
    };
    let findings = [finding(1, 0), finding(1, 34), finding(2, 34)];
    warehouse.append(&findings, "findings".to_owned()).await.unwrap();
}

pub(crate) async fn lines(stack: &Stack, columns: &str, rest: &str) -> Vec<String> {
    let shown = columns.split(", ").map(|it| format!("ifNull(toString({it}), '-')"));
    let shown = shown.collect::<Vec<_>>().join(", ");
    texts(stack, DATABASE, &format!("SELECT concatWithSeparator(' ', {shown}) AS line FROM {rest}"))
        .await
}

async fn every_event_counts_once_by_its_fate(stack: &Stack) {
    let told = "source, event, accepted, loaded, superseded, erased, discarded, open_dead_letters, \
        missing, expired";
    let first = format!("WHERE hour = toDateTime({}, 'UTC') ORDER BY source, event", BEGIN / 1_000);
    let production = lines(stack, told, &format!("completeness {first}")).await;
    let expected = [
        "  4 0 0 0 {'suppressed':1} {'malformed':1} 2 0",
        "api Order Completed 1 1 0 0 {} {} 0 0",
        "web/app Order Completed 9 3 1 2 {'repeat':2} {'process-killed':1} 1 0",
    ];
    assert_eq!(production, expected);
    let staging = first.replace("WHERE", "WHERE environment = 'staging' AND");
    let staging = lines(stack, told, &format!("completeness_by_environment {staging}")).await;
    assert_eq!(staging, ["web/app Order Completed 3 1 0 0 {'bot':1} {'malformed':1} 0 0"]);
    let later = format!("completeness WHERE hour > toDateTime({}, 'UTC')", BEGIN / 1_000);
    assert_eq!(lines(stack, told, &later).await, ["  1 0 0 0 {} {'malformed':1} 0 0"]);
}

/// Of `web/app Order Completed` two of nine did not arrive.
async fn an_event_of_which_too_much_does_not_arrive_is_named(warehouse: &Warehouse) {
    let hour = verdict(0, 0, "").hour;
    let named = async |since, tolerance| {
        let short = warehouse.shortfalls(since, tolerance).await.unwrap();
        short.into_iter().map(|it| (it.hour, it.event, it.short, it.accepted)).collect::<Vec<_>>()
    };
    let (nameless, orders) = (String::new(), "Order Completed".to_owned());
    let last = (hour + 5 * 3_600, nameless.clone(), 1, 1);
    let (first, second) = ((hour, nameless, 3, 4), (hour, orders, 2, 9));
    assert_eq!(named(hour, 0.05).await, [last.clone(), first.clone(), second]);
    assert_eq!(named(hour, 0.23).await, [last.clone(), first]);
    assert_eq!(named(hour + 1, 0.05).await, [last]);
}

async fn an_open_dead_letter_is_the_newest_of_an_event_without_a_later_fate(stack: &Stack) {
    let told = "environment, source, stage, reason, origin, letters";
    let open =
        lines(stack, told, "open_dead_letters_by_environment ORDER BY failed_at, origin").await;
    let expected = [
        "-  validate malformed 0-3-1023 1",
        "staging web/app validate malformed 0-3-1024 1",
        // What the newest does not know, the one before it does.
        "production web/app enrich process-killed 0-3-1020 2",
        "-  validate malformed - 1",
    ];
    assert_eq!(open, expected);
}

async fn every_row_tells_its_hour(stack: &Stack) {
    for table in
        ["events", "dead_letters", "discarded_events", "production_events", "events_resolved"]
    {
        let wrong = format!(
            "SELECT count() FROM {table} WHERE append_hour != toStartOfHour(appended_at) \
             OR isNull(append_hour) != isNull(appended_at) OR loaded_at < '2026-01-01 00:00:00'"
        );
        assert_eq!(number(stack, DATABASE, &wrong).await, 0, "{table}");
    }
}

/// `complete_through`, in hours since the first; what holds up the next; how many have expired.
pub(crate) async fn through(stack: &Stack, view: &str) -> String {
    let hour = |column: &str| format!("(toUnixTimestamp({column}) - {}) DIV 3600", BEGIN / 1_000);
    let told = format!("{}, {}, reason, expired", hour("complete_through"), hour("held_at"));
    lines(stack, &told, view).await.remove(0)
}

async fn detail(stack: &Stack) -> String {
    let sql = "SELECT concat(detail, ' ', toString(open_dead_letters)) FROM complete_through";
    texts(stack, DATABASE, sql).await.remove(0)
}

async fn hours_become_complete_one_after_another(stack: &Stack, warehouse: &Warehouse) {
    let production = async || through(stack, "complete_through").await;
    assert_eq!(production().await, "- 0 unbalanced 0");
    assert!(detail(stack).await.starts_with("3 missing, 0 there more than once"));

    say(warehouse, AuditHour { dead: 3, ..verdict(0, 3, "balanced") }).await;
    assert_eq!(production().await, "- 0 dead-letters 0");
    let what = "[('','','validate','malformed',1),('web/app','Order Completed','enrich','process-killed',1)]";
    assert_eq!(detail(stack).await, format!("2 open dead letters {what}"));

    // Both are redriven: their fates are known before the auditor has closed the hour anew.
    let rows = [event(20, |_| ()), event(23, |_| ())];
    load(warehouse, &rows, "redriven").await;
    assert_eq!(production().await, "- 0 dead-letters 0");
    let unsure = "the auditor knows of 3 open dead letters, the table dead_letters of 1";
    assert!(detail(stack).await.starts_with(unsure));
    say(warehouse, AuditHour { dead: 1, ..verdict(0, 4, "balanced") }).await;
    let through_first = production().await;
    assert!(["0 1 unaudited 0", "0 - - 0"].contains(&through_first.as_str()), "{through_first}");
    let staging = through(stack, "complete_through_of(environment = 'staging')").await;
    assert_eq!(staging, "- 0 dead-letters 0");

    // Nothing came in in the second; nobody saw the third.
    say(warehouse, verdict(1, 5, "balanced")).await;
    say(warehouse, verdict(3, 6, "balanced")).await;
    assert_eq!(production().await, "1 2 unaudited 0");
    assert!(detail(stack).await.starts_with("the auditor never saw all of it"));

    let held_by = "enrich, which has committed 5 of 9".to_owned();
    say(warehouse, AuditHour { held_by, ..verdict(2, 7, "open") }).await;
    assert_eq!(production().await, "1 2 open 0");
    assert_eq!(detail(stack).await, "open at enrich, which has committed 5 of 9 []");

    say(warehouse, AuditHour { expired: 2, ..verdict(2, 8, "balanced") }).await;
    let at_last = production().await;
    assert!(["3 4 unaudited 2", "3 - - 2"].contains(&at_last.as_str()), "{at_last}");
    let hours = format!("(toUnixTimestamp(hour) - {}) DIV 3600, revision - {BEGIN}", BEGIN / 1_000);
    let complete = lines(stack, &hours, "complete_hours ORDER BY hour").await;
    assert_eq!(complete, ["0 4", "1 5", "3 6"], "what has expired will never be complete");

    // The dead letter without a number lies in an hour that is closed last.
    for hour in [4, 5] {
        say(warehouse, verdict(hour, 9, "balanced")).await;
    }
    assert_eq!(production().await, "4 5 dead-letters 2");
}

async fn every_view_says_what_it_shows_from_another_database_too(stack: &Stack) {
    for view in ["hour_states", "complete_through", "completeness"] {
        let line = format!("SELECT toString(tuple(*)) AS line FROM {view} ORDER BY line");
        let with = format!("{line} SETTINGS join_use_nulls = 1");
        assert_eq!(
            texts(stack, DATABASE, &line).await,
            texts(stack, DATABASE, &with).await,
            "{view}"
        );
    }
    for view in TOLD {
        let sql = format!("SELECT count() FROM {DATABASE}.{view}");
        assert!(number(stack, "default", &sql).await > 0, "{view}");
        let (name, _) = view.split_once('(').unwrap_or((view, ""));
        let comment = format!(
            "SELECT comment FROM system.tables WHERE database = '{DATABASE}' AND name = '{name}'"
        );
        let comment = texts(stack, DATABASE, &comment).await;
        assert!(comment.len() == 1 && !comment[0].is_empty(), "{name}");
    }
    let shown = TOLD.iter().filter(|it| !it.contains('(') && !it.contains("events"));
    for view in shown.filter(|it| **it != "open_dead_letters") {
        let bare = format!(
            "SELECT name FROM system.columns \
             WHERE database = '{DATABASE}' AND table = '{view}' AND comment = ''"
        );
        assert_eq!(texts(stack, DATABASE, &bare).await, [""; 0], "{view}");
    }
}

async fn every_query_of_the_documentation_is_answered(stack: &Stack) {
    let text = include_str!("../../../../docs/completeness.md");
    let queries: Vec<_> = text.split("```sql\n").skip(1).collect();
    assert!(queries.len() >= 7, "only {} queries", queries.len());
    for query in queries {
        let (query, _) = query.split_once("```").unwrap();
        // The queries look at the last days; this one hour is of a fixed day.
        let query = query.replace("now()", "toDateTime('2020-01-01 00:00:00', 'UTC')");
        let rows = number(stack, DATABASE, &format!("SELECT count() FROM ({query})")).await;
        assert!(rows > 0, "nothing is found by: {query}");
    }
}
