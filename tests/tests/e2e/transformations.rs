//! An operator's program in the flow.

use std::time::Duration;

use anyhow::ensure;
use pipeline::{DiscardReason, RejectReason};
use waybill_tests::{CLIENT_ADDRESS, Flow, TRANSFORMED, WEB_SDKS, until};

use crate::world::on_the_flow;

#[test]
fn a_program_maps_and_filters_and_what_it_fails_on_is_a_dead_letter() {
    on_the_flow("transformed", |flow, _| {
        for order in ["map", "filter", "fail"] {
            let body = format!(
                r#"{{"batch":[{{"type":"track","event":"{TRANSFORMED}","messageId":"{}",
                "anonymousId":"a-1","context":{{"ip":"{CLIENT_ADDRESS}"}},"traits":{{"n":1.50}},
                "properties":{{"do":"{order}"}}}}]}}"#,
                id(order)
            );
            let answer = flow.post("/v1/batch", WEB_SDKS.write_key, body.as_bytes())?;
            ensure!(answer.status == 200, "{order}: {answer:?}");
        }
        let row = found(flow, "properties, traits, enrichments[-1].1", "events", "map")?;
        let expected = "{\"country\":\"DE\"}\t{\"n\":1.50}\ttransform:checked";
        ensure!(row == expected, "{row}");
        let row = found(flow, "stage, reason, detail", "discarded_events", "filter")?;
        let expected = format!("enrich\t{}\ttransformation checked", DiscardReason::Filtered);
        ensure!(row == expected, "{row}");
        let row = found(flow, "stage, reason, detail", "dead_letters", "fail")?;
        let expected = format!("enrich\t{}\t", RejectReason::TransformationFailed);
        ensure!(row.starts_with(&expected) && row.contains("checked"), "{row}");
        ensure!(!row.contains("\"fail\""), "a value: {row}");
        let audit = flow.audit(Duration::from_mins(1))?;
        ensure!(audit.code == 0, "{:?}", audit.report);
        Ok(())
    });
}

fn id(order: &str) -> String {
    format!("transformed-{order}-{}", std::process::id())
}

/// The one row of the event that asks for this.
fn found(flow: &Flow, columns: &str, table: &str, order: &str) -> anyhow::Result<String> {
    let sql = format!("SELECT {columns} FROM {table} WHERE message_id = '{}'", id(order));
    until(&format!("{order}: a row in {table}"), Duration::from_secs(30), || {
        let row = flow.clickhouse(&sql)?;
        Ok((!row.is_empty()).then_some(row))
    })
}
