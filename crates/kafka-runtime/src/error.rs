//! What can go wrong with Kafka, by what is to be done about it.

use pipeline::Halt;
use rdkafka::{
    error::{KafkaError, RDKafkaErrorCode},
    types::RDKafkaErrorCode as Code,
};

/// Why a stage ended. Whoever runs it exits non-zero with the message.
#[derive(Debug, Clone, thiserror::Error)]
pub enum RuntimeError {
    /// Another process owns the slot: exit, never rebuild in a loop, or the two fence each other
    /// for ever.
    #[error(
        "slot {slot} is taken: another process uses the same transactional id or group instance id ({detail}). Give each instance a slot of its own (`slot` in the configuration)"
    )]
    SlotTaken {
        /// Transactional id and group instance id.
        slot: String,
        /// What Kafka said.
        detail: String,
    },
    /// The clients failed again within a minute of being rebuilt.
    #[error("{stage}: Kafka clients failed twice within a minute: {detail}")]
    Broken {
        /// Stage.
        stage: String,
        /// What Kafka said.
        detail: String,
    },
    /// The client cannot be made at all: a configuration error.
    #[error("Kafka client {client}: {detail}")]
    Client {
        /// Client id.
        client: String,
        /// What librdkafka said.
        detail: String,
    },
}

/// What a stage's loop does about a failure of its log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum LogError {
    /// Abort the transaction, go back to the committed offsets, go on.
    Abort(String),
    /// The clients are of no use any more, the slot is ours: rebuild them in this process.
    Rebuild(String),
    /// Another process owns the slot.
    SlotTaken(String),
    /// The broker, or something on it, is away: wait.
    Halt(Halt),
}

/// Why a batch was not committed.
#[derive(Debug)]
pub(crate) enum Failed {
    /// A dependency of the step is gone; no transaction error.
    Halt(Halt),
    /// One shard of the sink is away; the others may be there.
    Shard(Halt),
    /// The breaker opened.
    Breaker(String),
    /// The log failed.
    Log(LogError),
}

impl From<Halt> for Failed {
    fn from(halt: Halt) -> Self {
        Self::Halt(halt)
    }
}

impl From<LogError> for Failed {
    fn from(error: LogError) -> Self {
        Self::Log(error)
    }
}

/// How one call's error is to be treated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ErrorClass {
    /// The same call with the same arguments.
    Retriable,
    /// Abort the transaction.
    Abort,
    /// Rebuild the clients.
    Rebuild,
    /// Exit.
    SlotTaken,
}

/// Classifies an error of a transactional call.
///
/// `commit_transaction` may return [`KafkaError::Flush`] from its internal flush, so matching only
/// [`KafkaError::Transaction`] would misjudge it.
pub(crate) fn classify(error: &KafkaError) -> ErrorClass {
    let code = error.rdkafka_error_code();
    if code.is_some_and(is_slot_taken) {
        return ErrorClass::SlotTaken;
    }
    match error {
        KafkaError::Transaction(inner) if inner.txn_requires_abort() => ErrorClass::Abort,
        KafkaError::Transaction(inner) if inner.is_fatal() => ErrorClass::Rebuild,
        KafkaError::Transaction(inner) if inner.is_retriable() => ErrorClass::Retriable,
        KafkaError::Flush(RDKafkaErrorCode::OperationTimedOut) => ErrorClass::Retriable,
        _ => ErrorClass::Rebuild,
    }
}

/// Whether this code says that another process owns the slot.
pub(crate) fn is_slot_taken(code: RDKafkaErrorCode) -> bool {
    matches!(code, Code::ProducerFenced | Code::Fenced | Code::FencedInstanceId)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flush_that_timed_out_is_tried_again_and_not_fatal() {
        let error = KafkaError::Flush(RDKafkaErrorCode::OperationTimedOut);
        assert_eq!(classify(&error), ErrorClass::Retriable);
    }

    #[test]
    fn a_fenced_member_gives_up_its_slot() {
        for code in [Code::ProducerFenced, Code::Fenced, Code::FencedInstanceId] {
            assert_eq!(classify(&KafkaError::MessageConsumption(code)), ErrorClass::SlotTaken);
        }
    }

    #[test]
    fn what_says_nothing_is_treated_as_fatal() {
        assert_eq!(classify(&KafkaError::Canceled), ErrorClass::Rebuild);
    }
}
