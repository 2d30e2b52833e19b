//! The quality gate on the real parts.

use std::{
    cell::RefCell,
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use anyhow::{Context as _, ensure};
use event::{DeadLetter, DiscardedEvent, Finding, Millis, Origin, RawEvent};
use kafka_runtime::Outgoing;
use serde_json::{Map, Value};
use topology::{Service, Topic};
use tracking_plan::plan::NOTICE;
use waybill_tests::{Flow, WEB, decisions, until};

use crate::world::on_the_flow;

const PATIENCE: Duration = Duration::from_mins(1);

/// A row of the decision table and where its event got to.
struct Sent {
    name: String,
    message_id: String,
    verdict: Value,
    origin: Origin,
}

fn plans(flow: &Flow) -> PathBuf {
    flow.config().with_file_name("plans")
}

fn rows() -> anyhow::Result<Vec<Value>> {
    Ok(serde_json::from_str(&fs::read_to_string(decisions().join("rows.json"))?)?)
}

/// Objects as the texts that travel, as in the table's own test.
fn raw_event(event: &Map<String, Value>) -> anyhow::Result<RawEvent> {
    let text = |value: &Value| match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let long = |value: &Value| Value::from(text(value).replace("@2000", &"x".repeat(2_000)));
    let fields = event.iter().map(|(name, value)| (name.clone(), long(value)));
    Ok(serde_json::from_value(Value::Object(fields.collect()))?)
}

fn produce(flow: &Flow, event: &RawEvent) -> anyhow::Result<Origin> {
    let (topic, value) = (Topic::RawEvents, Some(flow.raw_encoder()?.encode(event)?));
    let record = Outgoing { topic, partition: None, key: None, value, headers: Vec::new() };
    let at = flow.produce(vec![record])?[0].position;
    Ok(Origin { epoch: 0, partition: at.partition, offset: at.offset })
}

fn send(flow: &Flow) -> anyhow::Result<Vec<Sent>> {
    let send_row = |row: Value| {
        let event = raw_event(row["event"].as_object().context("no event")?)?;
        Ok(Sent {
            name: row["name"].as_str().unwrap_or_default().to_owned(),
            message_id: event.message_id.clone().unwrap_or_default(),
            verdict: row["verdict"].clone(),
            origin: produce(flow, &event)?,
        })
    };
    rows()?.into_iter().map(send_row).collect()
}

fn texts(value: &Value) -> Vec<String> {
    let items = value.as_array().into_iter().flatten();
    items.filter_map(Value::as_str).map(str::to_owned).collect()
}

fn told(finding: &Finding) -> String {
    format!("{} {} {}", finding.outcome, finding.reason, finding.pointer)
}

#[test]
fn every_row_of_the_decision_table_gets_its_verdict_on_the_real_parts() {
    on_the_flow("decisions", |flow, _| {
        let sent = send(flow)?;
        let audit = flow.audit(PATIENCE)?;
        ensure!(audit.code == 0, "{:?}", audit.report);
        let fates = flow.fates()?;
        for row in &sent {
            let letters = fates.dead_letters.iter().map(|placed| &placed.value);
            let letter = letters.into_iter().find(|letter| letter.origin == Some(row.origin));
            let discards = fates.discards.iter().map(|placed| &placed.value);
            let discard = discards.into_iter().find(|discard| discard.origin == row.origin);
            holds(flow, row, letter, discard).with_context(|| row.name.clone())?;
        }
        Ok(())
    });
}

fn holds(
    flow: &Flow,
    row: &Sent,
    letter: Option<&DeadLetter>,
    discard: Option<&DiscardedEvent>,
) -> anyhow::Result<()> {
    let verdict = &row.verdict;
    if let Some(reason) = verdict["discard"].as_str() {
        ensure!(letter.is_none(), "{letter:?}");
        let discard = discard.context("there is no discard")?;
        ensure!(discard.reason == reason, "{discard:?}");
        let sql = format!("SELECT reason FROM discarded_events WHERE {}", at(row.origin));
        return in_clickhouse(flow, &sql, &[serde_json::json!({ "reason": reason })]);
    }
    ensure!(discard.is_none(), "{discard:?}");
    if let Some(reason) = verdict["reject"]["reason"].as_str() {
        let letter = letter.context("there is no dead letter")?;
        let findings: Vec<String> = letter.findings.iter().map(told).collect();
        ensure!(letter.reason == reason, "{letter:?}");
        ensure!(findings == texts(&verdict["reject"]["findings"]), "{findings:?}");
        return rejected_in_clickhouse(flow, row, reason, &findings);
    }
    ensure!(letter.is_none(), "{letter:?}");
    emitted_in_clickhouse(flow, row)
}

fn at(origin: Origin) -> String {
    format!("origin_partition = {} AND origin_offset = {}", origin.partition, origin.offset)
}

const FINDINGS: &str =
    "arrayMap(f -> concat(f.outcome, ' ', f.reason, ' ', f.pointer), findings) AS findings";

fn in_clickhouse(flow: &Flow, sql: &str, expected: &[Value]) -> anyhow::Result<()> {
    let rows = until(sql, PATIENCE, || {
        let rows = flow.rows(sql)?;
        Ok((!rows.is_empty()).then_some(rows))
    })?;
    ensure!(rows == expected, "{sql}: {rows:?} is not {expected:?}");
    Ok(())
}

fn rejected_in_clickhouse(
    flow: &Flow,
    row: &Sent,
    reason: &str,
    findings: &[String],
) -> anyhow::Result<()> {
    let sql = format!("SELECT reason, {FINDINGS} FROM dead_letters WHERE {}", at(row.origin));
    let expected = serde_json::json!({ "reason": reason, "findings": findings });
    in_clickhouse(flow, &sql, &[expected])
}

fn emitted_in_clickhouse(flow: &Flow, row: &Sent) -> anyhow::Result<()> {
    let sql = format!(
        "SELECT message_id, plan_version, validation_flags AS flags, {FINDINGS}, removed, inheritable, \
         consent_granted AS granted, consent_denied AS denied FROM events FINAL WHERE {}",
        at(row.origin)
    );
    let emitted = &row.verdict["emit"];
    let list = |name: &str| emitted.get(name).cloned().unwrap_or_else(|| Value::Array(Vec::new()));
    let expected = serde_json::json!({
        "message_id": row.message_id,
        "plan_version": emitted.get("plan"),
        "flags": list("flags"),
        "findings": list("findings"),
        "removed": list("removed"),
        "inheritable": list("inheritable"),
        "granted": list("granted"),
        "denied": list("denied"),
    });
    in_clickhouse(flow, &sql, &[expected])
}

/// An event of `server/plain` ends up in ClickHouse, or does not yet.
fn is_loaded(flow: &Flow, origin: Origin) -> anyhow::Result<bool> {
    Ok(flow.clickhouse(&format!("SELECT count() FROM events WHERE {}", at(origin)))? == "1")
}

fn plain(message_id: &str) -> RawEvent {
    let text = |text: &str| Some(text.to_owned());
    RawEvent {
        source: text("server/strict"),
        kind: text("track"),
        event: text("Known"),
        message_id: text(message_id),
        user_id: text("u-1"),
        ..RawEvent::default()
    }
}

fn waits_for_a_plan(flow: &Flow) -> anyhow::Result<bool> {
    Ok(flow.status()?.json.to_string().contains("\"plan\""))
}

#[test]
fn where_plans_cannot_be_read_validate_waits_and_passes_nothing_unchecked() {
    on_the_flow("plans-gone", |flow, oracle| {
        let plan = plans(flow).join("strict.yaml");
        let before = fs::read_to_string(&plan)?;
        let letters = flow.fates()?.dead_letters.len();
        ensure!(!waits_for_a_plan(flow)?, "it waits already");
        fs::write(&plan, "plan: strict\nversion: [\n")?;
        let waited = (|| {
            // What comes within the minute for which the plans are known is judged by them.
            let early = produce(flow, &plain("early"))?;
            until("it is judged by the plan that is known", PATIENCE, || {
                Ok(is_loaded(flow, early)?.then_some(()))
            })?;
            // Plans are known for a minute after they were read.
            let mut sent = 0;
            until("status names the plan", Duration::from_mins(2), || {
                produce(flow, &plain(&format!("meanwhile-{sent}")))?;
                sent += 1;
                Ok(waits_for_a_plan(flow)?.then_some(()))
            })?;
            let late = produce(flow, &plain("late"))?;
            ensure!(!is_loaded(flow, late)?, "it passed unchecked");
            Ok(late)
        })();
        fs::write(&plan, before)?;
        let late = waited?;
        until("it is judged when the plan is back", PATIENCE, || {
            Ok(is_loaded(flow, late)?.then_some(()))
        })?;
        ensure!(flow.fates()?.dead_letters.len() == letters, "something was dead-lettered");
        ensure!(oracle.post(flow, &[oracle.issue(WEB)])?, "refused");
        oracle.settle(flow)?;
        Ok(())
    });
}

/// The second instance of validate, on a copy of the plans of its own, as on another machine.
fn second_validate(flow: &Flow) -> anyhow::Result<PathBuf> {
    let folder = plans(flow).with_file_name("plans-of-the-second");
    fs::create_dir_all(&folder)?;
    for entry in fs::read_dir(plans(flow))? {
        let from = entry?.path();
        fs::copy(&from, folder.join(from.file_name().context("a plan without a name")?))?;
    }
    let second = flow.instance(Service::Validate, 1);
    second.start_with(&[("WAYBILL_PLANS__DIR", &folder.display().to_string())])?;
    second.until_ready()?;
    Ok(folder)
}

/// Writes the plan file; done when the instance judges by it.
fn publish(flow: &Flow, slot: u16, folder: &Path, text: &str) -> anyhow::Result<()> {
    let reloads = || {
        let metrics = flow.instance(Service::Validate, slot).metrics()?;
        Ok::<_, anyhow::Error>(metrics.sum("waybill_config_reloads_total", &[]))
    };
    let before = reloads()?;
    fs::write(folder.join(NEXT), text)?;
    until("the plan is read", PATIENCE, || Ok((reloads()? > before).then_some(())))
}

/// How many events this instance has rejected since it was started.
fn rejected(flow: &Flow, slot: u16) -> anyhow::Result<f64> {
    let metrics = flow.instance(Service::Validate, slot).metrics()?;
    Ok(metrics.sum("waybill_stage_rejected_records_total", &[r#"reason="missing-property""#]))
}

fn now() -> anyhow::Result<Millis> {
    Ok(i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis())?)
}

/// The file of the version to come.
const NEXT: &str = "strict.next.yaml";

#[test]
fn a_tightened_rule_is_observed_first_and_bites_at_its_append_time_at_each_instance() {
    on_the_flow("tightened", |flow, _| {
        let second = second_validate(flow)?;
        let from = now()? + NOTICE + 20_000;
        let text = format!(
            "plan: strict\nversion: next\neffective_from: {}\nevents:\n  Known:\n    \
             properties:\n      required: [s_a]\n",
            jiff::Timestamp::from_millisecond(from)?
        );
        let held = bites(flow, &second, &text, from);
        fs::remove_file(plans(flow).join(NEXT))?;
        // What has judged cannot be taken back while it runs.
        let refused = until("its end is refused", PATIENCE, || {
            let validate = flow.service(Service::Validate).metrics()?;
            Ok((validate.sum("waybill_config_refused", &[]) > 0.5).then_some(()))
        });
        for service in [Service::Ingest, Service::Validate] {
            flow.service(service).kill()?;
        }
        flow.mend()?;
        held.and(refused)
    });
}

fn bites(flow: &Flow, second: &Path, text: &str, from: Millis) -> anyhow::Result<()> {
    let before = [rejected(flow, 0)?, rejected(flow, 1)?];
    let origins = RefCell::new(Vec::new());
    let send = || -> anyhow::Result<()> {
        let event = plain(&format!("tight-{}", origins.borrow().len()));
        origins.borrow_mut().push(produce(flow, &event)?);
        Ok(())
    };
    publish(flow, 0, &plans(flow), text)?;
    // Of two instances one knows the version to come, the other does not.
    let apart = now()? + 5_000;
    while now()? < apart {
        send()?;
    }
    let unread = origins.borrow().len();
    publish(flow, 1, second, text)?;
    ensure!(now()? + NOTICE < from, "the second instance has read it too late");
    until("the rule bites at both", Duration::from_mins(2), || {
        send()?;
        let bitten = [rejected(flow, 0)? - before[0], rejected(flow, 1)? - before[1]];
        Ok(bitten.iter().all(|more| *more >= 3.0).then_some(()))
    })?;
    ensure!(flow.audit(PATIENCE)?.code == 0, "the books do not balance");
    each_by_its_time(flow, &origins.into_inner(), unread, from)
}

/// Every event before the time passed by the version before; every one from then on was rejected by the
/// next one. The second instance learned of that after the first `apart` events: of these those that it
/// got were not observed, of all others every one was.
fn each_by_its_time(
    flow: &Flow,
    sent: &[Origin],
    apart: usize,
    from: Millis,
) -> anyhow::Result<()> {
    let letters = flow.fates()?.dead_letters;
    let letters: Vec<DeadLetter> = letters.into_iter().map(|placed| placed.value).collect();
    let passed = passed(flow)?;
    let (mut observed, mut unobserved, mut rejected) = (0, 0, 0);
    for (index, origin) in sent.iter().enumerate() {
        let letter = letters.iter().find(|letter| letter.origin == Some(*origin));
        match (passed.get(&origin.to_string()), letter) {
            (Some((appended_at, would_reject)), None) => {
                ensure!(*appended_at < from, "{origin} passed too late");
                ensure!(*would_reject || index < apart, "{origin} was not observed");
                *(if *would_reject { &mut observed } else { &mut unobserved }) += 1;
            }
            (None, Some(letter)) => {
                ensure!(letter.appended_at.is_some_and(|at| at >= from), "too soon: {letter:?}");
                ensure!(letter.plan_version.as_deref() == Some("strict@next"), "{letter:?}");
                rejected += 1;
            }
            both => anyhow::bail!("{origin} has no fate or two: {both:?}"),
        }
    }
    // Or the two instances did not differ, and the test showed nothing.
    let counts = [observed, unobserved, rejected];
    ensure!(counts.iter().all(|count| *count > 0), "{counts:?}");
    Ok(())
}

/// The events of the version before: append time, and whether the next one would reject them.
fn passed(flow: &Flow) -> anyhow::Result<BTreeMap<String, (Millis, bool)>> {
    let sql = "SELECT concat(toString(origin_epoch), '-', toString(origin_partition), '-', \
               toString(origin_offset)) AS origin, toUnixTimestamp64Milli(appended_at) AS at, \
               has(validation_flags, 'would-reject') AS would_reject FROM events \
               WHERE startsWith(message_id, 'tight-') AND plan_version = 'strict@2026-11'";
    let read = |row: &Value| {
        let origin = row["origin"].as_str().unwrap_or_default().to_owned();
        let at = row["at"].as_i64().context("no time")?;
        Ok((origin, (at, row["would_reject"] == 1)))
    };
    flow.rows(sql)?.iter().map(read).collect()
}
