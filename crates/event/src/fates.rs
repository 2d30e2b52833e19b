//! What becomes of an event that does not go on, or leaves: dead letters, discards, deliveries.

use serde::{Deserialize, Serialize};

use crate::{Finding, Millis, Origin};

/// A record that a stage rejected, with all that is needed to redrive it. The meaning of each
/// field is in `avro/dead-letters.avsc`.
#[expect(missing_docs, reason = "avro/dead-letters.avsc documents every field")]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeadLetter {
    pub stage: String,
    pub reason: String,
    pub detail: String,
    pub origin: Option<Origin>,
    pub appended_at: Option<Millis>,
    pub topic: String,
    pub partition: i32,
    pub offset: i64,
    pub record_timestamp: Option<Millis>,
    #[serde(with = "serde_bytes")]
    pub key: Option<Vec<u8>>,
    #[serde(with = "serde_bytes")]
    pub value: Option<Vec<u8>>,
    pub headers: Vec<RecordHeader>,
    pub by_reference: Option<Reference>,
    pub attempts: i32,
    pub failed_at: Millis,
    pub code_version: String,
    pub plan_version: Option<String>,
    pub source: Option<String>,
    pub event: Option<String>,
    pub message_id: Option<String>,
    pub environment: Option<String>,
    pub findings: Vec<Finding>,
}

/// A Kafka header of the rejected record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename = "Header")]
pub struct RecordHeader {
    /// Name.
    pub name: String,
    /// Value, byte for byte.
    #[serde(with = "serde_bytes")]
    pub value: Option<Vec<u8>>,
}

/// Stands for a value that does not fit a dead letter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reference {
    /// Length of the value in bytes.
    pub length: i64,
    /// SHA-256 of the value, 64 hex digits.
    pub sha256: String,
}

/// An intended drop. The meaning of each field is in `avro/discarded-events.avsc`.
#[expect(missing_docs, reason = "avro/discarded-events.avsc documents every field")]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DiscardedEvent {
    pub stage: String,
    pub reason: String,
    pub detail: String,
    pub origin: Origin,
    pub appended_at: Millis,
    pub first: Option<Origin>,
    pub discarded_at: Millis,
    pub source: Option<String>,
    pub event: Option<String>,
    pub message_id: Option<String>,
    pub environment: Option<String>,
}

/// What became of an event at a destination. The meaning of each field is in
/// `avro/deliveries.avsc`.
#[expect(missing_docs, reason = "avro/deliveries.avsc documents every field")]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    pub destination: String,
    pub outcome: String,
    pub reason: Option<String>,
    pub detail: String,
    pub status: Option<i32>,
    pub origin: Origin,
    pub appended_at: Millis,
    pub attempts: i32,
    pub first_attempted_at: Millis,
    pub settled_at: Millis,
    pub idempotency_key: String,
    pub source: Option<String>,
    pub event: Option<String>,
    pub message_id: Option<String>,
    pub environment: Option<String>,
    pub code_version: String,
}
