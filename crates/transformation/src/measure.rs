//! How large and how deep a value is.

use vrl::value::Value;

/// What a value is taken to need beside its text.
const BYTES_EACH: usize = 8;
/// Deepest nesting of a value: a little less than JSON readers take.
const DEEPEST: usize = 120;

/// About how many bytes a value takes, if no more than `most` and if it does not nest too deep.
pub(crate) fn fitting(value: &Value, most: usize) -> Option<usize> {
    let mut room = most;
    fits(value, DEEPEST, &mut room).then(|| most - room)
}

fn fits(value: &Value, depth: usize, room: &mut usize) -> bool {
    match value {
        Value::Bytes(text) => take(room, text.len()),
        Value::String(text) => take(room, text.len()),
        Value::Object(members) => {
            depth > 0
                && take(room, BYTES_EACH)
                && members.iter().all(|(name, value)| {
                    take(room, BYTES_EACH + name.len()) && fits(value, depth - 1, room)
                })
        }
        Value::Array(items) => {
            depth > 0
                && take(room, BYTES_EACH)
                && items.iter().all(|item| take(room, BYTES_EACH) && fits(item, depth - 1, room))
        }
        _ => take(room, BYTES_EACH),
    }
}

fn take(room: &mut usize, bytes: usize) -> bool {
    let left = room.checked_sub(bytes);
    *room = left.unwrap_or(0);
    left.is_some()
}
