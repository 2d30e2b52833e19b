//! The verdict on a span: the books, the warehouse, and what the stages gave up.

use kafka_runtime::read_commands;
use reconciliation::{Expiry, Holder, Progress, Span, Verdict, reconcile};

use crate::{AuditError, Deps, tail::Tail, view::view_of};

/// A verdict, and what stands in its way.
pub(crate) struct Judged {
    pub(crate) verdict: Verdict,
    pub(crate) expiry: Expiry,
    /// Something without a fate has expired before this stage read it, and nobody has given it
    /// up: the books stay open.
    pub(crate) held: Option<(Holder, String)>,
}

/// Compares the books of a span with ClickHouse, and books what expired.
pub(crate) fn judge(
    deps: &Deps,
    tail: &Tail,
    span: &Span,
    progress: &Progress,
) -> Result<Judged, AuditError> {
    let mut verdict = reconcile(&tail.books, &view_of(deps, span)?, span);
    let expiry = match read_commands(&deps.kafka, &deps.registry) {
        Ok(commands) => tail.expiry(commands),
        // Without a loss there is nothing to explain.
        Err(halt) if verdict.missing.is_empty() => {
            tracing::warn!("the orders to the stages cannot be read: {halt}");
            tail.expiry(Vec::new())
        }
        Err(halt) => return Err(AuditError::Orders(halt)),
    };
    verdict.book_expired(&tail.books, &expiry);
    let held = held(tail, &verdict, progress);
    Ok(Judged { verdict, expiry, held })
}

fn held(tail: &Tail, verdict: &Verdict, progress: &Progress) -> Option<(Holder, String)> {
    if verdict.missing.is_empty() {
        return None;
    }
    let mut given_up = verdict.clone();
    given_up.book_expired(&tail.books, &tail.pending(progress));
    let expired = given_up.expired.first()?;
    let (stage, lost) = (expired.skip.stage, &expired.skip.lost);
    let detail = format!(
        "had not read {lost} when it left the log: `waybill stage skip-expired {stage}` gives it up"
    );
    Some((Holder::Stage(stage), detail))
}
