//! The runtime on a real broker and a real registry.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod fates;
mod parts;
mod schemas;
mod slots;
