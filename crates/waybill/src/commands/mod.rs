//! The operators' commands, one file each.

pub(crate) mod audit;
pub(crate) mod check;
pub(crate) mod load;
pub(crate) mod migrate;
pub(crate) mod trace;
pub(crate) mod up;
