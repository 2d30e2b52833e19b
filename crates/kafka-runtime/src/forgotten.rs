//! Telling a client again where the brokers are.
//!
//! librdkafka drops every broker that a Metadata response does not name, also where it names none: so
//! answers a broker that stood still, while it is fenced. Then nobody is left to ask, and nothing makes the
//! client begin anew (librdkafka#5301, open with 2.13; seen with 2.12: a stage waited for thirteen
//! minutes beside a broker that was up).

use std::{
    ffi::CString,
    sync::Mutex,
    time::{Duration, Instant},
};

use rdkafka::{
    bindings::rd_kafka_brokers_add,
    consumer::{BaseConsumer, Consumer as _},
};

use crate::context::{ReaderContext, locked};

/// Each time leaves a copy of the list in the client, which goes through all of them whenever its brokers
/// are down: a question may fail again and again.
const AT_MOST_EVERY: Duration = Duration::from_secs(10);

/// When a client was last told.
#[derive(Debug, Default)]
pub(crate) struct Reminders(Mutex<Option<Instant>>);

impl Reminders {
    fn is_due(&self, now: Instant) -> bool {
        let mut last = locked(&self.0);
        let due = last.is_none_or(|last| now.saturating_duration_since(last) >= AT_MOST_EVERY);
        if due {
            *last = Some(now);
        }
        due
    }
}

/// Adds the bootstrap servers to the brokers that the client knows, after a question that failed. Those that
/// it knows already stay as they are.
pub(crate) fn remind(consumer: &BaseConsumer<ReaderContext>, bootstrap_servers: &str) {
    if consumer.context().reminders.is_due(Instant::now()) {
        add_brokers(consumer, bootstrap_servers);
    }
}

/// Does it if the statistics of the client say that it knows no broker, once for each that says so: it may
/// forget them again while the broker is still fenced.
pub(crate) fn remind_if_forgotten(consumer: &BaseConsumer<ReaderContext>, bootstrap_servers: &str) {
    if consumer.context().has_forgotten_brokers() {
        let known = add_brokers(consumer, bootstrap_servers);
        tracing::warn!(known, "a Kafka client knew no broker any more: told {bootstrap_servers}");
    }
}

/// Returns how many of them are known now.
#[expect(unsafe_code, reason = "rdkafka has no method for it")]
fn add_brokers(consumer: &BaseConsumer<ReaderContext>, bootstrap_servers: &str) -> i32 {
    let Ok(servers) = CString::new(bootstrap_servers) else { return 0 };
    // SAFETY: the client outlives the borrow, the text the call, which copies it; librdkafka lets any
    // thread call it.
    unsafe { rd_kafka_brokers_add(consumer.client().native_ptr(), servers.as_ptr()) }
}

#[cfg(test)]
mod tests {
    use rdkafka::{ClientConfig, ClientContext as _, mocking::MockCluster};

    use super::*;

    #[test]
    fn a_client_knows_no_broker_where_only_the_coordinator_is_left() {
        let context = ReaderContext::default();
        assert!(!context.has_forgotten_brokers(), "nothing was told yet");
        let known = |told: &str| {
            context.stats_raw(format!(r#"{{"ts":1,"brokers":{{{told}}}}}"#).as_bytes());
            !context.has_forgotten_brokers()
        };
        let coordinator = r#""GroupCoordinator":{"source":"logical","rx":7}"#;
        assert!(!known(coordinator));
        assert!(!context.has_forgotten_brokers(), "it was told, and nothing new is known");
        assert!(!known(coordinator), "it has forgotten them again");
        assert!(known(&format!(r#"{coordinator},"a:9092/1":{{"source":"learned","rx":1}}"#)));
        assert!(!known(r#""internal":{"source":"internal","rx":0}"#));
        assert!(known(r#""a:9092/bootstrap":{"source":"configured","rx":0}"#));
    }

    #[test]
    fn a_client_is_told_now_and_then_and_not_with_every_question() {
        let (reminders, now) = (Reminders::default(), Instant::now());
        assert!(reminders.is_due(now));
        assert!(!reminders.is_due(now + AT_MOST_EVERY / 2));
        assert!(reminders.is_due(now + AT_MOST_EVERY));
        assert!(!reminders.is_due(now + AT_MOST_EVERY));
    }

    /// The broker is librdkafka's own fake.
    #[test]
    fn a_client_that_knows_nobody_finds_the_brokers_that_it_is_told() {
        let cluster = MockCluster::new(1).unwrap();
        let consumer: BaseConsumer<ReaderContext> = ClientConfig::new()
            .set("bootstrap.servers", "")
            .set("group.id", "forgotten")
            .create_with_context(ReaderContext::default())
            .unwrap();
        let brokers = |patience| {
            consumer.fetch_metadata(None, patience).map_or(0, |known| known.brokers().len())
        };
        assert_eq!(brokers(Duration::from_millis(200)), 0);
        remind(&consumer, &cluster.bootstrap_servers());
        assert_eq!(brokers(Duration::from_secs(20)), 1);
    }
}
