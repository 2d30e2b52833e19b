//! What must hold of ingest whatever it is sent.
//!
//! A request is made of any bytes ([`Input`]) and sent through ingest's router, on a log that takes
//! it or does not. Then [`check`] looks whether the answer is one that `openapi.json` describes, and
//! whether what it says of the events is so: each event of a request that is accepted has a record
//! with all that was sent, and nothing else has.
//!
//! `make fuzz` lets libFuzzer look for bytes that break this; the tests check the bodies that it
//! starts from ([`seeds`]).

mod answer;
mod input;
mod judge;
mod kept;
mod log;
mod packing;
mod request;
mod routes;
mod scan;
mod seeds;

pub use answer::Answer;
pub use input::{Input, check};
pub use seeds::{Seed, seeds};
