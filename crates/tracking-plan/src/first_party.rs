//! Whether an event's anonymous id is one that we gave out: the policy of its source.

use identity::{Day, FirstPartyConfig, Verified};
use pipeline::{RejectReason, Rejected};
use serde::Deserialize;

/// What a source's events owe: `first_party` in its table.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FirstPartyPolicy {
    /// Nobody looks.
    #[default]
    Ignore,
    /// An event without a genuine first-party id passes with a flag.
    Prefer,
    /// An event without a genuine first-party id is rejected.
    Require,
}

/// The flag of an event that passes without a genuine id; its rejection where one is required.
/// `today` is the day on which the event was appended, so that the verdict stays the same.
pub(crate) fn judge(
    anonymous_id: Option<&str>,
    policy: FirstPartyPolicy,
    keys: &FirstPartyConfig,
    today: Day,
) -> Result<Option<&'static str>, Rejected> {
    if policy == FirstPartyPolicy::Ignore {
        return Ok(None);
    }
    let Some((reason, why)) = fault(anonymous_id, keys, today) else { return Ok(None) };
    match policy {
        FirstPartyPolicy::Require => {
            Err(Rejected::new(reason, format!("/anonymous_id {why} (its source requires one)")))
        }
        FirstPartyPolicy::Prefer | FirstPartyPolicy::Ignore => Ok(Some(reason.word())),
    }
}

/// The same word is the flag and the reason. An id of another make is no forgery: the first-party
/// id is missing.
fn fault(
    anonymous_id: Option<&str>,
    keys: &FirstPartyConfig,
    today: Day,
) -> Option<(RejectReason, &'static str)> {
    let verified = anonymous_id.map(|id| keys.verify(id, today));
    Some(match verified {
        Some(Verified::Genuine { .. }) => return None,
        None => (RejectReason::FirstPartyMissing, "is absent and so no first-party id"),
        Some(Verified::NotOurs) => (RejectReason::FirstPartyMissing, "is no first-party id"),
        Some(Verified::UnknownKey) => (
            RejectReason::FirstPartyForged,
            "is no genuine first-party id: the key that it names is not under [first_party]",
        ),
        Some(Verified::Forged) => (
            RejectReason::FirstPartyForged,
            "is no genuine first-party id: the key that it names did not sign it",
        ),
        Some(Verified::Expired { .. }) => (
            RejectReason::FirstPartyExpired,
            "is a first-party id older than max_age_days under [first_party]",
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TODAY: Day = 20_780;

    fn keys() -> FirstPartyConfig {
        let key = r#"{"keys": [{"id": "k1", "secret": "0123456789abcdef0123456789abcdef"}]}"#;
        serde_json::from_str(key).unwrap()
    }

    #[test]
    fn every_policy_has_its_verdict_on_every_id() {
        let genuine = keys().mint([7; 14], TODAY).unwrap();
        let expired = keys().mint([7; 14], TODAY - 401).unwrap();
        let forged = format!("{}AAAA", &genuine[..genuine.len() - 4]);
        let of_other_key = genuine.replacen("k1", "k9", 1);
        let table = [
            (Some(genuine.as_str()), None, ""),
            (None, Some("first-party-missing"), "absent"),
            (Some("5f0c7f9e-1a52"), Some("first-party-missing"), "is no first-party id"),
            (Some(forged.as_str()), Some("first-party-forged"), "did not sign it"),
            (Some(of_other_key.as_str()), Some("first-party-forged"), "is not under [first_party]"),
            (Some(expired.as_str()), Some("first-party-expired"), "max_age_days"),
        ];
        for (id, word, why) in table {
            let judged = |policy| judge(id, policy, &keys(), TODAY);
            assert_eq!(judged(FirstPartyPolicy::Ignore), Ok(None), "{id:?}");
            assert_eq!(judged(FirstPartyPolicy::Prefer), Ok(word), "{id:?}");
            let rejected = judged(FirstPartyPolicy::Require).err();
            assert_eq!(rejected.as_ref().map(|rejected| rejected.reason.word()), word, "{id:?}");
            let detail = rejected.map(|rejected| rejected.detail).unwrap_or_default();
            assert!(detail.contains(why) && !id.is_some_and(|id| detail.contains(id)), "{detail}");
        }
    }

    #[test]
    fn the_age_of_an_id_counts_to_the_day_of_the_event() {
        let id = keys().mint([7; 14], TODAY).unwrap();
        let on = |day| judge(Some(&id), FirstPartyPolicy::Require, &keys(), day).is_ok();
        assert!(on(TODAY + 400) && !on(TODAY + 401));
    }
}
