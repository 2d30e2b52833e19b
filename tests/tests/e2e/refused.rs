//! Rows that ClickHouse refuses become dead letters of the loader, and are loaded when it takes them.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use event::{DeadLetter, Waybill};
use kafka_runtime::{Outgoing, header};
use pipeline::RejectReason;
use topology::{Service, Stage};
use waybill_tests::{Fate, Flow, Issued, Oracle, Placed, WEB};

use crate::world::on_the_flow;

const STAGE: Stage = Stage::ForwardClickhouse;
const REASON: RejectReason = RejectReason::RefusedRow;
const WAIT: Duration = Duration::from_mins(1);
/// What the table refuses for the length of the test.
const CONSTRAINT: &str = "no_test_rows";

/// Every so many of the events are refused.
const EVERY: usize = 11;

fn issued(oracle: &Oracle, count: usize) -> Vec<Issued> {
    let fate = |index| if index % EVERY == 0 { Fate::Dead(STAGE, REASON) } else { Fate::Loaded };
    (0..count).map(|index| oracle.issue_for(WEB, fate(index))).collect()
}

fn refused(messages: &[Issued]) -> impl Iterator<Item = &Issued> {
    messages.iter().step_by(EVERY)
}

#[test]
fn refused_rows_are_told_the_rest_is_loaded_and_what_is_redriven_settles_them() {
    on_the_flow("refused-rows", |flow, oracle| {
        let messages = issued(oracle, 40);
        let ids: Vec<String> =
            refused(&messages).map(|it| format!("'{}'", it.message_id)).collect();
        let refuse =
            format!("ADD CONSTRAINT {CONSTRAINT} CHECK message_id NOT IN ({})", ids.join(", "));
        flow.on_table("ALTER TABLE", "events", &refuse)?;
        let told = during(flow, oracle, &messages);
        flow.on_table("ALTER TABLE", "events", &format!("DROP CONSTRAINT {CONSTRAINT}"))?;
        let letters = told?;
        let before = flow.audit(WAIT)?.report.books();

        flow.produce(letters.iter().map(redriven).collect::<anyhow::Result<_>>()?)?;
        for message in refused(&messages) {
            oracle.now_owes(message, Fate::Redriven(STAGE, REASON));
        }
        let tally = oracle.settle(flow)?;
        ensure!(tally.loaded == tally.acknowledged, "{tally}");
        let after = flow.audit(WAIT)?.report.books();
        ensure!(after.dead + letters.len() as u64 == before.dead, "{before:?}, then {after:?}");
        Ok(())
    });
}

/// Sends the events while the table refuses some of them; the dead letters of those.
fn during(
    flow: &Flow,
    oracle: &Oracle,
    messages: &[Issued],
) -> anyhow::Result<Vec<Placed<DeadLetter>>> {
    ensure!(oracle.post(flow, messages)?, "refused");
    let tally = oracle.settle(flow)?;
    let expected = refused(messages).count();
    ensure!(tally.dead == expected as u64, "{tally}");
    let mut letters = flow.fates()?.dead_letters;
    letters.retain(|letter| {
        refused(messages).any(|it| letter.value.message_id.as_ref() == Some(&it.message_id))
    });
    ensure!(letters.len() == expected, "{} of {expected}", letters.len());
    for letter in &letters {
        let detail = &letter.value.detail;
        let said = format!("469 VIOLATED_CONSTRAINT: Constraint `{CONSTRAINT}` for table");
        ensure!(detail.contains(&said), "{detail}");
        ensure!(messages.iter().all(|it| !detail.contains(&it.message_id)), "{detail}");
    }
    let metrics = flow.service(Service::Forward).metrics()?;
    let inserts = metrics.sum("waybill_loader_refused_inserts_total", &[]);
    ensure!(inserts > 0.0, "no INSERT was refused");
    Ok(letters)
}

/// The record of a dead letter, sent back to the loader.
fn redriven(letter: &Placed<DeadLetter>) -> anyhow::Result<Outgoing> {
    let origin = letter.value.origin.context("it had a number")?;
    let appended_at = letter.value.appended_at.context("it had an append time")?;
    let waybill = Waybill { origin, appended_at }.to_header().to_vec().into();
    let settles = format!("{}-{}", letter.position.partition, letter.position.offset);
    Ok(Outgoing {
        topic: STAGE.redrive(),
        partition: Some(letter.value.partition),
        key: letter.value.key.clone(),
        value: letter.value.value.clone(),
        headers: vec![
            (header::WAYBILL.into(), Some(waybill)),
            (header::SETTLES.into(), Some(settles.into())),
        ],
    })
}
