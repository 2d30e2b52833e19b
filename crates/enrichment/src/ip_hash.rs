//! Hashes of addresses that cannot be followed for longer than their key is in use.

use core::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use event::Millis;
use serde_json::Value;
use tracking_plan::plan::{HashKey, Normalise};

const DAY_MS: Millis = 86_400_000;
/// Hexadecimal digits of a hash: 128 bits of the HMAC.
const DIGITS: usize = 32;

/// HMAC-SHA256 under a key that is made anew from the operator's every few days of append time (UTC).
#[derive(Debug)]
pub(crate) struct RotatingHash {
    key: HashKey,
    period_ms: Millis,
    /// The last period and its key, which nearly every event asks for.
    last: Mutex<Option<(Millis, HashKey)>>,
}

impl RotatingHash {
    /// With a key of its own for each so many days; at least one.
    pub(crate) fn new(key: HashKey, days: u16) -> Self {
        let period_ms = DAY_MS.saturating_mul(days.max(1).into());
        Self { key, period_ms, last: Mutex::new(None) }
    }

    /// The hash of an address in the period of an append time.
    pub(crate) fn hash(&self, address: IpAddr, appended_at: Millis) -> String {
        let period = appended_at.div_euclid(self.period_ms);
        let mut hash = self.key_of(period).hash(&address.to_string().into(), Normalise::None);
        hash.truncate(DIGITS);
        hash
    }

    fn key_of(&self, period: Millis) -> HashKey {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, key)) = last.as_ref().filter(|(of, _)| *of == period) {
            return key.clone();
        }
        let starts_at = period.saturating_mul(self.period_ms);
        let label = Value::from(format!("waybill enrich.ip from {starts_at}"));
        // 64 digits are long enough for a key.
        let made = HashKey::try_from(self.key.hash(&label, Normalise::None));
        let key = made.unwrap_or_else(|_| self.key.clone());
        *last = Some((period, key.clone()));
        key
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_the_same_within_its_days_and_another_afterwards() {
        let hash = RotatingHash::new(HashKey::try_from("k".repeat(32)).unwrap(), 2);
        let at = |address: &str, day: Millis, ms: Millis| {
            hash.hash(address.parse().unwrap(), day * DAY_MS + ms)
        };
        let first = at("1.2.3.4", 20_000, 0);
        assert_eq!(first.len(), 32);
        assert_eq!(at("1.2.3.4", 20_001, DAY_MS - 1), first, "the second day");
        assert_ne!(at("1.2.3.4", 20_002, 0), first, "the third day");
        assert_ne!(at("1.2.3.4", 19_999, DAY_MS - 1), first, "the day before");
        assert_ne!(at("1.2.3.5", 20_000, 0), first);
        assert_eq!(at("1.2.3.4", 20_000, 5), first, "asked for again");
        // `printf %s 'waybill enrich.ip from 1728000000000' | openssl dgst -sha256 -hmac kkk…` (32 k) is
        // the key of `printf %s 1.2.3.4 | openssl dgst -sha256 -hmac KEY`.
        assert_eq!(first, "7933ccb188efb1b172a7dfdf8d62cea9");
        let other = RotatingHash::new(HashKey::try_from("x".repeat(32)).unwrap(), 2);
        assert_ne!(other.hash("1.2.3.4".parse().unwrap(), 20_000 * DAY_MS), first);
    }
}
