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
use warehouse::{Warehouse, WarehouseConfig};
use waybill_tests::{WEB, until};

use crate::world::on_the_flow;

const PATIENCE: Duration = Duration::from_mins(1);

fn two_hours_ahead() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(since.as_millis()).unwrap() + 2 * 3_600_000
}

#[test]
fn an_hour_that_is_over_is_closed_and_its_verdict_published() {
    on_the_flow("hours", |flow, oracle| {
        let messages: Vec<_> = (0..20).map(|_| oracle.issue(WEB)).collect();
        ensure!(oracle.post(flow, &messages)?, "refused");
        oracle.settle(flow)?;
        flow.clickhouse("TRUNCATE TABLE audit_hours")?;
        let runtime = Runtime::new()?;
        let at =
            WarehouseConfig { url: flow.stack().clickhouse_url(), ..WarehouseConfig::default() };
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
            let serving = scope
                .spawn(|| audit::serve_by(&config, &deps, &readiness, &shutdown, two_hours_ahead));
            let published = until("the verdict on the hour", PATIENCE, || {
                let hours = flow.clickhouse("SELECT count() FROM audit_hours")?;
                Ok((hours != "0").then_some(()))
            });
            shutdown.request();
            serving.join().expect("the auditor panicked").context("serve")?;
            published
        })?;
        let unexplained = flow.clickhouse(
            "SELECT count() FROM audit_hours WHERE state != 'balanced' OR closed_at IS NULL",
        )?;
        ensure!(unexplained == "0", "{unexplained} hours are not balanced");
        let raw = flow.clickhouse("SELECT sum(raw) FROM audit_hours")?;
        let report = flow.audit(PATIENCE)?.report;
        ensure!(raw == report.books().raw.to_string(), "{raw} events in the hours: {}", report.0);
        Ok(())
    });
}
