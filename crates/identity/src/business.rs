//! The same thing told by several sources: an order that both the page and the backend report.

use event::{BusinessEntry, BusinessKey, Origin};
use pipeline::{DiscardReason, Discarded, Halt};

use crate::{Day, MessageKey, State};

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

pub(crate) fn judge(
    business: &BusinessKey,
    origin: Origin,
    today: Day,
    state: &dyn State,
) -> Result<Telling, Halt> {
    let key = MessageKey::of_business(&business.key);
    let entry = BusinessEntry { key: key.to_fixed(), origin, rank: business.rank, day: today };
    let oldest = today.saturating_sub(business.window_days);
    let Some(before) = state.told(key)?.filter(|told| told.day >= oldest) else {
        return Ok(Telling::First(entry));
    };
    Ok(if business.rank < before.rank {
        Telling::Better { entry, before: before.origin }
    } else if business.on_repeat == ON_REPEAT_FLAG {
        Telling::Flagged(before.origin)
    } else {
        Telling::Dropped(told_before(before.origin))
    })
}

fn told_before(first: Origin) -> Discarded {
    let detail = format!("an event of the same or a higher precedence told the same as {first}");
    Discarded { first: Some(first), ..Discarded::new(DiscardReason::ToldBefore, detail) }
}
