//! What may travel on of IP addresses.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde::Deserialize;
use tracking_plan::plan::HashKey;

use crate::{Settings, SettingsProblem};

/// Name of the removal.
pub(crate) const NAME: &str = "ip-policy";

/// What is done with an address once the look-ups have read it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum IpPolicy {
    /// It travels on as it is.
    Keep,
    /// The last 8 of 32 bits become 0, or the last 80 of 128.
    #[default]
    Truncate,
    /// A hash of it travels on, 32 hexadecimal digits, whose key changes every few days.
    Hash,
    /// Nothing of it travels on.
    Drop,
}

impl IpPolicy {
    /// Its word, as facts and settings have it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Keep => "keep",
            Self::Truncate => "truncate",
            Self::Hash => "hash",
            Self::Drop => "drop",
        }
    }
}

/// Section `[enrich.ip]`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct IpSettings {
    /// What is done with addresses.
    pub policy: IpPolicy,
    /// What the keys of hashes are made of.
    pub hash_key: Option<HashKey>,
    /// For so many days of append time (UTC) the same address has the same hash.
    pub rotate_days: u16,
}

impl Default for IpSettings {
    fn default() -> Self {
        Self { policy: IpPolicy::default(), hash_key: None, rotate_days: 1 }
    }
}

/// What is wrong with the settings is added to `problems`.
pub(crate) fn check(settings: &Settings, problems: &mut Vec<SettingsProblem>) {
    let ip = &settings.ip;
    let mut add = |key: &str, problem: &str, remedy: &str| {
        let [key, problem, remedy] = [key, problem, remedy].map(str::to_owned);
        problems.push(SettingsProblem { key, problem, remedy });
    };
    if ip.policy == IpPolicy::Hash && ip.hash_key.is_none() {
        let remedy = "set it; `openssl rand -base64 32` makes one";
        add("ip.hash_key", "the policy is hash, and there is no key", remedy);
    }
    if ip.rotate_days == 0 {
        add("ip.rotate_days", "0 days are no time", "set 1 or more");
    }
    if settings.disabled.iter().any(|name| name == NAME) {
        let problem = "ip-policy cannot be switched off like an enrichment: it takes addresses out";
        add("disabled", problem, "set policy = \"keep\" under [enrich.ip] to let them travel on");
    }
}

/// What [`truncated`] leaves of an address that is usually written so.
pub(crate) fn truncated_text(address: IpAddr, usual: &str) -> String {
    match usual.rsplit_once('.') {
        Some((network, _)) if address.is_ipv4() => [network, ".0"].concat(),
        _ => truncated(address).to_string(),
    }
}

/// The first 24 bits of an address of IPv4, the first 48 of one of IPv6. An address of 6to4 (RFC 3056)
/// has one of IPv4 in bits 16 to 47: of that one the first 24.
fn truncated(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(address) => Ipv4Addr::from(u32::from(address) & (u32::MAX << 8)).into(),
        IpAddr::V6(address) => {
            let kept = if address.segments()[0] == 0x2002 { 40 } else { 48 };
            Ipv6Addr::from(u128::from(address) & (u128::MAX << (128 - kept))).into()
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(1000) })]

        #[test]
        fn the_text_of_what_is_left_is_that_of_the_address_that_is_left(
            v6 in any::<u128>(), v4 in any::<u32>(), is_v4: bool,
        ) {
            let (v4, v6) = (Ipv4Addr::from(v4).into(), Ipv6Addr::from(v6).into());
            let address = if is_v4 { v4 } else { v6 };
            let text = truncated_text(address, &address.to_string());
            prop_assert_eq!(text, truncated(address).to_string());
        }
    }
}
