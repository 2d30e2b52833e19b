//! What an event is on each topic, and its number.
//!
//! One struct per schema of `avro/`, the waybill number and its header, and the codec between
//! bytes and structs. Nothing here touches a clock, a socket or a thread.

pub mod codec;
mod datum;
mod described;
mod encoding;
mod enriched;
mod extent;
mod fates;
mod finding;
mod fingerprint;
mod fixed;
pub mod frame;
mod identity_records;
mod origin;
pub mod plain_json;
mod raw;
pub mod schema;
mod shared_runs;
mod stage_command;
mod stitched;
mod validated;
mod waybill;

pub use described::{Described, Hints, Keyed};
pub use encoding::{Encoding, Encodings, NoConfluent};
pub use enriched::{
    Amount, BotFacts, CampaignFacts, ClickId, Derived, EnrichedEvent, EnrichmentFacts,
    EnrichmentRun, GeoFacts, IpFacts, MoneyFacts, NetworkFacts, PageFacts, ReferrerFacts,
    UserAgentFacts,
};
pub use fates::{DeadLetter, Delivery, DiscardedEvent, RecordHeader, Reference};
pub use finding::Finding;
pub use fingerprint::fingerprints;
pub use fixed::Fixed16;
pub use identity_records::{
    BusinessEntry, ContextEntry, DeviceOrder, DeviceUser, ErasedIds, IdentityAlias,
    IdentityCommand, IdentityJournal, IdentityLink, IdentityState, Inheritable, JournalEntry,
    SessionEntry,
};
pub use origin::{Origin, ParseOriginError};
pub use raw::{RawEvent, RequestFacts};
pub use stage_command::{LostRange, StageCommand};
pub use stitched::{IdentityFacts, Inherited, SessionFacts, StitchedEvent};
pub use validated::{BusinessKey, Event, ValidatedEvent, ValidationFacts};
pub use waybill::{WAYBILL_HEADER_LEN, Waybill, WaybillHeaderError};

/// Milliseconds since 1970-01-01T00:00:00Z.
pub type Millis = i64;

/// A text of an event: owned, or where it stands in the bytes that the event was read from.
///
/// The structs of the flow's topics are generic over it. A stage that only reads an event reads it in
/// place, as `EnrichedEvent<&str>`, and copies no text.
pub trait Text: std::ops::Deref<Target = str> {}

impl<T: std::ops::Deref<Target = str>> Text for T {}
