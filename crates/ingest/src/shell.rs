//! The impure arguments of ingest's pure parts: the clock and random ids.

use std::time::SystemTime;

use uuid::Uuid;

/// Now as ISO-8601, UTC, to the millisecond.
pub(crate) fn iso8601(now: SystemTime) -> String {
    let timestamp = jiff::Timestamp::try_from(now).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    format!("{timestamp:.3}")
}

/// An id for a message that has none.
pub(crate) fn message_id() -> String {
    format!("waybill-{}", Uuid::new_v4())
}

/// Seconds after which a sender shall try again: 1 to 5, so that the senders of one outage do
/// not come back all at once.
pub(crate) fn retry_after_seconds() -> u8 {
    Uuid::new_v4().as_bytes()[0] % 5 + 1
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_time_is_written_with_three_digits_after_the_second() {
        let table = [
            (Duration::ZERO, "1970-01-01T00:00:00.000Z"),
            (Duration::from_millis(1_795_000_000_120), "2026-11-18T11:06:40.120Z"),
        ];
        for (since_epoch, expected) in table {
            assert_eq!(iso8601(SystemTime::UNIX_EPOCH + since_epoch), expected);
        }
    }

    #[test]
    fn a_retry_is_asked_for_within_five_seconds() {
        for _ in 0..100 {
            assert!((1..=5).contains(&retry_after_seconds()));
        }
    }
}
