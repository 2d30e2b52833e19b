//! The same thing told by several sources: an order that both the page and the backend report.

use event::{BusinessEntry, BusinessKey, Origin, Text};
use pipeline::{DiscardReason, Discarded, Halt};

use crate::{
    MessageKey,
    repeat::{Past, already_emitted},
};

/// The word of a plan that lets an event pass that tells what was told before.
pub const ON_REPEAT_FLAG: &str = "flag";
/// The flag of such an event.
pub const FLAG_TOLD_BEFORE: &str = "told-before";

/// What is known of the thing that the event tells of.
pub(crate) enum Telling {
    /// Nobody told it before.
    First(BusinessEntry),
    /// An event of lower precedence told it: it is superseded.
    Better {
        entry: BusinessEntry,
        before: Origin,
    },
    /// It was told by this event, and the plan wants such events flagged.
    Flagged(Origin),
    Dropped(Discarded),
}

/// Judges an event by its business key. Nothing older than the store's own window counts, however
/// long the plan's is.
pub(crate) fn judge<S: Text>(
    business: &BusinessKey<S>,
    origin: Origin,
    past: &Past<'_>,
) -> Result<Telling, Halt> {
    let (key, day) = (MessageKey::of_business(&business.key), past.today);
    let entry = BusinessEntry { key: key.to_fixed(), origin, rank: business.rank, day };
    let oldest = day.saturating_sub(business.window_days).max(past.oldest);
    let Some(before) = past.state.told(key)?.filter(|told| told.day >= oldest) else {
        return Ok(Telling::First(entry));
    };
    Ok(if before.origin == origin {
        // Redriven under another message id: an event never takes its own place.
        Telling::Dropped(already_emitted())
    } else if business.rank < before.rank {
        Telling::Better { entry, before: before.origin }
    } else if *business.on_repeat == *ON_REPEAT_FLAG {
        Telling::Flagged(before.origin)
    } else {
        Telling::Dropped(told_before(before.origin))
    })
}

fn told_before(first: Origin) -> Discarded {
    let detail = format!("an event of the same or a higher precedence told the same as {first}");
    Discarded { first: Some(first), ..Discarded::new(DiscardReason::ToldBefore, detail) }
}
