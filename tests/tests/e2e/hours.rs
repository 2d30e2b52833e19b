//! The hourly audit, by a clock that runs two hours ahead so that the hour of the test is over.

use std::{
    thread,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use anyhow::{Context as _, ensure};
use audit::{Config, Deps};
use kafka_runtime::{KafkaConfig, Shutdown};
use telemetry::Health;
use tokio::runtime::Runtime;
use topology::{Service, Topic};
use warehouse::{Warehouse, WarehouseConfig};
use waybill_tests::{Flow, WEB, until};

use crate::world::on_the_flow;

const PATIENCE: Duration = Duration::from_mins(1);

const HOUR: i64 = 3_600_000;

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(since.as_millis()).unwrap()
}

fn two_hours_ahead() -> i64 {
    now() + 2 * HOUR
}

/// What comes in now is then older than `raw-events` is kept.
fn fifteen_days_ahead() -> i64 {
    now() + 15 * 24 * HOUR
}

#[test]
fn an_hour_that_is_over_is_closed_and_its_verdict_published() {
    on_the_flow("hours", |flow, oracle| {
        let messages: Vec<_> = (0..20).map(|_| oracle.issue(WEB)).collect();
        ensure!(oracle.post(flow, &messages)?, "refused");
        oracle.settle(flow)?;
        flow.clickhouse("TRUNCATE TABLE audit_hours")?;
        audited_by(flow, two_hours_ahead, || {
            until("the verdict on the hour", PATIENCE, || {
                // An hour in which nothing came in may be closed first, and one may be told to be open.
                let hours = flow.clickhouse(
                    "SELECT count() FROM audit_hours WHERE raw > 0 AND closed_at IS NOT NULL",
                )?;
                Ok((hours != "0").then_some(()))
            })?;
            an_erased_event_raises_the_revision(flow)
        })?;
        let unexplained = flow.clickhouse(
            "SELECT count() FROM audit_hours WHERE state NOT IN ('balanced', 'open') \
             OR (state = 'open') != (closed_at IS NULL) OR (state = 'open') != (held_by != '')",
        )?;
        ensure!(unexplained == "0", "{unexplained} hours are not balanced");
        let raw = flow.clickhouse(
            "SELECT sum(raw) FROM (SELECT argMax(raw, revision) AS raw FROM audit_hours GROUP BY hour)",
        )?;
        let report = flow.audit(PATIENCE)?.report;
        ensure!(raw == report.books().raw.to_string(), "{raw} events in the hours: {}", report.0);
        Ok(())
    });
}

/// Does `work` while an auditor of our own serves by another clock.
fn audited_by(
    flow: &Flow,
    clock: fn() -> i64,
    work: impl FnOnce() -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let runtime = Runtime::new()?;
    let at = WarehouseConfig { url: flow.stack().clickhouse_url(), ..WarehouseConfig::default() };
    let deps = Deps {
        kafka: KafkaConfig {
            bootstrap_servers: flow.stack().bootstrap_servers(),
            ..KafkaConfig::default()
        },
        registry: flow.registry().clone(),
        warehouse: Warehouse::new(&at)?,
        runtime: runtime.handle().clone(),
        epoch: 0,
    };
    let config = Config { interval_seconds: 1, ..Config::default() };
    let (shutdown, readiness) = (Shutdown::new(), Health::new().component("audit"));
    thread::scope(|scope| {
        let serving = scope.spawn(|| audit::serve_by(&config, &deps, &readiness, &shutdown, clock));
        let done = work();
        shutdown.request();
        serving.join().expect("the auditor panicked").context("serve")?;
        done
    })
}

/// Takes one event out as an erasure does, and puts it back.
fn an_erased_event_raises_the_revision(flow: &Flow) -> anyhow::Result<()> {
    const VICTIM: &str = "(origin_epoch, origin_partition, origin_offset) IN \
        (SELECT origin_epoch, origin_partition, origin_offset FROM e2e_erased)";
    const NEWEST: &str = "SELECT argMax((state, erased), revision) AS said, max(revision) > \
        minIf(revision, closed_at IS NOT NULL) AS risen FROM audit_hours WHERE raw > 0 GROUP BY hour";
    // Other tests may have erased events of the same hour.
    let erased_in_all = flow.audit(PATIENCE)?.report.books().erased;
    let erased_of_hour = "SELECT argMax(erased, revision) FROM audit_hours \
        WHERE hour = (SELECT max(hour) FROM audit_hours WHERE raw > 0) AND closed_at IS NOT NULL";
    let one_more = flow.clickhouse(erased_of_hour)?.parse::<u64>()? + 1;
    flow.clickhouse("DROP TABLE IF EXISTS e2e_erased")?;
    // The newest: another test lets raw-events expire, and what has left the log is in no verdict.
    flow.clickhouse(
        "CREATE TABLE e2e_erased ENGINE = Memory AS SELECT * FROM events \
         WHERE append_hour = (SELECT max(hour) FROM audit_hours WHERE raw > 0) \
         ORDER BY appended_at DESC LIMIT 1",
    )?;
    flow.clickhouse(
        "INSERT INTO erased_events SELECT origin_epoch, origin_partition, origin_offset, \
         appended_at, source, event_name, toDate(timestamp), 'e2e', now64(3) FROM e2e_erased",
    )?;
    flow.clickhouse(&format!(
        "ALTER TABLE events DELETE WHERE {VICTIM} SETTINGS mutations_sync = 1"
    ))?;
    let done = "INSERT INTO erasures VALUES ('e2e', 'done', now64(3), 'user', 'asked', map())";
    flow.clickhouse(done)?;
    let told = until("the verdict without the erased event", PATIENCE, || {
        let told = format!(
            "SELECT count() FROM ({NEWEST}) WHERE said = ('balanced', {one_more}) AND risen"
        );
        Ok((flow.clickhouse(&told)? == "1").then_some(()))
    });
    let origin =
        "SELECT concat(origin_epoch, '-', origin_partition, '-', origin_offset) FROM e2e_erased";
    let report = flow.audit(PATIENCE)?.report;
    let erased = report.books().erased;
    flow.clickhouse(
        "INSERT INTO events SETTINGS insert_deduplication_token = 'e2e-erased' \
         SELECT * FROM e2e_erased",
    )?;
    flow.clickhouse(&format!(
        "ALTER TABLE erased_events DELETE WHERE {VICTIM} SETTINGS mutations_sync = 1"
    ))?;
    flow.clickhouse("TRUNCATE TABLE erasures")?;
    told.with_context(|| format!("{:?}", flow.clickhouse(origin)))?;
    ensure!(erased == erased_in_all + 1, "{report:?}");
    Ok(())
}

/// An auditor that comes back after weeks finds a part of an hour in the log. What is left balances.
#[test]
fn an_hour_of_which_a_part_may_have_left_the_log_gets_no_verdict() {
    on_the_flow("half-gone", |flow, oracle| {
        let messages: Vec<_> = (0..40).map(|_| oracle.issue(WEB)).collect();
        ensure!(oracle.post(flow, &messages)?, "refused");
        oracle.settle(flow)?;
        flow.service(Service::Audit).kill()?;
        flow.clickhouse("TRUNCATE TABLE audit_hours")?;
        let bounds = flow.bounds(Topic::RawEvents)?;
        let half = bounds.iter().max_by_key(|it| it.stable_end).context("no partition")?;
        flow.expire(Topic::RawEvents, half.partition, half.stable_end - 1)?;
        audited_by(flow, fifteen_days_ahead, || {
            until("the verdict on an hour in which nothing came in", PATIENCE, || {
                let closed = "SELECT count() FROM audit_hours WHERE closed_at IS NOT NULL";
                Ok((flow.clickhouse(closed)? != "0").then_some(()))
            })
        })?;
        let judged =
            flow.clickhouse("SELECT count() FROM audit_hours WHERE raw > 0 OR hour <= now()")?;
        flow.clickhouse("TRUNCATE TABLE audit_hours")?;
        ensure!(judged == "0", "{judged} verdicts on hours of which the log lacks a part");
        Ok(())
    });
}

/// The auditor stood still from twenty days ago until now.
#[test]
fn hours_that_nobody_can_judge_any_more_are_given_up_by_order() {
    on_the_flow("given-up", |flow, _| {
        flow.clickhouse(
            "INSERT INTO audit_hours (revision, hour, epoch, state, closed_at) \
             VALUES (1, toStartOfHour(now()) - INTERVAL 20 DAY, 0, 'balanced', now64(3))",
        )?;
        let told = give_up(flow);
        flow.clickhouse(
            "ALTER TABLE audit_hours DELETE WHERE revision = 1 SETTINGS mutations_sync = 1",
        )?;
        flow.clickhouse("TRUNCATE TABLE given_up_hours")?;
        told
    });
}

fn give_up(flow: &Flow) -> anyhow::Result<()> {
    const ORDER: [&str; 4] = ["audit", "give-up", "--why", "a test"];
    let held = "SELECT reason FROM complete_through WHERE held_at < now() - INTERVAL 19 DAY";
    ensure!(flow.clickhouse(held)? == "unaudited", "nothing is held up");

    let unasked = flow.output(&ORDER)?;
    let said = String::from_utf8_lossy(&unasked.stderr);
    ensure!(unasked.status.code() == Some(1) && said.contains("pass --yes"), "{unasked:?}");
    ensure!(flow.clickhouse("SELECT count() FROM given_up_hours")? == "0", "given up unasked");

    let report = flow.waybill(&[&ORDER[..], &["--yes", "--json", "--who", "ada"]].concat())?;
    let report: serde_json::Value = serde_json::from_str(&report)?;
    let given_up = report["given_up"].as_array().context("no list")?;
    // From 20 days ago less an hour to 14 days ago less one or two.
    let expected = 6 * 24 - 2..=6 * 24 - 1;
    ensure!(expected.contains(&given_up.len()), "{} hours", given_up.len());
    ensure!(report["left"][0]["state"] == "unaudited", "{report}");
    let last = given_up.last().context("nothing")?;
    ensure!(report["complete_through"] == last["hour"], "{report}");
    let through = flow.clickhouse(
        "SELECT given_up, reason, held_at = complete_through + INTERVAL 1 HOUR FROM complete_through",
    )?;
    ensure!(through == format!("{}\tunaudited\t1", given_up.len()), "{through}");
    let detail = flow.clickhouse(
        "SELECT DISTINCT startsWith(detail, 'given up by ada at '), endsWith(detail, ': a test') \
         FROM hour_states WHERE state = 'given-up'",
    )?;
    ensure!(detail == "1\t1", "{detail}");
    let again = flow.waybill(&[&ORDER[..], &["--yes"]].concat())?;
    ensure!(again.contains("no hour that nothing can mend"), "{again}");

    // A younger one by name only, as complete_through writes it.
    let next = flow.clickhouse("SELECT held_at FROM complete_through")?;
    flow.waybill(&[&ORDER[..], &["--yes", "--hour", &next]].concat())?;
    let through = flow.clickhouse("SELECT complete_through, given_up FROM complete_through")?;
    ensure!(through == format!("{next}\t{}", given_up.len() + 1), "{through}");
    let once_more = flow.output(&[&ORDER[..], &["--yes", "--hour", &next]].concat())?;
    let said = String::from_utf8_lossy(&once_more.stderr);
    ensure!(once_more.status.code() == Some(1) && said.contains("does not hold"), "{once_more:?}");
    Ok(())
}
