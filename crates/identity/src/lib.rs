//! Repeats and persons, as pure functions of (state, record).
//!
//! [`stitch`] is the step of identity-stitch: it tells a repeat from a new message, names the
//! person, and says what must be remembered. It reads the state through [`State`] and never
//! writes it: whoever calls it keeps the [`Changes`].

mod day;
mod fingerprint;
mod first_party_id;
mod key;
mod link;
mod person;
mod state;
mod stitch;

pub use day::{Day, Window, day_of};
pub use fingerprint::fingerprint;
pub use first_party_id::{FirstPartyConfig, FirstPartyKey, Verified};
pub use key::{KEY_VERSION, MessageKey};
pub use link::{RULE_ALIAS, RULE_BOTH_IDS, RULE_IDENTIFY};
pub use person::PersonId;
pub use state::{DeviceLink, Seen, State};
pub use stitch::{Changes, FLAG_OTHER_PAYLOAD, stitch};
