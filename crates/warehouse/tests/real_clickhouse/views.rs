//! The views, with rows of two environments.

use event::{DeadLetter, DiscardedEvent, Origin};
use local_stack::Stack;
use warehouse::{
    DeadLetterRow, DiscardRow, EventRow, InsertAnswer, InsertRequest, RowPosition, Warehouse,
};

use crate::loaded::{dead_letter, finding, row};
use crate::{deliveries, execute, migrated, number, promoted};

const VIEWS: [&str; 8] = [
    "event_volumes",
    "funnel",
    "lost_before_ingest",
    "rejections",
    "plan_violations",
    "discards",
    "deliveries_by_destination",
    "first_seen_properties",
];

pub(crate) async fn views_show_production_unless_asked(stack: &Stack) {
    let warehouse = migrated(stack, "views").await;
    promoted::as_documented(&warehouse).await;
    load_events(&warehouse).await;
    load_dead_letters(&warehouse).await;
    load_discards(&warehouse).await;
    let sent = [deliveries::delivered(1_000), deliveries::rejected(1_001)];
    deliveries::load(&warehouse, "deliveries", sent).await;
    every_view_is_there_and_says_what_it_shows(stack).await;
    events_are_told_by_environment(stack).await;
    volumes_funnel_and_losses_are_told_by_environment(stack).await;
    a_violation_that_was_let_through_is_told_by_place_and_outcome(stack).await;
    a_rejection_is_told_by_place_and_hidden_only_where_another_environment_is_known(stack).await;
    discards_are_counted_and_hidden_only_where_another_environment_is_known(stack).await;
    a_property_is_told_with_the_first_event_that_has_it(stack).await;
    every_query_of_the_documentation_finds_something(stack).await;
}

/// Three views of a product in production, two in staging. In each environment one sender numbers
/// its events: 0, 1 and 3 in production (one lost), 0 and 3 in staging (two lost).
async fn load_events(warehouse: &Warehouse) {
    let numbers =
        [("production", 0), ("staging", 0), ("production", 1), ("staging", 3), ("production", 3)];
    let rows: Vec<EventRow> = (0..).zip(numbers).map(|(at, it)| viewed(at, it)).collect();
    let insert = InsertRequest::new(&rows, "v".to_owned(), "v-1".to_owned());
    assert_eq!(warehouse.insert(insert).await, InsertAnswer::Loaded);
}

fn viewed(offset: i64, (environment, number): (&str, u32)) -> EventRow {
    let mut row = row(offset);
    let stitched = &mut row.stitched;
    environment.clone_into(&mut stitched.event.environment);
    stitched.event.event = Some("Product Viewed".to_owned());
    stitched.event.context =
        format!(r#"{{"waybill":{{"stream":"{environment}","seq":{number}}}}}"#);
    stitched.enrichment.bot.is_bot = false;
    stitched.validation.findings = match number {
        0 => vec![finding("flag"), finding("would-reject")],
        1 => vec![finding("flag")],
        _ => Vec::new(),
    };
    row
}

async fn load_dead_letters(warehouse: &Warehouse) {
    let by_plan = |environment: &str| DeadLetter {
        reason: "invalid-field".to_owned(),
        environment: Some(environment.to_owned()),
        findings: vec![finding("reject"), finding("flag")],
        ..named()
    };
    let unfounded = DeadLetter {
        reason: "too-large".to_owned(),
        environment: Some("production".to_owned()),
        findings: vec![finding("flag")],
        ..named()
    };
    let nobodys = DeadLetter { findings: Vec::new(), ..dead_letter() };
    let letters =
        [by_plan("production"), by_plan("staging"), by_plan("staging"), unfounded, nobodys];
    let at =
        |offset| RowPosition { epoch: 0, topic: "dead-letters.validate", partition: 1, offset };
    let rows: Vec<_> =
        (0..).zip(letters).map(|(offset, letter)| DeadLetterRow::new(at(offset), letter)).collect();
    let insert = InsertRequest::new(&rows, "r".to_owned(), "r-1".to_owned());
    assert_eq!(warehouse.insert(insert).await, InsertAnswer::Loaded);
}

async fn load_discards(warehouse: &Warehouse) {
    let discard = |environment: Option<&str>| DiscardedEvent {
        stage: "validate".to_owned(),
        reason: "suppressed".to_owned(),
        detail: String::new(),
        origin: Origin { epoch: 0, partition: 3, offset: 18_446 },
        appended_at: 1_795_000_000_000,
        first: None,
        discarded_at: 1_795_000_000_001,
        source: Some("web/app".to_owned()),
        event: None,
        message_id: None,
        environment: environment.map(str::to_owned),
    };
    let at = |offset| RowPosition { epoch: 0, topic: "discarded-events", partition: 1, offset };
    let environments = [Some("production"), Some("production"), Some("staging"), None];
    let discards = (0..).zip(environments.map(discard));
    let rows: Vec<_> = discards.map(|(offset, it)| DiscardRow::new(at(offset), it)).collect();
    let insert = InsertRequest::new(&rows, "d".to_owned(), "d-1".to_owned());
    assert_eq!(warehouse.insert(insert).await, InsertAnswer::Loaded);
}

fn named() -> DeadLetter {
    DeadLetter {
        origin: Some(Origin { epoch: 0, partition: 3, offset: 18_446 }),
        source: Some("web/app".to_owned()),
        event: Some("Order Completed".to_owned()),
        ..dead_letter()
    }
}

async fn texts(stack: &Stack, sql: &str) -> Vec<String> {
    crate::texts(stack, "views", sql).await
}

async fn every_view_is_there_and_says_what_it_shows(stack: &Stack) {
    for view in VIEWS.into_iter().flat_map(|view| [view.to_owned(), by_environment(view)]) {
        let comment = "SELECT comment FROM system.tables WHERE database = 'views' AND name";
        let comment = texts(stack, &format!("{comment} = '{view}'")).await;
        assert!(comment.len() == 1 && !comment[0].is_empty(), "{view}: {comment:?}");
        let rows = number(stack, "views", &format!("SELECT count() FROM {view}")).await;
        assert!(rows > 0, "{view} shows nothing");
    }
    for view in VIEWS.map(by_environment) {
        let bare = "SELECT name FROM system.columns \
            WHERE database = 'views' AND comment = '' AND table";
        assert_eq!(texts(stack, &format!("{bare} = '{view}'")).await, [""; 0], "{view}");
    }
    let of_table = |table: &str| {
        format!("SELECT name FROM system.columns WHERE database = 'views' AND table = '{table}'")
    };
    let columns = texts(stack, &of_table("events")).await;
    assert_eq!(texts(stack, &of_table("production_events")).await, columns);
}

fn by_environment(view: &str) -> String {
    format!("{view}_by_environment")
}

async fn events_are_told_by_environment(stack: &Stack) {
    for (from, expected) in [
        ("events FINAL", 5),
        ("production_events", 3),
        ("events_of(environment = 'production')", 3),
        ("events_of(environment = 'staging')", 2),
        ("events_of(environment = 'nonesuch')", 0),
    ] {
        let sql = format!("SELECT count() FROM {from}");
        assert_eq!(number(stack, "views", &sql).await, expected, "{from}");
    }
}

/// `a.b` and `a` stand at the top level, `b` does not; a name that stands twice is one.
async fn a_property_is_told_with_the_first_event_that_has_it(stack: &Stack) {
    let sql = "INSERT INTO events SELECT * REPLACE (appended_at + INTERVAL 1 HOUR AS appended_at, \
        'Tried' AS event_name, origin_offset + 50 AS origin_offset, \
        '{\"new\":1,\"new\":2,\"total\":null}' AS properties, '{\"plan\":{\"x\":1}}' AS traits) \
        FROM events WHERE environment = 'production'";
    execute(stack, "views", sql).await;
    let told = "concatWithSeparator(' ', event, part, property, first_origin, events, \
        dateDiff('minute', toDateTime64('2026-11-18 11:06:40.123', 3, 'UTC'), first_seen))";
    let shown = format!("SELECT {told} AS line FROM first_seen_properties ORDER BY line");
    let expected = [
        "Product Viewed properties a 0-3-1000 3 0",
        "Product Viewed properties a.b 0-3-1000 3 0",
        "Product Viewed properties total 0-3-1000 3 0",
        "Tried properties new 0-3-1050 3 60",
        "Tried properties total 0-3-1050 3 60",
        "Tried traits plan 0-3-1050 3 60",
    ];
    assert_eq!(texts(stack, &shown).await, expected);
}

async fn volumes_funnel_and_losses_are_told_by_environment(stack: &Stack) {
    for (view, told, expected) in [
        (
            "event_volumes",
            "source, event, count",
            ["web/app Product Viewed 3", "web/app Product Viewed 2"],
        ),
        ("funnel", "step, event, people", ["1 Product Viewed 1", "1 Product Viewed 1"]),
        ("lost_before_ingest", "source, streams, sent, lost", ["web/app 1 4 1", "web/app 1 4 2"]),
    ] {
        let [production, staging] = expected;
        let shown = format!("concatWithSeparator(' ', {told})");
        let steps = if view == "funnel" { "step = 1" } else { "true" };
        let ours = texts(stack, &format!("SELECT {shown} FROM {view} WHERE {steps}")).await;
        assert_eq!(ours, [production], "{view}");
        let all = format!(
            "SELECT concat(environment, ' ', {shown}) FROM {view}_by_environment \
             WHERE {steps} ORDER BY environment"
        );
        let expected = [format!("production {production}"), format!("staging {staging}")];
        assert_eq!(texts(stack, &all).await, expected, "{view}");
    }
}

async fn a_violation_that_was_let_through_is_told_by_place_and_outcome(stack: &Stack) {
    let told = "concatWithSeparator(' ', source, event, outcome, reason, pointer, \
        ifNull(expected, '-'), ifNull(plan_version, '-'), events, example)";
    let violations = format!("SELECT {told} FROM plan_violations ORDER BY outcome");
    let what = "invalid-field /properties/revenue number shop@3";
    let expected = [
        format!("web/app Product Viewed flag {what} 2 0-3-1002"),
        format!("web/app Product Viewed would-reject {what} 1 0-3-1000"),
    ];
    let shown = texts(stack, &violations).await;
    assert_eq!(shown.len(), 2, "{shown:?}");
    assert_eq!(shown[1], expected[1]);
    // Both were appended in the same millisecond: either may be the newest.
    let either = [expected[0].clone(), expected[0].replace("0-3-1002", "0-3-1000")];
    assert!(either.contains(&shown[0]), "{}", shown[0]);
    let staging = "SELECT sum(events) FROM plan_violations_by_environment \
        WHERE environment = 'staging'";
    assert_eq!(number(stack, "views", staging).await, 2);
}

async fn a_rejection_is_told_by_place_and_hidden_only_where_another_environment_is_known(
    stack: &Stack,
) {
    let told = "concatWithSeparator(' ', stage, ifNull(source, '-'), ifNull(event, '-'), reason, \
        pointer, ifNull(expected, '-'), dead_letters, ifNull(example, '-'))";
    let production = [
        "validate - - malformed  - 1 -",
        "validate web/app Order Completed invalid-field /properties/revenue number 1 0-3-18446",
        "validate web/app Order Completed too-large  - 1 0-3-18446",
    ];
    let rejections = format!("SELECT {told} AS told FROM rejections ORDER BY told");
    assert_eq!(texts(stack, &rejections).await, production);
    let staging =
        format!("SELECT {told} FROM rejections_by_environment WHERE environment = 'staging'");
    let expected = production[1].replace(" 1 ", " 2 ");
    assert_eq!(texts(stack, &staging).await, [expected]);
}

async fn discards_are_counted_and_hidden_only_where_another_environment_is_known(stack: &Stack) {
    let told = "concatWithSeparator(' ', day, ifNull(source, '-'), stage, reason, count)";
    let discards = format!("SELECT {told} FROM discards ORDER BY count");
    let what = "2026-11-18 web/app validate suppressed";
    assert_eq!(texts(stack, &discards).await, [format!("{what} 1"), format!("{what} 2")]);
    let staging =
        format!("SELECT {told} FROM discards_by_environment WHERE environment = 'staging'");
    assert_eq!(texts(stack, &staging).await, [format!("{what} 1")]);
}

async fn every_query_of_the_documentation_finds_something(stack: &Stack) {
    // The queries look at the last days; `now()` of ClickHouse is a whole second, and a value that
    // holds since this very second is not yet found by them.
    execute(
        stack,
        "views",
        "INSERT INTO events SELECT * REPLACE (now64(3) AS appended_at, \
        'Order Completed' AS event_name, origin_offset + 100 AS origin_offset) FROM events",
    )
    .await;
    execute(
        stack,
        "views",
        "INSERT INTO dead_letters SELECT * REPLACE (now64(3) AS failed_at, \
        position_offset + 100 AS position_offset) FROM dead_letters",
    )
    .await;
    execute(
        stack,
        "views",
        "INSERT INTO discarded_events SELECT * REPLACE (now64(3) AS discarded_at, \
        position_offset + 100 AS position_offset) FROM discarded_events",
    )
    .await;
    execute(
        stack,
        "views",
        "INSERT INTO deliveries SELECT * REPLACE (now64(3) - INTERVAL 1 DAY AS settled_at, \
        position_offset + 100 AS position_offset) FROM deliveries",
    )
    .await;
    for (kind, offset) in [("identify", 500), ("group", 600)] {
        let sql = format!(
            "INSERT INTO events SELECT * REPLACE (now64(3) AS appended_at, '{kind}' AS type, \
             'ann' AS user_id, 'acme' AS group_id, '{{\"plan\":\"paid\"}}' AS traits, \
             now64(3) - INTERVAL 1 MINUTE AS timestamp, origin_offset + {offset} AS origin_offset) \
             FROM events WHERE environment = 'production' LIMIT 1"
        );
        execute(stack, "views", &sql).await;
    }
    let sql = "INSERT INTO identity_links (position_topic, kind, anonymous_id, user_id, rule, \
        cause_epoch, cause_partition, cause_offset, event_time, appended_at) VALUES \
        ('identity-links', 'link', 'device-1', 'ann', 'identify', 0, 3, 1500, \
        now64(3) - INTERVAL 1 MINUTE, '2026-11-18 00:00:00')";
    execute(stack, "views", sql).await;
    let text = include_str!("../../../../docs/querying.md");
    let queries: Vec<_> = text.split("```sql\n").skip(1).collect();
    assert!(queries.len() >= 5, "only {} queries", queries.len());
    for query in queries {
        let (query, _) = query.split_once("```").unwrap();
        let query = query.trim().trim_end_matches(';');
        let rows = number(stack, "views", &format!("SELECT count() FROM ({query})")).await;
        assert!(rows > 0, "nothing is found by: {query}");
    }
}
