//! What each enrichment costs by itself: in memory, without Kafka.

use std::{hint::black_box, iter, path::Path, sync::Arc};

use enrichment::{Enrichments, GeoSettings, Settings};
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

/// Measures them in their order, each with all before it, so that what reads the facts of others finds
/// them.
pub(crate) fn run(events: usize, folder: &Path) -> anyhow::Result<Vec<EnrichmentFigure>> {
    let rounds = events.div_ceil(EVENTS);
    let events = validated()?;
    let settings = enrich_settings(folder)?;
    let names = names(&settings)?;
    let without = |at: usize| Ok(opened(&settings, &names[at..])?.live().current());
    let lists: anyhow::Result<Vec<_>> = (0..=names.len()).map(without).collect();
    let costs = costs(rounds, &events, &lists?);
    let first = "context and ip-policy".to_owned();
    let before = iter::once(0.0).chain(costs.iter().copied());
    let figures = iter::once(first).chain(names).zip(costs.iter().zip(before));
    let figure =
        |(name, (cost, before))| EnrichmentFigure { name, cpu_ns_per_event: cost - before };
    Ok(figures.map(figure).collect())
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

/// CPU nanoseconds per event of each list: the least of all rounds, in which they take turns, since
/// whatever else the machine does only adds to it.
#[expect(clippy::cast_precision_loss, reason = "figures for a person")]
fn costs(rounds: usize, events: &[Event], lists: &[Arc<Enrichments>]) -> Vec<f64> {
    let mut least = vec![f64::INFINITY; lists.len()];
    // The first round fills caches.
    for round in 0..=rounds {
        for (list, least) in lists.iter().zip(&mut least) {
            let begun = cpu_seconds();
            for event in events {
                black_box(list.apply(event, APPENDED_AT, None));
            }
            if round > 0 {
                *least = least.min((cpu_seconds() - begun) * 1e9 / events.len() as f64);
            }
        }
    }
    least
}
