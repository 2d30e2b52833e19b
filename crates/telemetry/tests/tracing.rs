//! Trace context from a span into a header, through stages, with the real set-up and no exporter.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use telemetry::trace::{RecordSpan, traceparent_of_current_span};
use telemetry::{Guard, LogConfig, init, span};

const SAMPLED: &[u8] = b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
const UNSAMPLED: &[u8] = b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00";

fn set_up() -> Guard {
    let config = LogConfig { sample_ratio: 1.0, filter: "off".to_owned(), ..LogConfig::default() };
    init(&config, "test").unwrap()
}

#[test]
fn setting_up_twice_in_one_process_succeeds_and_spans_live_on() {
    drop(set_up());
    let _second = set_up();
    let _span = tracing::info_span!(span::INGEST_REQUEST).entered();
    assert!(traceparent_of_current_span().is_some());
}

#[test]
fn a_sampled_parent_gets_a_child_of_the_same_trace() {
    let _guard = set_up();
    let out = RecordSpan::start("validate", Some(SAMPLED)).traceparent().unwrap();
    assert_eq!(out.len(), SAMPLED.len());
    assert_eq!(out[..36], SAMPLED[..36], "same trace");
    assert_ne!(out[36..52], SAMPLED[36..52], "another span");
    assert_eq!(out[52..], SAMPLED[52..], "still sampled");
}

#[test]
fn what_is_not_sampled_or_not_a_traceparent_passes_unchanged() {
    let _guard = set_up();
    let zero_trace = b"00-00000000000000000000000000000000-00f067aa0ba902b7-01";
    let zero_span = b"00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01";
    let table: [&[u8]; 6] = [UNSAMPLED, b"", b"nonsense", b"\xff\xfe", zero_trace, zero_span];
    for header in table {
        let span = RecordSpan::start("enrich", Some(header));
        assert_eq!(span.traceparent().as_deref(), Some(header));
    }
}

#[test]
fn no_header_in_means_no_header_out() {
    let _guard = set_up();
    assert_eq!(RecordSpan::start("enrich", None).traceparent(), None);
}

#[test]
fn the_trace_of_a_request_is_carried_on_by_the_stages() {
    let _guard = set_up();
    let header = {
        let _span = tracing::info_span!(span::INGEST_REQUEST).entered();
        traceparent_of_current_span().unwrap()
    };
    let validated = RecordSpan::start("validate", Some(header.as_bytes())).traceparent().unwrap();
    let enriched = RecordSpan::start("enrich", Some(&validated)).traceparent().unwrap();
    assert_eq!(enriched[..36], header.as_bytes()[..36]);
    assert_ne!(enriched, validated);
}

#[test]
fn outside_a_span_there_is_no_header() {
    let _guard = set_up();
    assert_eq!(traceparent_of_current_span(), None);
}
