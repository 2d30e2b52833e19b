//! Reading topics without a group: for the auditor, `trace`, `tail` and tests.

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
    time::{Duration, Instant},
};

use event::Millis;
use rdkafka::{
    Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer},
    error::KafkaError,
};
use topology::Topic;

use crate::{
    config::KafkaConfig,
    context::{ReaderContext, locked},
    convert::record_of,
    forgotten::{remind, remind_if_forgotten},
    questions::{ASK_TIMEOUT, committed, offsets_at},
    record::{Blocks, Position, Record},
};

/// How long one record may take to come when it is asked for by its position.
const FETCH_TIMEOUT: Duration = Duration::from_secs(10);

/// Reading failed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ReadError {
    /// The broker did not answer.
    #[error("Kafka did not answer ({what}): {detail}")]
    Broker {
        /// What was asked.
        what: String,
        /// What librdkafka said.
        detail: String,
    },
    /// The position is not in the log any more.
    #[error("a position is below the start of the log: {0}")]
    Expired(String),
}

fn broker(what: impl Into<String>, error: impl fmt::Display) -> ReadError {
    ReadError::Broker { what: what.into(), detail: format!("{error}") }
}

/// A question that failed. Nobody polls the client that is asked, so that no statistics tell whether it
/// knows a broker.
fn unanswered(
    asked: &BaseConsumer<ReaderContext>,
    bootstrap_servers: &str,
    what: impl Into<String>,
    error: &KafkaError,
) -> ReadError {
    remind(asked, bootstrap_servers);
    broker(what, error)
}

/// What a partition holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Partition.
    pub partition: i32,
    /// First offset that is still there.
    pub start: i64,
    /// Last stable offset: everything below is committed or aborted for good.
    pub stable_end: i64,
    /// End of the log: what is between here and the stable end belongs to open transactions, or
    /// to ones whose markers are on their way.
    pub end: i64,
}

/// Where a group stands on a partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupPosition {
    /// Topic.
    pub topic: Topic,
    /// Partition.
    pub partition: i32,
    /// Committed offset: everything below has its fate. `None`: nothing committed yet.
    pub offset: Option<i64>,
    /// Metadata of the commit.
    pub metadata: String,
}

/// A reader of committed records, by positions of its own. Blocking.
pub struct Scanner {
    kafka: KafkaConfig,
    client_id: String,
    consumer: BaseConsumer<ReaderContext>,
    /// Asks for stable ends. Clients of their own, since a question on the reader's connection
    /// waits behind its long polls.
    stable: BaseConsumer<ReaderContext>,
    latest: BaseConsumer<ReaderContext>,
    observers: HashMap<String, BaseConsumer<ReaderContext>>,
    starts: HashMap<(Topic, i32), i64>,
    blocks: Blocks,
    /// Reads single records, beside what is assigned to this one.
    single: Option<Box<Self>>,
}

impl Scanner {
    /// A reader named `client_id` in the broker's logs. Brokers may still be away.
    pub fn new(kafka: &KafkaConfig, client_id: &str) -> Result<Self, ReadError> {
        let consumer = kafka
            .reader(client_id)
            .create_with_context(ReaderContext::default())
            .map_err(|error| broker("create consumer", error))?;
        let asker = |isolation: &str| {
            kafka
                .group_observer(&format!("{client_id}-reader"))
                .set("isolation.level", isolation)
                .create_with_context(ReaderContext::default())
                .map_err(|error| broker("create consumer", error))
        };
        Ok(Self {
            kafka: kafka.clone(),
            client_id: client_id.to_owned(),
            consumer,
            stable: asker("read_committed")?,
            latest: asker("read_uncommitted")?,
            observers: HashMap::new(),
            starts: HashMap::new(),
            blocks: Blocks::default(),
            single: None,
        })
    }

    /// Reads these partitions from these offsets on, and no others.
    pub fn assign(&mut self, starts: &[Position]) -> Result<(), ReadError> {
        let mut list = TopicPartitionList::with_capacity(starts.len());
        for at in starts {
            list.add_partition_offset(at.topic.name(), at.partition, Offset::Offset(at.offset))
                .map_err(|error| broker("assign", error))?;
        }
        self.consumer.assign(&list).map_err(|error| broker("assign", error))?;
        self.starts = starts.iter().map(|at| ((at.topic, at.partition), at.offset)).collect();
        locked(&self.consumer.context().stats).clear();
        Ok(())
    }

    /// The next record; `None` if none came within `timeout`.
    pub fn poll(&mut self, timeout: Duration) -> Result<Option<Record>, ReadError> {
        match self.consumer.poll(timeout) {
            None => {
                remind_if_forgotten(&self.consumer, &self.kafka.bootstrap_servers);
                Ok(None)
            }
            Some(Ok(message)) => Ok(record_of(&message, &mut self.blocks)),
            Some(Err(KafkaError::MessageConsumption(code)))
                if code == rdkafka::types::RDKafkaErrorCode::AutoOffsetReset =>
            {
                Err(ReadError::Expired(format!("{} ({code})", self.client_id)))
            }
            // Brokers that come and go are librdkafka's business; it goes on by itself.
            Some(Err(error)) => {
                tracing::debug!(client = self.client_id, "poll: {error}");
                Ok(None)
            }
        }
    }

    /// Per assigned partition the offset below which everything was returned by
    /// [`poll`](Self::poll); markers and aborted records count as passed. It follows with a delay
    /// of about a second.
    pub fn positions(&self) -> Result<Vec<Position>, ReadError> {
        let stats = locked(&self.consumer.context().stats);
        let position = |((topic, partition), start): (&(Topic, i32), &i64)| {
            let read_to = stats.get(&(*topic, *partition)).map_or(0, |seen| seen.read_to);
            Position { topic: *topic, partition: *partition, offset: read_to.max(*start) }
        };
        Ok(self.starts.iter().map(position).collect())
    }

    /// Start and ends of every partition of a topic.
    pub fn bounds(&self, topic: Topic) -> Result<Vec<Bounds>, ReadError> {
        let what = || format!("bounds of {topic}");
        let partitions = self.partitions(topic)?;
        let servers = &self.kafka.bootstrap_servers;
        // The protocol has times of its own for the first and the last offset; one request for all
        // partitions of a broker.
        let ask = |client: &BaseConsumer<ReaderContext>, time: Offset| {
            let mut list = TopicPartitionList::with_capacity(partitions.len());
            let add = |partition| list.add_partition_offset(topic.name(), partition, time);
            let added = partitions.iter().copied().try_for_each(add);
            let told = added.and_then(|()| offsets_at(client, &list));
            offsets_of(&told.map_err(|error| unanswered(client, servers, what(), &error))?)
                .ok_or_else(|| broker(what(), "a partition did not answer"))
        };
        let starts = ask(&self.stable, Offset::Beginning)?;
        let stable_ends = ask(&self.stable, Offset::End)?;
        let ends = ask(&self.latest, Offset::End)?;
        let bounds = |(partition, start): (i32, i64)| {
            let of = |ends: &BTreeMap<i32, i64>| ends.get(&partition).copied().unwrap_or(start);
            Bounds { partition, start, stable_end: of(&stable_ends), end: of(&ends) }
        };
        Ok(starts.into_iter().map(bounds).collect())
    }

    /// Per partition the first offset of a record whose Kafka timestamp is not before this moment
    /// (milliseconds UTC); the stable end where there is none.
    pub fn first_since(&self, topic: Topic, at: Millis) -> Result<Vec<Position>, ReadError> {
        let what = || format!("offsets of {topic} by time");
        let bounds = self.bounds(topic)?;
        let mut asked = TopicPartitionList::with_capacity(bounds.len());
        for it in &bounds {
            // The protocol's question takes the moment in the place of the offset.
            asked
                .add_partition_offset(topic.name(), it.partition, Offset::Offset(at.max(0)))
                .map_err(|error| broker(what(), error))?;
        }
        let told = offsets_at(&self.stable, &asked).map_err(|error| {
            unanswered(&self.stable, &self.kafka.bootstrap_servers, what(), &error)
        })?;
        let position = |it: &Bounds| {
            let element = told
                .find_partition(topic.name(), it.partition)
                .filter(|element| element.error().is_ok())
                .ok_or_else(|| broker(what(), "a partition did not answer"))?;
            let found = element.offset().to_raw().filter(|offset| *offset >= 0);
            let offset = found.unwrap_or(it.stable_end).max(it.start);
            Ok(Position { topic, partition: it.partition, offset })
        };
        bounds.iter().map(position).collect()
    }

    fn partitions(&self, topic: Topic) -> Result<Vec<i32>, ReadError> {
        let what = || format!("partitions of {topic}");
        let metadata =
            self.stable.fetch_metadata(Some(topic.name()), ASK_TIMEOUT).map_err(|error| {
                unanswered(&self.stable, &self.kafka.bootstrap_servers, what(), &error)
            })?;
        let Some(found) = metadata.topics().iter().find(|found| found.error().is_none()) else {
            return Err(broker(what(), "no such topic: run `waybill migrate`"));
        };
        Ok(found.partitions().iter().map(rdkafka::metadata::MetadataPartition::id).collect())
    }

    /// Where `group` stands on every partition of `topics`, without joining it.
    pub fn group_positions(
        &mut self,
        group: &str,
        topics: &[Topic],
    ) -> Result<Vec<GroupPosition>, ReadError> {
        let mut asked = TopicPartitionList::new();
        for topic in topics {
            for partition in self.partitions(*topic)? {
                asked.add_partition(topic.name(), partition);
            }
        }
        let servers = self.kafka.bootstrap_servers.clone();
        let observer = self.observer(group)?;
        let committed = committed(observer, &asked).map_err(|error| {
            unanswered(observer, &servers, format!("offsets of group {group}"), &error)
        })?;
        let position = |element: &rdkafka::topic_partition_list::TopicPartitionListElem<'_>| {
            let offset = match element.offset() {
                Offset::Offset(offset) => Some(offset),
                _ => None,
            };
            Some(GroupPosition {
                topic: Topic::from_name(element.topic())?,
                partition: element.partition(),
                offset,
                metadata: element.metadata().to_owned(),
            })
        };
        Ok(committed.elements().iter().filter_map(position).collect())
    }

    fn observer(&mut self, group: &str) -> Result<&BaseConsumer<ReaderContext>, ReadError> {
        if !self.observers.contains_key(group) {
            let observer = self
                .kafka
                .group_observer(group)
                .create_with_context(ReaderContext::default())
                .map_err(|error| broker("create observer", error))?;
            self.observers.insert(group.to_owned(), observer);
        }
        self.observers.get(group).ok_or_else(|| broker("observer", group))
    }

    /// Exactly the record at this position; `None` if it is not there (any more). What is
    /// [assigned](Self::assign) is read on as before.
    pub fn fetch(&mut self, at: Position) -> Result<Option<Record>, ReadError> {
        let single = match self.single.take() {
            Some(single) => single,
            None => Box::new(Self::new(&self.kafka, &format!("{}-fetch", self.client_id))?),
        };
        self.single.insert(single).read_single(at)
    }

    fn read_single(&mut self, at: Position) -> Result<Option<Record>, ReadError> {
        let bounds = self.bounds(at.topic)?;
        let within = bounds.iter().find(|bounds| bounds.partition == at.partition);
        if within.is_none_or(|it| at.offset < it.start || at.offset >= it.stable_end) {
            return Ok(None);
        }
        self.assign(&[at])?;
        let begun = Instant::now();
        while begun.elapsed() < FETCH_TIMEOUT {
            if let Some(record) = self.poll(Duration::from_millis(100))? {
                return Ok((record.position == at).then_some(record));
            }
            if self.positions()?.iter().any(|position| position.offset > at.offset) {
                return Ok(None);
            }
        }
        Err(broker(format!("fetch {} {}@{}", at.topic, at.partition, at.offset), "nothing came"))
    }
}

/// The offsets of one topic by partition; `None` if one of them was not told.
fn offsets_of(told: &TopicPartitionList) -> Option<BTreeMap<i32, i64>> {
    let offset = |element: &rdkafka::topic_partition_list::TopicPartitionListElem<'_>| {
        let offset = element.offset().to_raw().filter(|offset| *offset >= 0)?;
        element.error().ok().map(|()| (element.partition(), offset))
    };
    told.elements().iter().map(offset).collect()
}
