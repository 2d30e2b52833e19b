//! What a poll brings besides records: changes of the assignment, and errors.

use pipeline::Halt;
use rdkafka::{
    client::ClientContext as _, consumer::Consumer, error::KafkaError,
    types::RDKafkaErrorCode as Code,
};

use super::KafkaLog;
use crate::{
    context::{Rebalanced, locked},
    error::{LogError, is_slot_taken},
    log::Polled,
};

impl KafkaLog {
    pub(super) fn next_rebalance(&self) -> Option<Result<Polled, LogError>> {
        let event = locked(&self.consumer.context().rebalances).pop_front()?;
        Some(match event {
            Rebalanced::Assigned(partitions) => Ok(Polled::Assigned(partitions)),
            Rebalanced::Revoked(partitions) => Ok(Polled::Revoked(partitions)),
            Rebalanced::Failed(detail) => Err(LogError::Rebuild(detail)),
            Rebalanced::NoAnswer(detail) => Err(LogError::Halt(self.no_answer(&detail))),
            Rebalanced::NoPosition((topic, partition)) => {
                let detail = format!(
                    "the group has no committed offset for {topic}-{partition}: run `waybill migrate`"
                );
                Err(LogError::Halt(Halt::new("position", detail)))
            }
        })
    }

    /// Why the group's offsets were not told: the broker is away, or it holds them back because a transaction
    /// that wrote some has no end yet. Of a process that died it has one within seconds; brokers have lost it too.
    fn no_answer(&self, detail: &str) -> Halt {
        match self.slot.trouble.away() {
            Some(away) => Halt::new("broker", format!("{detail}; {away}")),
            None => Halt::new(
                "transaction",
                format!(
                    "{detail}: Kafka answers, and holds the offsets of group {} back while a transaction \
                     that wrote some is open; if this lasts for a minute, its end was lost: \
                     docs/kafka.md says how to find it and to end it",
                    self.slot.group
                ),
            ),
        }
    }

    pub(super) fn poll_error(&self, error: &KafkaError) -> Result<Polled, LogError> {
        // A fenced member is told as a fatal error, whose cause only the client knows.
        let fatal = self.consumer.client().fatal_error();
        if let Some((code, reason)) = fatal {
            return Err(if is_slot_taken(code) {
                self.slot.trouble.judge_fence(reason, None)
            } else {
                LogError::Rebuild(reason)
            });
        }
        match error.rdkafka_error_code() {
            Some(code) if is_slot_taken(code) => {
                Err(self.slot.trouble.judge_fence(error.to_string(), None))
            }
            Some(Code::AutoOffsetReset | Code::OffsetOutOfRange) => Ok(Polled::OutOfRange),
            Some(Code::UnknownTopicOrPartition | Code::UnknownTopic | Code::UnknownPartition) => {
                let detail = format!("a topic is missing ({error}): run `waybill migrate`");
                Err(LogError::Halt(Halt::new("topics", detail)))
            }
            // Brokers that come and go are librdkafka's business; it goes on by itself.
            _ => {
                self.consumer.context().error(error.clone(), "poll");
                Ok(Polled::Nothing)
            }
        }
    }
}
