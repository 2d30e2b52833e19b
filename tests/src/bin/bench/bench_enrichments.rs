//! What each enrichment costs by itself: in memory, without Kafka.

use std::{hint::black_box, path::Path};

use anyhow::Context as _;
use enrichment::{GeoSettings, Settings};
use event::{Event, ValidatedEvent};
use pipeline::Verdict;
use tracking_plan::{SourceCatalog, clean};
use waybill_tests::address_databases;

use crate::{
    bench_events::raw_event,
    bench_plans::{Planned, catalog},
    cpu_seconds,
};

/// As many as a batch has.
const EVENTS: usize = 5_000;
const APPENDED_AT: i64 = 1_795_428_931_000;
/// Cannot be switched off.
const ALWAYS: &str = "ip-policy";

/// What an enrichment adds to the cost of an event.
pub(crate) struct EnrichmentFigure {
    /// Its name.
    pub(crate) name: String,
    /// CPU nanoseconds per event, beside those of all before it in the list.
    pub(crate) cpu_ns_per_event: f64,
}

/// Measures them one after the other in their order, each with all before it, so that what reads the
/// facts of others finds them.
pub(crate) fn run(events: usize, folder: &Path) -> anyhow::Result<Vec<EnrichmentFigure>> {
    let rounds = events.div_ceil(EVENTS);
    let events = validated()?;
    let settings = enrich_settings(folder)?;
    let names = names(&settings)?;
    let mut before = cost(rounds, &events, &settings, &names)?;
    let rest = "context and ip-policy".to_owned();
    let mut figures = vec![EnrichmentFigure { name: rest, cpu_ns_per_event: before }];
    for at in 1..=names.len() {
        let after = cost(rounds, &events, &settings, &names[at..])?;
        let name = names[at - 1].clone();
        figures.push(EnrichmentFigure { name, cpu_ns_per_event: after - before });
        before = after;
    }
    Ok(figures)
}

fn validated() -> anyhow::Result<Vec<Event>> {
    let catalog: SourceCatalog = catalog(Planned::Not)?;
    let judged = (0..EVENTS).map(|number| {
        let event = raw_event(number, Planned::Not);
        match clean(event, APPENDED_AT, &catalog) {
            Verdict::Emit(ValidatedEvent { event, .. }) => Ok(event),
            other => anyhow::bail!("the bench's own event is not passed: {other:?}"),
        }
    });
    judged.collect()
}

fn names(settings: &Settings) -> anyhow::Result<Vec<String>> {
    let all = opened(settings, &[])?.live().current();
    let events = validated()?;
    let (_, facts) = all.apply(&events[0], APPENDED_AT, None);
    let names = facts.applied.iter().map(|run| run.name.clone());
    Ok(names.filter(|name| name != ALWAYS).collect())
}

/// Every enrichment but `device_detail`, with databases of addresses.
pub(crate) fn enrich_settings(folder: &Path) -> anyhow::Result<Settings> {
    let (city, asn) = address_databases(folder)?;
    let geo = GeoSettings { city: Some(city), asn: Some(asn), copy_dir: None };
    Ok(Settings { geo, ..Settings::default() })
}

/// The enrichments but these, with their databases.
pub(crate) fn opened(settings: &Settings, disabled: &[String]) -> anyhow::Result<enrich::Opened> {
    let settings = Settings { disabled: disabled.to_vec(), ..settings.clone() };
    enrich::open(&settings).map_err(|problems| anyhow::anyhow!("{problems:?}"))
}

/// CPU nanoseconds per event of all but these.
#[expect(clippy::cast_precision_loss, reason = "figures for a person")]
fn cost(
    rounds: usize,
    events: &[Event],
    settings: &Settings,
    disabled: &[String],
) -> anyhow::Result<f64> {
    let enrichments = opened(settings, disabled)?.live().current();
    let mut spent = 0.0;
    // The first round fills caches, and is not counted.
    for round in 0..=rounds {
        let begun = cpu_seconds();
        for event in events {
            black_box(enrichments.apply(event, APPENDED_AT, None));
        }
        if round > 0 {
            spent += cpu_seconds() - begun;
        }
    }
    (rounds > 0).then(|| spent * 1e9 / (rounds * events.len()) as f64).context("no rounds")
}
