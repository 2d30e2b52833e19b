//! The contract of a step: every event gets exactly one verdict; `Err` means only that a needed
//! dependency is gone.
//!
//! Steps are pure: no clock, socket, randomness or thread. They know nothing of Kafka.

mod control;
mod reason;
mod step;
mod verdict;

pub use control::{StageAction, StageControl, Stop};
pub use reason::{DiscardReason, RejectReason};
pub use step::{Context, Halt, Step};
pub use verdict::{Discarded, Rejected, Verdict};
