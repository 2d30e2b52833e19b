//! HTTP in, raw-events out: 200 only when the broker has acknowledged every event.
//!
//! Ingest decides nothing about an event's worth: whatever is JSON gets a number, and validate
//! judges it. A request is refused as a whole only where its events cannot be told apart or
//! numbered: not JSON, no batch, no known write key, too large, or a log that does not answer.

mod caller;
mod collector;
mod config;
mod event_fate;
mod http;
mod log;
mod message;
mod pixel;
mod records;
mod refusal;
mod route;
mod sdk_settings;
mod server;
mod shell;
mod unpack;

pub use collector::Collector;
pub use config::Config;
pub use http::router;
pub use log::Log;
pub use server::{Dependencies, IngestError, run};
