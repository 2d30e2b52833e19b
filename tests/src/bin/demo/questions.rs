//! Three questions that a data engineer would ask of the day.

use anyhow::Context as _;
use comfy_table::{Table, presets::UTF8_FULL_CONDENSED};
use serde_json::Value;
use waybill_tests::Flow;

const QUESTIONS: [&str; 3] = [
    include_str!("../../../demo/queries/1_campaigns.sql"),
    include_str!("../../../demo/queries/2_revenue.sql"),
    include_str!("../../../demo/queries/3_devices.sql"),
];

/// Asks each and prints question, query and answer.
pub(crate) fn ask(flow: &Flow) -> anyhow::Result<()> {
    for sql in QUESTIONS {
        println!("{}", sql.trim());
        println!("{}\n", answer(flow, sql)?);
    }
    Ok(())
}

fn answer(flow: &Flow, sql: &str) -> anyhow::Result<Table> {
    let text = flow.clickhouse(&format!("{sql} FORMAT JSONCompactEachRowWithNames"))?;
    let rows: Result<Vec<Vec<Value>>, _> = text.lines().map(serde_json::from_str).collect();
    let rows = rows.context("an answer of ClickHouse")?;
    let mut table = Table::new();
    table.load_style(UTF8_FULL_CONDENSED);
    let mut rows = rows.iter().map(|row| row.iter().map(cell).collect::<Vec<_>>());
    table.set_header(rows.next().unwrap_or_default());
    table.add_rows(rows);
    Ok(table)
}

fn cell(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
