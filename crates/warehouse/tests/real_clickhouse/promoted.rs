//! Promoted columns and properties as JSON, with every text that might cost a row.

mod json;
mod nasty;

use event::Millis;
use local_stack::Stack;
use tracking_plan::plan::{Plan, PlanSet};
use warehouse::{
    BackfillProgress, EventRow, InsertAnswer, InsertRequest, JsonProperties, WantedColumns,
    Warehouse, WarehouseError,
};

use crate::loaded::row;
use crate::{execute, number, texts, warehouse};
use nasty::texts_of_all_kinds;

const DATABASE: &str = "promoted";
const KINDS: [&str; 7] =
    ["string", "number", "integer", "decimal", "boolean", "date-time", "strings"];

pub(crate) async fn columns_are_promoted_without_costing_a_row(stack: &Stack) {
    let warehouse = warehouse(stack, DATABASE);
    warehouse.migrate_apply().await.unwrap();
    load(&warehouse, "old", &[r#"{"x":1.10}"#, r#"{"x":"word"}"#]).await;
    a_plan_adds_its_columns_and_views_show_them(stack, &warehouse).await;
    what_was_loaded_before_is_read_by_the_default(stack).await;
    no_text_costs_a_row_and_each_value_is_where_it_fits(stack, &warehouse).await;
    only_the_events_that_promote_fill_a_column(stack, &warehouse).await;
    a_backfill_is_owed_where_rows_are_older_and_done_once(stack, &warehouse).await;
    a_column_that_left_the_plan_stays_and_one_of_another_type_is_refused(stack, &warehouse).await;
    json::properties_as_json_are_by_choice_and_lose_what_is_told(stack, &warehouse).await;
}

fn promotions(events: &str) -> WantedColumns {
    let text = format!("plan: shop\nversion: 1\n{events}");
    let set = PlanSet::read(&[("shop.yaml".to_owned(), text)]).unwrap();
    let promotions = set.versions().flat_map(Plan::promotions).cloned().collect();
    WantedColumns { promotions, json: JsonProperties::None }
}

/// What the queries of docs/querying.md ask for.
pub(crate) async fn as_documented(warehouse: &Warehouse) {
    let wanted = promotions(
        "events:\n  Order Completed:\n    columns: {p_total: {property: /properties/total, type: decimal}}\n",
    );
    let wanted = WantedColumns { json: JsonProperties::All, ..wanted };
    warehouse.columns_apply(&wanted).await.unwrap();
}

/// A column of each type, all of the same property.
fn all_kinds() -> WantedColumns {
    let columns: Vec<String> = KINDS
        .iter()
        .map(|kind| {
            let name = kind.replace('-', "_");
            format!("p_{name}: {{property: /properties/x, type: {kind}}}")
        })
        .collect();
    promotions(&format!("events:\n  Order Completed:\n    columns: {{{}}}\n", columns.join(", ")))
}

fn with_properties(index: usize, name: &str, properties: &str) -> EventRow {
    let mut row = row(i64::try_from(index).unwrap());
    row.stitched.event.event = Some(name.to_owned());
    properties.clone_into(&mut row.stitched.event.properties);
    row
}

/// Loads texts as properties of `Order Completed`, named by `token`.
async fn load(warehouse: &Warehouse, token: &str, properties: &[&str]) {
    let rows = properties.iter().enumerate().map(|(index, text)| {
        let mut row = with_properties(index, "Order Completed", text);
        token.clone_into(&mut row.stitched.event.message_id);
        row
    });
    insert(warehouse, token, &rows.collect::<Vec<_>>()).await;
}

async fn insert(warehouse: &Warehouse, token: &str, rows: &[EventRow]) {
    let insert = InsertRequest::new(rows, token.to_owned(), format!("promoted-{token}"));
    assert_eq!(warehouse.insert(insert).await, InsertAnswer::Loaded, "{token}");
}

async fn a_plan_adds_its_columns_and_views_show_them(stack: &Stack, warehouse: &Warehouse) {
    let wanted = all_kinds();
    let before = warehouse.columns_plan(&wanted).await.unwrap();
    assert_eq!(before.changes.len(), KINDS.len());
    assert!(before.lines()[0].starts_with(
        "column p_boolean of events will be added: Promoted, boolean: /properties/x of Order Completed (plan shop)"
    ), "{:?}", before.lines());
    let (one, other) =
        tokio::join!(warehouse.columns_apply(&wanted), warehouse.columns_apply(&wanted));
    one.unwrap();
    other.unwrap();
    let after = warehouse.columns_plan(&wanted).await.unwrap();
    assert!(after.is_done(), "{:?}", after.lines());
    every_view_with_all_columns_shows(stack, 7).await;
    let bare = "SELECT concat(table, '.', name) FROM system.columns \
        WHERE database = 'promoted' AND comment = '' \
        AND table NOT IN (SELECT name FROM system.dictionaries WHERE database = 'promoted')";
    assert_eq!(texts(stack, DATABASE, bare).await, [""; 0]);
}

/// A view that shows `enrichment_removed`, which no question needs, shows all columns.
async fn every_view_with_all_columns_shows(stack: &Stack, expected: u64) {
    let sql = "SELECT table FROM system.columns WHERE database = 'promoted' \
        GROUP BY table HAVING countIf(name = 'enrichment_removed') = 1 \
        AND countIf(startsWith(name, 'p_') OR name = 'properties_json') != ";
    assert_eq!(texts(stack, DATABASE, &format!("{sql}{expected}")).await, [""; 0]);
    // Nothing lists the columns of a view with parameters but a table that is made of it.
    for view in ["events_of(environment = 'x')", "events_as_of(at = '2026-01-01 00:00:00')"] {
        let made = format!(
            "CREATE OR REPLACE TABLE shown ENGINE = MergeTree ORDER BY () AS SELECT * FROM {view} LIMIT 0"
        );
        execute(stack, DATABASE, &made).await;
        let sql = "SELECT count() FROM system.columns WHERE database = 'promoted' \
            AND table = 'shown' AND (startsWith(name, 'p_') OR name = 'properties_json')";
        assert_eq!(number(stack, DATABASE, sql).await, expected, "{view}");
        execute(stack, DATABASE, "DROP TABLE shown").await;
    }
}

async fn what_was_loaded_before_is_read_by_the_default(stack: &Stack) {
    let on_disk = "SELECT count() FROM system.parts_columns WHERE database = 'promoted' \
        AND table = 'events' AND active AND startsWith(column, 'p_')";
    assert_eq!(number(stack, DATABASE, on_disk).await, 0);
    for (column, expected) in
        [("p_decimal", "1.1|\\N"), ("p_string", "\\N|word"), ("p_number", "1.1|\\N")]
    {
        let shown = format!(
            "SELECT arrayStringConcat(groupArray(ifNull(toString({column}), '\\\\N')), '|') FROM \
             (SELECT * FROM events WHERE message_id = 'old' ORDER BY origin_offset)"
        );
        assert_eq!(texts(stack, DATABASE, &shown).await, [expected], "{column}");
    }
}

async fn no_text_costs_a_row_and_each_value_is_where_it_fits(stack: &Stack, warehouse: &Warehouse) {
    let all = texts_of_all_kinds();
    let properties: Vec<&str> = all.iter().map(|(text, _)| text.as_str()).collect();
    load(warehouse, "kinds", &properties).await;
    let shown: Vec<String> = KINDS
        .iter()
        .map(|kind| {
            let name = kind.replace('-', "_");
            let none = if *kind == "strings" { "empty(p_strings)" } else { "p_{} IS NULL" };
            let none = none.replace("{}", &name);
            format!("if({none}, '', concat('{name}=', assumeNotNull(toString(p_{name}))))")
        })
        .collect();
    let sql = format!(
        "SELECT arrayStringConcat(arrayFilter(it -> it != '', [{}]), ' ') FROM \
         (SELECT * FROM events WHERE message_id = 'kinds' ORDER BY origin_offset)",
        shown.join(", ")
    );
    let stored = texts(stack, DATABASE, &sql).await;
    assert_eq!(stored.len(), all.len());
    for ((text, expected), found) in all.iter().zip(&stored) {
        let start: String = text.chars().take(100).collect();
        assert_eq!(found, expected, "{start}");
    }
    // Whoever reads a part that lacks the columns gets the same.
    execute(stack, DATABASE, "CREATE TABLE lacking AS events").await;
    for kind in KINDS {
        let sql = format!("ALTER TABLE lacking DROP COLUMN p_{}", kind.replace('-', "_"));
        execute(stack, DATABASE, &sql).await;
    }
    let columns = "SELECT arrayStringConcat(groupArray(name), ', ') FROM system.columns \
        WHERE database = 'promoted' AND table = 'lacking'";
    let columns = texts(stack, DATABASE, columns).await.concat();
    let copy = format!(
        "INSERT INTO lacking ({columns}) SELECT {columns} FROM events WHERE message_id = 'kinds'"
    );
    execute(stack, DATABASE, &copy).await;
    for kind in KINDS {
        let column = format!("p_{}", kind.replace('-', "_"));
        let definition = format!(
            "SELECT concat('ALTER TABLE lacking ADD COLUMN ', name, ' ', type, ' DEFAULT ', \
             default_expression) FROM system.columns WHERE database = 'promoted' \
             AND table = 'events' AND name = '{column}'"
        );
        execute(stack, DATABASE, &texts(stack, DATABASE, &definition).await.concat()).await;
    }
    let read = texts(stack, DATABASE, &sql.replace("FROM events", "FROM lacking")).await;
    assert_eq!(read, stored);
    execute(stack, DATABASE, "DROP TABLE lacking").await;
}

async fn only_the_events_that_promote_fill_a_column(stack: &Stack, warehouse: &Warehouse) {
    let mut rows = vec![with_properties(200, "Order Cancelled", r#"{"x":7}"#)];
    let mut page = with_properties(201, "", r#"{"x":7}"#);
    page.stitched.event.event = None;
    "Order Completed".clone_into(&mut page.stitched.event.kind);
    rows.push(page);
    for row in &mut rows {
        "others".clone_into(&mut row.stitched.event.message_id);
    }
    insert(warehouse, "others", &rows).await;
    let filled = "SELECT count() FROM events WHERE message_id = 'others' \
        AND (p_number IS NOT NULL OR p_integer IS NOT NULL OR p_decimal IS NOT NULL)";
    assert_eq!(number(stack, DATABASE, filled).await, 0);
}

/// `Order Cancelled` comes to share a column: what it had is a NULL on disk until it is backfilled.
async fn a_backfill_is_owed_where_rows_are_older_and_done_once(
    stack: &Stack,
    warehouse: &Warehouse,
) {
    let mut wanted = all_kinds();
    let more = promotions(
        "events:\n  Order Cancelled:\n    columns: {p_integer: {property: /properties/x, type: integer}}\n",
    );
    wanted.promotions.extend(more.promotions);
    let plan = warehouse.columns_apply(&wanted).await.unwrap();
    assert_eq!(plan.changes.len(), 1);
    assert!(!plan.changes[0].is_new);
    let shown = "SELECT ifNull(toString(p_integer), '-') FROM events \
        WHERE message_id = 'others' AND event_name = 'Order Cancelled' AND type = 'track'";
    assert_eq!(texts(stack, DATABASE, shown).await, ["-"]);

    let steps = warehouse.backfill_plan(&plan).await.unwrap();
    let columns: Vec<&str> = steps.iter().map(|step| step.column.as_str()).collect();
    assert!(columns.contains(&"p_integer") && steps.iter().all(|step| step.rows > 0), "{steps:?}");
    for step in &steps {
        // Whoever comes second follows what runs already.
        let begun_at: Millis = warehouse.backfill_begin(step).await.unwrap();
        while warehouse.backfill_progress(step, begun_at).await.unwrap() != BackfillProgress::Done {
            tokio::task::yield_now().await;
        }
    }
    assert_eq!(texts(stack, DATABASE, shown).await, ["7"]);
    let unmade = "SELECT count() FROM (SELECT name FROM system.parts_columns \
        WHERE database = 'promoted' AND table = 'events' AND active \
        GROUP BY name HAVING countIf(column = 'p_integer') = 0)";
    assert_eq!(number(stack, DATABASE, unmade).await, 0);
    assert_eq!(warehouse.backfill_plan(&plan).await.unwrap(), []);
}

async fn a_column_that_left_the_plan_stays_and_one_of_another_type_is_refused(
    stack: &Stack,
    warehouse: &Warehouse,
) {
    let none = WantedColumns::default();
    let plan = warehouse.columns_apply(&none).await.unwrap();
    assert!(plan.is_done() && plan.stays.len() == KINDS.len(), "{plan:?}");
    assert!(plan.stays[0].starts_with("column p_boolean of events stays"), "{:?}", plan.stays);

    let other = promotions(
        "events:\n  Order Completed:\n    columns: {p_integer: {property: /properties/x, type: decimal}}\n",
    );
    let error = warehouse.columns_apply(&other).await.unwrap_err();
    let WarehouseError::Column(told) = &error else { panic!("{error}") };
    assert!(
        told.starts_with("p_integer is Nullable(Int64), and plan shop asks for decimal"),
        "{told}"
    );
    assert!(told.contains("ALTER TABLE promoted.events DROP COLUMN p_integer"), "{told}");

    execute(stack, DATABASE, "ALTER TABLE events ADD COLUMN p_mine Nullable(Float64)").await;
    let mine = promotions(
        "events:\n  Order Completed:\n    columns: {p_mine: {property: /properties/x, type: number}}\n",
    );
    let error = warehouse.columns_apply(&mine).await.unwrap_err();
    assert!(error.to_string().contains("is a column that Waybill has not made"), "{error}");

    // As the error says: drop it, and the new type is fine, and so are the views.
    for column in ["p_mine", "p_integer"] {
        execute(stack, DATABASE, &format!("ALTER TABLE events DROP COLUMN {column}")).await;
    }
    let dropped = warehouse.columns_plan(&none).await.unwrap();
    assert!(!dropped.views.is_empty(), "views show a column that is gone");
    warehouse.columns_apply(&other).await.unwrap();
    let plan = warehouse.columns_plan(&other).await.unwrap();
    assert!(plan.is_done(), "{:?}", plan.lines());
    every_view_with_all_columns_shows(stack, 7).await;
    let shown = "SELECT count() FROM production_events WHERE p_integer = toDecimal64('1.1', 9)";
    assert!(number(stack, DATABASE, shown).await > 0);
}
