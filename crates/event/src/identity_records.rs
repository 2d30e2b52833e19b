//! What identity-stitch writes beside its events: links and the changelogs of its store.

use serde::{Deserialize, Serialize};

use crate::{Millis, Origin};

/// A candidate link between a device and a user, with its cause. The meaning of each field is in
/// `avro/identity-links.avsc`.
#[expect(missing_docs, reason = "avro/identity-links.avsc documents every field")]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdentityLink {
    pub kind: String,
    pub anonymous_id: String,
    pub user_id: String,
    pub person_id: String,
    pub rule: String,
    pub cause: Origin,
    pub event_time: Millis,
    pub appended_at: Millis,
}

/// What one batch added to what lives for a window, packed into one record. The meaning of each
/// field is in `avro/identity-journal.avsc`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdentityJournal {
    /// Version of the meaning of the keys.
    pub version: i32,
    /// The messages, in the order in which they were emitted.
    pub entries: Vec<JournalEntry>,
}

/// One message that was emitted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JournalEntry {
    /// Keyed 128-bit hash of (source, message id), big-endian.
    #[serde(with = "serde_bytes")]
    pub key: [u8; 16],
    /// Waybill number of the occurrence that was emitted.
    pub origin: Origin,
    /// 64-bit hash of the payload.
    pub fingerprint: i64,
    /// Days since 1970-01-01 that the key is filed under.
    pub day: i32,
}

/// What lives for ever of one device. The meaning of each field is in `avro/identity-state.avsc`.
#[expect(missing_docs, reason = "avro/identity-state.avsc documents every field")]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdentityState {
    pub device_key: String,
    pub user_id: String,
    pub cause: Origin,
    pub event_time: Millis,
    pub users: i32,
}
