//! Between our positions and librdkafka's lists.

use std::collections::BTreeSet;

use rdkafka::{Offset, TopicPartitionList, error::KafkaResult};
use topology::Topic;

use crate::log::{Commit, Partition};

pub(super) fn offset_list(offsets: &[Commit]) -> KafkaResult<TopicPartitionList> {
    let mut list = TopicPartitionList::with_capacity(offsets.len());
    for commit in offsets {
        let (topic, partition) = commit.partition;
        let mut element = list.add_partition(topic.name(), partition);
        element.set_offset(Offset::Offset(commit.next))?;
        element.set_metadata(commit.metadata.as_str());
    }
    Ok(list)
}

pub(super) fn commits_of(committed: &TopicPartitionList) -> Vec<Commit> {
    let of_element = |element: &rdkafka::topic_partition_list::TopicPartitionListElem<'_>| {
        let Offset::Offset(next) = element.offset() else { return None };
        let partition = (Topic::from_name(element.topic())?, element.partition());
        Some(Commit { partition, next, metadata: element.metadata().to_owned() })
    };
    committed.elements().iter().filter_map(of_element).collect()
}

/// The partitions, each at this offset.
pub(super) fn list_at(
    partitions: &BTreeSet<Partition>,
    offset: Offset,
) -> KafkaResult<TopicPartitionList> {
    let mut list = TopicPartitionList::with_capacity(partitions.len());
    for (topic, partition) in partitions {
        list.add_partition_offset(topic.name(), *partition, offset)?;
    }
    Ok(list)
}
