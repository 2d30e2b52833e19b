//! Adds what a browser would have known: a stage from `validated-events` to `enriched-events`.
//! Stateless.
//!
//! The facts come from [`enrichment`]; this is their step and its one call to the runtime, and the
//! files of the databases that they are looked up in.

mod database_file;
mod databases;
mod mapping;
mod processor;
mod run;
mod step;

pub use databases::{Opened, open};
pub use run::run;
pub use step::{EnrichStep, InForce};
