//! Repeats, persons and sessions, as pure functions of (state, record).
//!
//! [`stitch`] is the step of identity-stitch: it tells a repeat from a new message, names the
//! person, finds the session, and says what must be remembered. [`follow`] does the same for an
//! operator's order about two ids, [`erase`] for one to forget a person. All read the state through [`State`] and never write it: whoever calls them
//! keeps the changes.

mod alias;
mod business;
mod command;
mod context;
mod day;
mod device;
mod erase;
mod fingerprint;
mod first_party_id;
mod key;
mod link;
mod person;
mod repeat;
mod resolve;
mod rules;
mod session;
mod state;
mod stitch;

pub use alias::{Aliases, Known, MERGE, UNMERGE};
pub use business::{FLAG_TOLD_BEFORE, ON_REPEAT_FLAG};
pub use command::{NotFollowed, Ordered, follow};
pub use context::{inheritable_places, is_inheritable};
pub use day::{Day, Window, day_of};
pub use device::Refusal;
pub use erase::{ERASE, Erased, erase};
pub use fingerprint::fingerprint;
pub use first_party_id::{FirstPartyConfig, FirstPartyKey, Verified};
pub use key::{KEY_VERSION, MessageKey, device_hash, user_hash};
pub use link::{
    FLAG_BLOCKED_DEVICE, FLAG_BLOCKED_USER, LINK, RULE_ALIAS, RULE_BOTH_IDS, RULE_COMMAND,
    RULE_IDENTIFY, UNLINK,
};
pub use person::PersonId;
pub use resolve::{Interval, Judged, KnownDevice, KnownPerson, Limits, Resolution, Told, resolve};
pub use rules::{Blocked, Rules};
pub use session::{FLAG_LATE, FLAG_RATE};
pub use state::State;
pub use stitch::{Changes, FLAG_OTHER_PAYLOAD, stitch};
