//! Deterministic ids of persons.

use std::fmt;

use sha2::{Digest as _, Sha256};

/// Stands for a person: 128 bits, printed as 32 hex digits. It follows from the id alone, so
/// that no instance needs to ask another.
///
/// The first 16 bytes of SHA-256: a sender chooses ids freely and must not be able to make one
/// that is somebody else's person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PersonId([u8; 16]);

impl PersonId {
    /// The person whom this user id names.
    pub fn of_user(user_id: &str) -> Self {
        Self::hash("user", &[user_id])
    }

    /// The unknown person behind this anonymous id.
    pub fn of_anonymous(anonymous_id: &str) -> Self {
        Self::hash("anonymous", &[anonymous_id])
    }

    /// The unknown person behind one message without any id; message ids are the source's own.
    pub fn of_message(source: &str, message_id: &str) -> Self {
        Self::hash("message", &[source, message_id])
    }

    /// The 16 bytes.
    pub fn to_bytes(self) -> [u8; 16] {
        self.0
    }

    /// The domain keeps user "7" apart from the anonymous id "7"; lengths keep parts apart.
    fn hash(domain: &str, parts: &[&str]) -> Self {
        let mut hasher = Sha256::new();
        hasher.update(b"waybill/person/1/");
        hasher.update(domain.as_bytes());
        for part in parts {
            hasher.update((part.len() as u64).to_be_bytes());
            hasher.update(part.as_bytes());
        }
        let digest = hasher.finalize();
        let mut id = [0; 16];
        id.copy_from_slice(&digest[..16]);
        Self(id)
    }
}

impl fmt::Display for PersonId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", u128::from_be_bytes(self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_id_has_32_hex_digits_and_stays_the_same_for_ever() {
        assert_eq!(PersonId::of_user("7").to_string(), "19a720b421afe59e6b18617f23da1028");
    }

    #[test]
    fn the_same_text_in_another_role_is_another_person() {
        let persons = [
            PersonId::of_user("7"),
            PersonId::of_anonymous("7"),
            PersonId::of_message("", "7"),
            PersonId::of_message("7", ""),
        ];
        for (index, person) in persons.iter().enumerate() {
            assert!(!persons[index + 1..].contains(person));
        }
    }
}
