//! The verdict on a span: the books, the warehouse, and what the stages gave up.

use kafka_runtime::read_commands;
use reconciliation::{Expiry, Span, Verdict, reconcile};

use crate::{AuditError, Deps, tail::Tail, view::view_of};

/// Compares the books of a span with ClickHouse, and books what expired.
pub(crate) fn judge(
    deps: &Deps,
    tail: &Tail,
    span: &Span,
) -> Result<(Verdict, Expiry), AuditError> {
    let mut verdict = reconcile(&tail.books, &view_of(deps, span)?, span);
    match read_commands(&deps.kafka, &deps.registry) {
        Ok(commands) => {
            let expiry = tail.expiry(commands);
            verdict.book_expired(&tail.books, &expiry);
            Ok((verdict, expiry))
        }
        // Without a loss there is nothing to explain.
        Err(halt) if verdict.missing.is_empty() => {
            tracing::warn!("the orders to the stages cannot be read: {halt}");
            Ok((verdict, tail.expiry(Vec::new())))
        }
        Err(halt) => Err(AuditError::Orders(halt)),
    }
}
