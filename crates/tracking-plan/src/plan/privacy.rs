//! What is hashed, masked or dropped, and how.

use hmac::{Hmac, KeyInit, Mac};
use serde::Deserialize;
use serde_json::Value;
use sha2::Sha256;

/// Shortest key for hashes, in bytes: a shorter one can be guessed.
const SHORTEST_KEY: usize = 32;

/// A rule of the plan for one place.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PrivacyRule {
    /// JSON pointer from the event's top, such as `/properties/email` or `/context/traits/phone`;
    /// `*` stands for every element of an array. What is nested otherwise is found all the same (see
    /// [`super::rewrite::Tokens`]).
    pub path: String,
    /// What is done.
    #[serde(rename = "do")]
    pub action: PrivacyAction,
    /// How a text is made the same however people write it, before it is hashed.
    #[serde(default)]
    pub normalise: Normalise,
}

/// What is done to a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PrivacyAction {
    /// HMAC-SHA256 (RFC 2104) with the operator's key, 64 hexadecimal digits in its place.
    Hash,
    /// `[masked]` in its place.
    Mask,
    /// The member is taken out.
    Drop,
}

impl PrivacyAction {
    /// Its word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Hash => "hash",
            Self::Mask => "mask",
            Self::Drop => "drop",
        }
    }
}

/// How a text is made the same before it is hashed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Normalise {
    /// Without the spaces around it, in lower case: e-mail addresses.
    #[default]
    Lowercase,
    /// `+` and digits alone: telephone numbers.
    Phone,
    /// Without the spaces around it.
    Trim,
    /// As it is.
    None,
}

impl Normalise {
    fn apply(self, text: &str) -> String {
        match self {
            Self::Lowercase => text.trim().to_lowercase(),
            Self::Phone => text.chars().filter(|c| c.is_ascii_digit() || *c == '+').collect(),
            Self::Trim => text.trim().to_owned(),
            Self::None => text.to_owned(),
        }
    }
}

/// The operator's key for hashes. Never printed.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct HashKey(String);

impl TryFrom<String> for HashKey {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if text.len() < SHORTEST_KEY {
            return Err(format!(
                "a hash key has at least {SHORTEST_KEY} characters; `openssl rand -base64 32` makes one"
            ));
        }
        Ok(Self(text))
    }
}

impl std::fmt::Debug for HashKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("HashKey(…)")
    }
}

impl HashKey {
    /// The hash of a value: of its normalised text, or of its JSON where it is none. 64 hexadecimal
    /// digits.
    pub fn hash(&self, value: &Value, normalise: Normalise) -> String {
        let text = match value {
            Value::String(text) => normalise.apply(text),
            other => other.to_string(),
        };
        // A key of any length will do, so there is no error to tell.
        let Ok(mac) = Hmac::<Sha256>::new_from_slice(self.0.as_bytes()) else {
            return String::new();
        };
        let bytes = mac.chain_update(text).finalize().into_bytes();
        hex(&bytes)
    }
}

/// Bytes as hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut hex, byte| {
        hex.push(char::from(b"0123456789abcdef"[usize::from(byte >> 4)]));
        hex.push(char::from(b"0123456789abcdef"[usize::from(byte & 15)]));
        hex
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_the_hmac_of_the_normalised_text() {
        let key = HashKey::try_from("k".repeat(32)).unwrap();
        let hash = |text: &str, normalise| key.hash(&Value::from(text), normalise);
        let ada = hash("ada@example.com", Normalise::None);
        // `printf %s ada@example.com | openssl dgst -sha256 -hmac kkk…` (32 k).
        let openssl = "1c46a892e933b2b3b269dc801af7f942d56415c873107ca5baef426f5c09a18c";
        assert_eq!(ada, openssl);
        assert_eq!(hash("  Ada@Example.com ", Normalise::Lowercase), ada);
        assert_ne!(hash("Ada@example.com", Normalise::Trim), ada);
        assert_eq!(hash("+49 (30) 123-45", Normalise::Phone), hash("+493012345", Normalise::None));
        assert_eq!(key.hash(&Value::from(5), Normalise::Lowercase), hash("5", Normalise::None));
        let other = HashKey::try_from("x".repeat(32)).unwrap();
        assert_ne!(other.hash(&Value::from("ada@example.com"), Normalise::None), ada);
    }

    #[test]
    fn a_short_key_is_refused_and_no_key_is_printed() {
        assert!(HashKey::try_from("short".to_owned()).unwrap_err().contains("openssl rand"));
        let key = HashKey::try_from("s3cret".repeat(8)).unwrap();
        assert!(!format!("{key:?}").contains("s3cret"));
    }
}
