//! Questions to brokers: asked anew while what keeps them from an answer passes.

use std::{
    collections::BTreeSet,
    thread,
    time::{Duration, Instant},
};

use rdkafka::{
    TopicPartitionList,
    consumer::{BaseConsumer, Consumer},
    error::{KafkaError, KafkaResult, RDKafkaErrorCode as Code},
};

use crate::context::ReaderContext;

/// How long one answer may take, and how long a question is asked anew.
pub(crate) const ASK_TIMEOUT: Duration = Duration::from_secs(10);

/// How long to wait before a broker that has just started is asked again.
const PAUSE: Duration = Duration::from_millis(100);

/// The offsets at these times. What a client knows of leaders is too old for a broker that has started anew,
/// once for each topic: it asks for newer while it gives the error. What it knows of a topic that had no leader
/// when it last asked it keeps for `metadata.max.age.ms`, and gives errors of its own without asking anybody
/// (librdkafka 2.12, `rd_kafka_topic_partition_list_get_leaders`).
pub(crate) fn offsets_at(
    client: &BaseConsumer<ReaderContext>,
    asked: &TopicPartitionList,
) -> KafkaResult<TopicPartitionList> {
    asked_anew(is_of_a_former_leader, || {
        let told = client.offsets_for_times(asked.clone(), ASK_TIMEOUT);
        let code = told.as_ref().err().and_then(KafkaError::rdkafka_error_code);
        if code.is_some_and(is_without_leader) {
            learn_leaders(client, asked);
        }
        told
    })
}

/// Has the client ask who leads.
fn learn_leaders(client: &BaseConsumer<ReaderContext>, of: &TopicPartitionList) {
    let topics: BTreeSet<String> =
        of.elements().iter().map(|element| element.topic().to_owned()).collect();
    for topic in topics {
        if let Err(error) = client.fetch_metadata(Some(&topic), ASK_TIMEOUT) {
            tracing::debug!(topic, "leaders: {error}");
        }
    }
}

/// What the observer's group has committed. A broker that has just started is nobody's coordinator
/// for a moment.
pub(crate) fn committed(
    observer: &BaseConsumer<ReaderContext>,
    asked: &TopicPartitionList,
) -> KafkaResult<TopicPartitionList> {
    asked_anew(is_without_coordinator, || observer.committed_offsets(asked.clone(), ASK_TIMEOUT))
}

/// Asks again and again while the error is one that passes.
fn asked_anew<T>(
    passes: fn(Code) -> bool,
    mut ask: impl FnMut() -> KafkaResult<T>,
) -> KafkaResult<T> {
    let begun = Instant::now();
    loop {
        let answer = ask();
        let code = answer.as_ref().err().and_then(KafkaError::rdkafka_error_code);
        if !code.is_some_and(passes) || begun.elapsed() > ASK_TIMEOUT {
            return answer;
        }
        thread::sleep(PAUSE);
    }
}

/// Whether who was asked leads the partition no more, or nobody does.
pub(crate) const fn is_of_a_former_leader(code: Code) -> bool {
    is_without_leader(code)
        || matches!(
            code,
            Code::FencedLeaderEpoch | Code::UnknownLeaderEpoch | Code::NotLeaderForPartition
        )
}

/// Whether nobody led the partition when the client last asked who does. librdkafka says then of it that it
/// is unknown.
const fn is_without_leader(code: Code) -> bool {
    matches!(code, Code::LeaderNotAvailable | Code::UnknownPartition)
}

/// Whether who was asked is not the coordinator of the group, or not ready to be.
pub(crate) const fn is_without_coordinator(code: Code) -> bool {
    matches!(
        code,
        Code::NotCoordinator | Code::CoordinatorNotAvailable | Code::CoordinatorLoadInProgress
    )
}

#[cfg(test)]
mod tests {
    use rdkafka::{Offset, mocking::MockCluster};
    use topology::Topic;

    use super::*;
    use crate::config::KafkaConfig;

    /// The broker is librdkafka's own fake.
    #[test]
    fn a_client_that_found_no_leader_finds_the_one_that_there_is_later() {
        let topic = Topic::RawEvents.name();
        let cluster = MockCluster::new(1).unwrap();
        cluster.create_topic(topic, 2, 1).unwrap();
        let lead = |broker| {
            (0..2).for_each(|it| cluster.partition_leader(topic, it, broker).unwrap());
        };
        let kafka =
            KafkaConfig { bootstrap_servers: cluster.bootstrap_servers(), ..Default::default() };
        let client =
            kafka.group_observer("led").create_with_context(ReaderContext::default()).unwrap();
        let mut ends = TopicPartitionList::new();
        for partition in 0..2 {
            ends.add_partition_offset(topic, partition, Offset::End).unwrap();
        }
        offsets_at(&client, &ends).unwrap();
        lead(None);
        let (begun, mut last) = (Instant::now(), None);
        while !last.is_some_and(is_without_leader) && begun.elapsed() < ASK_TIMEOUT {
            let told = client.offsets_for_times(ends.clone(), ASK_TIMEOUT);
            last = told.err().and_then(|error| error.rdkafka_error_code());
        }
        assert!(last.is_some_and(is_without_leader), "{last:?}");
        lead(Some(1));
        offsets_at(&client, &ends).unwrap();
    }

    fn asked(answers: &[KafkaResult<u8>], passes: fn(Code) -> bool) -> (KafkaResult<u8>, usize) {
        let mut asked = 0;
        let answer = asked_anew(passes, || {
            asked += 1;
            answers[asked - 1].clone()
        });
        (answer, asked)
    }

    #[test]
    fn a_broker_that_has_just_started_is_asked_anew_and_any_other_error_is_told() {
        let refused = |code| Err(KafkaError::MetadataFetch(code));
        let fenced = || refused(Code::FencedLeaderEpoch);
        assert_eq!(asked(&[fenced(), fenced(), Ok(7)], is_of_a_former_leader), (Ok(7), 3));
        assert_eq!(asked(&[fenced(), Ok(7)], is_without_coordinator), (fenced(), 1));
        let timed_out = || refused(Code::OperationTimedOut);
        assert_eq!(asked(&[timed_out(), Ok(7)], is_of_a_former_leader), (timed_out(), 1));
    }
}
