//! What librdkafka's producer reports back.

use std::{collections::HashMap, sync::Mutex};

use rdkafka::{
    ClientContext,
    config::RDKafkaLogLevel,
    error::KafkaError,
    message::{DeliveryResult, Message},
    producer::ProducerContext,
};

use crate::{
    context::{QuietLog, locked},
    trouble::Trouble,
};

/// The delivery opaque of records whose position nobody asks for.
pub(super) const UNTRACKED: usize = 0;

/// librdkafka's word for the end of a connection.
const CONNECTION_ENDED: &str = "FAIL";

/// Whether a connection ended that requests may have been under way on. One that was not up yet
/// carries none; librdkafka also gives up its bootstrap connections by itself, once it knows the
/// brokers by their names.
fn is_broken_connection(facility: &str, text: &str) -> bool {
    facility == CONNECTION_ENDED
        && text.contains(" in state UP)")
        && !text.contains("(_DESTROY_BROKER)")
}

/// Context of a transactional producer.
pub(super) struct DeliveryContext {
    log: QuietLog,
    trouble: Trouble,
    pub(super) deliveries: Mutex<Deliveries>,
}

/// The reports since the transaction began.
#[derive(Default)]
pub(super) struct Deliveries {
    pub(super) failed: Option<KafkaError>,
    pub(super) tracked: HashMap<usize, (i32, i64)>,
}

impl DeliveryContext {
    pub(super) fn new(trouble: Trouble) -> Self {
        Self { log: QuietLog::default(), trouble, deliveries: Mutex::default() }
    }
}

impl ClientContext for DeliveryContext {
    /// A connection that breaks while a request is under way is told nowhere else: librdkafka
    /// sends the request again and reports no error. The line comes before it does so.
    fn log(&self, level: RDKafkaLogLevel, facility: &str, text: &str) {
        if is_broken_connection(facility, text) {
            self.trouble.note();
        }
        if !matches!(level, RDKafkaLogLevel::Debug) {
            self.log.line(level, facility, text);
        }
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.trouble.error(&error, reason);
        self.log.error(&error, reason);
    }
}

impl ProducerContext for DeliveryContext {
    type DeliveryOpaque = usize;

    fn delivery(&self, result: &DeliveryResult<'_>, tag: usize) {
        match result {
            Ok(_) if tag == UNTRACKED => {}
            Ok(message) => {
                let written = (message.partition(), message.offset());
                locked(&self.deliveries).tracked.insert(tag, written);
            }
            Err((error, _)) => {
                locked(&self.deliveries).failed.get_or_insert_with(|| error.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_connection_that_was_up_is_trouble_when_it_ends() {
        for (expected, text) in [
            (true, "1/1: Disconnected (after 2043ms in state UP) (_TRANSPORT)"),
            (
                true,
                "1/1: Closing connection due to nodename change (after 9ms in state UP) (_TRANSPORT)",
            ),
            (
                false,
                "bootstrap: Decommissioning this broker (after 1ms in state UP) (_DESTROY_BROKER)",
            ),
            (
                false,
                "bootstrap: Broker handle is terminating (after 1ms in state INIT) (_DESTROY_BROKER)",
            ),
            (
                false,
                "TxnCoordinator/1: Closing connection due to nodename change (after 54ms in state TRY_CONNECT) (_TRANSPORT)",
            ),
            (
                false,
                "1/1: Connect to ipv4#127.0.0.1:9092 failed: Connection refused (after 0ms in state CONNECT) (_TRANSPORT)",
            ),
        ] {
            assert_eq!(is_broken_connection("FAIL", text), expected, "{text}");
            assert!(!is_broken_connection("REQERR", text));
        }
    }
}
