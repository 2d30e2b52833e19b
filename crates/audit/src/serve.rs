//! The service: every hour that closes gets a verdict, published where people look.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use event::Millis;
use kafka_runtime::Shutdown;
use reconciliation::{Hour, Progress, Verdict};
use telemetry::{AuditMetrics, HourState, Readiness};
use warehouse::Shortfall;

use crate::{
    AuditError, Config, Deps,
    hours::{Hours, Outcome},
    judge::{Judged, judge},
    published::Published,
    tail::Tail,
};

const BACKOFF: Duration = Duration::from_secs(2);
/// How long one look at the topics may take before the hours are looked at.
const LOOK: Duration = Duration::from_secs(5);
/// How long an INSERT may take from the time in its rows until they can be seen.
const UNSEEN: Millis = 10 * 60 * 1_000;
const LAST_DAY: Millis = 24 * 60 * 60 * 1_000;

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
    let mut tail = Tail::new(&deps.kafka, deps.epoch)?;
    while !shutdown.is_requested() {
        if let Err(error) = follow((config, deps), &mut tail, readiness, shutdown, clock) {
            tracing::warn!("the audit waits: {error}");
            readiness.halted(error.dependency(), error.to_string());
            shutdown.wait_timeout(BACKOFF);
        }
    }
    Ok(())
}

/// Reads on and on; every interval looks at the hours.
fn follow(
    (config, deps): (&Config, &Deps),
    tail: &mut Tail,
    readiness: &Readiness,
    shutdown: &Shutdown,
    clock: fn() -> i64,
) -> Result<(), AuditError> {
    tail.begin()?;
    let begun_at = clock();
    let metrics = AuditMetrics::new();
    let published = Published::read(deps, begun_at)?;
    let first_whole = tail.first_whole(begun_at);
    if let Some((first, last)) = first_whole.and_then(|it| published.never_closed(it)) {
        let (first, last) = (first.start(), last.start());
        tracing::error!(
            first,
            last,
            "hours were not judged while raw-events had them, and will not be: \
             `waybill audit give-up` lets complete_through go past them"
        );
    }
    let mut auditor = Auditor {
        config,
        deps,
        metrics,
        tail,
        hours: Hours::new(first_whole),
        published,
        asked_at: None,
        short: None,
        shutdown,
    };
    let interval = Duration::from_secs(config.interval_seconds.max(1));
    let mut looked: Option<Instant> = None;
    readiness.ready();
    while !shutdown.is_requested() {
        let read = auditor.tail.read(LOOK)?;
        metrics.scanned(read);
        if looked.is_some_and(|at| at.elapsed() < interval) {
            shutdown.wait_timeout(Duration::from_millis(200));
            continue;
        }
        let begun = Instant::now();
        auditor.look(clock())?;
        metrics.run_seconds(begun.elapsed());
        metrics.succeeded_at(now());
        looked = Some(Instant::now());
    }
    Ok(())
}

/// What the service knows from one look to the next.
struct Auditor<'a> {
    config: &'a Config,
    deps: &'a Deps,
    metrics: AuditMetrics,
    tail: &'a mut Tail,
    hours: Hours,
    published: Published,
    /// When ClickHouse was last asked what has changed, by its own clock.
    asked_at: Option<Millis>,
    /// Of which events of the last day too much did not arrive, as far as it was told.
    short: Option<BTreeSet<Shortfall>>,
    shutdown: &'a Shutdown,
}

impl Auditor<'_> {
    fn look(&mut self, now: Millis) -> Result<(), AuditError> {
        let asked_at = self.deps.runtime.block_on(self.deps.warehouse.clock())?;
        let grace = i64::try_from(self.config.grace_seconds).unwrap_or(i64::MAX);
        let ended_before = now.saturating_sub(grace.saturating_mul(1_000));
        let progress = self.tail.progress()?;
        self.hours.notice(&mut self.tail.books, ended_before);
        self.recheck(asked_at)?;
        let (ready, held) = self.hours.advance(&self.tail.books, &progress, ended_before);
        let mut still_open = held.len() as u64;
        for (hour, holder) in &held {
            self.hold(*hour, holder, now)?;
        }
        let is_news = !ready.is_empty() || self.short.is_none();
        for hour in ready {
            // After a long absence there are hundreds.
            if self.shutdown.is_requested() {
                return Ok(());
            }
            still_open += u64::from(!self.judge(hour, &progress, asked_at)?);
        }
        if is_news {
            self.tell_shortfalls(now)?;
        }
        self.metrics.hours(HourState::Open, still_open);
        tell(self.metrics, &self.hours.outcomes());
        Ok(())
    }

    /// Opens the hours again in which ClickHouse has something new since they were judged.
    fn recheck(&mut self, asked_at: Millis) -> Result<(), AuditError> {
        if let Some(before) = self.asked_at.replace(asked_at) {
            let changes = self.deps.warehouse.changed_origins(before.saturating_sub(UNSEEN));
            self.hours.recheck(&self.tail.books, &self.deps.runtime.block_on(changes)?);
        }
        Ok(())
    }

    /// The rule of the tolerance for each source and name of events: a small one is lost in no total.
    fn tell_shortfalls(&mut self, now: Millis) -> Result<(), AuditError> {
        let since = u32::try_from(now.saturating_sub(LAST_DAY) / 1_000).unwrap_or_default();
        let short = self.deps.warehouse.shortfalls(since, self.config.tolerance);
        let short: BTreeSet<_> = self.deps.runtime.block_on(short)?.into_iter().collect();
        for it in
            short.iter().filter(|it| !self.short.as_ref().is_some_and(|told| told.contains(it)))
        {
            let Shortfall { hour, source, event, accepted, short } = it;
            tracing::error!(
                hour,
                source,
                event,
                accepted,
                short,
                "too much awaits repair or is lost"
            );
        }
        self.metrics.short_events(short.len() as u64);
        self.short = Some(short);
        Ok(())
    }

    /// Tells who holds an hour that is over.
    fn hold(&mut self, hour: Hour, holder: &str, now: Millis) -> Result<(), AuditError> {
        let patience = i64::try_from(self.config.open_alarm_minutes).unwrap_or(i64::MAX);
        if now.saturating_sub(hour.end()) > patience.saturating_mul(60_000) {
            tracing::error!(hour = hour.start(), "hour is open too long: held by {holder}");
        } else {
            tracing::info!(hour = hour.start(), "hour is open: held by {holder}");
        }
        let reopened = self.hours.is_reopened(hour);
        self.published.hold(self.deps, (hour, reopened), holder, self::now())?;
        Ok(())
    }

    /// Judges an hour that has gone through; `false` if it is open all the same.
    fn judge(
        &mut self,
        hour: Hour,
        progress: &Progress,
        judged_at: Millis,
    ) -> Result<bool, AuditError> {
        let span = self.tail.books.span_of(hour);
        let Judged { verdict, expiry, held } = judge(self.deps, self.tail, &span, progress)?;
        let unread = expiry.unread();
        self.metrics.expired_unread(unread.iter().map(|(_, positions)| *positions).sum());
        if let Some((holder, detail)) = held {
            let holder = format!("{holder}, which {detail}");
            tracing::error!(hour = hour.start(), "hour is open: held by {holder}");
            let reopened = self.hours.is_reopened(hour);
            self.published.hold(self.deps, (hour, reopened), &holder, now())?;
            return Ok(false);
        }
        self.published.close(self.deps, self.tail, hour, &verdict, now())?;
        self.hours.close(hour, outcome(&verdict, self.config, judged_at));
        Ok(true)
    }
}

fn outcome(verdict: &Verdict, config: &Config, judged_at: Millis) -> Outcome {
    Outcome {
        unbalanced: !verdict.is_balanced(),
        raw: verdict.raw,
        missing: verdict.missing.len(),
        expired: verdict.expired_origins(),
        duplicated: verdict.duplicated.len() as u64,
        beyond_tolerance: verdict.shortfall() > config.tolerance,
        judged_at,
    }
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

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
