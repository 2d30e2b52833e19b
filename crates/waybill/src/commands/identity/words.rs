//! How causes and moments are written.

use event::{Millis, Origin};

use crate::commands::times::utc_millis;

/// A moment: RFC 3339, to the millisecond.
pub(super) fn moment(at: Millis) -> String {
    utc_millis(at)
}

/// What caused something: the waybill number of an event, or an order by its position in
/// `identity-commands`, which looks like one.
pub(super) fn cause(cause: Origin, is_order: bool) -> String {
    if is_order { format!("order {cause}") } else { cause.to_string() }
}

/// What is not told is a dash in a table.
pub(super) fn or_dash(text: Option<&String>) -> String {
    text.map_or_else(|| "-".to_owned(), Clone::clone)
}
