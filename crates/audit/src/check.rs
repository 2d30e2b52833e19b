//! `waybill audit`: the books of everything that came in up to now.

use std::time::{Duration, Instant};

use reconciliation::{Barrier, Holder, Span, Standing, Verdict, reconcile};

use crate::{AuditError, Deps, Named, Report, naming::hints_of, tail::Tail, view::view_of};

/// How long one look at the topics may take before the barrier is asked again.
const LOOK: Duration = Duration::from_millis(500);
/// At most so many origins are named; the counts tell of the rest.
const NAMED: usize = 1_000;

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
            Standing::Closed => return closed(deps, &mut tail, barrier.span()),
            Standing::Open { held_by, detail } if begun.elapsed() >= wait => {
                return open(deps, &tail, barrier.span(), held_by, detail);
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

fn closed(deps: &Deps, tail: &mut Tail, span: &Span) -> Result<Report, AuditError> {
    let verdict = reconcile(&tail.books, &view_of(deps, span)?, span);
    let (missing, duplicated) = name_all(deps, tail, &verdict);
    Ok(Report::closed(&verdict, missing, duplicated))
}

fn open(
    deps: &Deps,
    tail: &Tail,
    span: &Span,
    held_by: Holder,
    detail: String,
) -> Result<Report, AuditError> {
    let verdict = reconcile(&tail.books, &view_of(deps, span)?, span);
    Ok(Report::open(&verdict, held_by, detail))
}

/// Names what is missing and what is there more than once.
pub(crate) fn name_all(
    deps: &Deps,
    tail: &mut Tail,
    verdict: &Verdict,
) -> (Vec<Named>, Vec<Named>) {
    let mut missing = Vec::new();
    for lost in verdict.lost.iter().take(NAMED) {
        let detail = format!("last seen in {}, owed by {}", lost.last_seen, lost.owed_by);
        missing.push(Named::new(lost.origin, hints_of(deps, tail, lost.origin), detail));
    }
    let mut duplicated = Vec::new();
    for (origin, copies) in verdict.duplicated.iter().take(NAMED) {
        let detail = format!("{copies} rows");
        duplicated.push(Named::new(origin, hints_of(deps, tail, *origin), detail));
    }
    (missing, duplicated)
}
