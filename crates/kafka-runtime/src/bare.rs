//! A bare transactional pass-through: the floor that `make bench` measures the stages against. It
//! judges nothing, keeps nothing, and serves no rebalance.

use std::time::Duration;

use rdkafka::{
    Message as _, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer as _},
    message::BorrowedHeaders,
    producer::{BaseRecord, DefaultProducerContext, Producer as _, ThreadedProducer},
};
use topology::Topic;

use crate::{config::KafkaConfig, scanner::ReadError};

const TIMEOUT: Duration = Duration::from_secs(10);
const BATCH: usize = 5_000;

fn failed(what: &str, error: &impl std::fmt::Display) -> ReadError {
    ReadError::Broker { what: format!("bare loop, {what}"), detail: error.to_string() }
}

/// Copies `records` records of `from` to `to`, key, value and headers, in transactions of 5,000.
pub fn bare_pass_through(
    kafka: &KafkaConfig,
    from: Topic,
    to: Topic,
    partitions: u16,
    records: usize,
) -> Result<(), ReadError> {
    let consumer: BaseConsumer =
        kafka.reader("waybill-bare").create().map_err(|error| failed("consumer", &error))?;
    let mut list = TopicPartitionList::new();
    for partition in 0..i32::from(partitions) {
        list.add_partition_offset(from.name(), partition, Offset::Beginning)
            .map_err(|error| failed("assign", &error))?;
    }
    consumer.assign(&list).map_err(|error| failed("assign", &error))?;
    let producer: ThreadedProducer<DefaultProducerContext> = kafka
        .transactional_producer("waybill-bare")
        .create()
        .map_err(|error| failed("producer", &error))?;
    producer.init_transactions(TIMEOUT).map_err(|error| failed("init", &error))?;
    let mut copied = 0;
    while copied < records {
        producer.begin_transaction().map_err(|error| failed("begin", &error))?;
        let goal = (copied + BATCH).min(records);
        while copied < goal {
            let Some(polled) = consumer.poll(Duration::from_millis(100)) else { continue };
            let message = polled.map_err(|error| failed("poll", &error))?;
            let mut copy = BaseRecord::<[u8], [u8]>::to(to.name());
            copy.key = message.key();
            copy.payload = message.payload();
            copy.headers = message.headers().map(BorrowedHeaders::detach);
            while let Err((_, again)) = producer.send(copy) {
                copy = again;
                std::thread::sleep(Duration::from_millis(1));
            }
            copied += 1;
        }
        while producer.in_flight_count() > 0 {
            std::thread::sleep(Duration::from_micros(200));
        }
        producer.commit_transaction(TIMEOUT).map_err(|error| failed("commit", &error))?;
    }
    Ok(())
}
