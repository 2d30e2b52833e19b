//! What a source is and what it may send.
//!
//! [`SourceCatalog`] holds the configured sources. Ingest asks it which source a write key belongs
//! to; validate asks whether a source is known and may send. [`clean`] is the quality gate itself:
//! a pure function from an event as it was told to an event made clean and typed.

mod allowed_origin;
mod bot_policy;
mod catalog;
mod clean;
mod clock;
mod device_key;
pub mod draft;
mod event_type;
mod findings;
mod first_party;
mod ids;
mod internal_domains;
mod json_text;
mod live;
mod malformed;
mod placeholder;
pub mod plan;
mod planned;
mod source;
mod times;
mod told_id;

pub use allowed_origin::AllowedOrigin;
pub use bot_policy::{BotAction, BotPolicy};
pub use catalog::{ConfigProblem, Rules, SourceCatalog};
pub use clean::{VERSION, clean};
pub use clock::ClockConfig;
pub use first_party::FirstPartyPolicy;
pub use ids::MAX_MESSAGE_ID_CHARS;
pub use json_text::MAX_JSON_DEPTH;
pub use live::LiveCatalog;
pub use malformed::{OVERSIZE, Oversize};
pub use placeholder::is_placeholder;
pub use source::{SecretKeyHash, Source, SourceConfig, SourceKind, WriteKey};
pub use times::time_of;
