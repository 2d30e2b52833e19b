//! First-party ids: anonymous ids that prove that we gave them out.
//!
//! An id is `w1.<key id>.<random>.<MAC>`: 128 random bits and the first 96 bits of an HMAC-SHA256
//! (RFC 2104) over all that stands before it, both in unpadded base64url (RFC 4648). With a key id
//! of two characters it has 45 characters: short enough for any SDK's `anonymousId`. What an id
//! proves is only that it was minted with one of the operator's keys; whoever sees it may use it.

use std::fmt;

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD as BASE64};
use hmac::{Hmac, KeyInit, Mac};
use serde::Deserialize;
use sha2::Sha256;

const VERSION: &str = "w1";
const MAC_BYTES: usize = 12;
/// A secret is text; shorter ones can be guessed.
const SHORTEST_SECRET: usize = 32;
const LONGEST_KEY_ID: usize = 16;

/// Section `[first_party]` of the configuration.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FirstPartyConfig {
    /// The first signs new ids; ids of all of them are genuine. To rotate, put a new one in front
    /// and take an old one out when its ids may be forgotten. Empty: no ids are minted.
    pub keys: Vec<FirstPartyKey>,
}

/// A key that ids are signed with.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "WrittenKey")]
pub struct FirstPartyKey {
    id: String,
    secret: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenKey {
    id: String,
    secret: String,
}

impl TryFrom<WrittenKey> for FirstPartyKey {
    type Error = String;

    fn try_from(WrittenKey { id, secret }: WrittenKey) -> Result<Self, String> {
        let is_word = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        if id.is_empty() || id.len() > LONGEST_KEY_ID || !id.bytes().all(is_word) {
            return Err(format!("the id of a key has 1 to {LONGEST_KEY_ID} of a-z and 0-9"));
        }
        if secret.len() < SHORTEST_SECRET {
            return Err(format!(
                "a secret has at least {SHORTEST_SECRET} characters; `openssl rand -base64 32` makes one"
            ));
        }
        Ok(Self { id, secret })
    }
}

impl fmt::Debug for FirstPartyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FirstPartyKey({}, …)", self.id)
    }
}

impl FirstPartyKey {
    fn mac(&self, text: &str) -> Option<Hmac<Sha256>> {
        let mac = Hmac::<Sha256>::new_from_slice(self.secret.as_bytes()).ok()?;
        Some(mac.chain_update(text))
    }
}

impl FirstPartyConfig {
    /// A new id around these random bytes; `None` without a key.
    pub fn mint(&self, random: [u8; 16]) -> Option<String> {
        let key = self.keys.first()?;
        let said = format!("{VERSION}.{}.{}", key.id, BASE64.encode(random));
        let mac = key.mac(&said)?.finalize().into_bytes();
        Some(format!("{said}.{}", BASE64.encode(&mac[..MAC_BYTES])))
    }

    /// Whether this id was minted with one of the keys. Takes as long whatever the MAC is.
    pub fn is_genuine(&self, id: &str) -> bool {
        let Some((said, mac)) = id.rsplit_once('.') else { return false };
        let [VERSION, key_id, _] = *said.split('.').collect::<Vec<_>>() else { return false };
        let key = self.keys.iter().find(|key| key.id == key_id);
        let Some(ours) = key.and_then(|key| key.mac(said)) else { return false };
        let Ok(theirs) = BASE64.decode(mac) else { return false };
        theirs.len() == MAC_BYTES && ours.verify_truncated_left(&theirs).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(ids: &[&str]) -> FirstPartyConfig {
        let key = |id: &&str| FirstPartyKey { id: (*id).to_owned(), secret: id.repeat(32) };
        FirstPartyConfig { keys: ids.iter().map(key).collect() }
    }

    #[test]
    fn an_id_is_genuine_while_its_key_is_known() {
        let id = config(&["k1"]).mint([7; 16]).unwrap();
        assert_eq!(id.len(), 45, "{id}");
        assert!(id.starts_with("w1.k1."));
        assert!(config(&["k1"]).is_genuine(&id));
        assert!(config(&["k2", "k1"]).is_genuine(&id), "rotated: the old key still verifies");
        assert!(config(&["k2", "k1"]).mint([7; 16]).unwrap().starts_with("w1.k2."));
        assert!(!config(&["k2"]).is_genuine(&id));
        let same_name = FirstPartyKey { id: "k1".to_owned(), secret: "x".repeat(32) };
        assert!(!FirstPartyConfig { keys: vec![same_name] }.is_genuine(&id));
        assert_eq!(config(&[]).mint([7; 16]), None);
    }

    #[test]
    fn no_change_to_an_id_leaves_it_genuine() {
        let keys = config(&["k1"]);
        let id = keys.mint([200; 16]).unwrap();
        for place in 0..id.len() {
            for other in ["A", "b", ".", "=", ""] {
                let mut changed = id.clone();
                changed.replace_range(place..=place, other);
                assert!(changed == id || !keys.is_genuine(&changed), "{changed}");
            }
        }
        for text in
            ["", ".", "...", "w1.k1..", "w1.k1.x.y.z", &id[..id.len() - 1], &format!("{id}A")]
        {
            assert!(!keys.is_genuine(text), "{text}");
        }
    }

    #[test]
    fn a_weak_key_is_refused_with_the_way_to_make_one() {
        let read = |text: &str| serde_json::from_str::<FirstPartyConfig>(text);
        let short = read(r#"{"keys":[{"id":"k1","secret":"short"}]}"#).unwrap_err();
        assert!(short.to_string().contains("openssl rand"), "{short}");
        assert!(
            read(r#"{"keys":[{"id":"K 1","secret":"01234567890123456789012345678901"}]}"#).is_err()
        );
        let config =
            read(r#"{"keys":[{"id":"k1","secret":"01234567890123456789012345678901"}]}"#).unwrap();
        assert!(!format!("{config:?}").contains("0123"));
    }
}
