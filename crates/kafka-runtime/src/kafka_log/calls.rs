//! Calls to the transactional producer, and what is done about their failures.

use std::time::{Duration, Instant};

use pipeline::Halt;
use rdkafka::{
    error::{KafkaError, KafkaResult},
    producer::Producer as _,
};

use super::{KafkaLog, SlotClients, delivery::DeliveryContext, slot_producer::SlotProducer};
use crate::{
    config::STATISTICS_INTERVAL,
    error::{ErrorClass, LogError, classify},
    watchdog::guarded,
};

/// How long a retriable call is repeated before the clients are rebuilt.
const RETRY_FOR: Duration = Duration::from_secs(30);
/// How long the producer may take to get its epoch from the broker.
const INIT_TIMEOUT: Duration = Duration::from_secs(15);

impl KafkaLog {
    /// Repeats a retriable call with identical arguments.
    pub(super) fn persist(
        &self,
        what: &str,
        call: impl Fn() -> KafkaResult<()>,
    ) -> Result<(), LogError> {
        let begun = Instant::now();
        loop {
            let called = Instant::now();
            let result = call();
            self.slot.trouble.came_back(called);
            let Err(error) = result else { return Ok(()) };
            let detail = format!("{what}: {error}");
            match classify(&error) {
                ErrorClass::Retriable if begun.elapsed() < RETRY_FOR => {
                    tracing::warn!(slot = self.slot.slot_id, "{detail}; trying again");
                    self.slot.trouble.note();
                    self.slot.readiness.halted("broker", detail);
                }
                ErrorClass::Abort => return Err(LogError::Abort(detail)),
                ErrorClass::SlotTaken => return Err(self.fenced(detail)),
                ErrorClass::Retriable | ErrorClass::Rebuild => {
                    return Err(self.broken(&detail, &error));
                }
            }
        }
    }

    /// What a fence in the middle of a transaction means.
    fn fenced(&self, detail: String) -> LogError {
        self.serve_statistics();
        self.slot.trouble.judge_fence(detail, self.transaction.map(|begun| begun.elapsed()))
    }

    /// Has the statistics served that tell whether the broker kept silent: they wait in the consumer's queue
    /// while this thread is at anything but a poll, such as a question to that broker. Whatever else stands in
    /// the queue is dropped, for these clients are given up.
    fn serve_statistics(&self) {
        let begun = Instant::now();
        while begun.elapsed() < STATISTICS_INTERVAL {
            drop(self.consumer.poll(STATISTICS_INTERVAL));
        }
    }

    /// The clients are of no use any more. For want of a broker that is no fault of theirs.
    pub(super) fn broken(&self, what: &str, error: &KafkaError) -> LogError {
        self.slot.trouble.failed(error);
        LogError::Rebuild(format!("{what}: {error}"))
    }

    /// After transport trouble an answer, or a request to end a transaction, may still be on its
    /// way: a new producer has a higher epoch, which fences it (Jepsen's bufstream-0.1.0; KIP-890
    /// mends it for clients that speak transactions v2, which librdkafka does not).
    pub(super) fn renew_after_trouble(&mut self) -> Result<(), LogError> {
        if self.slot.trouble.count() == self.renewed_at {
            return Ok(());
        }
        let fresh = new_producer(&self.slot)?;
        let old = std::mem::replace(&mut self.producer, fresh);
        guarded(&format!("closing the producer of {}", self.slot.slot_id), || drop(old));
        // The old one's connections break as it is closed; and whatever it has sent is fenced.
        self.renewed_at = self.slot.trouble.count();
        self.slot.metrics.producer_renewed();
        tracing::info!(slot = self.slot.slot_id, "producer renewed after transport trouble");
        Ok(())
    }
}

/// A producer that holds the slot.
pub(super) fn new_producer(slot: &SlotClients) -> Result<SlotProducer, LogError> {
    let config = slot.kafka.transactional_producer(&slot.slot_id);
    let producer = SlotProducer::create(&config, DeliveryContext::new(slot.trouble.clone()))
        .map_err(|error| LogError::Rebuild(error.to_string()))?;
    producer.init_transactions(INIT_TIMEOUT).map_err(|error| init_error(slot, &error))?;
    Ok(producer)
}

fn init_error(slot: &SlotClients, error: &KafkaError) -> LogError {
    let detail = format!("init_transactions: {error}");
    match classify(error) {
        ErrorClass::SlotTaken => slot.trouble.judge_fence(detail, None),
        ErrorClass::Retriable => LogError::Halt(Halt::new("broker", detail)),
        ErrorClass::Abort | ErrorClass::Rebuild => LogError::Rebuild(detail),
    }
}
