//! `waybill audit`: the books of everything that came in up to now.

use std::time::{Duration, Instant};

use event::Origin;
use reconciliation::{Barrier, Holder, Progress, Span, Standing, Verdict};

use crate::{
    AuditError, Deps, Named, Report,
    judge::{Judged, judge},
    naming::hints_of,
    tail::Tail,
};

/// How long one look at the topics may take before the barrier is asked again.
const LOOK: Duration = Duration::from_millis(500);
/// At most so many origins are named; the counts tell of the rest.
const NAMED: usize = 1_000;
/// Of what has expired fewer: the ranges name it too.
const EXPIRED_NAMED: usize = 100;

/// Closes the books of everything in `raw-events` up to now, waiting at most `wait` for the
/// stages, and compares them with ClickHouse. Blocking. `told` hears how far it is.
pub fn check(
    deps: &Deps,
    wait: Duration,
    mut told: impl FnMut(&str),
) -> Result<Report, AuditError> {
    let begun = Instant::now();
    let mut tail = Tail::open(&deps.kafka, deps.epoch)?;
    let mut progress = tail.progress()?;
    let mut barrier = Barrier::new(tail.span_up_to_now(deps.epoch, &progress), &progress);
    let mut said = Instant::now();
    loop {
        let standing = barrier.advance(&tail.books, &progress);
        match standing {
            Standing::Closed => return closed(deps, &mut tail, barrier.span(), &progress),
            Standing::Open { held_by, detail } if begun.elapsed() >= wait => {
                let judged = judge(deps, &tail, barrier.span(), &progress)?;
                return Ok(open(&judged, held_by, detail));
            }
            Standing::Open { held_by, detail } => {
                if said.elapsed() > Duration::from_secs(2) {
                    told(&format!("waiting for {held_by}, which {detail}"));
                    said = Instant::now();
                }
            }
        }
        tail.read(LOOK)?;
        progress = tail.progress()?;
        if !tail.books.take_redriven().is_empty() {
            // A redriven event owes a new fate: the barrier follows it from the beginning.
            barrier = Barrier::new(barrier.span().clone(), &progress);
        }
    }
}

fn closed(
    deps: &Deps,
    tail: &mut Tail,
    span: &Span,
    progress: &Progress,
) -> Result<Report, AuditError> {
    let mut judged = judge(deps, tail, span, progress)?;
    if let Some((held_by, detail)) = judged.held.take() {
        return Ok(open(&judged, held_by, detail));
    }
    let named = name_all(deps, tail, &judged.verdict);
    Ok(Report::closed(&judged.verdict, &judged.expiry, named))
}

fn open(judged: &Judged, held_by: Holder, detail: String) -> Report {
    Report::open(&judged.verdict, &judged.expiry, held_by, detail)
}

/// What a verdict is about, by name.
pub(crate) struct AllNamed {
    pub(crate) missing: Vec<Named>,
    pub(crate) expired: Vec<Named>,
    pub(crate) duplicated: Vec<Named>,
}

/// Names what is missing, what has expired, and what is there more than once.
pub(crate) fn name_all(deps: &Deps, tail: &mut Tail, verdict: &Verdict) -> AllNamed {
    let mut name =
        |origin: Origin, detail: String| Named::new(origin, hints_of(deps, tail, origin), detail);
    let lost = verdict.lost.iter().take(NAMED).map(|lost| {
        let detail = format!("last seen in {}, owed by {}", lost.last_seen, lost.owed_by);
        (lost.origin, detail)
    });
    let missing = lost.map(|(origin, detail)| name(origin, detail)).collect();
    let gone = verdict.expired.iter().flat_map(|expired| {
        let (stage, lost) = (expired.skip.stage, &expired.skip.lost);
        let exact = if expired.is_exact() { "" } else { ", as far as can be told" };
        let detail = format!("expired before {stage} had read it{exact}: {lost}");
        expired.origins.iter().map(move |origin| (origin, detail.clone()))
    });
    let expired = gone.take(EXPIRED_NAMED).map(|(origin, detail)| name(origin, detail)).collect();
    let twice = verdict.duplicated.iter().take(NAMED);
    let duplicated =
        twice.map(|(origin, copies)| name(*origin, format!("{copies} rows"))).collect();
    AllNamed { missing, expired, duplicated }
}
