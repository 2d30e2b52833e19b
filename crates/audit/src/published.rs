//! What `audit_hours` says: a verdict on an hour, or who holds it, is written when it is news.
//!
//! A revision rises only when there is something new to say, so that who builds on an hour need not
//! build it again because the auditor was started anew.

use std::{collections::BTreeMap, time::Duration};

use event::{Millis, Origin};
use reconciliation::{Hour, Verdict};
use warehouse::{AuditFinding, AuditHour, WarehouseError};

use crate::{
    AuditError, Deps, Named,
    check::{AllNamed, name_all},
    tail::Tail,
};

/// Hours before this are not judged any more: `raw-events` does not reach back so far.
const REMEMBERED: Duration = Duration::from_hours(60 * 24);
/// What stands between a holder and where it holds.
const WHERE: &str = ", which ";

/// The newest row of each hour.
pub(crate) struct Published {
    rows: BTreeMap<Hour, AuditHour>,
}

impl Published {
    /// What was said of the last hours.
    pub(crate) fn read(deps: &Deps, now: Millis) -> Result<Self, WarehouseError> {
        let oldest = now.saturating_sub(i64::try_from(REMEMBERED.as_millis()).unwrap_or(i64::MAX));
        let oldest = u32::try_from(oldest / 1_000).unwrap_or_default();
        let hours = deps.warehouse.audit_hours(deps.epoch, oldest, u32::MAX);
        let rows = deps.runtime.block_on(hours)?;
        let of = |row: AuditHour| (Hour::of(i64::from(row.hour).saturating_mul(1_000)), row);
        Ok(Self { rows: rows.into_iter().map(of).collect() })
    }

    /// The first and the last hour before `end` that nobody closed, since the first of which anything was said.
    pub(crate) fn never_closed(&self, end: Hour) -> Option<(Hour, Hour)> {
        let (first, _) = self.rows.first_key_value()?;
        let is_closed =
            |hour: &Hour| self.rows.get(hour).is_some_and(|row| row.closed_at.is_some());
        let mut never = (first.0..end.0).map(Hour).filter(|hour| !is_closed(hour));
        let begin = never.next()?;
        Some((begin, never.next_back().unwrap_or(begin)))
    }

    /// Publishes a verdict: log, `audit_hours`, `audit_findings`.
    pub(crate) fn close(
        &mut self,
        deps: &Deps,
        tail: &mut Tail,
        hour: Hour,
        verdict: &Verdict,
        now: Millis,
    ) -> Result<(), AuditError> {
        log(hour, verdict);
        let row = self.row(deps, hour, Some(verdict), String::new(), now);
        if !is_news(self.rows.get(&hour), &row) {
            return Ok(());
        }
        let found_at = i64::try_from(row.revision).unwrap_or(now);
        let findings = findings(name_all(deps, tail, verdict), found_at, row.hour);
        self.write(deps, hour, row, &findings)?;
        Ok(())
    }

    /// Publishes that an hour which is over is open. One that was closed before stays as it was said
    /// to be until it is closed again, unless something of it changed (`reopened`).
    pub(crate) fn hold(
        &mut self,
        deps: &Deps,
        (hour, reopened): (Hour, bool),
        holder: &str,
        now: Millis,
    ) -> Result<(), WarehouseError> {
        let name = |text: &str| text.split(WHERE).next().unwrap_or_default().to_owned();
        let is_known = self.rows.get(&hour).is_some_and(|last| match last.closed_at {
            Some(_) => !reopened,
            None => name(&last.held_by) == name(holder),
        });
        if is_known {
            return Ok(());
        }
        let row = self.row(deps, hour, None, holder.to_owned(), now);
        self.write(deps, hour, row, &[])
    }

    fn row(
        &self,
        deps: &Deps,
        hour: Hour,
        verdict: Option<&Verdict>,
        held_by: String,
        now: Millis,
    ) -> AuditHour {
        let last = self.rows.get(&hour).map_or(0, |row| row.revision);
        let state = match verdict {
            None => "open",
            Some(verdict) if verdict.is_balanced() => "balanced",
            Some(_) => "unbalanced",
        };
        let none = Verdict::default();
        let it = verdict.unwrap_or(&none);
        AuditHour {
            revision: u64::try_from(now).unwrap_or_default().max(last.saturating_add(1)),
            hour: u32::try_from(hour.start() / 1_000).unwrap_or_default(),
            epoch: deps.epoch,
            state: state.to_owned(),
            raw: it.raw,
            loaded: it.loaded,
            discarded: it.discarded,
            dead: it.dead,
            missing: it.missing.len(),
            expired: it.expired_origins(),
            erased: it.erased,
            duplicated: it.duplicated.len() as u64,
            counts: it.topics.iter().map(|(topic, n)| (topic.name().to_owned(), *n)).collect(),
            held_by,
            closed_at: verdict.map(|_| now),
        }
    }

    fn write(
        &mut self,
        deps: &Deps,
        hour: Hour,
        row: AuditHour,
        findings: &[AuditFinding],
    ) -> Result<(), WarehouseError> {
        let id = |what: &str| format!("waybill-audit-{what}-{}-{}", row.hour, row.revision);
        deps.runtime.block_on(async {
            if !findings.is_empty() {
                deps.warehouse.append(findings, id("findings")).await?;
            }
            deps.warehouse.append(std::slice::from_ref(&row), id("hour")).await
        })?;
        self.rows.insert(hour, row);
        Ok(())
    }
}

/// Whether a verdict says anything that the last one did not. One that saw fewer events than the last
/// is none: they have left the log since.
fn is_news(last: Option<&AuditHour>, row: &AuditHour) -> bool {
    let Some(last) = last.filter(|last| last.closed_at.is_some()) else { return true };
    let said = |it: &AuditHour| AuditHour {
        revision: 0,
        closed_at: None,
        counts: Vec::new(),
        ..it.clone()
    };
    last.raw <= row.raw && said(last) != said(row)
}

fn log(hour: Hour, verdict: &Verdict) {
    let (hour, missing) = (hour.start(), verdict.missing.len());
    if verdict.is_balanced() {
        tracing::info!(hour, raw = verdict.raw, "hour is balanced");
    } else {
        let duplicated = verdict.duplicated.len();
        tracing::error!(hour, missing, duplicated, "hour does not balance");
    }
    if !verdict.expired.is_empty() {
        let expired = verdict.expired_origins();
        tracing::error!(hour, expired, "events expired before they were read");
    }
}

fn findings(named: AllNamed, found_at: Millis, hour: u32) -> Vec<AuditFinding> {
    let AllNamed { missing, expired, duplicated } = named;
    (missing.into_iter().map(|it| ("missing", it)))
        .chain(expired.into_iter().map(|it| ("expired", it)))
        .chain(duplicated.into_iter().map(|it| ("duplicated", it)))
        .filter_map(|(kind, named)| finding(kind, found_at, hour, named))
        .collect()
}

fn finding(kind: &'static str, found_at: Millis, hour: u32, named: Named) -> Option<AuditFinding> {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn row(raw: u64, loaded: u64, closed_at: Option<Millis>) -> AuditHour {
        AuditHour {
            revision: 7,
            hour: 0,
            epoch: 0,
            state: "balanced".to_owned(),
            raw,
            loaded,
            discarded: 0,
            dead: 0,
            missing: 0,
            expired: 0,
            erased: 0,
            duplicated: 0,
            counts: Vec::new(),
            held_by: String::new(),
            closed_at,
        }
    }

    #[test]
    fn a_revision_rises_only_when_a_verdict_says_something_new() {
        let again = AuditHour { revision: 9, ..row(10, 9, Some(99)) };
        assert!(is_news(None, &again));
        assert!(is_news(Some(&row(10, 9, None)), &again), "it was open");
        assert!(!is_news(Some(&row(10, 9, Some(1))), &again));
        assert!(is_news(Some(&row(10, 10, Some(1))), &again), "one was erased, or lost");
        assert!(is_news(Some(&row(9, 9, Some(1))), &again), "one more came in");
    }

    #[test]
    fn hours_that_nobody_closed_are_told_by_the_first_and_the_last() {
        let rows = [(10, Some(1)), (11, Some(1)), (12, None), (15, Some(1))];
        let rows = rows.map(|(hour, closed_at)| (Hour(hour), row(1, 1, closed_at)));
        let published = Published { rows: rows.into() };
        assert_eq!(published.never_closed(Hour(12)), None);
        assert_eq!(published.never_closed(Hour(13)), Some((Hour(12), Hour(12))));
        assert_eq!(published.never_closed(Hour(20)), Some((Hour(12), Hour(19))));
        let none = Published { rows: BTreeMap::new() };
        assert_eq!(none.never_closed(Hour(20)), None, "nobody was there to close them");
    }

    #[test]
    fn an_hour_whose_beginning_has_left_the_log_keeps_its_verdict() {
        assert!(!is_news(Some(&row(10, 10, Some(1))), &row(4, 4, Some(2))));
    }
}
