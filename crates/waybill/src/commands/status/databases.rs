//! Databases of addresses whose newest file enrich refuses.

use tokio::task::JoinSet;
use topology::Service;

use super::diagnose::{Finding, Kind};
use crate::commands::ports::{self, PortAnswer};

const REFUSED: &str = "waybill_enrich_database_refused{database=\"";

/// A database that an enrich keeps using because it refuses the newest file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Refused {
    /// Admin port of the process.
    pub(super) at: String,
    /// `city` or `asn`.
    pub(super) database: String,
}

/// Asks each of these ports that is of an enrich, all at once; in the order of their addresses. Of one
/// that does not tell its metrics nothing is known.
pub(super) async fn ask(ports: &[PortAnswer]) -> Vec<Refused> {
    let mut asked = JoinSet::new();
    for (at, _) in ports::components_named(ports, Service::Enrich.name()) {
        let at = at.to_owned();
        asked.spawn(async move {
            let metrics = ports::metrics(&at).await.unwrap_or_default();
            refused(&metrics, &at)
        });
    }
    let mut answers = asked.join_all().await.concat();
    answers.sort();
    answers
}

fn refused(metrics: &str, at: &str) -> Vec<Refused> {
    let database = |line: &str| {
        let (database, value) = line.strip_prefix(REFUSED)?.split_once("\"} ")?;
        let refused = Refused { at: at.to_owned(), database: database.to_owned() };
        (value.trim() == "1").then_some(refused)
    };
    metrics.lines().filter_map(database).collect()
}

/// One finding for each.
pub(super) fn findings(refused: &[Refused]) -> Vec<Finding> {
    let finding = |Refused { at, database }: &Refused| Finding {
        culprit: Service::Enrich.name().to_owned(),
        kind: Kind::OldData,
        detail: format!(
            "enrich at {at} refuses the newest file of enrich.geo.{database}: the one before stays in use"
        ),
        next: vec![
            "see what is wrong with it: waybill check".to_owned(),
            "put a whole file in its place; it is read by itself".to_owned(),
        ],
    };
    refused.iter().map(finding).collect()
}

#[cfg(test)]
mod tests {
    use telemetry::{DatabaseMetrics, Health};

    use super::*;

    #[tokio::test]
    async fn a_refused_database_is_told_by_the_admin_port_of_an_enrich() {
        DatabaseMetrics::of("city").refused(true);
        DatabaseMetrics::of("asn").refused(false);
        let health = Health::new();
        health.stage("enrich", 0).ready();
        let report = Ok(health.report());
        let listen = "127.0.0.1:0".parse().unwrap();
        let served = telemetry::admin::serve(listen, health, std::future::pending());
        let (bound, _task) = served.await.unwrap();
        let enrich = PortAnswer { address: bound.to_string(), report };
        let gone = PortAnswer { address: "127.0.0.1:1".to_owned(), ..enrich.clone() };
        let other = PortAnswer { address: bound.to_string(), report: Err("silent".to_owned()) };
        let expected = Refused { at: bound.to_string(), database: "city".to_owned() };
        assert_eq!(ask(&[gone, enrich, other]).await, [expected]);
    }
}
