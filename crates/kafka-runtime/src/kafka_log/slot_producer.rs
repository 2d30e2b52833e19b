//! A slot's transactional producer, whose delivery reports and errors are served where they are waited for.
//!
//! The thread that sends serves them between its records and while it drains: a message is then freed by
//! the thread that made it, which costs the allocator no lock. rdkafka's `ThreadedProducer` has a thread
//! that waits for each report, and that spins for a millisecond in each tenth of a second besides: what is
//! left of its time limit then is less than librdkafka can wait for. Here a thread looks for errors ten times
//! a second, and waits for reports only beside a call that waits for them too ([`SlotProducer::abort`]).

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

/// How often the thread serves what nobody else has served.
const SERVE_EVERY: Duration = Duration::from_millis(100);
/// The same beside a call that waits for it.
const SERVE_SOON: Duration = Duration::from_millis(1);
/// How many records are sent between two looks for reports.
const SERVED_RECORDS: u32 = 256;

/// What is written for a slot: the delivery opaque is a tag, see [`DeliveryContext`].
pub(super) type SlotRecord<'r> = BaseRecord<'r, [u8], [u8], usize>;

/// The producer. Its other methods are those of [`BaseProducer`].
pub(super) struct SlotProducer {
    producer: Arc<BaseProducer<DeliveryContext>>,
    signals: Arc<Signals>,
    serving: Option<JoinHandle<()>>,
    /// Records sent since reports were last served.
    unserved: u32,
}

/// What the thread is told.
#[derive(Default)]
struct Signals {
    is_closing: AtomicBool,
    is_waited_for: AtomicBool,
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
        let signals = Arc::<Signals>::default();
        let (served, told) = (Arc::clone(&producer), Arc::clone(&signals));
        let serving = thread::Builder::new()
            .name("producer reports".to_owned())
            .spawn(move || serve(&served, &told))?;
        Ok(Self { producer, signals, serving: Some(serving), unserved: 0 })
    }

    /// Hands a record to librdkafka; gives it back with the error.
    #[expect(clippy::result_large_err, reason = "rdkafka's own, whose record is to be sent again")]
    pub(super) fn send<'r>(
        &mut self,
        record: SlotRecord<'r>,
    ) -> Result<(), (KafkaError, SlotRecord<'r>)> {
        self.unserved += 1;
        if self.unserved >= SERVED_RECORDS {
            self.serve();
        }
        self.producer.send(record)
    }

    /// Serves the reports that are in, without waiting for more.
    pub(super) fn serve(&mut self) {
        self.unserved = 0;
        // One call serves one event: the reports of one request, or a line of the log.
        let mut in_flight = self.producer.in_flight_count();
        loop {
            self.producer.poll(Duration::ZERO);
            let left = self.producer.in_flight_count();
            if left == 0 || left >= in_flight {
                break;
            }
            in_flight = left;
        }
    }

    /// Aborts the transaction. librdkafka first waits until the reports of what it gives up are served.
    pub(super) fn abort(&self, timeout: Duration) -> KafkaResult<()> {
        self.signals.is_waited_for.store(true, Ordering::Release);
        self.wake();
        let aborted = self.producer.abort_transaction(timeout);
        self.signals.is_waited_for.store(false, Ordering::Release);
        aborted
    }

    fn wake(&self) {
        if let Some(serving) = &self.serving {
            serving.thread().unpark();
        }
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
        self.signals.is_closing.store(true, Ordering::Release);
        self.wake();
        let Some(serving) = self.serving.take() else { return };
        if serving.join().is_err() {
            tracing::error!("the thread of a producer's reports panicked");
        }
    }
}

fn serve(producer: &BaseProducer<DeliveryContext>, signals: &Signals) {
    while !signals.is_closing.load(Ordering::Acquire) {
        producer.poll(Duration::ZERO);
        let is_waited_for = signals.is_waited_for.load(Ordering::Acquire);
        thread::park_timeout(if is_waited_for { SERVE_SOON } else { SERVE_EVERY });
    }
}
