//! What the stages stand on goes away and comes back.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use local_stack::Part;
use topology::{Service, Stage};
use waybill_tests::{Flow, WEB, until};

use crate::world::on_the_flow;

const WITHIN: Duration = Duration::from_mins(1);

fn dead_letters(flow: &Flow) -> anyhow::Result<usize> {
    Ok(flow.fates()?.dead_letters.len())
}

#[test]
fn without_the_registry_a_stage_waits_and_recovers_by_itself() {
    on_the_flow("registry", |flow, oracle| {
        let dead = dead_letters(flow)?;
        let validate = flow.service(Service::Validate);
        flow.kill_part(Part::Registry)?;
        // What it has looked up it needs not ask again: a start must ask.
        validate.kill()?;
        validate.start()?;
        let messages: Vec<_> = (0..20).map(|_| oracle.issue(WEB)).collect();
        ensure!(oracle.post(flow, &messages)?, "ingest knows its schema and needs no registry");
        validate.until_it_waits_for("registry")?;
        let pid = validate.pid();
        flow.restart_part(Part::Registry)?;
        validate.until_ready()?;
        ensure!(validate.pid() == pid, "it did not wait, it was started anew");
        let tally = oracle.settle(flow)?;
        ensure!(tally.loaded == 20, "{tally}");
        ensure!(dead_letters(flow)? == dead, "an event was dead-lettered for the registry's fault");
        Ok(())
    });
}

#[test]
fn without_clickhouse_the_loader_waits_and_recovers_by_itself() {
    on_the_flow("clickhouse", |flow, oracle| {
        let dead = dead_letters(flow)?;
        let forward = flow.service(Service::Forward);
        let pid = forward.pid();
        flow.kill_part(Part::ClickHouse)?;
        let messages: Vec<_> = (0..20).map(|_| oracle.issue(WEB)).collect();
        ensure!(oracle.post(flow, &messages)?, "ingest does not need ClickHouse");
        forward.until_it_waits_for("clickhouse")?;
        flow.restart_part(Part::ClickHouse)?;
        let tally = oracle.settle(flow)?;
        forward.until_ready()?;
        ensure!(forward.pid() == pid, "it did not wait, it ended");
        ensure!(tally.loaded == 20, "{tally}");
        ensure!(dead_letters(flow)? == dead, "an event was dead-lettered for ClickHouse's fault");
        Ok(())
    });
}

#[test]
fn while_a_stage_is_stopped_the_books_are_open_held_by_it_and_nothing_is_missing() {
    let stages = [Stage::Validate, Stage::Enrich, Stage::IdentityStitch, Stage::ForwardClickhouse];
    for stage in stages {
        on_the_flow(&format!("held-{stage}"), |flow, oracle| {
            let process = flow.service(stage.service());
            process.stop_gracefully()?;
            let messages: Vec<_> = (0..20).map(|_| oracle.issue(WEB)).collect();
            ensure!(oracle.post(flow, &messages)?, "ingest does not need {stage}");
            // The stages before it, and the audit itself, may take a while on a busy machine.
            let (mut patience, mut told) = (Duration::from_secs(3), String::new());
            until("the books are held by it", WITHIN, || {
                let audit = flow.audit(patience)?;
                ensure!(audit.code == 2, "{audit}");
                ensure!(audit.report.missing().is_empty(), "{audit}");
                patience *= 2;
                told = audit.to_string();
                Ok((audit.report.held_by() == Some(stage.name())).then_some(()))
            })
            .with_context(|| format!("the audit said: {told}"))?;
            process.restart()?;
            let tally = oracle.settle(flow)?;
            ensure!(tally.loaded == 20, "{tally}");
            Ok(())
        });
    }
}
