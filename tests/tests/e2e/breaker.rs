//! A bad deploy does not drain a topic into dead letters.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use pipeline::RejectReason;
use topology::{Service, Stage};
use waybill_tests::{Fate, Flow, Issued, Oracle, Status, WEB, until};

use crate::world::on_the_flow;

const WITHIN: Duration = Duration::from_secs(30);
/// More in a row than are tolerated.
const MANY: usize = 150;

/// Events without a name, as a broken release of a page would send them.
fn send_nameless(flow: &Flow, oracle: &Oracle) -> anyhow::Result<Vec<Issued>> {
    let dead = Fate::Dead(Stage::Validate, RejectReason::MissingField);
    let messages: Vec<_> = (0..MANY).map(|_| oracle.issue_for(WEB, dead)).collect();
    let texts: Vec<_> = messages
        .iter()
        .map(|it| format!(r#"{{"type":"track","messageId":"{}","userId":"u"}}"#, it.message_id))
        .collect();
    let body = format!(r#"{{"batch":[{}]}}"#, texts.join(","));
    oracle.sending(&messages);
    let answer = flow.post("/v1/batch", WEB.write_key, body.as_bytes())?;
    ensure!(answer.status == 200, "{answer:?}");
    oracle.acknowledged(&messages);
    Ok(messages)
}

fn until_open(flow: &Flow) -> anyhow::Result<Status> {
    until("the breaker of validate is open", WITHIN, || {
        let status = flow.status()?;
        Ok((status.kind() == Some("breaker")).then_some(status))
    })
}

#[test]
fn the_breaker_stops_validate_says_why_and_lets_go_by_command() {
    on_the_flow("breaker", |flow, oracle| {
        // Counts of sources that were active before are of a process that is gone.
        flow.service(Service::Validate).restart()?;
        let before = flow.fates()?.dead_letters.len();
        send_nameless(flow, oracle)?;
        let status = until_open(flow)?;
        ensure!(status.culprit() == Some("validate") && status.code == 1, "{status}");
        ensure!(status.detail().contains(WEB.id), "{status}");
        ensure!(status.detail().contains("missing-field"), "{status}");
        let dead = flow.fates()?.dead_letters.len() - before;
        ensure!(dead < MANY, "{dead} dead letters: it did not stop in time");
        // It holds over a restart: it is written down.
        let validate = flow.service(Service::Validate);
        validate.kill()?;
        validate.start()?;
        let report = validate.until_it_waits_for("too much is rejected")?;
        ensure!(report.contains(r#""state":"breaker""#), "{report}");
        // Nothing was mended: it opens again.
        flow.waybill(&["stage", "resume", "validate", "--why", "a try"])?;
        until_open(flow)?;
        // The operator decides that these are to become dead letters.
        let let_through = ["--let-through", "5", "--why", "the page is mended"];
        flow.waybill(&[&["stage", "resume", "validate"], &let_through[..]].concat())?;
        let good: Vec<_> = (0..20).map(|_| oracle.issue(WEB)).collect();
        ensure!(oracle.post(flow, &good)?, "refused");
        let tally = oracle.settle(flow)?;
        ensure!((tally.loaded, tally.dead) == (20, MANY as u64), "{tally}");
        // The breaker is on again.
        flow.waybill(&["stage", "resume", "validate", "--why", "the end of the test"])?;
        let log = flow.waybill(&["stage", "log", "validate", "--json"])?;
        ensure!(log.contains("a try") && log.contains("the page is mended"), "{log}");
        Ok(())
    });
}

#[test]
fn one_senders_garbage_is_dead_lettered_while_the_others_flow_on() {
    on_the_flow("one-sender", |flow, oracle| {
        flow.service(Service::Validate).restart()?;
        // Three sources are active, one of them is bad.
        for source in [waybill_tests::BILLING, waybill_tests::CRM] {
            let one = oracle.issue(source);
            if source.write_key.is_some() {
                ensure!(oracle.post(flow, std::slice::from_ref(&one))?, "refused");
            } else {
                oracle.produce(flow, &one)?;
            }
        }
        let committed = "waybill_stage_emitted_records_total";
        until("both are judged", WITHIN, || {
            let metrics = flow.service(Service::Validate).metrics()?;
            Ok((metrics.sum(committed, &[]) >= 2.0).then_some(()))
        })?;
        send_nameless(flow, oracle)?;
        let tally = oracle.settle(flow).context("the others do not flow on")?;
        ensure!((tally.loaded, tally.dead) == (2, MANY as u64), "{tally}");
        Ok(())
    });
}
