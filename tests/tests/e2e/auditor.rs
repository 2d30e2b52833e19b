//! Whether the auditor sees what went wrong, and names it.

use std::time::Duration;

use anyhow::ensure;
use waybill_tests::{Audit, Flow, Issued, NamedOrigin, Oracle, WEB};

use crate::world::on_the_flow;

const WAIT: Duration = Duration::from_secs(20);

/// A loaded message, as the auditor is to name it.
fn loaded(flow: &Flow, oracle: &Oracle) -> anyhow::Result<NamedOrigin> {
    let messages: Vec<_> = (0..20).map(|_| oracle.issue(WEB)).collect();
    ensure!(oracle.post(flow, &messages)?, "refused");
    oracle.settle(flow)?;
    let Issued { message_id, source, event, .. } = messages[7].clone();
    let origin = flow.clickhouse(&format!(
        "SELECT concat(origin_epoch, '-', origin_partition, '-', origin_offset) FROM events \
         WHERE message_id = '{message_id}'"
    ))?;
    Ok(NamedOrigin { origin, source: source.id.to_owned(), event, message_id })
}

fn insert_again(flow: &Flow, from: &str, message_id: &str) -> anyhow::Result<()> {
    // Without a token of its own the copy would be dropped by its content's hash.
    flow.clickhouse(&format!(
        "INSERT INTO events SETTINGS insert_deduplication_token = 'copy-{message_id}-{from}' \
         SELECT * FROM {from} WHERE message_id = '{message_id}'"
    ))?;
    Ok(())
}

#[test]
fn a_row_deleted_from_clickhouse_is_named_as_missing() {
    on_the_flow("deleted", |flow, oracle| {
        let victim = loaded(flow, oracle)?;
        let id = &victim.message_id;
        flow.clickhouse("DROP TABLE IF EXISTS e2e_kept")?;
        flow.clickhouse("CREATE TABLE e2e_kept ENGINE = Memory AS SELECT * FROM events LIMIT 0")?;
        flow.clickhouse(&format!(
            "INSERT INTO e2e_kept SELECT * FROM events WHERE message_id = '{id}'"
        ))?;
        flow.clickhouse(&format!(
            "ALTER TABLE events DELETE WHERE message_id = '{id}' SETTINGS mutations_sync = 1"
        ))?;
        let audit = flow.audit(WAIT);
        let oracle_says = oracle.check(flow);
        insert_again(flow, "e2e_kept", id)?;
        let audit: Audit = audit?;
        ensure!(audit.code == 1, "{audit}");
        ensure!(audit.report.missing() == [victim], "{audit}");
        ensure!(audit.report.duplicated().is_empty(), "{audit}");
        ensure!(oracle_says.is_err(), "the oracle did not see what the auditor saw");
        oracle.settle(flow)?;
        Ok(())
    });
}

#[test]
fn a_row_inserted_twice_is_named_as_duplicated() {
    on_the_flow("doubled", |flow, oracle| {
        let victim = loaded(flow, oracle)?;
        let id = &victim.message_id;
        flow.clickhouse("SYSTEM STOP MERGES events")?;
        insert_again(flow, "events", id)?;
        let rows =
            flow.clickhouse(&format!("SELECT count() FROM events WHERE message_id = '{id}'"))?;
        let audit = flow.audit(WAIT);
        flow.clickhouse("SYSTEM START MERGES events")?;
        flow.clickhouse("OPTIMIZE TABLE events FINAL")?;
        ensure!(rows == "2", "{rows} rows: the duplicate was not planted");
        let audit: Audit = audit?;
        ensure!(audit.code == 1, "{audit}");
        ensure!(audit.report.duplicated() == [victim], "{audit}");
        ensure!(audit.report.missing().is_empty(), "{audit}");
        oracle.settle(flow)?;
        Ok(())
    });
}

#[test]
fn a_loss_does_not_hide_behind_a_duplicate() {
    on_the_flow("swapped", |flow, oracle| {
        let lost = loaded(flow, oracle)?;
        let doubled = loaded(flow, oracle)?;
        let id = &lost.message_id;
        flow.clickhouse("DROP TABLE IF EXISTS e2e_swapped")?;
        flow.clickhouse(
            "CREATE TABLE e2e_swapped ENGINE = Memory AS SELECT * FROM events LIMIT 0",
        )?;
        flow.clickhouse(&format!(
            "INSERT INTO e2e_swapped SELECT * FROM events WHERE message_id = '{id}'"
        ))?;
        flow.clickhouse(&format!(
            "ALTER TABLE events DELETE WHERE message_id = '{id}' SETTINGS mutations_sync = 1"
        ))?;
        flow.clickhouse("SYSTEM STOP MERGES events")?;
        insert_again(flow, "events", &doubled.message_id)?;
        let audit = flow.audit(WAIT);
        flow.clickhouse("SYSTEM START MERGES events")?;
        flow.clickhouse("OPTIMIZE TABLE events FINAL")?;
        insert_again(flow, "e2e_swapped", id)?;
        let audit: Audit = audit?;
        ensure!(audit.code == 1, "{audit}");
        ensure!(audit.report.missing() == [lost], "{audit}");
        ensure!(audit.report.duplicated() == [doubled], "{audit}");
        oracle.settle(flow)?;
        Ok(())
    });
}
