//! The whole pipeline on real parts: six processes of the real binary on a real Kafka, a real
//! registry and a real ClickHouse. Needs `cargo build -p waybill` first; `make e2e` does it.
//!
//! All tests share one flow and run one after the other: each breaks something of it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]
#![allow(clippy::print_stderr, reason = "a test says what it does")]

mod auditor;
mod bad_input;
mod breaker;
mod business_keys;
mod clients;
mod delivery;
mod dependencies;
mod erase;
mod expiry;
mod forwarded;
mod hours;
mod identity;
mod kills;
mod plans;
mod poison;
mod producers;
mod redrive;
mod refused;
mod reload;
mod repeats;
mod sdks;
mod shutdown;
mod spool;
mod status;
mod tail;
mod telemetry;
mod transformations;
mod world;
