//! What identity-stitch reads and writes beside its events: orders, links, merges of users, and
//! the changelogs of its store.

use serde::{Deserialize, Serialize};

use crate::{Fixed16, Millis, Origin};

/// A candidate link between a device and a user, with its cause; or an order about the two. The
/// meaning of each field is in `avro/identity-links.avsc`.
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
    pub refused: Option<String>,
    pub who: Option<String>,
    pub why: Option<String>,
}

/// Two user ids of one person, or an order that they are not. The meaning of each field is in
/// `avro/identity-aliases.avsc`.
#[expect(missing_docs, reason = "avro/identity-aliases.avsc documents every field")]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdentityAlias {
    pub kind: String,
    pub previous_id: String,
    pub user_id: String,
    pub rule: String,
    pub cause: Origin,
    pub event_time: Millis,
    pub appended_at: Millis,
    pub who: Option<String>,
    pub why: Option<String>,
}

/// An operator's order about ids. The meaning of each field is in
/// `avro/identity-commands.avsc`.
#[expect(missing_docs, reason = "avro/identity-commands.avsc documents every field")]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdentityCommand {
    pub action: String,
    pub anonymous_id: Option<String>,
    pub previous_id: Option<String>,
    pub user_id: String,
    pub who: String,
    pub why: String,
    pub at: Millis,
    #[serde(default)]
    pub erased: Option<ErasedIds>,
}

/// Ids of a person that is to be forgotten, as hashes: an order is kept for ever. The meaning of
/// each field is in `avro/identity-commands.avsc`.
#[expect(missing_docs, reason = "avro/identity-commands.avsc documents every field")]
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErasedIds {
    pub devices: Vec<Fixed16>,
    pub shared_devices: Vec<Fixed16>,
    pub users: Vec<Fixed16>,
}

/// What one batch changed of what lives for a window, packed into one record. The meaning of each
/// field is in `avro/identity-journal.avsc`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdentityJournal {
    /// Version of the meaning of the keys.
    pub version: i32,
    /// The messages, in the order in which they were emitted.
    pub entries: Vec<JournalEntry>,
    /// Business keys, in the order in which they were told.
    pub business_keys: Vec<BusinessEntry>,
    /// Sessions that began or went on.
    pub sessions: Vec<SessionEntry>,
    /// What sessions can hand down, each as a whole.
    pub contexts: Vec<ContextEntry>,
}

/// One message that was emitted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JournalEntry {
    /// Keyed 128-bit hash of (source, message id), big-endian.
    pub key: Fixed16,
    /// Waybill number of the occurrence that was emitted.
    pub origin: Origin,
    /// 64-bit hash of the payload.
    pub fingerprint: i64,
    /// Days since 1970-01-01 that the key is filed under.
    pub day: i32,
}

/// The event that stands for a business key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BusinessEntry {
    /// Keyed 128-bit hash of the business key, big-endian.
    pub key: Fixed16,
    /// Waybill number of the event.
    pub origin: Origin,
    /// Precedence of its source: 0 goes before all others.
    pub rank: i32,
    /// Days since 1970-01-01 that the key is filed under.
    pub day: i32,
}

/// The session of a device now. The meaning of each field is in `avro/identity-journal.avsc`.
#[expect(missing_docs, reason = "avro/identity-journal.avsc documents every field")]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionEntry {
    pub device: Fixed16,
    pub id: String,
    pub sent: bool,
    pub number: i32,
    pub started_at: Millis,
    pub last_at: Millis,
    pub minute: Millis,
    pub count: i32,
    pub known: i32,
    pub day: i32,
}

/// What the session of a device can hand down. The meaning of each field is in
/// `avro/identity-journal.avsc`.
#[expect(missing_docs, reason = "avro/identity-journal.avsc documents every field")]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContextEntry {
    pub device: Fixed16,
    pub session: String,
    pub values: Vec<Inheritable>,
    pub day: i32,
}

/// A value of context that later events of the session may inherit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inheritable {
    /// Name of the column of the table `events`.
    pub field: String,
    /// The value.
    pub value: String,
    /// The event that told it.
    pub origin: Origin,
}

/// What lives for ever of one device. The meaning of each field is in `avro/identity-state.avsc`.
#[expect(missing_docs, reason = "avro/identity-state.avsc documents every field")]
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdentityState {
    pub device_key: String,
    pub held: Vec<DeviceUser>,
    pub refused: Option<DeviceUser>,
    pub orders: Vec<DeviceOrder>,
}

/// A user of a device, by its candidate links. The meaning of each field is in
/// `avro/identity-state.avsc`.
#[expect(missing_docs, reason = "avro/identity-state.avsc documents every field")]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceUser {
    pub user_id: String,
    pub first_time: Millis,
    pub first_cause: Origin,
    pub last_time: Millis,
    pub last_cause: Origin,
}

/// The last order of an operator about a device and one user. The meaning of each field is in
/// `avro/identity-state.avsc`.
#[expect(missing_docs, reason = "avro/identity-state.avsc documents every field")]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceOrder {
    pub user_id: String,
    pub linked: bool,
    pub at: Millis,
    pub offset: i64,
}
