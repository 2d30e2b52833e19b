//! Sets up logs and traces, once per process.

use std::io::{self, IsTerminal};
use std::sync::{Mutex, PoisonError};

use opentelemetry::global;
use opentelemetry::trace::TracerProvider;
use opentelemetry_otlp::{ExporterBuildError, Protocol, SpanExporter, WithExportConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider};
use tracing_subscriber::filter::{EnvFilter, LevelFilter, ParseError};
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::{Registry, fmt};

use crate::{LogConfig, trace};

/// Held during the set-up, so that a second caller returns only when the first is through.
static DONE: Mutex<bool> = Mutex::new(false);

/// Why logs and traces could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The filter is not one.
    #[error("filter {filter:?} cannot be read: {source}")]
    Filter {
        /// What was configured.
        filter: String,
        /// What is wrong with it.
        source: ParseError,
    },
    /// The ratio is not a share.
    #[error("sample_ratio must lie between 0.0 and 1.0, but is {0}")]
    SampleRatio(f64),
    /// The exporter could not be made.
    #[error("otlp_endpoint cannot be used: {0}")]
    Exporter(#[from] ExporterBuildError),
}

/// Hold it until the process ends: dropping it exports the spans that are still waiting, for five
/// seconds at most by the exporter's default.
#[must_use = "spans that wait for export are lost without it"]
#[derive(Debug)]
pub struct Guard {
    provider: Option<SdkTracerProvider>,
}

impl Drop for Guard {
    fn drop(&mut self) {
        // Not a shutdown: a test may set up again in the same process and still wants spans.
        if let Some(Err(error)) = self.provider.as_ref().map(SdkTracerProvider::force_flush) {
            tracing::warn!(%error, "the last spans were not exported");
        }
    }
}

/// Sets up logs (to stderr), traces and the W3C propagator for this process. `service` becomes
/// the resource's `service.name`.
///
/// Only the first call in a process takes effect; a later one checks its configuration and is
/// otherwise without effect, so that tests may call it freely.
pub fn init(config: &LogConfig, service: &str) -> Result<Guard, TelemetryError> {
    let lines = log_layer(config)?;
    if !(0.0..=1.0).contains(&config.sample_ratio) {
        return Err(TelemetryError::SampleRatio(config.sample_ratio));
    }
    let mut done = DONE.lock().unwrap_or_else(PoisonError::into_inner);
    if *done {
        return Ok(Guard { provider: None });
    }
    let provider = provider(config, service)?;
    *done = true;
    global::set_text_map_propagator(TraceContextPropagator::new());
    global::set_tracer_provider(provider.clone());
    let spans = tracing_opentelemetry::layer()
        .with_tracer(provider.tracer(trace::SCOPE))
        .with_filter(LevelFilter::INFO);
    // A subscriber that someone set before stays: logs are theirs then, traces still ours.
    let _ = tracing::subscriber::set_global_default(
        tracing_subscriber::registry().with(lines).with(spans),
    );
    Ok(Guard { provider: Some(provider) })
}

fn log_layer(config: &LogConfig) -> Result<Box<dyn Layer<Registry> + Send + Sync>, TelemetryError> {
    let filter = EnvFilter::try_new(&config.filter)
        .map_err(|source| TelemetryError::Filter { filter: config.filter.clone(), source })?;
    let on_terminal = io::stderr().is_terminal();
    let lines = fmt::layer().with_writer(io::stderr).with_ansi(on_terminal);
    Ok(if config.format.is_json(on_terminal) {
        lines.json().flatten_event(true).with_span_list(false).with_filter(filter).boxed()
    } else {
        lines.with_filter(filter).boxed()
    })
}

fn provider(config: &LogConfig, service: &str) -> Result<SdkTracerProvider, TelemetryError> {
    let root = Sampler::TraceIdRatioBased(config.sample_ratio);
    let builder = SdkTracerProvider::builder()
        .with_sampler(Sampler::ParentBased(Box::new(root)))
        .with_resource(Resource::builder().with_service_name(service.to_owned()).build());
    let Some(endpoint) = &config.otlp_endpoint else { return Ok(builder.build()) };
    let exporter = SpanExporter::builder()
        .with_http()
        .with_protocol(Protocol::HttpBinary)
        .with_endpoint(traces_url(endpoint))
        .build()?;
    Ok(builder.with_batch_exporter(exporter).build())
}

/// The exporter takes a programmatic endpoint as it is; the path is from the OTLP specification.
fn traces_url(endpoint: &str) -> String {
    let base = endpoint.trim_end_matches('/');
    if base.ends_with("/v1/traces") { base.to_owned() } else { format!("{base}/v1/traces") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_traces_path_is_added_once() {
        for given in ["http://c:4318", "http://c:4318/", "http://c:4318/v1/traces"] {
            assert_eq!(traces_url(given), "http://c:4318/v1/traces", "{given}");
        }
    }

    #[test]
    fn a_filter_or_ratio_that_makes_no_sense_is_named() {
        let filter = LogConfig { filter: "a=b=c".to_owned(), ..LogConfig::default() };
        assert!(matches!(init(&filter, "t"), Err(TelemetryError::Filter { .. })));
        for ratio in [-0.1, 1.1, f64::NAN] {
            let config = LogConfig { sample_ratio: ratio, ..LogConfig::default() };
            assert!(matches!(init(&config, "t"), Err(TelemetryError::SampleRatio(_))), "{ratio}");
        }
    }
}
