//! Adds what a browser would have known: a stage from `validated-events` to `enriched-events`.
//! Stateless.
//!
//! The facts come from [`enrichment`]; this is their step and its one call to the runtime.

mod run;
mod step;

pub use run::run;
pub use step::EnrichStep;
