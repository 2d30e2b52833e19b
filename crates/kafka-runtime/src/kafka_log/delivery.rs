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

/// librdkafka's word for it.
const BROKEN_CONNECTION: &str = "FAIL";

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
        if facility == BROKEN_CONNECTION {
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
