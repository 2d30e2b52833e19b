//! librdkafka's callbacks: its log, its statistics, its rebalances.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use rdkafka::{
    ClientContext, Offset, TopicPartitionList,
    config::RDKafkaLogLevel,
    consumer::{BaseConsumer, Consumer, ConsumerContext},
    error::KafkaError,
    types::{RDKafkaErrorCode, RDKafkaRespErr},
};
use serde::Deserialize;
use telemetry::{Admission, KafkaLogMetrics, RateLimited};
use topology::Topic;

use crate::{
    forgotten::Reminders,
    log::Partition,
    trouble::{Trouble, is_transport},
};

/// How long the committed offsets of an assignment may take. A transaction of the partitions'
/// former owner may hold them until the broker aborts it.
const COMMITTED_TIMEOUT: Duration = Duration::from_secs(20);

pub(crate) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Routes librdkafka's log through `tracing`; it floods when a broker goes away, so each kind of
/// line is limited.
pub(crate) struct QuietLog {
    limited: RateLimited<String>,
    metrics: KafkaLogMetrics,
}

/// Lines of one kind in a second.
const LINES_PER_SECOND: u32 = 1;

impl Default for QuietLog {
    fn default() -> Self {
        Self { limited: RateLimited::new(LINES_PER_SECOND), metrics: KafkaLogMetrics::new() }
    }
}

impl QuietLog {
    pub(crate) fn line(&self, level: RDKafkaLogLevel, facility: &str, text: &str) {
        let admission = self.limited.admit(facility.to_owned(), Instant::now());
        let Admission::Write { suppressed } = admission else {
            self.metrics.suppressed();
            return;
        };
        match level {
            RDKafkaLogLevel::Emerg
            | RDKafkaLogLevel::Alert
            | RDKafkaLogLevel::Critical
            | RDKafkaLogLevel::Error => {
                tracing::warn!(target: "librdkafka", facility, suppressed, "{text}");
            }
            RDKafkaLogLevel::Warning | RDKafkaLogLevel::Notice => {
                tracing::info!(target: "librdkafka", facility, suppressed, "{text}");
            }
            RDKafkaLogLevel::Info | RDKafkaLogLevel::Debug => {
                tracing::debug!(target: "librdkafka", facility, suppressed, "{text}");
            }
        }
    }

    pub(crate) fn error(&self, error: &KafkaError, reason: &str) {
        self.line(RDKafkaLogLevel::Error, "ERROR", &format!("{error}: {reason}"));
    }
}

/// Where a partition stands, as librdkafka's statistics tell.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct PartitionStats {
    /// Every record below this offset was handed to the application, control records passed.
    pub(crate) read_to: i64,
    /// Next offset that will be fetched.
    pub(crate) next_fetch: i64,
    /// Last stable offset on the broker.
    pub(crate) stable_end: i64,
    /// Offset after the last record handed to the application.
    pub(crate) application: i64,
}

/// A change of the assignment, in the order in which it happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Rebalanced {
    Assigned(Vec<Partition>),
    Revoked(Vec<Partition>),
    Failed(String),
    /// The committed offsets did not come in time.
    NoAnswer(String),
    /// A partition has no committed offset.
    NoPosition(Partition),
}

/// Context of every consumer.
#[derive(Default)]
pub(crate) struct ReaderContext {
    log: QuietLog,
    trouble: Trouble,
    pub(crate) rebalances: Mutex<VecDeque<Rebalanced>>,
    pub(crate) stats: Mutex<BTreeMap<Partition, PartitionStats>>,
    pub(crate) reminders: Reminders,
    has_forgotten_brokers: AtomicBool,
}

impl ClientContext for ReaderContext {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, text: &str) {
        self.log.line(level, facility, text);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        if matches!(error, KafkaError::PartitionEOF(_))
            || error.rdkafka_error_code() == Some(RDKafkaErrorCode::PartitionEOF)
        {
            return;
        }
        self.trouble.error(&error, reason);
        self.log.error(&error, reason);
    }

    /// Parsed by hand, for the few figures that are needed: the whole report is large, comes
    /// often, and one odd figure in it must not cost the others.
    fn stats_raw(&self, statistics: &[u8]) {
        match serde_json::from_slice(statistics) {
            Ok(report) => self.note(report),
            Err(error) => {
                self.log.line(RDKafkaLogLevel::Error, "STATS", &format!("unreadable: {error}"));
            }
        }
    }
}

impl ReaderContext {
    /// The context of a consumer whose trouble is watched.
    pub(crate) fn new(trouble: Trouble) -> Self {
        Self { trouble, ..Self::default() }
    }

    /// Whether statistics since the last question told of no broker at all, connected or not.
    pub(crate) fn has_forgotten_brokers(&self) -> bool {
        self.has_forgotten_brokers.swap(false, Ordering::Relaxed)
    }

    fn note(&self, report: Report) {
        let knows_any = report.brokers.values().any(BrokerReport::is_one);
        self.has_forgotten_brokers.store(!knows_any, Ordering::Relaxed);
        let answers = report.brokers.values().map(|broker| broker.rx).sum();
        self.trouble.answers(answers, Duration::from_micros(report.ts));
        let mut known = locked(&self.stats);
        for (name, topic) in report.topics {
            let Some(topic_id) = Topic::from_name(&name) else { continue };
            for partition in topic.partitions.into_values() {
                // The pseudo-partition -1 stands for what has none.
                if partition.partition < 0 {
                    continue;
                }
                let seen = known.entry((topic_id, partition.partition)).or_default();
                // What was fetched by the time of the report before, and has left the queue by
                // the time of this one, was handed over: two reports, since one is no snapshot.
                if partition.fetchq_cnt == 0 {
                    seen.read_to = seen.read_to.max(seen.next_fetch);
                }
                seen.next_fetch = partition.next_offset;
                seen.stable_end = partition.ls_offset;
                seen.application = partition.app_offset;
            }
        }
    }
}

/// What is needed of librdkafka's statistics (its STATISTICS.md).
#[derive(Deserialize)]
struct Report {
    /// When it was made: microseconds of librdkafka's monotonic clock.
    ts: u64,
    #[serde(default)]
    brokers: BTreeMap<String, BrokerReport>,
    #[serde(default)]
    topics: BTreeMap<String, TopicReport>,
}

#[derive(Deserialize)]
struct BrokerReport {
    /// Answers received.
    rx: u64,
    /// How the client knows of it.
    #[serde(default)]
    source: String,
}

impl BrokerReport {
    /// The coordinator of a group is told as one more, whoever it is, and where it is not known too.
    fn is_one(&self) -> bool {
        !matches!(self.source.as_str(), "logical" | "internal")
    }
}

#[derive(Deserialize)]
struct TopicReport {
    #[serde(default)]
    partitions: BTreeMap<String, PartitionReport>,
}

#[derive(Deserialize)]
struct PartitionReport {
    partition: i32,
    fetchq_cnt: i64,
    next_offset: i64,
    ls_offset: i64,
    app_offset: i64,
}

impl ConsumerContext for ReaderContext {
    /// Starts each assigned partition at its committed offset, named explicitly: the offsets are
    /// fetched, stable, before any state is restored, and a partition without one is told apart.
    fn rebalance(
        &self,
        consumer: &BaseConsumer<Self>,
        kind: RDKafkaRespErr,
        partitions: &mut TopicPartitionList,
    ) {
        let event = match kind {
            RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS => assign(consumer, partitions),
            _ => match consumer.unassign() {
                Ok(()) => Rebalanced::Revoked(named(partitions)),
                Err(error) => Rebalanced::Failed(error.to_string()),
            },
        };
        locked(&self.rebalances).push_back(event);
    }

    fn main_queue_min_poll_interval(&self) -> rdkafka::util::Timeout {
        rdkafka::util::Timeout::After(Duration::from_millis(100))
    }
}

fn assign(consumer: &BaseConsumer<ReaderContext>, partitions: &TopicPartitionList) -> Rebalanced {
    let committed = match consumer.committed_offsets(partitions.clone(), COMMITTED_TIMEOUT) {
        Ok(committed) => committed,
        Err(error) => {
            // The assignment must be taken all the same, or the group waits for us for ever.
            let taken = consumer.unassign();
            tracing::debug!(?taken, "assignment refused");
            let detail = format!("committed offsets: {error}");
            if is_transport(&error) {
                return Rebalanced::NoAnswer(detail);
            }
            consumer.context().trouble.failed(&error);
            return Rebalanced::Failed(detail);
        }
    };
    let missing = committed
        .elements()
        .iter()
        .find(|element| !matches!(element.offset(), Offset::Offset(_)))
        .and_then(|element| Some((Topic::from_name(element.topic())?, element.partition())));
    if let Some(partition) = missing {
        let taken = consumer.unassign();
        tracing::debug!(?taken, "assignment refused");
        return Rebalanced::NoPosition(partition);
    }
    match consumer.assign(&committed) {
        Ok(()) => Rebalanced::Assigned(named(&committed)),
        Err(error) => Rebalanced::Failed(format!("assign: {error}")),
    }
}

pub(crate) fn named(partitions: &TopicPartitionList) -> Vec<Partition> {
    partitions
        .elements()
        .iter()
        .filter_map(|element| Some((Topic::from_name(element.topic())?, element.partition())))
        .collect()
}
