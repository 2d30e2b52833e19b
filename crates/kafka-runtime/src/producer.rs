//! The idempotent producer of ingest and of the operators' tools.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use event::Millis;
use rdkafka::{
    ClientContext,
    config::RDKafkaLogLevel,
    error::KafkaError,
    message::{DeliveryResult, Message},
    producer::{BaseRecord, Producer as _, ProducerContext, PurgeConfig, ThreadedProducer},
    types::RDKafkaErrorCode as Code,
};
use tokio::sync::oneshot;

use crate::{
    config::KafkaConfig,
    context::{QuietLog, locked},
    convert::owned_headers,
    error::RuntimeError,
    record::{Outgoing, Position},
};

/// librdkafka's default of `queue.buffering.max.messages`.
const QUEUE_MESSAGES: f64 = 100_000.0;

/// An acknowledged record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Delivered {
    /// Where it stands.
    pub position: Position,
    /// The broker's append time on a topic with `LogAppendTime`; milliseconds UTC.
    pub timestamp: Option<Millis>,
}

/// Why not every record was acknowledged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// The local queue is full; nothing of this call's rest was taken.
    #[error("the local queue is full")]
    QueueFull,
    /// A record is larger than the topic takes.
    #[error("record {index} is larger than the topic takes")]
    TooLarge {
        /// Index in the call's list.
        index: usize,
    },
    /// The broker did not acknowledge; records may or may not be in the log.
    #[error("not acknowledged: {0}")]
    NotAcknowledged(String),
    /// The producer is of no use any more.
    #[error("the producer is unavailable: {0}")]
    Unavailable(String),
}

/// A producer; clones share it.
///
/// Its client is made anew after a message that timed out: librdkafka's idempotent producer may not
/// get over a broker that stood still (seen with 2.12: one partition took nothing for minutes after
/// all others did again). What was on its way in the old one is given up, as not acknowledged.
#[derive(Clone)]
pub struct Producer {
    shared: Arc<Shared>,
}

struct Shared {
    kafka: KafkaConfig,
    current: Mutex<Client>,
}

/// One client of librdkafka, and how many there were before it.
#[derive(Clone)]
struct Client {
    generation: u64,
    inner: Arc<ThreadedProducer<AckContext>>,
}

impl Client {
    fn new(kafka: &KafkaConfig, generation: u64) -> Result<Self, RuntimeError> {
        let client = "waybill-ingest";
        let inner = kafka
            .ingest_producer(client)
            .create_with_context(AckContext::default())
            .map_err(|error| RuntimeError::Client {
                client: client.to_owned(),
                detail: error.to_string(),
            })?;
        Ok(Self { generation, inner: Arc::new(inner) })
    }
}

#[derive(Default)]
struct AckContext {
    log: QuietLog,
}

/// One call's records on their way: the last delivery report answers for all.
struct Request {
    topics: Vec<topology::Topic>,
    open: AtomicUsize,
    reports: Mutex<Reports>,
}

struct Reports {
    delivered: Vec<Option<Delivered>>,
    failed: Option<KafkaError>,
    done: Option<oneshot::Sender<()>>,
}

/// The delivery opaque: which record of which request.
struct Ticket {
    request: Arc<Request>,
    index: usize,
}

impl ClientContext for AckContext {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, text: &str) {
        self.log.line(level, facility, text);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.log.error(&error, reason);
    }
}

impl ProducerContext for AckContext {
    type DeliveryOpaque = Box<Ticket>;

    fn delivery(&self, result: &DeliveryResult<'_>, ticket: Box<Ticket>) {
        let request = &ticket.request;
        match result {
            Ok(message) => {
                let topic = request.topics[ticket.index];
                let position =
                    Position { topic, partition: message.partition(), offset: message.offset() };
                let timestamp = message.timestamp().to_millis();
                locked(&request.reports).delivered[ticket.index] =
                    Some(Delivered { position, timestamp });
            }
            Err((error, _)) => {
                locked(&request.reports).failed.get_or_insert_with(|| error.clone());
            }
        }
        request.settle(1);
    }
}

impl Request {
    fn settle(&self, records: usize) {
        if self.open.fetch_sub(records, Ordering::AcqRel) == records
            && let Some(done) = locked(&self.reports).done.take()
        {
            // The caller may have gone away; nobody is left to be told then.
            let _caller_is_there = done.send(());
        }
    }
}

impl Producer {
    /// A producer for `raw-events`. Nothing is sent yet; brokers may still be away.
    pub fn new(kafka: &KafkaConfig) -> Result<Self, RuntimeError> {
        let current = Mutex::new(Client::new(kafka, 0)?);
        Ok(Self { shared: Arc::new(Shared { kafka: kafka.clone(), current }) })
    }

    /// Sends all and resolves when every record has its delivery report.
    ///
    /// On an error any of the records may or may not be in the log: the sender repeats them with
    /// the same message ids.
    pub async fn send_all(&self, records: Vec<Outgoing>) -> Result<Vec<Delivered>, SendError> {
        if records.is_empty() {
            return Ok(Vec::new());
        }
        let (done, all_reported) = oneshot::channel();
        let request = Arc::new(Request {
            topics: records.iter().map(|record| record.topic).collect(),
            open: AtomicUsize::new(records.len()),
            reports: Mutex::new(Reports {
                delivered: vec![None; records.len()],
                failed: None,
                done: Some(done),
            }),
        });
        let client = locked(&self.shared.current).clone();
        let enqueued = client.enqueue(&records, &request);
        // The reports hold the sender until all are in: an error here cannot happen.
        let _all_in = all_reported.await;
        enqueued?;
        let mut reports = locked(&request.reports);
        if let Some(error) = reports.failed.take() {
            if is_end_of_client(&error) {
                self.renew(client.generation, &error);
            }
            return Err(not_acknowledged(&error));
        }
        let delivered = std::mem::take(&mut reports.delivered);
        let whole: Option<Vec<Delivered>> = delivered.into_iter().collect();
        whole.ok_or_else(|| SendError::NotAcknowledged("a delivery report is missing".to_owned()))
    }

    /// Puts a new client in the place of the one of this generation, unless that was done already.
    fn renew(&self, generation: u64, error: &KafkaError) {
        let mut current = locked(&self.shared.current);
        if current.generation != generation {
            return;
        }
        match Client::new(&self.shared.kafka, generation + 1) {
            Ok(client) => {
                tracing::warn!(%error, "the producer is made anew");
                retire(std::mem::replace(&mut *current, client));
            }
            Err(problem) => tracing::error!(%problem, "no new producer could be made"),
        }
    }

    /// How many clients it has had before this one.
    pub fn renewals(&self) -> u64 {
        locked(&self.shared.current).generation
    }

    /// 0.0 to 1.0: how full the local queue is.
    pub fn queue_fill(&self) -> f64 {
        let waiting = locked(&self.shared.current).inner.in_flight_count();
        (f64::from(waiting) / QUEUE_MESSAGES).clamp(0.0, 1.0)
    }
}

impl Client {
    /// Hands the records over. At the first refusal the rest counts as settled, so that the
    /// reports of those before it still end the wait.
    fn enqueue(&self, records: &[Outgoing], request: &Arc<Request>) -> Result<(), SendError> {
        for (index, record) in records.iter().enumerate() {
            let ticket = Box::new(Ticket { request: Arc::clone(request), index });
            let mut message =
                BaseRecord::<[u8], [u8], Box<Ticket>>::with_opaque_to(record.topic.name(), ticket)
                    .headers(owned_headers(&record.headers));
            message.partition = record.partition;
            message.key = record.key.as_deref();
            message.payload = record.value.as_deref();
            if let Err((error, _)) = self.inner.send(message) {
                request.settle(records.len() - index);
                return Err(refused(&error, index));
            }
        }
        Ok(())
    }
}

/// Closes a client where nobody waits for it: that may take half a second. The purge comes first, so
/// that those who wait for its reports get them.
fn retire(client: Client) {
    client.inner.purge(PurgeConfig::default().queue().inflight());
    let closing = thread::Builder::new().name("old producer".to_owned());
    if let Err(error) = closing.spawn(move || drop(client)) {
        tracing::warn!(%error, "an old producer is closed by whoever used it last");
    }
}

/// Whether the client that reported this may be of no use any more.
fn is_end_of_client(error: &KafkaError) -> bool {
    matches!(error.rdkafka_error_code(), Some(Code::MessageTimedOut | Code::Fatal | Code::Fenced))
}

fn refused(error: &KafkaError, index: usize) -> SendError {
    match error.rdkafka_error_code() {
        Some(Code::QueueFull) => SendError::QueueFull,
        Some(Code::MessageSizeTooLarge) => SendError::TooLarge { index },
        _ => SendError::Unavailable(error.to_string()),
    }
}

fn not_acknowledged(error: &KafkaError) -> SendError {
    match error.rdkafka_error_code() {
        Some(Code::Fatal | Code::Fenced) => SendError::Unavailable(error.to_string()),
        _ => SendError::NotAcknowledged(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use topology::Topic;

    use super::*;

    fn record() -> Outgoing {
        let (topic, value) = (Topic::RawEvents, Some(b"x".to_vec()));
        Outgoing { topic, partition: Some(0), key: None, value, headers: Vec::new() }
    }

    #[tokio::test]
    async fn a_message_that_timed_out_ends_its_client_once_and_nobody_waits_for_ever() {
        let properties = [("message.timeout.ms".to_owned(), "300".to_owned())].into();
        let nowhere = KafkaConfig { bootstrap_servers: "127.0.0.1:1".to_owned(), properties };
        let producer = Producer::new(&nowhere).unwrap();
        let (first, second) =
            tokio::join!(producer.send_all(vec![record(); 3]), producer.send_all(vec![record()]));
        for sent in [first, second] {
            assert!(matches!(sent, Err(SendError::NotAcknowledged(_))), "{sent:?}");
        }
        assert_eq!(producer.renewals(), 1);
        producer.send_all(vec![record()]).await.unwrap_err();
        assert_eq!(producer.renewals(), 2);
    }
}
