//! The keys under which emitted messages are remembered.

use std::hash::Hasher as _;

use event::{Fixed16, Origin};
use siphasher::sip128::{Hasher128 as _, SipHasher13};

/// Version of the meaning of [`MessageKey`]s: raised with any change of hash, key or framing.
/// Keys of different versions never mean the same message.
pub const KEY_VERSION: i32 = 1;

/// SipHash's own key. It is fixed and public, since keys must be the same in every instance, for
/// ever; what it gives is 128 even bits, not secrecy.
const HASH_KEY: &[u8; 16] = b"waybill/msgkey/1";

/// Keyed 128-bit hash (SipHash-1-3) that stands for a message. 64 bits would drop events for
/// nothing: at 10⁹ keys a false match is real.
///
/// Four kinds share the space, told apart by a first byte: the message itself, one payload of a
/// message id that came with several, one origin, and a business key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MessageKey([u8; 16]);

impl MessageKey {
    /// The message that `source` calls `message_id`.
    pub fn of_message(source: &str, message_id: &str) -> Self {
        hash(b'm', &[source.as_bytes(), message_id.as_bytes()])
    }

    /// That message with this payload, where the id came with other payloads before.
    pub fn of_payload(source: &str, message_id: &str, fingerprint: i64) -> Self {
        hash(b'p', &[source.as_bytes(), message_id.as_bytes(), &fingerprint.to_be_bytes()])
    }

    /// The event with this number.
    pub fn of_origin(origin: Origin) -> Self {
        let epoch = origin.epoch.to_be_bytes();
        let partition = origin.partition.to_be_bytes();
        hash(b'o', &[&epoch, &partition, &origin.offset.to_be_bytes()])
    }

    /// What an event tells of, by its plan (event.validation.business_key).
    pub fn of_business(key: &str) -> Self {
        hash(b'b', &[key.as_bytes()])
    }

    /// The key in its stored form, big-endian.
    pub fn to_bytes(self) -> [u8; 16] {
        self.0
    }

    /// Reads the stored form.
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The key as the journal has it.
    pub fn to_fixed(self) -> Fixed16 {
        Fixed16(self.0)
    }
}

/// Keyed 128-bit hash that stands for a device in the state.
pub fn device_hash(device: &str) -> Fixed16 {
    hash(b'd', &[device.as_bytes()]).to_fixed()
}

/// Keyed 128-bit hash that stands for a user id in an order to forget.
pub fn user_hash(user: &str) -> Fixed16 {
    hash(b'u', &[user.as_bytes()]).to_fixed()
}

/// Each part has its length in front: no two lists of parts read alike.
fn hash(kind: u8, parts: &[&[u8]]) -> MessageKey {
    let mut hasher = SipHasher13::new_with_key(HASH_KEY);
    hasher.write(&[kind]);
    for part in parts {
        hasher.write(&(part.len() as u64).to_be_bytes());
        hasher.write(part);
    }
    MessageKey(hasher.finish128().as_u128().to_be_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_border_between_source_and_message_id_counts() {
        assert_ne!(MessageKey::of_message("ab", "c"), MessageKey::of_message("a", "bc"));
        assert_ne!(MessageKey::of_message("", "abc"), MessageKey::of_message("abc", ""));
    }

    #[test]
    fn the_kinds_of_keys_never_meet() {
        let message = MessageKey::of_message("web", "m");
        assert_ne!(message, MessageKey::of_payload("web", "m", 0));
        assert_ne!(MessageKey::of_payload("web", "m", 0), MessageKey::of_payload("web", "m", 1));
        let origin = Origin { epoch: 0, partition: 0, offset: 1 };
        assert_ne!(
            MessageKey::of_origin(origin),
            MessageKey::of_origin(Origin { offset: 2, ..origin })
        );
    }

    /// What is stored outlives the code: this may only change together with [`KEY_VERSION`].
    #[test]
    fn the_key_of_a_message_is_the_same_for_ever() {
        let key = MessageKey::of_message("web/app", "m-1");
        assert_eq!(
            u128::from_be_bytes(key.to_bytes()),
            298_892_064_848_279_600_419_083_998_636_722_424_733
        );
        assert_eq!(MessageKey::from_bytes(key.to_bytes()), key);
    }
}
