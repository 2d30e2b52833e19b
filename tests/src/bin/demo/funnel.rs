//! The funnel: what came in, and what became of it.

use std::{collections::BTreeMap, time::Duration};

use anyhow::ensure;
use comfy_table::{CellAlignment, Table, presets::UTF8_FULL_CONDENSED};
use topology::Topic;
use waybill_tests::{Audit, Books, Flow, until};

const FOLLOW_WITHIN: Duration = Duration::from_mins(1);

/// What the senders were told.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Told {
    /// Events that ingest answered 200.
    pub(crate) acknowledged: u64,
    /// Records of a direct producer that the broker acknowledged.
    pub(crate) delivered: u64,
    /// Requests that ingest refused.
    pub(crate) refused: u64,
}

impl Told {
    /// Whether all that was promised has a number. There may be more: a sender that saw no answer
    /// sends again.
    pub(crate) fn agrees_with(&self, books: &Books) -> anyhow::Result<()> {
        let promised = self.acknowledged + self.delivered;
        ensure!(books.raw >= promised, "{promised} events were promised, {} numbered", books.raw);
        Ok(())
    }
}

/// Waits until the tables of dead letters and discards hold what the topics hold.
pub(crate) fn until_tables_follow(flow: &Flow) -> anyhow::Result<()> {
    let fates = flow.fates()?;
    for (table, count) in
        [("dead_letters", fates.dead_letters.len()), ("discarded_events", fates.discards.len())]
    {
        until(&format!("{table} has {count} rows"), FOLLOW_WITHIN, || {
            let rows = flow.clickhouse(&format!("SELECT count() FROM {table} FINAL"))?;
            Ok((rows == count.to_string()).then_some(()))
        })?;
    }
    Ok(())
}

/// Prints it.
pub(crate) fn print(flow: &Flow, audit: &Audit, told: &Told) -> anyhow::Result<()> {
    let books = audit.report.books();
    let mut table = Table::new();
    table.load_style(UTF8_FULL_CONDENSED).set_header(["the funnel", "events"]);
    let mut row = |what: &str, count: u64| {
        table.add_row([what.to_owned(), count.to_string()]);
    };
    row("requests refused (400, 401)", told.refused);
    row("accepted by ingest (200)", told.acknowledged);
    row("written to raw-events directly", told.delivered);
    row("numbered in raw-events", books.raw);
    for ((stage, reason), count) in by_reason(flow, "dead_letters")? {
        row(&format!("  dead: {reason} ({stage})"), count);
    }
    for ((stage, reason), count) in by_reason(flow, "discarded_events")? {
        row(&format!("  discarded: {reason} ({stage})"), count);
    }
    row("stitched", audit.report.seen_in(Topic::StitchedEvents.name()));
    row("in ClickHouse", books.loaded);
    row("missing", audit.report.missing().len() as u64);
    row("duplicated", audit.report.duplicated().len() as u64);
    if let Some(counts) = table.column_mut(1) {
        counts.set_cell_alignment(CellAlignment::Right);
    }
    println!("\n{table}\n");
    Ok(())
}

fn by_reason(flow: &Flow, table: &str) -> anyhow::Result<BTreeMap<(String, String), u64>> {
    let sql = format!("SELECT stage, reason, count() AS n FROM {table} FINAL GROUP BY ALL");
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    let rows = flow.rows(&sql)?;
    let counts = rows.iter().map(|row| {
        ((text(&row["stage"]), text(&row["reason"])), row["n"].as_u64().unwrap_or_default())
    });
    Ok(counts.collect())
}
