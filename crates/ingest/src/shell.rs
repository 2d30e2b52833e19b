//! The impure arguments of ingest's pure parts: the clock and random ids.

use std::time::{SystemTime, UNIX_EPOCH};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD as URL_SAFE_NO_PAD};
use event::Millis;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::message::GivenId;

/// A longer key is hashed: an id may have 100 characters, and an index follows.
const LONGEST_KEY: usize = 90;

/// Now as ISO-8601, UTC, to the millisecond.
pub(crate) fn iso8601(now: SystemTime) -> String {
    let timestamp = jiff::Timestamp::try_from(now).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    format!("{timestamp:.3}")
}

/// Milliseconds since 1970.
pub(crate) fn millis(now: SystemTime) -> Millis {
    let since = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    Millis::try_from(since.as_millis()).unwrap_or(Millis::MAX)
}

/// Bits that nobody can guess.
pub(crate) fn random() -> [u8; 16] {
    // Six bits of a UUID are fixed: two of them hold 244 that are not.
    let digest = Sha256::new().chain_update(Uuid::new_v4()).chain_update(Uuid::new_v4()).finalize();
    let mut bits = [0; 16];
    bits.copy_from_slice(&digest[..16]);
    bits
}

/// An id for the message with this index, whose sender gave it none: derived from what the sender
/// calls the request, else minted.
pub(crate) fn given_id(idempotency_key: Option<&str>, index: usize) -> GivenId {
    match idempotency_key {
        Some(key) => GivenId::Derived(message_id_of(key, index)),
        None => GivenId::Minted(format!("waybill-{}", Uuid::new_v4())),
    }
}

/// An id for a message that has none, in a request that a sender repeats under the same key.
fn message_id_of(idempotency_key: &str, index: usize) -> String {
    if idempotency_key.len() <= LONGEST_KEY {
        return format!("{idempotency_key}-{index}");
    }
    format!("{}-{index}", URL_SAFE_NO_PAD.encode(Sha256::digest(idempotency_key)))
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
    fn the_ids_of_a_repeated_request_are_the_same_and_short_enough() {
        assert_eq!(message_id_of("order-7", 2), "order-7-2");
        let long = "k".repeat(91);
        let id = message_id_of(&long, 2_499);
        assert_eq!(id, message_id_of(&long, 2_499));
        assert_ne!(id, message_id_of(&"l".repeat(91), 2_499));
        assert!(id.len() <= 100 && id.ends_with("-2499"), "{id}");
        assert!(message_id_of(&"k".repeat(90), 2_499).len() <= 100);
    }

    #[test]
    fn a_retry_is_asked_for_within_five_seconds() {
        for _ in 0..100 {
            assert!((1..=5).contains(&retry_after_seconds()));
        }
    }
}
