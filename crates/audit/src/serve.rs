//! The service: every hour that closes gets a verdict, published where people look.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use event::Origin;
use kafka_runtime::Shutdown;
use reconciliation::{Hour, Verdict};
use telemetry::{AuditMetrics, HourState, Readiness};
use warehouse::{AuditFinding, AuditHour, WarehouseError};

use crate::{
    AuditError, Config, Deps, Named,
    check::{AllNamed, name_all},
    hours::{Hours, Outcome},
    judge::{Judged, judge},
    tail::Tail,
};

const BACKOFF: Duration = Duration::from_secs(2);
/// How long one look at the topics may take before the hours are looked at.
const LOOK: Duration = Duration::from_secs(5);

/// Audits until asked to stop. Kafka or ClickHouse away: waits and begins again.
pub fn serve(
    config: &Config,
    deps: &Deps,
    readiness: &Readiness,
    shutdown: &Shutdown,
) -> Result<(), AuditError> {
    serve_by(config, deps, readiness, shutdown, now)
}

/// [`serve`] by another clock, in milliseconds UTC: a test need not wait for the end of an hour.
pub fn serve_by(
    config: &Config,
    deps: &Deps,
    readiness: &Readiness,
    shutdown: &Shutdown,
    clock: fn() -> i64,
) -> Result<(), AuditError> {
    while !shutdown.is_requested() {
        if let Err(error) = follow(config, deps, readiness, shutdown, clock) {
            tracing::warn!("the audit waits: {error}");
            readiness.halted(error.dependency(), error.to_string());
            shutdown.wait_timeout(BACKOFF);
        }
    }
    Ok(())
}

/// Reads on and on; every interval looks at the hours.
fn follow(
    config: &Config,
    deps: &Deps,
    readiness: &Readiness,
    shutdown: &Shutdown,
    clock: fn() -> i64,
) -> Result<(), AuditError> {
    let metrics = AuditMetrics::new();
    let mut tail = Tail::open(&deps.kafka, deps.epoch)?;
    let mut hours = Hours::default();
    let interval = Duration::from_secs(config.interval_seconds.max(1));
    let mut looked: Option<Instant> = None;
    readiness.ready();
    while !shutdown.is_requested() {
        let read = tail.read(LOOK)?;
        metrics.scanned(read);
        if looked.is_some_and(|at| at.elapsed() < interval) {
            shutdown.wait_timeout(Duration::from_millis(200));
            continue;
        }
        let begun = Instant::now();
        look(config, deps, metrics, (&mut tail, &mut hours), clock())?;
        metrics.run_seconds(begun.elapsed());
        metrics.succeeded_at(now());
        looked = Some(Instant::now());
    }
    Ok(())
}

fn look(
    config: &Config,
    deps: &Deps,
    metrics: AuditMetrics,
    (tail, hours): (&mut Tail, &mut Hours),
    now: i64,
) -> Result<(), AuditError> {
    let progress = tail.progress()?;
    hours.notice(&mut tail.books);
    let grace = i64::try_from(config.grace_seconds).unwrap_or(i64::MAX).saturating_mul(1_000);
    let (ready, held) = hours.advance(&tail.books, &progress, now.saturating_sub(grace));
    let patience = i64::try_from(config.open_alarm_minutes).unwrap_or(i64::MAX);
    for (hour, holder) in &held {
        let late = now.saturating_sub(hour.end()) > patience.saturating_mul(60_000);
        if late {
            tracing::error!(hour = hour.start(), "hour is open too long: held by {holder}");
        } else {
            tracing::info!(hour = hour.start(), "hour is open: held by {holder}");
        }
    }
    let mut still_open = held.len() as u64;
    for hour in ready {
        let span = tail.books.span_of(hour);
        let Judged { verdict, expiry, held } = judge(deps, tail, &span, &progress)?;
        metrics.expired_unread(expiry.unread().iter().map(|(_, positions)| *positions).sum());
        if let Some((holder, detail)) = held {
            tracing::error!(hour = hour.start(), "hour is open: held by {holder}, which {detail}");
            still_open += 1;
            continue;
        }
        publish(deps, tail, hour, &verdict)?;
        let outcome = Outcome {
            unbalanced: !verdict.is_balanced(),
            missing: verdict.missing.len(),
            expired: verdict.expired_origins(),
            duplicated: verdict.duplicated.len() as u64,
            beyond_tolerance: verdict.shortfall() > config.tolerance,
        };
        hours.close(hour, outcome);
    }
    metrics.hours(HourState::Open, still_open);
    tell(metrics, &hours.outcomes());
    Ok(())
}

/// Tells the metrics of all closed hours together.
fn tell(metrics: AuditMetrics, outcomes: &[Outcome]) {
    let unbalanced = outcomes.iter().filter(|it| it.unbalanced).count() as u64;
    metrics.hours(HourState::Unbalanced, unbalanced);
    metrics.hours(HourState::Balanced, outcomes.len() as u64 - unbalanced);
    metrics.missing(outcomes.iter().map(|it| it.missing).sum());
    metrics.expired(outcomes.iter().map(|it| it.expired).sum());
    metrics.duplicated(outcomes.iter().map(|it| it.duplicated).sum());
    metrics.tolerance_exceeded(outcomes.iter().any(|it| it.beyond_tolerance));
}

/// Publishes a verdict: log, `audit_hours`, `audit_findings`.
fn publish(deps: &Deps, tail: &mut Tail, hour: Hour, verdict: &Verdict) -> Result<(), AuditError> {
    let (missing, duplicated) = (verdict.missing.len(), verdict.duplicated.len() as u64);
    let state = if verdict.is_balanced() { "balanced" } else { "unbalanced" };
    if verdict.is_balanced() {
        tracing::info!(hour = hour.start(), raw = verdict.raw, "hour is balanced");
    } else {
        tracing::error!(hour = hour.start(), missing, duplicated, "hour does not balance");
    }
    if !verdict.expired.is_empty() {
        let expired = verdict.expired_origins();
        tracing::error!(hour = hour.start(), expired, "events expired before they were read");
    }
    let found_at = now();
    let hour_start = u32::try_from(hour.start() / 1_000).unwrap_or_default();
    let row = AuditHour {
        revision: u64::try_from(found_at).unwrap_or_default(),
        hour: hour_start,
        epoch: deps.epoch,
        state: state.to_owned(),
        raw: verdict.raw,
        loaded: verdict.loaded,
        discarded: verdict.discarded,
        dead: verdict.dead,
        missing,
        expired: verdict.expired_origins(),
        duplicated,
        counts: verdict.topics.iter().map(|(topic, n)| (topic.name().to_owned(), *n)).collect(),
        closed_at: Some(found_at),
    };
    let AllNamed { missing, expired, duplicated } = name_all(deps, tail, verdict);
    let findings: Vec<AuditFinding> = (missing.into_iter().map(|it| ("missing", it)))
        .chain(expired.into_iter().map(|it| ("expired", it)))
        .chain(duplicated.into_iter().map(|it| ("duplicated", it)))
        .filter_map(|(kind, named)| finding(kind, found_at, hour_start, named))
        .collect();
    write(deps, &row, &findings, found_at)?;
    Ok(())
}

fn finding(kind: &'static str, found_at: i64, hour: u32, named: Named) -> Option<AuditFinding> {
    let origin: Origin = named.origin.parse().ok()?;
    Some(AuditFinding {
        found_at,
        hour,
        kind,
        origin,
        source: named.source,
        event_name: named.event,
        message_id: named.message_id,
        detail: named.detail,
    })
}

fn write(
    deps: &Deps,
    row: &AuditHour,
    findings: &[AuditFinding],
    at: i64,
) -> Result<(), WarehouseError> {
    let id = |what: &str| format!("waybill-audit-{what}-{}-{at}", row.hour);
    deps.runtime.block_on(async {
        if !findings.is_empty() {
            deps.warehouse.append(findings, id("findings")).await?;
        }
        deps.warehouse.append(std::slice::from_ref(row), id("hour")).await
    })
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
