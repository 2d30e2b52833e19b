//! A slot's transactional producer, with the thread that serves its delivery reports and errors.
//!
//! rdkafka's `ThreadedProducer` does the same, but its thread spins for a millisecond in each tenth of a
//! second, whatever the producer does: what is left of its time limit then is less than librdkafka can wait
//! for. That is a hundredth of a core for each slot. This thread sleeps while nothing is in flight.

use std::{
    io,
    ops::Deref,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use rdkafka::{
    ClientConfig,
    error::{KafkaError, KafkaResult},
    producer::{BaseProducer, BaseRecord, Producer as _},
};

use super::delivery::DeliveryContext;

/// How long the thread waits for a report, and how often it looks for errors while nothing is in flight.
const SERVE_EVERY: Duration = Duration::from_millis(100);

/// What is written for a slot: the delivery opaque is a tag, see [`DeliveryContext`].
pub(super) type SlotRecord<'r> = BaseRecord<'r, [u8], [u8], usize>;

/// The producer. Its other methods are those of [`BaseProducer`].
pub(super) struct SlotProducer {
    producer: Arc<BaseProducer<DeliveryContext>>,
    is_closing: Arc<AtomicBool>,
    serving: Option<JoinHandle<()>>,
}

/// There is no producer.
#[derive(Debug, thiserror::Error)]
pub(super) enum NoProducer {
    #[error(transparent)]
    Kafka(#[from] KafkaError),
    #[error("its thread: {0}")]
    Thread(#[from] io::Error),
}

impl SlotProducer {
    pub(super) fn create(
        config: &ClientConfig,
        context: DeliveryContext,
    ) -> Result<Self, NoProducer> {
        let created: KafkaResult<BaseProducer<_>> = config.create_with_context(context);
        let producer = Arc::new(created?);
        let is_closing = Arc::new(AtomicBool::new(false));
        let (served, ends) = (Arc::clone(&producer), Arc::clone(&is_closing));
        let serving = thread::Builder::new()
            .name("producer reports".to_owned())
            .spawn(move || serve(&served, &ends))?;
        Ok(Self { producer, is_closing, serving: Some(serving) })
    }

    /// Hands a record to librdkafka; gives it back with the error.
    #[expect(clippy::result_large_err, reason = "rdkafka's own, whose record is to be sent again")]
    pub(super) fn send<'r>(
        &self,
        record: SlotRecord<'r>,
    ) -> Result<(), (KafkaError, SlotRecord<'r>)> {
        let sent = self.producer.send(record);
        if let Some(serving) = &self.serving {
            serving.thread().unpark();
        }
        sent
    }
}

impl Deref for SlotProducer {
    type Target = BaseProducer<DeliveryContext>;

    fn deref(&self) -> &Self::Target {
        &self.producer
    }
}

impl Drop for SlotProducer {
    fn drop(&mut self) {
        self.is_closing.store(true, Ordering::Release);
        let Some(serving) = self.serving.take() else { return };
        serving.thread().unpark();
        if serving.join().is_err() {
            tracing::error!("the thread of a producer's reports panicked");
        }
    }
}

fn serve(producer: &BaseProducer<DeliveryContext>, is_closing: &AtomicBool) {
    while !is_closing.load(Ordering::Acquire) {
        if producer.in_flight_count() > 0 {
            producer.poll(SERVE_EVERY);
        } else {
            producer.poll(Duration::ZERO);
            thread::park_timeout(SERVE_EVERY);
        }
    }
}
