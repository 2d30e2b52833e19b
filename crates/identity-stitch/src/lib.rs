//! Drops repeats and links identities; the only stage with memory.
//!
//! The rule itself is pure and lives in `identity`. Here is what surrounds it: the embedded store
//! of each partition ([`Store`]), the changelogs that the store is a copy of, and the
//! [`Stitcher`] that keeps the two together. Every change of a batch goes into the changelogs in
//! the batch's transaction and into the store after the commit, so the store is never ahead of
//! the log; whatever it lacks, it takes from the log before anything is processed.

mod catch_up;
mod codecs;
mod config;
mod drawer;
mod fjall_calls;
mod fjall_partition;
mod fjall_store;
mod key_filter;
mod memory_store;
mod overlay;
mod packing;
mod place;
mod run;
mod stitcher;
mod store;
mod values;

pub use config::Config;
pub use fjall_partition::FjallPartition;
pub use fjall_store::FjallStores;
pub use memory_store::{MemoryStore, MemoryStores};
pub use run::run;
pub use stitcher::{PartitionCount, Past, Stitcher};
pub use store::{
    Covered, DatedWrite, DeviceWrite, Kind, OpenError, Store, StoreError, Stores, Writes,
};
