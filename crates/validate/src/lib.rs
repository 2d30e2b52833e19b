//! The quality gate: a stage from `raw-events` to `validated-events`. Stateless.
//!
//! The rules are in [`tracking_plan`]; this is their step and its one call to the runtime.

mod config;
mod run;
mod step;

pub use config::Config;
pub use run::run;
pub use step::ValidateStep;
