//! What lies in the disk spool of each ingest: events that were acknowledged and have no number
//! yet, so that no auditor can miss them.

use std::collections::BTreeMap;

use event::Millis;
use serde::Serialize;
use telemetry::HealthReport;
use tokio::task::JoinSet;
use topology::Service;

use crate::commands::ports::{self, PortAnswer};

const EVENTS: &str = "waybill_ingest_spool_events";
const OLDEST: &str = "waybill_ingest_spool_oldest_seconds";

/// The spool of one ingest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SpoolAnswer {
    /// Admin port of the process.
    pub(super) at: String,
    /// What lies there of each source that something lies there of, or why that is not known.
    pub(super) held: Result<Vec<Held>, String>,
}

/// The events of one source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Held {
    /// Id of the source.
    pub(super) source: String,
    /// How many there are.
    pub(super) events: u64,
    /// Age of the oldest; milliseconds.
    pub(super) oldest_ms: Millis,
}

/// Asks each of these ports that is of an ingest, all at once; in the order of their addresses.
pub(super) async fn ask(ports: &[PortAnswer]) -> Vec<SpoolAnswer> {
    let mut asked = JoinSet::new();
    for port in ports.iter().filter(|port| port.report.as_ref().is_ok_and(is_ingest)) {
        let at = port.address.clone();
        asked.spawn(async move {
            let held = ports::metrics(&at).await.map(|text| held(&text));
            SpoolAnswer { at, held }
        });
    }
    let mut answers = asked.join_all().await;
    answers.sort_by(|one, other| one.at.cmp(&other.at));
    answers
}

fn is_ingest(report: &HealthReport) -> bool {
    report.components.iter().any(|component| component.name == Service::Ingest.name())
}

/// What the metrics of an ingest say.
fn held(metrics: &str) -> Vec<Held> {
    let mut oldest: BTreeMap<&str, f64> = by_source(metrics, OLDEST).collect();
    let events = by_source(metrics, EVENTS).filter(|(_, events)| *events > 0.0);
    let held = events.map(|(source, events)| Held {
        source: source.to_owned(),
        events: whole(events),
        oldest_ms: whole(oldest.remove(source).unwrap_or_default() * 1000.0).cast_signed(),
    });
    held.collect()
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count, not below 0")]
fn whole(count: f64) -> u64 {
    count.max(0.0).round() as u64
}

/// The series of a metric whose only label is the source.
fn by_source<'m>(metrics: &'m str, name: &'m str) -> impl Iterator<Item = (&'m str, f64)> {
    metrics.lines().filter_map(move |line| {
        let labels = line.strip_prefix(name)?.strip_prefix("{source=\"")?;
        let (source, value) = labels.split_once("\"} ")?;
        Some((source, value.parse().ok()?))
    })
}

#[cfg(test)]
mod tests {
    use telemetry::{Health, SpoolMetrics};

    use super::*;

    #[tokio::test]
    async fn what_lies_in_the_spool_is_told_by_the_admin_port_of_an_ingest() {
        let spool = SpoolMetrics::new();
        spool.holds("server/kiosk", 7, 900, 61.5);
        spool.holds("web/app", 0, 0, 0.0);
        let serve = async |name: &str| {
            let health = Health::new();
            health.component(name).ready();
            let listen = "127.0.0.1:0".parse().unwrap();
            let report = Ok(health.report());
            let served = telemetry::admin::serve(listen, health, std::future::pending());
            let (bound, task) = served.await.unwrap();
            (PortAnswer { address: bound.to_string(), report }, task)
        };
        let (ingest, _ingest) = serve("ingest").await;
        let (other, _other) = serve("validate").await;
        let gone = PortAnswer { address: "127.0.0.1:1".to_owned(), ..ingest.clone() };
        let answers = ask(&[gone, ingest.clone(), other]).await;
        assert_eq!(answers.len(), 2, "{answers:?}");
        let of = |at: &str| answers.iter().find(|answer| answer.at == at).unwrap();
        let held = vec![Held { source: "server/kiosk".to_owned(), events: 7, oldest_ms: 61_500 }];
        assert_eq!(of(&ingest.address).held, Ok(held));
        assert!(of("127.0.0.1:1").held.as_ref().unwrap_err().contains("refused"));
    }
}
