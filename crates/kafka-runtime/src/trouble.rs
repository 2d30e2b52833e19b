//! Whether the broker is there, as librdkafka's callbacks tell.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use rdkafka::{error::KafkaError, types::RDKafkaErrorCode as Code};

use crate::context::locked;

/// A member of a group hears from the broker at least with each heartbeat, once a second: silence for
/// this long is no pause in the traffic. Shorter than a session, so that it is known before what the
/// end of a session brings.
const SILENCE: Duration = Duration::from_secs(4);

/// What the clients of one slot know of the broker. Clones share it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Trouble {
    noted: Arc<AtomicU64>,
    last: Arc<Mutex<Option<Instant>>>,
    heard: Arc<Mutex<Heard>>,
}

#[derive(Debug, Default)]
struct Heard {
    answers: u64,
    /// When the count of answers last grew, and when it was last reported, by the client's clock.
    grown: Option<Duration>,
    reported: Option<Duration>,
    was_silent: bool,
    /// What was said when all brokers were down; until the next answer.
    down: Option<String>,
}

/// Whether an error says that a connection, or an answer, did not come about.
pub(crate) fn is_transport(error: &KafkaError) -> bool {
    let codes = [
        Code::BrokerTransportFailure,
        Code::AllBrokersDown,
        Code::OperationTimedOut,
        Code::RequestTimedOut,
        Code::Resolve,
    ];
    error.rdkafka_error_code().is_some_and(|code| codes.contains(&code))
}

impl Trouble {
    /// An error that a client reported.
    pub(crate) fn error(&self, error: &KafkaError, reason: &str) {
        if !is_transport(error) {
            return;
        }
        self.note();
        if error.rdkafka_error_code() == Some(Code::AllBrokersDown) {
            locked(&self.heard).down = Some(reason.to_owned());
        }
    }

    /// A call did not get its answer in time.
    pub(crate) fn note(&self) {
        self.noted.fetch_add(1, Ordering::Relaxed);
        *locked(&self.last) = Some(Instant::now());
    }

    /// A call that began then has come back, well or not: one that took as long as this was waiting
    /// for a broker that stood still.
    pub(crate) fn came_back(&self, begun: Instant) {
        if begun.elapsed() >= SILENCE {
            self.note();
        }
    }

    /// Old trouble has a late effect: it counts, and is not renewed by that.
    pub(crate) fn excuse(&self) {
        self.noted.fetch_add(1, Ordering::Relaxed);
    }

    /// Whether there was trouble within this time.
    pub(crate) fn within(&self, time: Duration) -> bool {
        locked(&self.last).is_some_and(|last| last.elapsed() < time)
    }

    /// How much trouble there was so far: a number that only grows.
    pub(crate) fn count(&self) -> u64 {
        self.noted.load(Ordering::Relaxed)
    }

    /// The brokers' answers so far, as the consumer's statistics told at `now` by the client's own
    /// clock: the thread that reads them may have been kept from it, and then reads many at once.
    pub(crate) fn answers(&self, answers: u64, now: Duration) {
        let mut heard = locked(&self.heard);
        if answers != heard.answers || heard.grown.is_none() {
            heard.grown = Some(now);
            heard.down = None;
        }
        heard.answers = answers;
        heard.reported = Some(now);
        let silent = heard.is_silent();
        let begins = silent && !heard.was_silent;
        heard.was_silent = silent;
        drop(heard);
        // A broker that stands still is told by no error; but what was asked of it may be answered late.
        if silent {
            *locked(&self.last) = Some(Instant::now());
        }
        if begins {
            self.noted.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Why the broker counts as away, while it does.
    pub(crate) fn away(&self) -> Option<String> {
        let heard = locked(&self.heard);
        if let Some(down) = &heard.down {
            return Some(format!("no broker can be reached: {down}"));
        }
        heard.is_silent().then(|| "the broker is connected and does not answer".to_owned())
    }
}

impl Heard {
    fn is_silent(&self) -> bool {
        let (Some(reported), Some(grown)) = (self.reported, self.grown) else { return false };
        reported.saturating_sub(grown) >= SILENCE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broker_that_keeps_silent_is_away_until_it_answers() {
        let trouble = Trouble::default();
        let start = Duration::from_secs(1_000);
        trouble.answers(5, start);
        assert_eq!((trouble.away(), trouble.count()), (None, 0));
        for late in 0..3 {
            trouble.answers(5, start + SILENCE + Duration::from_secs(late));
            assert!(trouble.away().is_some());
            assert_eq!(trouble.count(), 1, "one silence is one trouble");
        }
        assert!(trouble.within(Duration::from_mins(1)));
        trouble.answers(6, start + SILENCE * 2);
        assert_eq!(trouble.away(), None);
        trouble.answers(6, start + SILENCE * 3);
        assert_eq!(trouble.count(), 2);
    }

    #[test]
    fn a_call_that_takes_as_long_as_a_silence_is_trouble() {
        let trouble = Trouble::default();
        let now = Instant::now();
        trouble.came_back(now);
        assert_eq!(trouble.count(), 0);
        trouble.came_back(now.checked_sub(SILENCE).unwrap());
        assert_eq!(trouble.count(), 1);
        assert!(trouble.within(Duration::from_mins(1)));
    }

    #[test]
    fn brokers_that_are_all_down_are_away_at_once() {
        let trouble = Trouble::default();
        trouble.answers(5, Duration::ZERO);
        let error = KafkaError::Global(Code::AllBrokersDown);
        trouble.error(&error, "1/1 brokers are down");
        assert!(trouble.away().unwrap().contains("1/1 brokers"));
        assert_eq!(trouble.count(), 1);
        trouble.answers(6, Duration::ZERO);
        assert_eq!(trouble.away(), None);
    }

    #[test]
    fn an_error_of_another_kind_is_no_trouble() {
        let trouble = Trouble::default();
        trouble.error(&KafkaError::Global(Code::UnknownTopic), "no such topic");
        assert_eq!((trouble.count(), trouble.away()), (0, None));
    }
}
