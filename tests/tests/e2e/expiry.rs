//! What leaves the log before a stage has read it: a halt that names it, never a silent jump.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use topology::{Service, Stage, Topic};
use waybill_tests::{Audit, Flow, Oracle, WEB, until};

use crate::world::on_the_flow;

const WAIT: Duration = Duration::from_mins(2);
/// Long enough for the auditor to have read everything on a busy machine.
const READ: Duration = Duration::from_secs(15);

/// Posts events that nobody checks the fate of: they are to be lost.
fn post_doomed(flow: &Flow, label: &str) -> anyhow::Result<()> {
    let doomed = Oracle::new(label);
    let messages: Vec<_> = (0..60).map(|_| doomed.issue(WEB)).collect();
    ensure!(doomed.post(flow, &messages)?, "refused");
    Ok(())
}

/// Deletes everything in the partition in which the most waits for `stage`; how many origins that
/// were is for the audit to say.
fn expire_what_waits(flow: &Flow, stage: Stage) -> anyhow::Result<()> {
    let status = flow.status()?;
    let furthest = &status.rows_of(stage.name())[0]["furthest"];
    let partition = furthest["partition"].as_i64().with_context(|| format!("none: {status}"))?;
    let partition = i32::try_from(partition)?;
    let topic = stage.input();
    let bounds = flow.bounds(topic)?;
    let bounds = bounds.iter().find(|it| it.partition == partition).context("no bounds")?;
    flow.expire(topic, partition, bounds.stable_end)
}

/// A stage stands still, what it has to read next leaves the log: it halts, status says what to
/// type, and after that the books balance and say what was lost.
fn halts_and_is_given_up(flow: &Flow, stage: Stage) -> anyhow::Result<Audit> {
    let process = flow.service(stage.service());
    process.kill()?;
    post_doomed(flow, &format!("doomed-{stage}"))?;
    let before = until("the books are held by it", WAIT, || {
        let audit = flow.audit(READ)?;
        Ok((audit.report.held_by() == Some(stage.name())).then_some(audit))
    })?;
    expire_what_waits(flow, stage)?;
    process.start()?;
    process.until_it_waits_for("left the log")?;
    let status = flow.status()?;
    ensure!(status.code == 1 && status.culprit() == Some(stage.name()), "{status}");
    ensure!(status.kind() == Some("expired"), "{status}");
    let skip = format!("waybill stage skip-expired {stage}");
    ensure!(status.next().starts_with(&skip), "{status}");
    let held = flow.audit(READ)?;
    ensure!(held.code == 2, "nothing is given up yet: {held}");
    ensure!(held.to_string().contains(&skip), "{held}");
    let why = ["--why", "a test", "--yes"];
    flow.waybill(&[&["stage", "skip-expired", stage.name()], &why[..]].concat())?;
    process.until_ready()?;
    let after = flow.audit(WAIT)?;
    ensure!(after.code == 0, "{after}");
    ensure!(after.report.missing().is_empty(), "{after}");
    ensure!(after.report.expired() > before.report.expired(), "{after}");
    ensure!(after.report.0["complete"] == false, "{after}");
    let books = after.report.books();
    let told = books.loaded + books.discarded + books.dead + books.erased + after.report.expired();
    ensure!(books.raw == told, "{after}");
    Ok(after)
}

#[test]
fn what_expired_before_enrich_read_it_halts_enrich_and_is_booked_as_expired() {
    on_the_flow("expired-enrich", |flow, oracle| {
        let audit = halts_and_is_given_up(flow, Stage::Enrich)?;
        let range = &audit.report.0["expired_ranges"][0];
        ensure!(range["stage"] == "enrich" && range["exact"] == false, "{audit}");
        let messages: Vec<_> = (0..20).map(|_| oracle.issue(WEB)).collect();
        ensure!(oracle.post(flow, &messages)?, "refused");
        let tally = oracle.settle(flow)?;
        ensure!(tally.loaded == 20, "{tally}");
        Ok(())
    });
}

#[test]
fn what_expired_before_validate_read_it_is_told_by_range_since_nobody_could_read_it() {
    on_the_flow("expired-validate", |flow, oracle| {
        let validate = flow.service(Service::Validate);
        validate.kill()?;
        post_doomed(flow, "doomed-raw")?;
        expire_what_waits(flow, Stage::Validate)?;
        validate.start()?;
        validate.until_it_waits_for("left the log")?;
        flow.waybill(&["stage", "skip-expired", "validate", "--why", "a test", "--yes"])?;
        validate.until_ready()?;
        let audit = flow.audit(WAIT)?;
        ensure!(audit.code == 0 && audit.report.missing().is_empty(), "{audit}");
        let ranges = audit.report.0["expired_ranges"].as_array().context("no ranges")?;
        let topic = Topic::RawEvents.name();
        let raw =
            ranges.iter().find(|it| it["topic"] == topic).context("no range of raw-events")?;
        ensure!(raw["unread"].as_i64() > Some(0) && raw["who"].is_string(), "{audit}");
        let messages: Vec<_> = (0..20).map(|_| oracle.issue(WEB)).collect();
        ensure!(oracle.post(flow, &messages)?, "refused");
        oracle.settle(flow).map(drop)
    });
}
