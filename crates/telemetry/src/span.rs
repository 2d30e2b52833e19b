//! Names of the spans. The span of one record in a stage bears the stage's name
//! ([`crate::trace::RecordSpan::start`]).

/// One HTTP request to ingest; its context goes into the headers of the request's records.
pub const INGEST_REQUEST: &str = "ingest-request";
