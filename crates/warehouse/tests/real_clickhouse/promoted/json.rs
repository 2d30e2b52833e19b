//! Properties as ClickHouse's JSON type.

use local_stack::Stack;
use warehouse::{JsonProperties, WantedColumns, Warehouse};

use super::{DATABASE, every_view_with_all_columns_shows, insert, load, with_properties};
use crate::{execute, number, texts};

/// What the JSON type makes of texts; `{}` is what it does not take.
const AS_JSON: [(&str, &str); 26] = [
    (r#"{"a":{"b":1},"c":[1,"x",{"d":true}]}"#, r#"{"a":{"b":1},"c":[1,"x",{"d":true}]}"#),
    // Lost.
    (r#"{"x":1.10}"#, r#"{"x":1.1}"#),
    (r#"{"x":12345678901234567.123456789}"#, r#"{"x":12345678901234568}"#),
    (r#"{"x":null,"y":1}"#, r#"{"y":1}"#),
    (r#"{"x":{},"y":1}"#, r#"{"y":1}"#),
    (r#"{"x":"2026-02-28"}"#, r#"{"x":"2026-02-28"}"#),
    (r#"{"x":"2026-02-30"}"#, r#"{"x":"2026-03-02"}"#),
    (r#"{"x":"2026-11-25T10:15:30Z"}"#, r#"{"x":"2026-11-25 10:15:30"}"#),
    // Refused.
    (r#"{"x":1,"x":2}"#, "{}"),
    (r#"{"a.b":1,"a":{"b":2}}"#, "{}"),
    (r#"{"x":1e400}"#, "{}"),
    (r#"{"x":100000000000000000000000000000}"#, "{}"),
    (r#"{"x":"\ud800"}"#, "{}"),
    (r#"{"x":1} x"#, "{}"),
    ("{", "{}"),
    ("", "{}"),
    ("null", "{}"),
    ("[]", "{}"),
    ("5", "{}"),
    // Odd and taken.
    (r#"{"":{"":1}}"#, r#"{"":{"":1}}"#),
    (r#"{"x":[[],{},[null]]}"#, r#"{"x":[[],{},[null]]}"#),
    (r#"{"x":18446744073709551615}"#, r#"{"x":18446744073709551615}"#),
    // The same path with one type after another.
    (r#"{"y":1}"#, r#"{"y":1}"#),
    (r#"{"y":"word"}"#, r#"{"y":"word"}"#),
    (r#"{"y":[1]}"#, r#"{"y":[1]}"#),
    (r#"{"y":{"z":1}}"#, r#"{"y":{"z":1}}"#),
];

pub(super) async fn properties_as_json_are_by_choice_and_lose_what_is_told(
    stack: &Stack,
    warehouse: &Warehouse,
) {
    let json = |json| WantedColumns { json, ..WantedColumns::default() };
    let of_app = json(JsonProperties::Sources(vec!["web/app".to_owned()]));
    warehouse.columns_apply(&of_app).await.unwrap();
    assert!(warehouse.columns_plan(&of_app).await.unwrap().is_done());
    every_view_with_all_columns_shows(stack, 8).await;
    let mut all: Vec<(String, &str)> =
        AS_JSON.into_iter().map(|(text, shown)| (text.to_owned(), shown)).collect();
    // A thousand paths are more than have columns of their own.
    let paths: Vec<String> = (0..1_000).map(|index| format!(r#""k{index:03}":1"#)).collect();
    let paths = format!("{{{}}}", paths.join(","));
    all.push((paths.clone(), &paths));
    let long = format!(r#"{{"x":"{}"}}"#, "x".repeat(1_000_000));
    all.push((long.clone(), &long));
    let nested = format!(r#"{{"x":{}{}}}"#, "[".repeat(5_000), "]".repeat(5_000));
    all.push((nested, "{}"));
    let properties: Vec<&str> = all.iter().map(|(text, _)| text.as_str()).collect();
    load(warehouse, "json", &properties).await;
    let sql = "SELECT toString(properties_json) FROM events WHERE message_id = 'json' \
        ORDER BY origin_offset";
    let stored = texts(stack, DATABASE, sql).await;
    assert_eq!(stored.len(), all.len());
    for ((text, expected), found) in all.iter().zip(&stored) {
        let start: String = text.chars().take(100).collect();
        assert_eq!(found, expected, "{start}");
    }
    let exact = "SELECT count() FROM events WHERE message_id = 'json' AND properties = '{\"x\":1.10}' \
        AND properties_json.x.:Float64 = 1.1";
    assert_eq!(number(stack, DATABASE, exact).await, 1);
    a_merge_keeps_every_value_as_json(stack, sql, &stored).await;

    let mut foreign = with_properties(300, "Order Completed", r#"{"y":1}"#);
    "server/crm".clone_into(&mut foreign.stitched.event.source);
    "foreign".clone_into(&mut foreign.stitched.event.message_id);
    insert(warehouse, "foreign", &[foreign]).await;
    let foreign = "SELECT toString(properties_json) FROM events WHERE message_id = 'foreign'";
    assert_eq!(texts(stack, DATABASE, foreign).await, ["{}"]);

    let all = json(JsonProperties::All);
    let plan = warehouse.columns_apply(&all).await.unwrap();
    assert_eq!((plan.changes.len(), plan.changes[0].is_new), (1, false));
    let off = warehouse.columns_plan(&WantedColumns::default()).await.unwrap();
    assert!(off.is_done());
    assert!(off.stays.iter().any(|it| it.contains("properties_json")), "{:?}", off.stays);
}

async fn a_merge_keeps_every_value_as_json(stack: &Stack, sql: &str, stored: &[String]) {
    execute(stack, DATABASE, "OPTIMIZE TABLE events FINAL").await;
    assert_eq!(texts(stack, DATABASE, sql).await, stored);
}
