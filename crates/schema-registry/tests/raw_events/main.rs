//! Raw events in every encoding, with a registry that the tests make up.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod encodings;
mod fake_registry;
mod unknown_schemas;
