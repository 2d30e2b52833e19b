//! How many events a source may send.

use std::{
    collections::BTreeMap,
    num::NonZeroU32,
    sync::{Arc, Mutex, PoisonError},
};

use governor::{
    DefaultDirectRateLimiter, InsufficientCapacity, NotUntil, Quota, RateLimiter,
    clock::{Clock, DefaultClock},
};
use tracking_plan::Source;

use crate::refusal::Refusal;

/// Without a burst of its own a source may send what is due in this many seconds at once.
const BURST_SECONDS: u32 = 10;

/// What the sources that have a limit may still send.
#[derive(Default)]
pub(crate) struct Rates {
    by_source: Mutex<BTreeMap<String, Limit>>,
}

/// The limit of a source as configured, and what is left of it.
#[derive(Clone)]
struct Limit {
    per_second: NonZeroU32,
    burst: NonZeroU32,
    left: Arc<DefaultDirectRateLimiter>,
}

impl Rates {
    /// Takes `events` off what the source may send.
    pub(crate) fn take(&self, source: &Source, events: usize) -> Result<(), Refusal> {
        let Some(per_second) = source.config.events_per_second else { return Ok(()) };
        let Some(events) = u32::try_from(events).ok().and_then(NonZeroU32::new) else {
            return Ok(());
        };
        let ten_seconds = per_second.saturating_mul(BURST_SECONDS.try_into().unwrap_or(per_second));
        let burst = source.config.burst_events.unwrap_or(ten_seconds);
        let limit = self.limit(&source.id, per_second, burst);
        // A request that is larger than the burst could never be sent: it takes all of it.
        match limit.left.check_n(events.min(burst)) {
            Ok(Ok(())) => Ok(()),
            Ok(Err(too_soon)) => Err(Refusal::RateLimited { seconds: seconds(&too_soon) }),
            Err(InsufficientCapacity(_)) => Err(Refusal::RateLimited { seconds: 1 }),
        }
    }

    /// The limit as it is configured now: one that was changed begins anew.
    fn limit(&self, id: &str, per_second: NonZeroU32, burst: NonZeroU32) -> Limit {
        let mut by_source = self.by_source.lock().unwrap_or_else(PoisonError::into_inner);
        let known = by_source.get(id);
        if let Some(limit) = known.filter(|it| it.per_second == per_second && it.burst == burst) {
            return limit.clone();
        }
        let quota = Quota::per_second(per_second).allow_burst(burst);
        let limit = Limit { per_second, burst, left: Arc::new(RateLimiter::direct(quota)) };
        by_source.insert(id.to_owned(), limit.clone());
        limit
    }
}

fn seconds(too_soon: &NotUntil<<DefaultClock as Clock>::Instant>) -> u16 {
    let wait = too_soon.wait_time_from(DefaultClock::default().now());
    u16::try_from(wait.as_secs()).unwrap_or(u16::MAX).saturating_add(1)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn source(limits: &serde_json::Value) -> Source {
        let mut config = json!({"kind": "server"});
        config.as_object_mut().unwrap().extend(limits.as_object().unwrap().clone());
        Source { id: "server/a".to_owned(), config: serde_json::from_value(config).unwrap() }
    }

    #[test]
    fn a_source_is_sent_away_beyond_its_burst_and_told_when_to_come_back() {
        let rates = Rates::default();
        let limited = source(&json!({"events_per_second": 1, "burst_events": 100}));
        assert_eq!(rates.take(&limited, 60), Ok(()));
        let Err(Refusal::RateLimited { seconds }) = rates.take(&limited, 60) else { panic!() };
        assert!((15..=21).contains(&seconds), "20 events are missing: {seconds}");
        assert_eq!(rates.take(&limited, 30), Ok(()), "a smaller request fits");
        let raised = source(&json!({"events_per_second": 2, "burst_events": 100}));
        assert_eq!(rates.take(&raised, 100), Ok(()), "a changed limit begins anew");
    }

    #[test]
    fn a_request_larger_than_the_burst_takes_all_of_it() {
        let rates = Rates::default();
        let limited = source(&json!({"events_per_second": 5}));
        assert_eq!(rates.take(&limited, 2_500), Ok(()));
        assert!(rates.take(&limited, 1).is_err());
    }

    #[test]
    fn a_source_without_a_limit_sends_what_it_likes() {
        let rates = Rates::default();
        assert!((0..100).all(|_| rates.take(&source(&json!({})), 2_500).is_ok()));
    }
}
