//! HTTP in, raw-events out: 200 only when the broker has acknowledged every event, with one named
//! exception: the disk spool of the sources that ask for it.
//!
//! Ingest decides nothing about an event's worth: whatever is JSON gets a number, and validate
//! judges it. A request is refused as a whole only where its events cannot be told apart or
//! numbered: not JSON, no batch, no known write key, too large, or a log that does not answer.

mod admission;
mod caller;
mod collector;
mod config;
mod connections;
mod cookies;
mod cors;
mod event_fate;
mod http;
mod log;
mod message;
mod offline;
mod parcel;
mod pixel;
mod rate;
mod records;
mod refusal;
mod rehearsal;
mod replay;
mod route;
mod sdk_settings;
mod server;
mod session;
mod shell;
mod spool;
mod tls;
mod unpack;
mod written;

pub use collector::{Collector, Setting};
pub use config::{Config, CookieConfig, TlsConfig};
pub use http::router;
pub use log::Log;
pub use offline::raw_event_of;
pub use server::{Dependencies, IngestError, run};
pub use spool::{Spool, SpoolProblem};
