//! The views in Segment's layout, with names and values that are odd.

use std::time::SystemTime;

use event::{Event, Millis};
use local_stack::Stack;
use warehouse::{
    EventRow, Field, FieldKind, InsertAnswer, InsertRequest, Part, PlannedEvent, SegmentSource,
    Warehouse,
};

use crate::{execute, loaded::row, migrated, number, texts};

const OURS: &str = "segment";
const DATABASE: &str = "segment_web_app";

/// Names whose tables could be taken for another, or have none.
const ODD_NAMES: [&str; 9] = [
    "Pages",
    "2FA enabled",
    "注文",
    "it's \\ `done`",
    "HTTPStatus 200OK",
    "a5B",
    "A5B",
    "utf8Name  x",
    "very long name very long name very long name very long name very long name very long name \
     very long name",
];

pub(crate) async fn models_written_for_segment_run(stack: &Stack) {
    let warehouse = migrated(stack, OURS).await;
    load(&warehouse).await;
    what_is_there_and_not_ours_is_left(stack, &warehouse).await;
    the_layout_is_made_once_and_follows_what_was_sent(stack, &warehouse).await;
    every_view_answers_and_every_event_has_its_table(stack).await;
    columns_have_the_types_of_the_plan(stack).await;
    no_value_fails_a_query_and_what_does_not_fit_is_null(stack).await;
    other_environments_other_sources_and_the_superseded_are_not_there(stack).await;
    users_and_accounts_have_the_last_word_on_each_trait(stack).await;
    first_touch_attribution_runs(stack).await;
    every_query_of_the_page_finds_something(stack).await;
    a_noted_column_stays_when_its_property_is_not_sent_any_more(stack, &warehouse).await;
}

fn now() -> Millis {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    i64::try_from(since.as_millis()).unwrap()
}

fn told(offset: i64, kind: &str, name: Option<&str>, change: impl FnOnce(&mut Event)) -> EventRow {
    let mut row = row(offset);
    row.waybill.appended_at = now() - 60_000 + offset;
    let event = &mut row.stitched.event;
    kind.clone_into(&mut event.kind);
    event.event = name.map(str::to_owned);
    event.timestamp += offset;
    event.received_at = now();
    "{}".clone_into(&mut event.properties);
    row.stitched.identity.supersedes = None;
    change(&mut row.stitched.event);
    row
}

fn track(offset: i64, name: &str, properties: &str) -> EventRow {
    told(offset, "track", Some(name), |it| properties.clone_into(&mut it.properties))
}

fn identify(offset: i64, traits: &str) -> EventRow {
    told(offset, "identify", None, |it| {
        it.user_id = Some("ann".to_owned());
        traits.clone_into(&mut it.traits);
    })
}

fn rows() -> Vec<EventRow> {
    let mut rows = vec![
        told(0, "page", None, |it| {
            r#"{"campaign":{"source":"news"},"page":{"url":"https://shop.example/a"},
                "screen":{"width":1280.0,"height":1.5},"network":{"wifi":"x"},"tenant":{"id":7},
                "userAgent":5,"ip":"192.0.2.9"}"#
                .clone_into(&mut it.context);
            r#"{"url":"https://shop.example/a","title":"A","Name":"own"}"#
                .clone_into(&mut it.properties);
            it.name = Some("Start".to_owned());
        }),
        identify(
            1,
            r#"{"plan":"free","Seats":5,"id":"trait","createdAt":"2026-01-02T03:04:05+02:00"}"#,
        ),
        track(
            2,
            "Order Completed",
            r#"{"orderId":"A1","total":12.5,"paid":true,"at":"2026-11-18T12:00:00Z","count":9007199254740993,
                "products":[{"sku":"x"}],"address":{"zipCode":"01099"},"it's new":7,"event":"x"}"#,
        ),
        track(
            3,
            "order_completed",
            r#"{"order_id":"B2","orderId":"other","total":"abc","paid":"maybe","at":12,"count":1.5,
                "address":5,"it's new":-1e400}"#,
        ),
        track(4, "Order Completed", r#"{"orderId":"superseded"}"#),
        track(
            5,
            "Order Completed",
            r#"{"orderId":"C3","total":-1e30,"count":-1e30,"at":"9999-99-99"}"#,
        ),
        track(6, "Order Completed", r#"{"orderId":"staging"}"#),
        identify(7, r#"{"plan":"paid"}"#),
        told(8, "group", None, |it| {
            it.group_id = Some("acme".to_owned());
            r#"{"seats":3,"name":"Acme"}"#.clone_into(&mut it.traits);
        }),
        told(9, "screen", None, |it| it.name = Some("Home".to_owned())),
        told(10, "alias", None, |it| it.previous_id = Some("old".to_owned())),
        track(11, "Order Completed", r#"{"orderId":"api"}"#),
    ];
    rows[5].stitched.identity.supersedes = Some("0-3-1004".to_owned());
    "staging".clone_into(&mut rows[6].stitched.event.environment);
    "api".clone_into(&mut rows[11].stitched.event.source);
    let odd = (20..).zip(ODD_NAMES).map(|(offset, name)| track(offset, name, "{}"));
    rows.extend(odd);
    rows
}

async fn load(warehouse: &Warehouse) {
    let insert = InsertRequest::new(&rows(), "s".to_owned(), "s-1".to_owned());
    assert_eq!(warehouse.insert(insert).await, InsertAnswer::Loaded);
}

fn field(part: Part, path: &[&str], kind: FieldKind) -> Field {
    let path = path.iter().map(|it| (*it).to_owned()).collect();
    Field { part, path, kind, description: Some("It's \\ so".to_owned()) }
}

fn source(id: &str, database: Option<&str>) -> SegmentSource {
    use FieldKind::{Boolean, Integer, Number, Text, Time};
    let property = |path: &[&str], kind| field(Part::Properties, path, kind);
    let event = |kind: &str, name: &str, fields| PlannedEvent {
        kind: kind.to_owned(),
        name: name.to_owned(),
        fields,
    };
    let order = vec![
        property(&["orderId"], Text),
        property(&["order_id"], Text),
        property(&["total"], Number),
        property(&["paid"], Boolean),
        property(&["at"], Time),
        property(&["count"], Integer),
        property(&["products"], Text),
        property(&["address", "zipCode"], Text),
    ];
    let traits =
        vec![field(Part::Traits, &["createdAt"], Time), field(Part::Traits, &["id"], Text)];
    SegmentSource {
        source: id.to_owned(),
        database: database.map(str::to_owned),
        planned: vec![
            event("track", "Order Completed", order),
            event("track", "Never Sent", vec![property(&["x"], Text)]),
            event("identify", "identify", traits),
        ],
        context: vec![
            field(Part::Context, &["tenant", "id"], Text),
            field(Part::Context, &["page", "url"], Text),
        ],
    }
}

/// The second source of the database is refused, and so is a table that somebody else made.
async fn what_is_there_and_not_ours_is_left(stack: &Stack, warehouse: &Warehouse) {
    for sql in [
        "CREATE DATABASE segment_own",
        "CREATE TABLE segment_own.tracks (id String) ENGINE = MergeTree ORDER BY id",
        "INSERT INTO segment_own.tracks VALUES ('kept')",
    ] {
        execute(stack, OURS, sql).await;
    }
    let sources = [source("api", Some("segment_own")), source("api/two", Some("segment_own"))];
    let plan = warehouse.segment_plan(&sources).await.unwrap();
    assert_eq!(
        plan.left,
        [
            "segment_own.tracks is there and was not made for api: it is left as it is",
            "api/two has no views in Segment's layout, since its database segment_own is that of api: \
             name another one for it under [warehouse.segment_databases]",
        ]
    );
    warehouse.segment_apply(&plan).await.unwrap();
    assert_eq!(texts(stack, OURS, "SELECT id FROM segment_own.tracks").await, ["kept"]);
    let orders = "SELECT order_id FROM segment_own.order_completed";
    assert_eq!(
        texts(stack, OURS, &format!("SELECT assumeNotNull(order_id) FROM ({orders})")).await,
        ["api"]
    );
}

async fn the_layout_is_made_once_and_follows_what_was_sent(stack: &Stack, warehouse: &Warehouse) {
    let sources = [source("web/app", None)];
    let plan = warehouse.segment_plan(&sources).await.unwrap();
    let told = plan.to_string();
    assert!(told.starts_with("database segment_web_app will be created, for web/app"), "{told}");
    assert!(!told.contains("it's new"), "a name that was sent may be personal: {told}");
    let (one, other) = tokio::join!(warehouse.segment_apply(&plan), warehouse.segment_apply(&plan));
    one.unwrap();
    other.unwrap();
    let again = warehouse.segment_plan(&sources).await.unwrap();
    assert!(again.is_done() && again.left.is_empty(), "{again}");
    let bare = "SELECT concat(table, '.', name) FROM system.columns \
        WHERE database = 'segment_web_app' AND comment = ''";
    assert_eq!(texts(stack, OURS, bare).await, [""; 0]);
}

async fn every_view_answers_and_every_event_has_its_table(stack: &Stack) {
    let views = "SELECT name FROM system.tables WHERE database = 'segment_web_app' ORDER BY name";
    let views = texts(stack, OURS, views).await;
    assert_eq!(views.len(), 8 + 2 + ODD_NAMES.len(), "{views:?}");
    for view in &views {
        let sql = format!("SELECT * FROM `{view}` FORMAT Null");
        execute(stack, DATABASE, &sql).await;
        let found = number(stack, DATABASE, &format!("SELECT count() FROM `{view}`")).await;
        assert_eq!(found == 0, view == "never_sent", "{view} has {found} rows");
    }
    let homeless = "SELECT event_text FROM tracks WHERE event NOT IN \
        (SELECT name FROM system.tables WHERE database = 'segment_web_app')";
    assert_eq!(texts(stack, DATABASE, homeless).await, [""; 0]);
    let events =
        "SELECT count() FROM pages_event WHERE event = 'pages_event' AND event_text = 'Pages'";
    assert_eq!(number(stack, DATABASE, events).await, 1);
}

async fn columns_have_the_types_of_the_plan(stack: &Stack) {
    let of = |table: &str| {
        format!(
            "SELECT concat(name, ' ', type) FROM system.columns WHERE database = 'segment_web_app' \
             AND table = '{table}' AND NOT startsWith(name, 'context_') ORDER BY position"
        )
    };
    let columns = texts(stack, OURS, &of("order_completed")).await;
    let expected = [
        "id String",
        "anonymous_id Nullable(String)",
        "user_id Nullable(String)",
        "event String",
        "event_text LowCardinality(String)",
        "timestamp DateTime64(3, 'UTC')",
        "original_timestamp Nullable(DateTime64(3, 'UTC'))",
        "sent_at Nullable(DateTime64(3, 'UTC'))",
        "received_at DateTime64(3, 'UTC')",
        "loaded_at DateTime64(3, 'UTC')",
        "uuid_ts DateTime64(3, 'UTC')",
        "address_zip_code Nullable(String)",
        "at Nullable(DateTime64(3, 'UTC'))",
        "count Nullable(Int64)",
        "it_s_new Nullable(Int64)",
        "order_id Nullable(String)",
        "paid Nullable(Bool)",
        "products Nullable(String)",
        "property_event Nullable(String)",
        "total Nullable(Float64)",
    ];
    assert_eq!(columns, expected);
    let users = texts(stack, OURS, &of("users")).await;
    let of_traits = [
        "created_at Nullable(DateTime64(3, 'UTC'))",
        "plan Nullable(String)",
        "seats Nullable(Int64)",
        "trait_id Nullable(String)",
    ];
    assert_eq!(users[4..], of_traits, "{users:?}");
}

async fn lines(stack: &Stack, columns: &str, rest: &str) -> Vec<String> {
    let shown = columns.split(", ").map(|it| format!("ifNull(toString({it}), '-')"));
    let shown = shown.collect::<Vec<_>>().join(", ");
    let sql = format!("SELECT concatWithSeparator(' ', {shown}) AS line FROM {rest}");
    texts(stack, DATABASE, &sql).await
}

async fn no_value_fails_a_query_and_what_does_not_fit_is_null(stack: &Stack) {
    let told = "id, order_id, total, paid, at, count, products, address_zip_code, it_s_new, property_event";
    let shown = lines(stack, told, "order_completed ORDER BY id").await;
    let expected = [
        r#"m-2 A1 12.5 true 2026-11-18 12:00:00.000 9007199254740993 [{"sku":"x"}] 01099 7 x"#,
        // A number beyond those of JSON's readers makes its text unreadable as a whole.
        "m-3 - - - - - - - - -",
        "m-5 C3 -1e30 - - - - - - -",
    ];
    assert_eq!(shown, expected);
    let told = "name, title, url, path, property_name, context_campaign_source, context_screen_width, \
        context_screen_height, context_network_wifi, context_tenant_id, context_user_agent, context_ip";
    let shown = lines(stack, told, "pages").await;
    assert_eq!(shown, ["Start A https://shop.example/a - own news 1280 - - 7 5 198.51.100.0"]);
}

async fn other_environments_other_sources_and_the_superseded_are_not_there(stack: &Stack) {
    let sql = "SELECT arrayStringConcat(arraySort(groupArray(id)), ' ') FROM tracks \
        WHERE event = 'order_completed'";
    assert_eq!(texts(stack, DATABASE, sql).await, ["m-2 m-3 m-5"]);
}

async fn users_and_accounts_have_the_last_word_on_each_trait(stack: &Stack) {
    let users = lines(stack, "id, plan, seats, trait_id, created_at", "users").await;
    assert_eq!(users, ["ann paid 5 trait 2026-01-02 01:04:05.000"]);
    assert_eq!(lines(stack, "id, name, seats", "accounts").await, ["acme Acme 3"]);
    let groups = lines(stack, "id, group_id, anonymous_id, seats", "groups").await;
    assert_eq!(groups, ["m-8 acme device-1 3"]);
    assert_eq!(lines(stack, "previous_id", "aliases").await, ["old"]);
}

/// As such models are written: each with a name, the schema's tables as they are.
async fn first_touch_attribution_runs(stack: &Stack) {
    let sql = "
        with page_views as (
            select *, row_number() over (partition by id order by received_at) as copy
            from segment_web_app.pages
        ),
        stitched as (
            select distinct anonymous_id,
                last_value(user_id) over (partition by anonymous_id order by received_at
                    rows between unbounded preceding and unbounded following) as known_user
            from segment_web_app.identifies
            where anonymous_id is not null and user_id is not null
        ),
        touches as (
            select coalesce(stitched.known_user, page_views.anonymous_id) as visitor,
                page_views.context_campaign_source as utm_source, page_views.url as landing_page,
                row_number() over (partition by visitor order by page_views.timestamp) as touch
            from page_views
            left join stitched on stitched.anonymous_id = page_views.anonymous_id
            where copy = 1
        ),
        orders as (
            select coalesce(stitched.known_user, tracks.anonymous_id) as visitor,
                count(distinct tracks.id) as orders, sum(order_completed.total) as revenue
            from segment_web_app.tracks as tracks
            inner join segment_web_app.order_completed as order_completed
                on order_completed.id = tracks.id
            left join stitched on stitched.anonymous_id = tracks.anonymous_id
            where tracks.event = 'order_completed' and order_completed.total > 0
            group by visitor
        )
        select concat(touches.visitor, ' ', touches.utm_source, ' ', touches.landing_page, ' ',
            toString(orders.orders), ' ', toString(orders.revenue)) as line
        from touches inner join orders on orders.visitor = touches.visitor
        where touches.touch = 1";
    let sql = format!("select assumeNotNull(line) from ({sql})");
    assert_eq!(texts(stack, OURS, &sql).await, ["ann news https://shop.example/a 1 12.5"]);
}

async fn every_query_of_the_page_finds_something(stack: &Stack) {
    let text = include_str!("../../../../docs/segment-layout.md");
    let queries: Vec<_> = text.split("```sql\n").skip(1).collect();
    assert_eq!(queries.len(), 3);
    for query in queries {
        let (query, _) = query.split_once("```").unwrap();
        let query = query.replace("waybill_web_app", DATABASE);
        let rows = number(stack, OURS, &format!("SELECT count() FROM ({query})")).await;
        assert!(rows > 0, "nothing is found by: {query}");
    }
}

async fn a_noted_column_stays_when_its_property_is_not_sent_any_more(
    stack: &Stack,
    warehouse: &Warehouse,
) {
    execute(stack, OURS, "TRUNCATE TABLE events").await;
    let rows = [track(40, "Order Completed", r#"{"another":true,"it's new":"text now"}"#)];
    let insert = InsertRequest::new(&rows, "s2".to_owned(), "s2-1".to_owned());
    assert_eq!(warehouse.insert(insert).await, InsertAnswer::Loaded);
    let sources = [source("web/app", None)];
    let plan = warehouse.segment_plan(&sources).await.unwrap();
    assert!(plan.to_string().contains("made anew: order_completed"), "{plan}");
    warehouse.segment_apply(&plan).await.unwrap();
    let shown = lines(stack, "id, another, it_s_new", "order_completed").await;
    assert_eq!(shown, ["m-40 true -"]);
}
