//! Where groups stand, for `waybill status`: who their members are, and what they read next.
//!
//! Each question has a time limit of its own: whoever asks does so because something is down.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    time::{Duration, Instant},
};

use rdkafka::{
    Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer},
    error::KafkaError,
    groups::{GroupInfo, GroupMemberInfo},
};
use topology::Topic;

use crate::{
    config::KafkaConfig,
    convert::record_of,
    record::{Blocks, Record},
    scanner::ReadError,
};

const CLIENT: &str = "waybill-status";
const POLL: Duration = Duration::from_millis(50);

/// A member of a consumer group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Its client id; of our stages the group and the slot, such as `validate-0`.
    pub client_id: String,
    /// Where it runs, as the broker sees it.
    pub host: String,
    /// The partitions that it holds.
    pub partitions: BTreeSet<(Topic, i32)>,
}

/// What comes next on the partitions of a topic.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NextRecords {
    /// By partition. None where nothing follows but markers of transactions.
    pub records: BTreeMap<i32, Record>,
    /// Partitions that did not answer in time.
    pub late: BTreeSet<i32>,
}

/// Whether a broker answers within `patience`. Blocking.
pub fn ping(kafka: &KafkaConfig, patience: Duration) -> Result<(), ReadError> {
    let client = asker(kafka)?;
    let answer = client.fetch_metadata(Some(Topic::RawEvents.name()), patience);
    answer.map(drop).map_err(|error| failed("metadata", error))
}

/// The members of `group`; none of a group that nobody has joined. Blocking.
pub fn members(
    kafka: &KafkaConfig,
    group: &str,
    patience: Duration,
) -> Result<Vec<Member>, ReadError> {
    let list = asker(kafka)?.fetch_group_list(Some(group), patience);
    let list = list.map_err(|error| failed(&format!("members of {group}"), error))?;
    Ok(list.groups().iter().flat_map(GroupInfo::members).map(member).collect())
}

/// The first committed record of `topic` at or behind each of `positions` (partition, offset).
/// Blocking; gives up on what has not come within `patience`.
pub fn next_records(
    kafka: &KafkaConfig,
    topic: Topic,
    positions: &BTreeMap<i32, i64>,
    patience: Duration,
) -> Result<NextRecords, ReadError> {
    let mut next =
        NextRecords { late: positions.keys().copied().collect(), ..NextRecords::default() };
    if positions.is_empty() {
        return Ok(next);
    }
    let (begun, mut blocks) = (Instant::now(), Blocks::default());
    let consumer = reader(kafka).map_err(|error| failed("reader", error))?;
    let assigned = list_of(topic, positions).and_then(|list| consumer.assign(&list));
    assigned.map_err(|error| failed(&format!("read {topic}"), error))?;
    while !next.late.is_empty() && begun.elapsed() < patience {
        match consumer.poll(POLL) {
            Some(Ok(message)) => {
                let Some(record) = record_of(&message, &mut blocks) else { continue };
                next.late.remove(&record.position.partition);
                next.records.entry(record.position.partition).or_insert(record);
            }
            // Only one topic is assigned, so that the number names the partition.
            Some(Err(KafkaError::PartitionEOF(partition))) => {
                next.late.remove(&partition);
            }
            Some(Err(error)) => tracing::debug!("read {topic}: {error}"),
            None => {}
        }
    }
    Ok(next)
}

fn list_of(topic: Topic, positions: &BTreeMap<i32, i64>) -> Result<TopicPartitionList, KafkaError> {
    let mut list = TopicPartitionList::with_capacity(positions.len());
    for (partition, offset) in positions {
        list.add_partition_offset(topic.name(), *partition, Offset::Offset(*offset))?;
    }
    Ok(list)
}

/// Takes as little as it can: one record of each partition is wanted, however many wait there.
/// Without a context of ours, which would log the end of a partition as an error.
fn reader(kafka: &KafkaConfig) -> Result<BaseConsumer, KafkaError> {
    kafka
        .reader(CLIENT)
        .set("enable.partition.eof", "true")
        .set("queued.min.messages", "1")
        .set("fetch.message.max.bytes", "65536")
        .create()
}

fn asker(kafka: &KafkaConfig) -> Result<BaseConsumer, ReadError> {
    let client = kafka.client(CLIENT).create();
    client.map_err(|error| failed("client", error))
}

fn member(info: &GroupMemberInfo) -> Member {
    Member {
        client_id: info.client_id().to_owned(),
        host: info.client_host().trim_start_matches('/').to_owned(),
        partitions: info.assignment().and_then(partitions_of).unwrap_or_default(),
    }
}

/// The partitions of a member's assignment, as the protocol `consumer` writes it: version (2
/// bytes), then an array of topic and partitions, all big-endian (Kafka's
/// `ConsumerProtocolAssignment.json`). Topics of others are left out.
fn partitions_of(assignment: &[u8]) -> Option<BTreeSet<(Topic, i32)>> {
    let (_version, mut rest) = assignment.split_first_chunk::<2>()?;
    let mut held = BTreeSet::new();
    for _ in 0..number(&mut rest)? {
        let (length, tail) = rest.split_first_chunk::<2>()?;
        let length = usize::try_from(i16::from_be_bytes(*length)).ok()?;
        let (name, tail) = tail.split_at_checked(length)?;
        rest = tail;
        let topic = std::str::from_utf8(name).ok().and_then(Topic::from_name);
        for _ in 0..number(&mut rest)? {
            let partition = number(&mut rest)?;
            held.extend(topic.map(|topic| (topic, partition)));
        }
    }
    Some(held)
}

fn number(rest: &mut &[u8]) -> Option<i32> {
    let (bytes, tail) = rest.split_first_chunk::<4>()?;
    *rest = tail;
    Some(i32::from_be_bytes(*bytes))
}

fn failed(what: &str, error: impl fmt::Display) -> ReadError {
    ReadError::Broker { what: what.to_owned(), detail: error.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assignment(topics: &[(&str, &[i32])]) -> Vec<u8> {
        let mut bytes = vec![0, 1];
        let count = |length: usize| i32::try_from(length).unwrap().to_be_bytes();
        bytes.extend(count(topics.len()));
        for (name, partitions) in topics {
            bytes.extend(i16::try_from(name.len()).unwrap().to_be_bytes());
            bytes.extend(name.as_bytes());
            bytes.extend(count(partitions.len()));
            partitions.iter().for_each(|partition| bytes.extend(partition.to_be_bytes()));
        }
        bytes.extend((-1_i32).to_be_bytes());
        bytes
    }

    #[test]
    fn the_partitions_of_an_assignment_are_read_and_topics_of_others_left_out() {
        let raw = Topic::RawEvents;
        let bytes = assignment(&[(raw.name(), &[0, 5]), ("somebody-elses", &[1])]);
        assert_eq!(partitions_of(&bytes), Some(BTreeSet::from([(raw, 0), (raw, 5)])));
        assert_eq!(partitions_of(&assignment(&[])), Some(BTreeSet::new()));
    }

    #[test]
    fn an_assignment_that_is_cut_off_is_no_assignment() {
        let bytes = assignment(&[(Topic::RawEvents.name(), &[0, 5])]);
        for length in 0..bytes.len() - 4 {
            assert_eq!(partitions_of(&bytes[..length]), None, "{length}");
        }
    }
}
