//! One slot's consumer and transactional producer on a real broker.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Mutex,
    thread,
    time::{Duration, Instant},
};

use crashpoint::crashpoint;
use pipeline::Halt;
use rdkafka::{
    ClientContext, Offset, TopicPartitionList,
    config::RDKafkaLogLevel,
    consumer::{BaseConsumer, Consumer, ConsumerGroupMetadata},
    error::{KafkaError, KafkaResult},
    message::{DeliveryResult, Message},
    producer::{BaseRecord, Producer as _, ProducerContext, ThreadedProducer},
    types::RDKafkaErrorCode as Code,
};
use topology::Topic;

use crate::{
    changelog::replay,
    config::KafkaConfig,
    context::{QuietLog, ReaderContext, Rebalanced, locked},
    convert::{owned_headers, record_of},
    error::{ErrorClass, LogError, classify, poll_says_slot_taken},
    log::{Commit, Log, Partition, Polled},
    processor::Changelog,
    record::{Outgoing, Position, Record},
};

/// How long one transactional call may take before it is called again.
const CALL_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a retriable call is repeated before the clients are rebuilt.
const RETRY_FOR: Duration = Duration::from_secs(30);
/// How long the producer may take to get its epoch from the broker.
const INIT_TIMEOUT: Duration = Duration::from_secs(15);
/// How often the producer's queue is looked at while it drains.
const DRAIN_STEP: Duration = Duration::from_micros(200);

/// The delivery opaque of records whose position nobody asks for.
const UNTRACKED: usize = 0;

#[derive(Default)]
struct DeliveryContext {
    log: QuietLog,
    deliveries: Mutex<Deliveries>,
}

#[derive(Default)]
struct Deliveries {
    failed: Option<KafkaError>,
    tracked: HashMap<usize, (i32, i64)>,
}

impl ClientContext for DeliveryContext {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, text: &str) {
        self.log.line(level, facility, text);
    }

    fn error(&self, error: KafkaError, reason: &str) {
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

/// The clients of one slot.
pub(crate) struct KafkaLog {
    config: KafkaConfig,
    slot_id: String,
    consumer: BaseConsumer<ReaderContext>,
    producer: ThreadedProducer<DeliveryContext>,
    group_metadata: Option<ConsumerGroupMetadata>,
    tracked: Vec<Topic>,
    unpolled: Option<Record>,
}

impl KafkaLog {
    /// Makes the clients, takes the slot and subscribes. A dangling transaction of the slot is
    /// aborted here.
    pub(crate) fn open(
        config: &KafkaConfig,
        group: &str,
        topics: &[Topic],
        slot_id: &str,
    ) -> Result<Self, LogError> {
        let producer: ThreadedProducer<DeliveryContext> = config
            .transactional_producer(slot_id)
            .create_with_context(DeliveryContext::default())
            .map_err(|error| LogError::Rebuild(error.to_string()))?;
        producer.init_transactions(INIT_TIMEOUT).map_err(|error| init_error(&error))?;
        let consumer: BaseConsumer<ReaderContext> = config
            .group_consumer(group, slot_id)
            .create_with_context(ReaderContext::default())
            .map_err(|error| LogError::Rebuild(error.to_string()))?;
        let names: Vec<&str> = topics.iter().map(|topic| topic.name()).collect();
        consumer.subscribe(&names).map_err(|error| LogError::Rebuild(error.to_string()))?;
        Ok(Self {
            config: config.clone(),
            slot_id: slot_id.to_owned(),
            consumer,
            producer,
            group_metadata: None,
            tracked: Vec::new(),
            unpolled: None,
        })
    }

    fn next_rebalance(&self) -> Option<Result<Polled, LogError>> {
        let event = locked(&self.consumer.context().rebalances).pop_front()?;
        Some(match event {
            Rebalanced::Assigned(partitions) => Ok(Polled::Assigned(partitions)),
            Rebalanced::Revoked(partitions) => Ok(Polled::Revoked(partitions)),
            Rebalanced::Failed(detail) => Err(LogError::Rebuild(detail)),
            Rebalanced::NoPosition((topic, partition)) => {
                let detail = format!(
                    "the group has no committed offset for {topic}-{partition}: run `waybill migrate`"
                );
                Err(LogError::Halt(Halt::new("position", detail)))
            }
        })
    }

    fn poll_error(&self, error: &KafkaError) -> Result<Polled, LogError> {
        if poll_says_slot_taken(error) {
            return Err(LogError::SlotTaken(error.to_string()));
        }
        match error.rdkafka_error_code() {
            Some(Code::AutoOffsetReset | Code::OffsetOutOfRange) => {
                let detail = format!("a committed offset is not in the log any more: {error}");
                Err(LogError::Halt(Halt::new("position", detail)))
            }
            Some(Code::UnknownTopicOrPartition | Code::UnknownTopic | Code::UnknownPartition) => {
                let detail = format!("a topic is missing ({error}): run `waybill migrate`");
                Err(LogError::Halt(Halt::new("topics", detail)))
            }
            Some(Code::Fatal) => Err(LogError::Rebuild(error.to_string())),
            // Brokers that come and go are librdkafka's business; it goes on by itself.
            _ => {
                self.consumer.context().error(error.clone(), "poll");
                Ok(Polled::Nothing)
            }
        }
    }

    /// Repeats a retriable call with identical arguments.
    fn persist(&self, what: &str, call: impl Fn() -> KafkaResult<()>) -> Result<(), LogError> {
        let begun = Instant::now();
        loop {
            let Err(error) = call() else { return Ok(()) };
            let detail = format!("{what}: {error}");
            match classify(&error) {
                ErrorClass::Retriable if begun.elapsed() < RETRY_FOR => {
                    tracing::warn!(slot = self.slot_id, "{detail}; trying again");
                }
                ErrorClass::Abort => return Err(LogError::Abort(detail)),
                ErrorClass::SlotTaken => return Err(LogError::SlotTaken(detail)),
                ErrorClass::Retriable | ErrorClass::Rebuild => {
                    return Err(LogError::Rebuild(detail));
                }
            }
        }
    }

    fn assigned(&self) -> Result<TopicPartitionList, LogError> {
        self.consumer.assignment().map_err(|error| LogError::Rebuild(error.to_string()))
    }
}

fn init_error(error: &KafkaError) -> LogError {
    let detail = format!("init_transactions: {error}");
    match classify(error) {
        ErrorClass::SlotTaken => LogError::SlotTaken(detail),
        ErrorClass::Retriable => LogError::Halt(Halt::new("broker", detail)),
        ErrorClass::Abort | ErrorClass::Rebuild => LogError::Rebuild(detail),
    }
}

impl Log for KafkaLog {
    fn poll(&mut self, timeout: Duration) -> Result<Polled, LogError> {
        if let Some(event) = self.next_rebalance() {
            return event;
        }
        if let Some(record) = self.unpolled.take() {
            return Ok(Polled::Record(record));
        }
        let polled = match self.consumer.poll(timeout) {
            None => Ok(Polled::Nothing),
            Some(Ok(message)) => Ok(record_of(&message).map_or(Polled::Nothing, Polled::Record)),
            Some(Err(error)) => self.poll_error(&error),
        };
        // A rebalance that this poll served comes before the record that it returned.
        if let Some(event) = self.next_rebalance() {
            if let Ok(Polled::Record(record)) = polled {
                self.unpolled = Some(record);
            }
            return event;
        }
        polled
    }

    fn assignment(&mut self) -> Result<BTreeSet<Partition>, LogError> {
        if self.consumer.assignment_lost() {
            return Ok(BTreeSet::new());
        }
        Ok(crate::context::named(&self.assigned()?).into_iter().collect())
    }

    fn begin(&mut self) -> Result<(), LogError> {
        self.group_metadata = self.consumer.group_metadata();
        self.tracked.clear();
        *locked(&self.producer.context().deliveries) = Deliveries::default();
        self.persist("begin_transaction", || self.producer.begin_transaction())
    }

    fn send(&mut self, record: &Outgoing, tracked: bool) -> Result<(), LogError> {
        let tag = if tracked {
            self.tracked.push(record.topic);
            self.tracked.len()
        } else {
            UNTRACKED
        };
        let headers = owned_headers(&record.headers);
        let mut message = BaseRecord::<[u8], [u8], usize>::with_opaque_to(record.topic.name(), tag)
            .headers(headers);
        message.partition = record.partition;
        message.key = record.key.as_deref();
        message.payload = record.value.as_deref();
        let mut begun = None;
        while let Err((error, returned)) = self.producer.send(message) {
            let full = error.rdkafka_error_code() == Some(Code::QueueFull);
            let waited = begun.get_or_insert_with(Instant::now).elapsed();
            if !full || waited > RETRY_FOR {
                return Err(LogError::Abort(format!("send to {}: {error}", record.topic)));
            }
            message = returned;
            thread::sleep(DRAIN_STEP);
        }
        crashpoint!("mid-send");
        if matches!(record.topic, Topic::DeadLetters(_)) {
            crashpoint!("dead-letter-sent");
        }
        Ok(())
    }

    fn drain(&mut self) -> Result<Vec<Position>, LogError> {
        while self.producer.in_flight_count() > 0 {
            thread::sleep(DRAIN_STEP);
        }
        let mut deliveries = locked(&self.producer.context().deliveries);
        if let Some(error) = deliveries.failed.take() {
            return Err(LogError::Abort(format!("delivery: {error}")));
        }
        let positions = self.tracked.iter().zip(1..).map(|(topic, tag)| {
            let (partition, offset) = deliveries.tracked.get(&tag).copied()?;
            Some(Position { topic: *topic, partition, offset })
        });
        positions
            .collect::<Option<Vec<_>>>()
            .ok_or_else(|| LogError::Abort("a delivery report is missing".to_owned()))
    }

    fn commit(&mut self, offsets: &[Commit]) -> Result<(), LogError> {
        let Some(metadata) = &self.group_metadata else {
            return Err(LogError::Abort("not a member of the group".to_owned()));
        };
        let list = offset_list(offsets).map_err(|error| LogError::Abort(error.to_string()))?;
        crashpoint!("after-send");
        self.persist("send_offsets_to_transaction", || {
            self.producer.send_offsets_to_transaction(&list, metadata, CALL_TIMEOUT)
        })?;
        crashpoint!("after-offsets");
        self.persist("commit_transaction", || self.producer.commit_transaction(CALL_TIMEOUT))?;
        crashpoint!("after-commit");
        Ok(())
    }

    fn abort(&mut self) -> Result<(), LogError> {
        let aborted =
            self.persist("abort_transaction", || self.producer.abort_transaction(CALL_TIMEOUT));
        // An abort that asks for an abort leads nowhere.
        aborted.map_err(|error| match error {
            LogError::Abort(detail) => LogError::Rebuild(detail),
            other => other,
        })
    }

    fn rewind(&mut self) -> Result<Vec<Commit>, LogError> {
        self.unpolled = None;
        let committed = self
            .consumer
            .committed_offsets(self.assigned()?, CALL_TIMEOUT * 2)
            .map_err(|error| LogError::Rebuild(format!("committed offsets: {error}")))?;
        if committed.count() == 0 {
            return Ok(Vec::new());
        }
        let found = commits_of(&committed);
        self.consumer
            .seek_partitions(committed, CALL_TIMEOUT)
            .map_err(|error| LogError::Rebuild(format!("seek: {error}")))?;
        Ok(found)
    }

    fn pause(&mut self) -> Result<(), LogError> {
        let assigned = self.assigned()?;
        self.consumer.pause(&assigned).map_err(|error| LogError::Rebuild(error.to_string()))
    }

    fn resume(&mut self) -> Result<(), LogError> {
        let assigned = self.assigned()?;
        self.consumer.resume(&assigned).map_err(|error| LogError::Rebuild(error.to_string()))
    }

    fn lag(&self) -> Vec<(i32, i64)> {
        let mut by_number: BTreeMap<i32, i64> = BTreeMap::new();
        for ((_, partition), seen) in locked(&self.consumer.context().stats).iter() {
            let behind = seen.stable_end.saturating_sub(seen.application.max(0)).max(0);
            // Before the first record nothing is known of the position.
            *by_number.entry(*partition).or_default() +=
                if seen.application < 0 { 0 } else { behind };
        }
        by_number.into_iter().collect()
    }

    fn changelog(&mut self) -> &mut dyn Changelog {
        self
    }
}

impl Changelog for KafkaLog {
    fn replay(
        &mut self,
        from: Position,
        each: &mut dyn FnMut(Record) -> Result<(), Halt>,
    ) -> Result<i64, Halt> {
        replay(&self.config, &self.slot_id, from, each)
    }
}

fn offset_list(offsets: &[Commit]) -> KafkaResult<TopicPartitionList> {
    let mut list = TopicPartitionList::with_capacity(offsets.len());
    for commit in offsets {
        let (topic, partition) = commit.partition;
        let mut element = list.add_partition(topic.name(), partition);
        element.set_offset(Offset::Offset(commit.next))?;
        element.set_metadata(commit.metadata.as_str());
    }
    Ok(list)
}

fn commits_of(committed: &TopicPartitionList) -> Vec<Commit> {
    let of_element = |element: &rdkafka::topic_partition_list::TopicPartitionListElem<'_>| {
        let Offset::Offset(next) = element.offset() else { return None };
        let partition = (Topic::from_name(element.topic())?, element.partition());
        Some(Commit { partition, next, metadata: element.metadata().to_owned() })
    };
    committed.elements().iter().filter_map(of_element).collect()
}
