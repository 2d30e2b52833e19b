//! The leaders that an answer to a Fetch or a Produce names are not taken over.
//!
//! Where a partition's leader is not the one that was asked, the broker adds who is (KIP-951). For a
//! partition that has no leader, as each has for a moment while its only broker starts, it adds that too.
//! librdkafka makes room for this one and does not fill it in, takes what happened to lie there for the
//! number of a partition, and ends the process when that leads out of its memory (2.12.1; in the source
//! of 2.15 still). Seen: of 24 auditors seven ended when a broker with the only replicas came back.
//!
//! So `build.rs`, here and of the binary, has the linker put the function below in the place of the one that
//! takes the leaders over. Without them librdkafka asks for metadata after the same error, as it does of
//! brokers before 3.7.

use std::{
    ffi::{c_int, c_void},
    sync::atomic::{AtomicU64, Ordering},
};

/// How often an answer named leaders.
static TOLD: AtomicU64 = AtomicU64::new(0);

/// `RD_KAFKA_OP_RES_HANDLED`: the operation is done with, and its owner frees what belongs to it.
const HANDLED: c_int = 1;

/// Stands for librdkafka's `rd_kafka_metadata_update_op(rd_kafka_t *, rd_kafka_metadata_internal_t *)`.
#[expect(unsafe_code, reason = "the linker finds it by its name")]
#[unsafe(no_mangle)]
extern "C" fn __wrap_rd_kafka_metadata_update_op(_: *mut c_void, _: *mut c_void) -> c_int {
    TOLD.fetch_add(1, Ordering::Relaxed);
    HANDLED
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use rdkafka::{
        ClientConfig, Message as _, Offset, TopicPartitionList,
        consumer::{BaseConsumer, Consumer as _},
        mocking::MockCluster,
        producer::{BaseProducer, BaseRecord, Producer as _},
    };

    use super::*;

    const TOPIC: &str = "led";
    const PATIENCE: Duration = Duration::from_secs(30);

    /// The brokers are librdkafka's own fake.
    #[test]
    fn a_consumer_that_is_told_a_new_leader_asks_who_it_is_and_reads_on() {
        let cluster = MockCluster::new(2).unwrap();
        cluster.create_topic(TOPIC, 2, 2).unwrap();
        let lead = |broker| {
            (0..2).for_each(|it| cluster.partition_leader(TOPIC, it, Some(broker)).unwrap());
        };
        lead(1);
        let mut config = ClientConfig::new();
        config
            .set("bootstrap.servers", cluster.bootstrap_servers())
            .set("group.id", "told-leaders")
            .set("auto.offset.reset", "earliest");
        let producer: BaseProducer = config.create().unwrap();
        let consumer: BaseConsumer = config.create().unwrap();
        let mut all = TopicPartitionList::new();
        for partition in 0..2 {
            all.add_partition_offset(TOPIC, partition, Offset::Beginning).unwrap();
        }
        consumer.assign(&all).unwrap();
        let told = TOLD.load(Ordering::Relaxed);
        for (broker, text) in [(1, "one"), (2, "two")] {
            lead(broker);
            for partition in 0..2 {
                let record = BaseRecord::<(), str>::to(TOPIC).partition(partition).payload(text);
                producer.send(record).map_err(|(error, _)| error).unwrap();
            }
            producer.flush(PATIENCE).unwrap();
            let (begun, mut read) = (Instant::now(), 0);
            while read < 2 && begun.elapsed() < PATIENCE {
                if let Some(Ok(message)) = consumer.poll(Duration::from_millis(100)) {
                    read += usize::from(message.payload() == Some(text.as_bytes()));
                }
            }
            assert_eq!(read, 2, "{text}");
        }
        assert!(
            TOLD.load(Ordering::Relaxed) > told,
            "no leader was told, or librdkafka took it over"
        );
    }
}
