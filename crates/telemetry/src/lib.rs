//! Logs, traces, metrics and the admin port. Every metric, label value and span name of Waybill
//! is defined here and nowhere else, so that the names are a contract that one test holds.
//!
//! Reasons are the exception: pure steps name them and may not depend on this crate, so they live
//! in `pipeline` and this crate takes its label values from there.

pub mod admin;
mod config;
mod health;
mod init;
pub mod metrics;
mod rate_limited;
pub mod span;
pub mod trace;

pub use config::{LogConfig, LogFormat};
pub use health::{ComponentReport, ComponentState, Health, HealthReport, Readiness};
pub use init::{Guard, TelemetryError, init};
pub use metrics::{
    AbortCause, AuditMetrics, ConfigMetrics, DatabaseMetrics, FindingMetrics, FindingOutcome,
    HourState, IdentityMetrics, IngestMetrics, IngestRefusal, KafkaLogMetrics, LoaderMetrics,
    RecoveryFound, SpoolMetrics, SpoolRefusal, StageMetrics, StoppedBy,
};
pub use pipeline::{DiscardReason, RejectReason};
pub use rate_limited::{Admission, RateLimited};
