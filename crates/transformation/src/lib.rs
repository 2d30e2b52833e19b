//! Programs of the operator that filter and map events, between enrich's own work and its output.
//!
//! A program is compiled and type-checked when it is loaded ([`Transformations::compile`]): what it
//! may call, write and repeat is judged then (`rules.rs`, `functions.rs`). A run is bounded by a
//! count of evaluated expressions, by the size of what it writes, and by the caller's clock, which
//! is only asked where a program takes longer than programs do.
//!
//! The language is VRL, behind the feature `vrl`: without it programs are read and refused.

mod problem;
mod selection;
mod settings;
mod transformations;

#[cfg(feature = "vrl")]
mod fields;
#[cfg(feature = "vrl")]
mod functions;
#[cfg(feature = "vrl")]
mod growth;
#[cfg(feature = "vrl")]
mod measure;
#[cfg(feature = "vrl")]
mod place;
#[cfg(feature = "vrl")]
mod program;
#[cfg(feature = "vrl")]
mod rules;
#[cfg(feature = "vrl")]
mod target;

#[cfg(not(feature = "vrl"))]
#[path = "without_vrl.rs"]
mod program;

pub use problem::TransformationProblem;
pub use settings::{Source, TransformationSettings};
pub use transformations::{Stopped, Transformations};
