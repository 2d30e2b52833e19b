//! The operators' commands, one file each.

pub(crate) mod audit;
mod capacity;
pub(crate) mod check;
mod expiry;
pub(crate) mod load;
pub(crate) mod migrate;
pub(crate) mod plan;
mod ports;
pub(crate) mod stage;
pub(crate) mod status;
mod times;
pub(crate) mod trace;
pub(crate) mod up;
