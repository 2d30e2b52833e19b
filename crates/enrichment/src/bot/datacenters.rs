//! Networks of data centres.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use super::BotSettings;
use crate::SettingsProblem;

/// The list of `data/datacenters.json`: well-known providers of machines. Networks that also carry
/// people (Google's and Cloudflare's own, VPNs) are left out.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct NetworkList {
    /// Date of the last change.
    version: String,
    /// Numbers of autonomous systems by provider.
    networks: BTreeMap<String, Vec<u32>>,
}

/// Which autonomous systems are data centres.
#[derive(Debug, Default)]
pub(super) struct Datacenters {
    asns: BTreeSet<i64>,
    version: String,
}

impl Datacenters {
    /// The built-in list and the operator's.
    pub(super) fn new(settings: &BotSettings, problems: &mut Vec<SettingsProblem>) -> Self {
        if settings.datacenter_asns.contains(&0) {
            problems.push(SettingsProblem {
                key: "bot.datacenter_asns".to_owned(),
                problem: "0 is no network's number".to_owned(),
                remedy: "list numbers of autonomous systems, such as 64500".to_owned(),
            });
        }
        let list = NetworkList::built_in();
        let known = list.networks.values().flatten().chain(&settings.datacenter_asns);
        Self { asns: known.map(|asn| i64::from(*asn)).collect(), version: list.version }
    }

    /// Date of the last change of the built-in list.
    pub(super) fn version(&self) -> &str {
        &self.version
    }

    pub(super) fn contains(&self, asn: i64) -> bool {
        self.asns.contains(&asn)
    }
}

impl NetworkList {
    /// The list that is compiled in. A test reads it, so the default stands for a broken build.
    fn built_in() -> Self {
        serde_json::from_str(include_str!("../../data/datacenters.json")).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_list_reads_and_names_each_network_once() {
        let list = NetworkList::built_in();
        let numbers: Vec<u32> = list.networks.into_values().flatten().collect();
        assert!(numbers.len() >= 30, "{}", numbers.len());
        assert_eq!(numbers.iter().collect::<BTreeSet<_>>().len(), numbers.len());
        assert!(!numbers.contains(&0));
    }

    #[test]
    fn the_operators_networks_are_added_and_a_wrong_number_is_told() {
        let mut problems = Vec::new();
        let settings = BotSettings { datacenter_asns: vec![64_500] };
        let datacenters = Datacenters::new(&settings, &mut problems);
        assert!(datacenters.contains(64_500) && datacenters.contains(16_509));
        assert!(!datacenters.contains(64_501) && problems.is_empty());

        Datacenters::new(&BotSettings { datacenter_asns: vec![0] }, &mut problems);
        let told: Vec<String> = problems.iter().map(ToString::to_string).collect();
        assert_eq!(
            told,
            [
                "enrich.bot.datacenter_asns: 0 is no network's number; list numbers of autonomous systems, such as 64500"
            ]
        );
    }
}
