//! One slot's consumer and transactional producer on a real broker.

mod calls;
mod delivery;
mod offsets;
mod polls;
mod slot_producer;

use std::{
    collections::{BTreeMap, BTreeSet},
    thread,
    time::{Duration, Instant},
};

use crashpoint::crashpoint;
use pipeline::Halt;
use rdkafka::{
    Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer, ConsumerGroupMetadata},
    producer::Producer as _,
    types::RDKafkaErrorCode as Code,
};
use telemetry::{Readiness, StageMetrics};
use topology::Topic;

use self::{
    calls::new_producer,
    delivery::{Deliveries, UNTRACKED},
    offsets::{commits_of, list_at, offset_list},
    slot_producer::{SlotProducer, SlotRecord},
};
use crate::{
    changelog::replay,
    config::KafkaConfig,
    context::{ReaderContext, locked, named},
    convert::{owned_headers, record_of},
    error::LogError,
    forgotten::remind_if_forgotten,
    log::{Commit, Extent, Log, Partition, Polled},
    processor::Changelog,
    record::{Blocks, Outgoing, Position, Record},
    trouble::Trouble,
    watchdog::guarded,
};

/// How long one transactional call may take before it is called again.
const CALL_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a full queue may take to have room again.
const ROOM_WITHIN: Duration = Duration::from_secs(30);
/// How often the producer's queue is looked at while it drains.
const DRAIN_STEP: Duration = Duration::from_micros(200);
/// An acknowledgement that takes longer than this is told.
const SLOW: Duration = Duration::from_secs(2);

/// Whose clients these are, and who is told about them.
#[derive(Clone)]
pub(crate) struct SlotClients {
    pub(crate) kafka: KafkaConfig,
    pub(crate) group: &'static str,
    pub(crate) topics: Vec<Topic>,
    /// Transactional id and group instance id.
    pub(crate) slot_id: String,
    pub(crate) readiness: Readiness,
    pub(crate) metrics: StageMetrics,
    pub(crate) trouble: Trouble,
}

/// The clients of one slot.
pub(crate) struct KafkaLog {
    slot: SlotClients,
    consumer: BaseConsumer<ReaderContext>,
    producer: SlotProducer,
    /// How much trouble the producer has been told of and renewed for.
    renewed_at: u64,
    group_metadata: Option<ConsumerGroupMetadata>,
    /// When the open transaction began.
    transaction: Option<Instant>,
    tracked: Vec<Topic>,
    blocks: Blocks,
    unpolled: Option<Record>,
    /// What was held last: a new assignment forgets it.
    held: BTreeSet<Partition>,
}

impl KafkaLog {
    /// Makes the clients, takes the slot and subscribes. A dangling transaction of the slot is
    /// aborted here.
    pub(crate) fn open(slot: &SlotClients) -> Result<Self, LogError> {
        let producer = new_producer(slot)?;
        let renewed_at = slot.trouble.count();
        let consumer: BaseConsumer<ReaderContext> = slot
            .kafka
            .group_consumer(slot.group, &slot.slot_id)
            .create_with_context(ReaderContext::new(slot.trouble.clone()))
            .map_err(|error| LogError::Rebuild(error.to_string()))?;
        let names: Vec<&str> = slot.topics.iter().map(|topic| topic.name()).collect();
        consumer.subscribe(&names).map_err(|error| LogError::Rebuild(error.to_string()))?;
        Ok(Self {
            slot: slot.clone(),
            consumer,
            producer,
            renewed_at,
            group_metadata: None,
            transaction: None,
            tracked: Vec::new(),
            blocks: Blocks::default(),
            unpolled: None,
            held: BTreeSet::new(),
        })
    }

    /// Closes the clients; the process ends if that hangs.
    pub(crate) fn close(self) {
        let what = format!("closing the Kafka clients of {}", self.slot.slot_id);
        guarded(&what, || drop(self));
    }

    /// How many records are not acknowledged, or not known to be.
    fn in_flight(&mut self) -> i32 {
        self.producer.serve();
        self.producer.in_flight_count()
    }

    fn assigned(&self) -> Result<TopicPartitionList, LogError> {
        self.consumer.assignment().map_err(|error| self.broken("assignment", &error))
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
            None => {
                remind_if_forgotten(&self.consumer, &self.slot.kafka.bootstrap_servers);
                Ok(Polled::Nothing)
            }
            Some(Ok(message)) => {
                Ok(record_of(&message, &mut self.blocks).map_or(Polled::Nothing, Polled::Record))
            }
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
        Ok(named(&self.assigned()?).into_iter().collect())
    }

    fn begin(&mut self) -> Result<(), LogError> {
        self.renew_after_trouble()?;
        self.group_metadata = self.consumer.group_metadata();
        self.tracked.clear();
        *locked(&self.producer.context().deliveries) = Deliveries::default();
        self.persist("begin_transaction", || self.producer.begin_transaction())?;
        self.transaction = Some(Instant::now());
        Ok(())
    }

    fn send(&mut self, record: &Outgoing, tracked: bool) -> Result<(), LogError> {
        let tag = if tracked {
            self.tracked.push(record.topic);
            self.tracked.len()
        } else {
            UNTRACKED
        };
        let headers = owned_headers(&record.headers);
        let mut message = SlotRecord::with_opaque_to(record.topic.name(), tag).headers(headers);
        message.partition = record.partition;
        message.key = record.key.as_deref();
        message.payload = record.value.as_deref();
        let mut begun = None;
        while let Err((error, returned)) = self.producer.send(message) {
            let full = error.rdkafka_error_code() == Some(Code::QueueFull);
            let waited = begun.get_or_insert_with(Instant::now).elapsed();
            if !full || waited > ROOM_WITHIN {
                return Err(LogError::Abort(format!("send to {}: {error}", record.topic)));
            }
            message = returned;
            thread::sleep(DRAIN_STEP);
            self.producer.serve();
        }
        crashpoint!("mid-send");
        if matches!(record.topic, Topic::DeadLetters(_)) {
            crashpoint!("dead-letter-sent");
        }
        Ok(())
    }

    fn drain(&mut self) -> Result<Vec<Position>, LogError> {
        let (begun, mut told) = (Instant::now(), false);
        while self.in_flight() > 0 {
            if !told && begun.elapsed() >= SLOW {
                let waiting = self.producer.in_flight_count();
                let detail = format!("{waiting} records sent are not acknowledged");
                self.slot.readiness.halted("broker", detail);
                told = true;
            }
            thread::sleep(DRAIN_STEP);
        }
        self.slot.trouble.came_back(begun);
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
        if !offsets.is_empty() {
            self.persist("send_offsets_to_transaction", || {
                self.producer.send_offsets_to_transaction(&list, metadata, CALL_TIMEOUT)
            })?;
        }
        crashpoint!("after-offsets");
        self.persist("commit_transaction", || self.producer.commit_transaction(CALL_TIMEOUT))?;
        self.transaction = None;
        crashpoint!("after-commit");
        Ok(())
    }

    fn abort(&mut self) -> Result<(), LogError> {
        if self.transaction.is_none() {
            return Ok(());
        }
        let aborted = self.persist("abort_transaction", || self.producer.abort(CALL_TIMEOUT));
        self.transaction = None;
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
            .map_err(|error| self.broken("committed offsets", &error))?;
        if committed.count() == 0 {
            return Ok(Vec::new());
        }
        let found = commits_of(&committed);
        let sought = self
            .consumer
            .seek_partitions(committed.clone(), CALL_TIMEOUT)
            .map_err(|error| self.broken("seek", &error))?;
        if sought.elements().iter().any(|element| element.error().is_err()) {
            // Where an offset was out of range librdkafka has stopped fetching, and a seek does not
            // begin that again: an assignment does. It forgets what was held.
            self.consumer.assign(&committed).map_err(|error| self.broken("assign", &error))?;
            self.hold(&self.held.clone())?;
        }
        Ok(found)
    }

    fn hold(&mut self, held: &BTreeSet<Partition>) -> Result<(), LogError> {
        self.held.clone_from(held);
        let ours: BTreeSet<Partition> = named(&self.assigned()?).into_iter().collect();
        let (stop, go): (BTreeSet<_>, BTreeSet<_>) =
            ours.into_iter().partition(|partition| held.contains(partition));
        list_at(&stop, Offset::Invalid)
            .and_then(|list| self.consumer.pause(&list))
            .and_then(|()| list_at(&go, Offset::Invalid))
            .and_then(|list| self.consumer.resume(&list))
            .map_err(|error| self.broken("pause", &error))
    }

    fn extents(
        &mut self,
        of: &BTreeSet<Partition>,
    ) -> Result<BTreeMap<Partition, Extent>, LogError> {
        if of.is_empty() {
            return Ok(BTreeMap::new());
        }
        // The protocol has times of its own for the first and the last offset; one request for all
        // partitions of a broker.
        let ask = |time: Offset| {
            list_at(of, time)
                .and_then(|list| self.consumer.offsets_for_times(list, CALL_TIMEOUT))
                .map(|list| commits_of(&list))
                .map_err(|error| self.broken("bounds of the log", &error))
        };
        let starts = ask(Offset::Beginning)?;
        let ends: BTreeMap<Partition, i64> =
            ask(Offset::End)?.into_iter().map(|end| (end.partition, end.next)).collect();
        let extent = |start: Commit| {
            let end = ends.get(&start.partition).copied().unwrap_or(start.next);
            (start.partition, Extent { start: start.next, end })
        };
        Ok(starts.into_iter().map(extent).collect())
    }

    fn trouble(&self) -> Option<String> {
        self.slot.trouble.away()
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
        let readiness = &self.slot.readiness;
        let what = format!("partition {} of {}", from.partition, from.topic);
        let mut told = |percent| readiness.restoring(percent, what.as_str());
        replay(&self.slot.kafka, &self.slot.slot_id, from, each, &mut told)
    }
}
