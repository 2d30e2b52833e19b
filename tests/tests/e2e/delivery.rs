//! What arrives when nothing breaks.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use serde_json::Value;
use waybill_tests::{BILLING, CRM, Oracle, WEB};

use crate::world::on_the_flow;

#[test]
fn events_sent_over_http_and_straight_to_kafka_arrive_exactly_as_sent() {
    on_the_flow("delivery", |flow, oracle| {
        for source in [WEB, BILLING] {
            let messages: Vec<_> = (0..40).map(|_| oracle.issue(source)).collect();
            ensure!(oracle.post(flow, &messages)?, "a batch is refused");
        }
        for _ in 0..20 {
            oracle.produce(flow, &oracle.issue(CRM))?;
        }
        let tally = oracle.settle(flow)?;
        ensure!((tally.acknowledged, tally.loaded) == (100, 100), "{tally}");
        Ok(())
    });
}

#[test]
fn a_message_sent_three_times_is_loaded_once_and_its_repeats_name_the_first() {
    on_the_flow("repeats", |flow, oracle| {
        let message = oracle.issue(WEB);
        for _ in 0..3 {
            ensure!(oracle.post(flow, std::slice::from_ref(&message))?, "refused");
        }
        let tally = oracle.settle(flow)?;
        ensure!((tally.loaded, tally.repeats) == (1, 2), "{tally}");
        let first = flow.clickhouse(&format!(
            "SELECT concat(origin_epoch, '-', origin_partition, '-', origin_offset) FROM events \
             WHERE message_id = '{}'",
            message.message_id
        ))?;
        let fates = flow.fates()?;
        let named: Vec<_> = fates
            .discards
            .iter()
            .filter(|discard| discard.value.message_id.as_ref() == Some(&message.message_id))
            .map(|discard| discard.value.first.map(|origin| origin.to_string()))
            .collect();
        ensure!(named == [Some(first.clone()), Some(first)], "{named:?}");
        Ok(())
    });
}

#[test]
fn the_same_message_id_from_another_source_is_another_message() {
    on_the_flow("sources", |flow, oracle| {
        let message = oracle.issue(WEB);
        let body = format!(r#"{{"batch":[{}]}}"#, message.json());
        ensure!(oracle.post(flow, std::slice::from_ref(&message))?, "refused");
        let other = flow.post("/v1/batch", BILLING.write_key, body.as_bytes())?;
        ensure!(other.status == 200, "{other:?}");
        ensure!(flow.audit(Duration::from_mins(1))?.code == 0, "unbalanced");
        let sources = flow.clickhouse(&format!(
            "SELECT arraySort(groupArray(source)) FROM events WHERE message_id = '{}'",
            message.message_id
        ))?;
        ensure!(sources == "['server/billing','web/app']", "{sources}");
        // The oracle knows a message by its id alone: a fresh one of another label looks after us.
        Oracle::new("sources-fresh").fresh_event_arrives(flow)
    });
}

#[test]
fn the_number_that_the_native_route_tells_is_the_one_under_which_the_event_is_found() {
    on_the_flow("native", |flow, oracle| {
        let (first, second) = (oracle.issue(WEB), oracle.issue(WEB));
        let body = format!("{}\n{{broken\n{}\n", first.json(), second.json());
        let answer = flow.post("/v1/events", WEB.write_key, body.as_bytes())?;
        ensure!(answer.status == 207, "{answer:?}");
        let told: Value = serde_json::from_str(&answer.body)?;
        let events = told["events"].as_array().context("no events")?;
        ensure!(events.len() == 3 && events[1]["status"] == "rejected", "{told}");
        ensure!(flow.audit(Duration::from_mins(1))?.code == 0, "unbalanced");
        for (event, message) in [(&events[0], &first), (&events[2], &second)] {
            let origin = event["origin"].as_str().context("no origin")?;
            let trace = flow.waybill(&["trace", origin, "--json"])?;
            ensure!(trace.contains(&message.message_id), "{trace}");
            let stored = flow.clickhouse(&format!(
                "SELECT concat(origin_epoch, '-', origin_partition, '-', origin_offset) \
                 FROM events WHERE message_id = '{}'",
                message.message_id
            ))?;
            ensure!(stored == origin, "{stored}, told {origin}");
        }
        Ok(())
    });
}
