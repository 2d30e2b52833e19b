//! What an operator sees of a flow from outside: traces and freshness.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use kafka_runtime::header;
use topology::{Service, Stage};
use waybill_tests::{CRM, Flow, WEB, until};

use crate::world::on_the_flow;

/// The exporter sends what it has every 5 s.
const EXPORTED_WITHIN: Duration = Duration::from_secs(30);

#[test]
fn a_trace_begun_by_a_sender_goes_through_every_stage_to_the_collector() {
    on_the_flow("trace", |flow, oracle| {
        let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
        let sender = "00f067aa0ba902b7";
        let traceparent = format!("00-{trace}-{sender}-01").into();
        let headers = vec![(header::TRACEPARENT.into(), Some(traceparent))];
        oracle.produce_with(flow, &oracle.issue(CRM), headers)?;
        goes_through(flow, trace, sender)?;
        oracle.settle(flow).map(drop)
    });
}

#[test]
fn a_trace_begun_by_ingest_goes_through_every_stage_to_the_collector() {
    on_the_flow("ingest-trace", |flow, oracle| {
        let request = telemetry::span::INGEST_REQUEST;
        // Other tests' requests are sampled too, and most of those carry nothing that arrives.
        let earlier = flow.spans().traces_begun_by(request);
        until("a sampled request goes through every stage", EXPORTED_WITHIN, || {
            ensure!(oracle.post(flow, &[oracle.issue(WEB)])?, "refused");
            let traces = flow.spans().traces_begun_by(request);
            let own = traces.difference(&earlier);
            Ok(own.into_iter().find_map(|trace| chain(flow, trace, &[request], "")))
        })?;
        oracle.settle(flow).map(drop)
    });
}

#[test]
fn the_loader_tells_how_long_events_took_from_accepted_to_queryable() {
    on_the_flow("freshness", |flow, oracle| {
        let before = freshness(flow)?;
        let messages: Vec<_> = (0..20).map(|_| oracle.issue(WEB)).collect();
        ensure!(oracle.post(flow, &messages)?, "refused");
        oracle.settle(flow)?;
        let after = freshness(flow)?;
        ensure!(after.events >= before.events + 20.0, "{before:?} {after:?}");
        let mean = (after.seconds - before.seconds) / (after.events - before.events);
        // Both clocks are this machine's: more than a poll's wait, less than the settling.
        ensure!(mean > 0.0 && mean < 60.0, "{mean} s on average");
        Ok(())
    });
}

/// Waits until the collector has the chain of spans.
fn goes_through(flow: &Flow, trace: &str, root: &str) -> anyhow::Result<()> {
    until("every stage exports its span", EXPORTED_WITHIN, || Ok(chain(flow, trace, &[], root)))
        .with_context(|| format!("came: {:#?}", flow.spans().of_trace(trace)))
        .map(drop)
}

/// The last of a chain of spans that came: `first`, then one for each stage, each a child of the
/// one before it.
fn chain(flow: &Flow, trace: &str, first: &[&str], root: &str) -> Option<String> {
    let spans = flow.spans().of_trace(trace);
    let stages = Stage::ALL.iter().map(|stage| stage.name());
    first.iter().copied().chain(stages).try_fold(root.to_owned(), |parent, name| {
        let child = spans.iter().find(|span| span.name == name && span.parent_span_id == parent)?;
        Some(child.span_id.clone())
    })
}

#[derive(Debug)]
struct Freshness {
    events: f64,
    seconds: f64,
}

fn freshness(flow: &Flow) -> anyhow::Result<Freshness> {
    let url = format!("{}/metrics", flow.service(Service::Forward).admin_url());
    let text = flow.http().get(&url)?.ok()?;
    let label = format!("{{sink=\"{}\"}}", Stage::ForwardClickhouse.name());
    let value = |part: &str| {
        let line = text
            .lines()
            .find(|line| line.contains(&format!("loader_freshness_seconds_{part}{label}")));
        // Before the first event there is no such line.
        line.and_then(|line| line.rsplit(' ').next()).map_or(Ok(0.0), str::parse)
    };
    Ok(Freshness { events: value("count")?, seconds: value("sum")? })
}
