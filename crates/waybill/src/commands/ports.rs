//! Asking the admin ports of all processes what they say of themselves.

use std::time::Duration;

use telemetry::{ComponentReport, HealthReport};
use tokio::{net::lookup_host, task::JoinSet, time::timeout};

use crate::config::Config;

/// How long one port may take to answer.
const PATIENCE: Duration = Duration::from_secs(3);

/// What one admin port said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PortAnswer {
    /// `host:port`.
    pub(crate) address: String,
    /// What its process says of itself, or why there is no answer.
    pub(crate) report: Result<HealthReport, String>,
}

/// Asks every admin port of the configuration, all at once; in the order of their addresses.
pub(crate) async fn ask(config: &Config) -> Vec<PortAnswer> {
    let mut asked = JoinSet::new();
    let mut answers = Vec::new();
    for entry in entries(config) {
        match addresses_of(&entry).await {
            Ok(addresses) => {
                for address in addresses {
                    asked.spawn(answer_of(address));
                }
            }
            Err(why) => answers.push(PortAnswer { address: entry, report: Err(why) }),
        }
    }
    answers.extend(asked.join_all().await);
    answers.sort_by(|one, other| one.address.cmp(&other.address));
    answers.dedup_by(|one, other| one.address == other.address);
    answers
}

/// What every process says of the components with this name, with the port that said it.
pub(crate) fn components_named<'a>(
    answers: &'a [PortAnswer],
    name: &'a str,
) -> impl Iterator<Item = (&'a str, &'a ComponentReport)> {
    answers.iter().flat_map(move |answer| {
        let components = answer.report.as_ref().map_or(&[][..], |report| &report.components);
        let named = components.iter().filter(move |component| component.name == name);
        named.map(|component| (answer.address.as_str(), component))
    })
}

fn entries(config: &Config) -> Vec<String> {
    if config.status.admin.is_empty() {
        return vec![config.admin.listen.to_string()];
    }
    config.status.admin.clone()
}

async fn addresses_of(entry: &str) -> Result<Vec<String>, String> {
    match timeout(PATIENCE, lookup_host(entry)).await {
        Ok(Ok(found)) => Ok(found.map(|address| address.to_string()).collect()),
        Ok(Err(error)) => Err(format!("the name cannot be resolved: {error}")),
        Err(_) => Err(format!("the name was not resolved within {} s", PATIENCE.as_secs())),
    }
}

async fn answer_of(address: String) -> PortAnswer {
    let report = report_of(&address).await;
    PortAnswer { address, report }
}

async fn report_of(address: &str) -> Result<HealthReport, String> {
    // 200 when ready, 503 when not: the report comes with either.
    let response = get(address, "readyz").await?;
    response.json().await.map_err(|_| "answers, but is no admin port of waybill".to_owned())
}

/// What the process behind an admin port counts, as text.
pub(crate) async fn metrics(address: &str) -> Result<String, String> {
    let response = get(address, "metrics").await?;
    let response = response.error_for_status().map_err(|error| innermost(&error))?;
    response.text().await.map_err(|error| innermost(&error))
}

async fn get(address: &str, path: &str) -> Result<reqwest::Response, String> {
    let client = reqwest::Client::builder()
        // A proxy of the environment is for the world outside.
        .no_proxy()
        .timeout(PATIENCE)
        .build()
        .map_err(|error| error.to_string())?;
    let response = client.get(format!("http://{address}/{path}")).send().await;
    response.map_err(|error| innermost(&error))
}

/// The cause behind all others, such as `Connection refused`: the outermost words say nothing.
fn innermost(error: &(dyn std::error::Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |cause| cause.source());
    causes.last().map_or_else(String::new, ToString::to_string)
}

#[cfg(test)]
mod tests {
    use telemetry::Health;
    use tokio::net::TcpListener;

    use super::*;

    fn config(admin: &[&str]) -> Config {
        let mut config = Config::default();
        config.status.admin = admin.iter().map(|entry| (*entry).to_owned()).collect();
        config
    }

    #[tokio::test]
    async fn every_port_is_asked_and_one_that_refuses_says_so() {
        let health = Health::new();
        health.stage("enrich", 3).paused("by order");
        let listen = "127.0.0.1:0".parse().unwrap();
        let (bound, _task) =
            telemetry::admin::serve(listen, health, std::future::pending()).await.unwrap();
        let refused = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        let entries = [bound.to_string(), refused.to_string(), "no-port".to_owned()];
        let answers = ask(&config(&entries.each_ref().map(String::as_str))).await;
        assert_eq!(answers.len(), 3);
        let found: Vec<_> = components_named(&answers, "enrich").collect();
        assert_eq!((found.len(), found[0].1.slot), (1, Some(3)));
        let failed = answers.iter().filter(|answer| answer.report.is_err());
        let why: Vec<_> = failed.map(|it| it.report.clone().unwrap_err()).collect();
        assert_eq!(why.len(), 2);
        assert!(why.iter().any(|why| why.contains("refused")), "{why:?}");
    }

    #[test]
    fn without_a_list_the_process_s_own_port_is_asked() {
        assert_eq!(entries(&config(&[])), ["127.0.0.1:9100"]);
        assert_eq!(entries(&config(&["a:1", "b:2"])), ["a:1", "b:2"]);
    }
}
