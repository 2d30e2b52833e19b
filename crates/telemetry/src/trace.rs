//! Trace context in Kafka headers, cheap for the many records that nobody samples.

use std::sync::LazyLock;

use opentelemetry::global::{self, BoxedSpan};
use opentelemetry::propagation::{Extractor, TextMapPropagator};
use opentelemetry::trace::TraceContextExt;
use opentelemetry::trace::{Span as _, SpanBuilder, SpanContext, SpanKind, Tracer};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use tracing_opentelemetry::OpenTelemetrySpanExt;

/// Instrumentation scope of every span.
pub(crate) const SCOPE: &str = "waybill";

/// Length of a version 00 `traceparent`: <https://www.w3.org/TR/trace-context/#traceparent-header>.
const LENGTH: usize = 55;

static PROPAGATOR: LazyLock<TraceContextPropagator> = LazyLock::new(TraceContextPropagator::new);

/// The header for records that the current `tracing` span gives rise to. `None` where there is no
/// span, or where its trace is not sampled: no stage would make a span of it, so the header would
/// be dead weight on every record.
pub fn traceparent_of_current_span() -> Option<String> {
    let context = tracing::Span::current().context();
    sampled_traceparent(context.span().span_context())
}

/// The span of one record in one stage; it ends when this is dropped.
///
/// Costs a look at the header's flags unless the sender sampled the trace.
#[derive(Debug)]
pub struct RecordSpan {
    span: Option<BoxedSpan>,
    incoming: Option<Vec<u8>>,
}

impl RecordSpan {
    /// Begins a child of the record's `traceparent` if that is sampled; else does nothing but
    /// keep the header.
    pub fn start(stage: &'static str, traceparent: Option<&[u8]>) -> Self {
        let span = traceparent.and_then(sampled).and_then(|text| child(stage, text));
        Self { span, incoming: traceparent.map(<[u8]>::to_vec) }
    }

    /// The header for the record's outputs: the child's if there is one, else the record's own,
    /// unchanged.
    pub fn traceparent(&self) -> Option<Vec<u8>> {
        self.span
            .as_ref()
            .and_then(|span| sampled_traceparent(span.span_context()))
            .map(String::into_bytes)
            .or_else(|| self.incoming.clone())
    }
}

fn sampled_traceparent(context: &SpanContext) -> Option<String> {
    (context.is_valid() && context.is_sampled()).then(|| {
        let flags = context.trace_flags().to_u8();
        format!("00-{}-{}-{flags:02x}", context.trace_id(), context.span_id())
    })
}

/// The header as text if it has the shape of one whose sampled flag is set.
fn sampled(header: &[u8]) -> Option<&str> {
    let shaped = header.len() == LENGTH && [2, 35, 52].iter().all(|&at| header[at] == b'-');
    let flags = shaped.then(|| char::from(header[LENGTH - 1]).to_digit(16)).flatten()?;
    if flags & 1 == 1 { std::str::from_utf8(header).ok() } else { None }
}

fn child(stage: &'static str, traceparent: &str) -> Option<BoxedSpan> {
    let parent = PROPAGATOR.extract(&Traceparent(traceparent));
    if !parent.span().span_context().is_valid() {
        return None;
    }
    let builder = SpanBuilder::from_name(stage).with_kind(SpanKind::Consumer);
    Some(global::tracer(SCOPE).build_with_context(builder, &parent))
}

/// The one header that a record carries, as the propagator wants to see it.
struct Traceparent<'a>(&'a str);

impl Extractor for Traceparent<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        (key == "traceparent").then_some(self.0)
    }

    fn keys(&self) -> Vec<&str> {
        vec!["traceparent"]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7";

    #[test]
    fn only_a_well_shaped_header_with_the_flag_counts_as_sampled() {
        let table = [
            (format!("{TRACE}-01"), true),
            (format!("{TRACE}-03"), true),
            (format!("{TRACE}-00"), false),
            (format!("{TRACE}-02"), false),
            (format!("{TRACE}-0g"), false),
            (format!("{TRACE}-01-more"), false),
            (TRACE.to_owned(), false),
            (String::new(), false),
            ("1".repeat(LENGTH), false),
        ];
        for (header, expected) in table {
            assert_eq!(sampled(header.as_bytes()).is_some(), expected, "{header}");
        }
    }

    #[test]
    fn bytes_that_are_not_text_are_not_sampled() {
        let mut header = format!("{TRACE}-01").into_bytes();
        header[10] = 0xff;
        assert_eq!(sampled(&header), None);
    }
}
