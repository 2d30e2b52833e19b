//! `waybill status` alone names the culprit.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use local_stack::Part;
use pipeline::RejectReason;
use topology::{Service, Stage};
use waybill_tests::{BILLING, Flow, Status, WEB, until};

use crate::world::on_the_flow;

/// As long as a dead member of a group may seem to be there, and a halt may take to be told.
const TOLD_WITHIN: Duration = Duration::from_mins(1);
/// What the command promises, and some air on a busy machine.
const ANSWERS_WITHIN: Duration = Duration::from_secs(12);

/// Asks until this one is to blame; whatever it takes, each answer comes in time.
fn until_blamed(flow: &Flow, culprit: Option<&str>, code: i32) -> anyhow::Result<Status> {
    let mut last = None;
    let blamed = until(&format!("{culprit:?} is to blame"), TOLD_WITHIN, || {
        let status = flow.status()?;
        ensure!(status.took < ANSWERS_WITHIN, "too slow: {status}");
        let is_so = status.culprit() == culprit && status.code == code;
        last = Some(status.to_string());
        Ok(is_so.then_some(status))
    });
    blamed.with_context(|| last.unwrap_or_default())
}

fn all_well(flow: &Flow) -> anyhow::Result<Status> {
    until_blamed(flow, None, 0)
}

#[test]
fn status_of_a_flow_that_runs_is_all_well_and_names_every_instance() {
    on_the_flow("status-well", |flow, _| {
        let status = all_well(flow)?;
        for stage in Stage::ALL {
            let rows = status.rows_of(stage.name());
            ensure!(rows.len() == 1 && rows[0]["slot"] == 0, "{stage}: {status}");
            ensure!(rows[0]["state"] == "running", "{stage}: {status}");
            // Six partitions of each topic that it reads.
            let held = rows[0]["partitions"].as_array().map_or(0, Vec::len);
            ensure!(held == 6 * stage.reads().len(), "{stage} holds {held} partitions: {status}");
        }
        Ok(())
    });
}

#[test]
fn status_blames_each_part_that_is_down_and_then_nobody() {
    for (part, culprit) in
        [(Part::Registry, "registry"), (Part::ClickHouse, "clickhouse"), (Part::Kafka, "kafka")]
    {
        on_the_flow(&format!("status-{culprit}"), |flow, _| {
            flow.kill_part(part)?;
            let status = until_blamed(flow, Some(culprit), 1)?;
            ensure!(status.kind() == Some("part-down"), "{status}");
            ensure!(status.next().starts_with("start "), "{status}");
            flow.restart_part(part)?;
            all_well(flow).map(drop)
        });
    }
}

#[test]
fn status_says_who_waits_for_a_part_that_is_down() {
    on_the_flow("status-waits", |flow, oracle| {
        flow.kill_part(Part::ClickHouse)?;
        let messages: Vec<_> = (0..20).map(|_| oracle.issue(WEB)).collect();
        ensure!(oracle.post(flow, &messages)?, "ingest does not need ClickHouse");
        flow.service(Service::Forward).until_it_waits_for("clickhouse")?;
        let status = until_blamed(flow, Some("clickhouse"), 1)?;
        ensure!(status.detail().contains(Stage::ForwardClickhouse.name()), "{status}");
        let row = status.rows_of(Stage::ForwardClickhouse.name())[0];
        ensure!(row["state"] == "halted", "{status}");
        ensure!(row["furthest"]["origin"].is_string(), "where does it stand? {status}");
        flow.restart_part(Part::ClickHouse)?;
        oracle.settle(flow)?;
        all_well(flow).map(drop)
    });
}

#[test]
fn status_blames_each_service_that_does_not_run() {
    on_the_flow("status-services", |flow, _| {
        for service in Service::RUNNABLE {
            flow.service(service).kill()?;
            let status = until_blamed(flow, Some(service.name()), 1)?;
            ensure!(status.kind() == Some("process-down"), "{status}");
            ensure!(status.next().starts_with(&format!("waybill {service}")), "{status}");
            flow.service(service).restart()?;
        }
        all_well(flow).map(drop)
    });
}

#[test]
fn status_names_the_root_when_everything_is_down() {
    on_the_flow("status-nothing", |flow, _| {
        for service in Service::RUNNABLE {
            flow.service(service).kill()?;
        }
        for part in Part::ALL {
            flow.kill_part(part)?;
        }
        let status = until_blamed(flow, Some("kafka"), 1)?;
        let also = status.json["also"].as_array().context("no other findings")?;
        let culprits: Vec<_> = also.iter().filter_map(|it| it["culprit"].as_str()).collect();
        ensure!(culprits == ["registry", "clickhouse", "services"], "{status}");
        flow.mend()?;
        all_well(flow).map(drop)
    });
}

#[test]
fn status_says_who_paused_a_stage_and_why_also_when_it_does_not_run() {
    on_the_flow("status-paused", |flow, _| {
        let enrich = flow.service(Service::Enrich);
        flow.waybill(&["stage", "pause", "enrich", "--who", "ada", "--why", "a new list"])?;
        let status = until_blamed(flow, Some("enrich"), 2)?;
        ensure!(status.kind() == Some("paused"), "{status}");
        ensure!(
            status.detail().contains("ada") && status.detail().contains("a new list"),
            "{status}"
        );
        ensure!(status.next().starts_with("waybill stage resume enrich --why"), "{status}");
        enrich.kill()?;
        let status = until_blamed(flow, Some("enrich"), 1)?;
        ensure!(status.kind() == Some("process-down"), "{status}");
        let also = &status.json["also"][0];
        ensure!(also["kind"] == "paused" && also["culprit"] == "enrich", "{status}");
        flow.waybill(&["stage", "resume", "enrich", "--why", "the list is in"])?;
        enrich.restart()?;
        all_well(flow)?;
        let log = flow.waybill(&["stage", "log", "enrich", "--json"])?;
        let log: serde_json::Value = serde_json::from_str(&log)?;
        let actions: Vec<_> =
            log.as_array().into_iter().flatten().filter_map(|it| it["action"].as_str()).collect();
        ensure!(actions.ends_with(&["pause", "resume"]), "{log}");
        Ok(())
    });
}

/// Events that validate rejects, more in a row than the breaker tolerates.
fn post_rejected(flow: &Flow) -> anyhow::Result<()> {
    for source in [WEB, BILLING] {
        let bad = r#"{"type":"purchase","userId":"u"}"#;
        let body = format!("{{\"batch\":[{}]}}", vec![bad; 150].join(","));
        let answer = flow.post("/v1/batch", source.write_key, body.as_bytes())?;
        ensure!(answer.status == 200, "{answer:?}");
    }
    Ok(())
}

#[test]
fn status_tells_of_an_open_breaker_where_it_stands_and_how_to_let_the_rest_through() {
    on_the_flow("status-breaker", |flow, oracle| {
        post_rejected(flow)?;
        let status = until_blamed(flow, Some("validate"), 1)?;
        ensure!(status.kind() == Some("breaker"), "{status}");
        ensure!(status.detail().contains(RejectReason::UnknownType.word()), "{status}");
        ensure!(status.next().starts_with("waybill trace 0-"), "{status}");
        let through = ["stage", "resume", "validate", "--let-through", "1", "--why", "a test"];
        flow.waybill(&through)?;
        let audit = flow.audit(TOLD_WITHIN)?;
        ensure!(audit.code == 0, "what is bad was not let through: {audit}");
        all_well(flow)?;
        let messages: Vec<_> = (0..20).map(|_| oracle.issue(WEB)).collect();
        ensure!(oracle.post(flow, &messages)?, "refused");
        oracle.settle(flow).map(drop)
    });
}
