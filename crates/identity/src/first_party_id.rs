//! First-party ids: anonymous ids that prove that we gave them out.
//!
//! An id is `w1.<key id>.<minted>.<MAC>`. `minted` is 16 bytes: the day on which it was minted, as
//! days since 2020-01-01 (UTC) in two bytes with the greater first, and 112 random bits. The MAC is
//! the first 96 bits of an HMAC-SHA256 (RFC 2104) over all that stands before it. Both are in
//! unpadded base64url (RFC 4648). With a key id of two characters it has 45 characters: short enough
//! for any SDK's `anonymousId`. What an id proves is only that it was minted with one of the
//! operator's keys, and when; whoever sees it may use it.

use std::fmt;

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD as BASE64};
use hmac::{Hmac, KeyInit, Mac};
use serde::Deserialize;
use sha2::Sha256;

use crate::Day;

/// What every id begins with: the version of its form.
const PREFIX: &str = "w1.";
/// 2020-01-01 in days since 1970-01-01: day 0 of an id.
const FIRST_DAY: Day = 18_262;
const DAY_BYTES: usize = 2;
const MAC_BYTES: usize = 12;
/// A secret is text; shorter ones can be guessed.
const SHORTEST_SECRET: usize = 32;
const LONGEST_KEY_ID: usize = 16;

/// Section `[first_party]` of the configuration.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FirstPartyConfig {
    /// The first signs new ids; ids of all of them are genuine. To rotate, put a new one in front
    /// and take an old one out when its ids may be forgotten. Empty: no ids are minted.
    pub keys: Vec<FirstPartyKey>,
    /// How many days after the one on which it was minted an id is still genuine. 400 is as long as
    /// browsers keep a cookie (RFC 6265bis, "Cookie Lifetime Limits").
    pub max_age_days: u16,
}

impl Default for FirstPartyConfig {
    fn default() -> Self {
        Self { keys: Vec::new(), max_age_days: 400 }
    }
}

/// What an id turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verified {
    /// One of the keys signed it.
    Genuine {
        /// The day on which it was minted.
        minted: Day,
    },
    /// One of the keys signed it, too long ago.
    Expired {
        /// The day on which it was minted.
        minted: Day,
    },
    /// It does not claim to be ours: somebody else made it up.
    NotOurs,
    /// It names a key that is not among ours: one that was taken out, or never was.
    UnknownKey,
    /// It names one of the keys, which did not sign it; or its form is broken.
    Forged,
}

impl Verified {
    /// Whether the id may be used.
    pub const fn is_genuine(self) -> bool {
        matches!(self, Self::Genuine { .. })
    }
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

    fn signed(&self, text: &str, mac: &str) -> bool {
        let Some(ours) = self.mac(text) else { return false };
        let Ok(theirs) = BASE64.decode(mac) else { return false };
        theirs.len() == MAC_BYTES && ours.verify_truncated_left(&theirs).is_ok()
    }
}

impl FirstPartyConfig {
    /// A new id around these random bytes, minted `today`; `None` without a key.
    pub fn mint(&self, random: [u8; 14], today: Day) -> Option<String> {
        let key = self.keys.first()?;
        let mut minted = [0; 16];
        minted[..DAY_BYTES].copy_from_slice(&written_day(today));
        minted[DAY_BYTES..].copy_from_slice(&random);
        let said = format!("{PREFIX}{}.{}", key.id, BASE64.encode(minted));
        let mac = key.mac(&said)?.finalize().into_bytes();
        Some(format!("{said}.{}", BASE64.encode(&mac[..MAC_BYTES])))
    }

    /// What this id is, `today`. Needs nobody but the keys, and takes as long whatever the MAC is.
    pub fn verify(&self, id: &str, today: Day) -> Verified {
        let Some(rest) = id.strip_prefix(PREFIX) else { return Verified::NotOurs };
        let Some(([key_id, minted], mac)) = parts(rest) else { return Verified::Forged };
        let Some(key) = self.keys.iter().find(|key| key.id == key_id) else {
            return Verified::UnknownKey;
        };
        let said = &id[..id.len() - mac.len() - 1];
        if !key.signed(said, mac) {
            return Verified::Forged;
        }
        let Some(minted) = read_day(minted) else { return Verified::Forged };
        // A day to come is that of an ingest whose clock is ahead of the broker's.
        if today.saturating_sub(minted) > Day::from(self.max_age_days) {
            return Verified::Expired { minted };
        }
        Verified::Genuine { minted }
    }
}

/// Key id and what was minted, and the MAC.
fn parts(rest: &str) -> Option<([&str; 2], &str)> {
    let mut parts = rest.split('.');
    let (key_id, minted, mac) = (parts.next()?, parts.next()?, parts.next()?);
    parts.next().is_none().then_some(([key_id, minted], mac))
}

/// Days before 2020 or after 2199 are the nearest that can be written.
fn written_day(day: Day) -> [u8; DAY_BYTES] {
    let days = day.saturating_sub(FIRST_DAY).clamp(0, Day::from(u16::MAX));
    u16::try_from(days).unwrap_or_default().to_be_bytes()
}

fn read_day(minted: &str) -> Option<Day> {
    let minted: [u8; 16] = BASE64.decode(minted).ok()?.try_into().ok()?;
    let [first, second, ..] = minted;
    Some(FIRST_DAY + Day::from(u16::from_be_bytes([first, second])))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-23.
    const TODAY: Day = 20_780;

    fn config(ids: &[&str]) -> FirstPartyConfig {
        let key = |id: &&str| FirstPartyKey { id: (*id).to_owned(), secret: id.repeat(32) };
        FirstPartyConfig { keys: ids.iter().map(key).collect(), ..FirstPartyConfig::default() }
    }

    #[test]
    fn an_id_is_genuine_while_its_key_is_known() {
        let id = config(&["k1"]).mint([7; 14], TODAY).unwrap();
        assert_eq!(id.len(), 45, "{id}");
        assert!(id.starts_with("w1.k1."));
        let genuine = Verified::Genuine { minted: TODAY };
        assert_eq!(config(&["k1"]).verify(&id, TODAY), genuine);
        assert_eq!(config(&["k2", "k1"]).verify(&id, TODAY), genuine, "rotated");
        assert!(config(&["k2", "k1"]).mint([7; 14], TODAY).unwrap().starts_with("w1.k2."));
        assert_eq!(config(&["k2"]).verify(&id, TODAY), Verified::UnknownKey);
        let same_name = FirstPartyKey { id: "k1".to_owned(), secret: "x".repeat(32) };
        let other = FirstPartyConfig { keys: vec![same_name], ..FirstPartyConfig::default() };
        assert_eq!(other.verify(&id, TODAY), Verified::Forged);
        assert_eq!(config(&[]).mint([7; 14], TODAY), None);
        assert_eq!(config(&[]).verify(&id, TODAY), Verified::UnknownKey);
    }

    #[test]
    fn an_id_expires_after_the_last_day_of_its_age() {
        let keys = FirstPartyConfig { max_age_days: 30, ..config(&["k1"]) };
        let id = keys.mint([7; 14], TODAY).unwrap();
        for (today, expected) in [
            (TODAY, Verified::Genuine { minted: TODAY }),
            (TODAY + 30, Verified::Genuine { minted: TODAY }),
            (TODAY + 31, Verified::Expired { minted: TODAY }),
            (Day::MAX, Verified::Expired { minted: TODAY }),
            // The clock of the ingest that minted it is ahead.
            (TODAY - 1, Verified::Genuine { minted: TODAY }),
            (Day::MIN, Verified::Genuine { minted: TODAY }),
        ] {
            assert_eq!(keys.verify(&id, today), expected, "{today}");
        }
    }

    #[test]
    fn an_id_tells_the_day_on_which_it_was_minted() {
        let keys = config(&["k1"]);
        for (day, told) in [
            (FIRST_DAY, FIRST_DAY),
            (TODAY, TODAY),
            (FIRST_DAY + 65_535, FIRST_DAY + 65_535),
            (FIRST_DAY + 65_536, FIRST_DAY + 65_535),
            (0, FIRST_DAY),
            (Day::MIN, FIRST_DAY),
            (Day::MAX, FIRST_DAY + 65_535),
        ] {
            let id = keys.mint([7; 14], day).unwrap();
            assert_eq!(keys.verify(&id, FIRST_DAY), Verified::Genuine { minted: told }, "{day}");
        }
    }

    #[test]
    fn no_change_to_an_id_leaves_it_genuine() {
        let keys = config(&["k1"]);
        let id = keys.mint([200; 14], TODAY).unwrap();
        for place in 0..id.len() {
            for other in ["A", "b", ".", "=", "", "é"] {
                let mut changed = id.clone();
                changed.replace_range(place..=place, other);
                assert!(changed == id || !keys.verify(&changed, TODAY).is_genuine(), "{changed}");
            }
        }
    }

    #[test]
    fn what_claims_to_be_ours_and_is_not_is_forged_and_anything_else_is_not_ours() {
        let keys = config(&["k1"]);
        let id = keys.mint([200; 14], TODAY).unwrap();
        let signed = |text: &str| {
            let mac = keys.keys[0].mac(text).unwrap().finalize().into_bytes();
            format!("{text}.{}", BASE64.encode(&mac[..MAC_BYTES]))
        };
        for text in [
            "w1.",
            "w1.k1",
            "w1.k1..",
            "w1.k1.x.y",
            "w1.k1.x.y.z",
            &id[..id.len() - 1],
            &id[..20],
            &format!("{id}A"),
            // Signed by us, and yet no id of ours.
            &signed("w1.k1.AAAA"),
            &signed("w1.k1.!"),
        ] {
            assert_eq!(keys.verify(text, TODAY), Verified::Forged, "{text}");
        }
        for text in ["", ".", "...", "w2.k1.x.y", "W1.k1.x.y", &id[1..], "5f0c7f9e-1a52"] {
            assert_eq!(keys.verify(text, TODAY), Verified::NotOurs, "{text}");
        }
        assert_eq!(keys.verify(&id.replacen("k1", "k2", 1), TODAY), Verified::UnknownKey);
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
