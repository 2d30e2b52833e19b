//! Whether the broker is there, as librdkafka's callbacks tell.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use rdkafka::{error::KafkaError, types::RDKafkaErrorCode as Code};

use crate::{
    config::TRANSACTION_TIMEOUT_MS,
    context::locked,
    error::LogError,
    questions::{is_of_a_former_leader, is_without_coordinator},
};

/// How long after trouble with a connection a late request may still arrive.
const TROUBLE_LINGERS: Duration = Duration::from_mins(1);

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

/// Whether an error is of brokers that come, go, or lead no more, so that no client made anew fares better
/// until they are there. A handle is destroyed with the broker that a Metadata response does not name any
/// more, as one that stood still is not while it is fenced. The others are "retriable" by
/// <https://kafka.apache.org/protocol#protocol_error_codes>.
fn is_of_brokers(error: &KafkaError) -> bool {
    let others = [
        Code::DestroyBroker,
        Code::ReplicaNotAvailable,
        Code::NetworkException,
        Code::OffsetNotAvailable,
    ];
    let is_other = |code| {
        is_of_a_former_leader(code) || is_without_coordinator(code) || others.contains(&code)
    };
    is_transport(error) || error.rdkafka_error_code().is_some_and(is_other)
}

impl Trouble {
    /// A question or a request failed, and the client that made it is given up.
    pub(crate) fn failed(&self, error: &KafkaError) {
        if is_of_brokers(error) {
            self.note();
        }
    }

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

    /// What it means that the slot's member or producer is fenced, `open_for` so long after its
    /// transaction began, if one is open: that another process has the slot, unless this process
    /// may have done it to itself.
    ///
    /// The broker ends a transaction that is open for too long, and fences its producer by that:
    /// nobody took the slot of a process that merely stood still. And a request of our own former
    /// clients may reach a broker late that was away, and fence these. If somebody else does have the
    /// slot, the clients made anew fence him, and he, or we once the trouble is over, will end.
    pub(crate) fn judge_fence(&self, reason: String, open_for: Option<Duration>) -> LogError {
        let limit = Duration::from_millis(TRANSACTION_TIMEOUT_MS.into());
        if open_for.is_some_and(|open_for| open_for >= limit) {
            self.note();
            let text = format!("the transaction was open for more than {limit:?}: {reason}");
            return LogError::Rebuild(text);
        }
        if !self.within(TROUBLE_LINGERS) {
            return LogError::SlotTaken(reason);
        }
        // Old trouble has a late effect: it counts, and is not renewed by that.
        self.noted.fetch_add(1, Ordering::Relaxed);
        LogError::Rebuild(format!("fenced after trouble with the broker: {reason}"))
    }

    /// Whether there was trouble within this time.
    fn within(&self, time: Duration) -> bool {
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

    /// A trouble that was last noted so long ago.
    fn troubled(ago: Duration) -> Trouble {
        let trouble = Trouble::default();
        *locked(&trouble.last) = Instant::now().checked_sub(ago);
        trouble
    }

    #[test]
    fn a_fence_out_of_the_blue_is_another_process_in_the_slot() {
        let fence = || "FENCED_INSTANCE_ID".to_owned();
        let in_transaction = Some(Duration::from_secs(1));
        for trouble in [Trouble::default(), troubled(TROUBLE_LINGERS)] {
            for open_for in [None, in_transaction] {
                assert_eq!(trouble.judge_fence(fence(), open_for), LogError::SlotTaken(fence()));
            }
            assert_eq!(trouble.count(), 0);
        }
    }

    #[test]
    fn a_fence_after_trouble_is_a_rebuild_and_does_not_prolong_the_excuse() {
        let slow = Trouble::default();
        slow.came_back(Instant::now().checked_sub(SILENCE).unwrap());
        let silent = Trouble::default();
        silent.answers(5, Duration::ZERO);
        silent.answers(5, SILENCE);
        let broken = Trouble::default();
        broken.error(&KafkaError::Global(Code::BrokerTransportFailure), "reset");
        let old = troubled(TROUBLE_LINGERS * 9 / 10);
        for trouble in [slow, silent, broken, old] {
            let (before, last) = (trouble.count(), *locked(&trouble.last));
            let judged = trouble.judge_fence("PRODUCER_FENCED".to_owned(), None);
            assert!(matches!(judged, LogError::Rebuild(_)), "{judged:?}");
            assert_eq!(trouble.count(), before + 1, "the producer is renewed");
            assert_eq!(*locked(&trouble.last), last);
        }
    }

    #[test]
    fn a_fence_of_an_overdue_transaction_is_the_brokers_own_and_is_trouble() {
        let trouble = Trouble::default();
        let limit = Duration::from_millis(TRANSACTION_TIMEOUT_MS.into());
        let judged = trouble.judge_fence("PRODUCER_FENCED".to_owned(), Some(limit));
        assert!(matches!(judged, LogError::Rebuild(_)), "{judged:?}");
        assert!(trouble.within(TROUBLE_LINGERS));
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
    fn a_question_to_a_broker_that_leads_no_more_or_was_forgotten_is_trouble() {
        for code in [
            Code::FencedLeaderEpoch,
            Code::UnknownPartition,
            Code::DestroyBroker,
            Code::OperationTimedOut,
        ] {
            let trouble = Trouble::default();
            trouble.failed(&KafkaError::MetadataFetch(code));
            assert_eq!(trouble.count(), 1, "{code:?}");
            assert!(trouble.within(TROUBLE_LINGERS));
        }
    }

    #[test]
    fn an_error_of_another_kind_is_no_trouble() {
        let trouble = Trouble::default();
        trouble.error(&KafkaError::Global(Code::UnknownTopic), "no such topic");
        trouble.failed(&KafkaError::MetadataFetch(Code::TopicAuthorizationFailed));
        assert_eq!((trouble.count(), trouble.away()), (0, None));
    }
}
