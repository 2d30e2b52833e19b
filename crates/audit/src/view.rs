//! What ClickHouse holds of a span, asked by origin.

use event::Origin;
use reconciliation::{Span, WarehouseView};
use warehouse::{OriginRange, WarehouseError};

use crate::Deps;

/// Asks ClickHouse which origins of the span it holds, which more than once, and which were erased.
pub(crate) fn view_of(deps: &Deps, span: &Span) -> Result<WarehouseView, WarehouseError> {
    let mut view = WarehouseView::default();
    for (&partition, offsets) in &span.offsets {
        if offsets.is_empty() {
            continue;
        }
        let epoch = span.epoch;
        let range = OriginRange {
            epoch,
            partition,
            start: offsets.start,
            end: offsets.end.saturating_sub(1),
        };
        let copies = deps.runtime.block_on(deps.warehouse.copies(&range))?;
        for (first, last) in copies.ranges() {
            view.present.insert_range(epoch, partition, first..last.saturating_add(1));
        }
        for (first, last) in deps.runtime.block_on(deps.warehouse.erased_ranges(&range))? {
            view.erased.insert_range(epoch, partition, first..last.saturating_add(1));
        }
        let named = |(offset, copies)| (Origin { epoch, partition, offset }, copies);
        view.duplicated.extend(copies.duplicated().into_iter().map(named));
    }
    Ok(view)
}
