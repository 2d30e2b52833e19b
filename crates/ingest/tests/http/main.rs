//! Ingest by HTTP, on a log whose acknowledgements the tests decide.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod acknowledgement;
mod bodies;
mod corpus;
mod limits;
mod native;
mod openapi;
mod rehearsal;
mod sdk_settings;
mod serving;
mod session;
mod sockets;
mod spool;
mod support;
