//! The operators' commands, one file each.

pub(crate) mod audit;
mod backfill;
mod capacity;
pub(crate) mod check;
pub(crate) mod enrich;
pub(crate) mod erase;
mod expiry;
pub(crate) mod give_up;
pub(crate) mod identity;
mod lines;
pub(crate) mod load;
pub(crate) mod migrate;
mod operator;
pub(crate) mod plan;
mod ports;
mod raw_events;
mod segment_layout;
pub(crate) mod stage;
pub(crate) mod status;
pub(crate) mod tail;
pub(crate) mod times;
pub(crate) mod trace;
pub(crate) mod up;
