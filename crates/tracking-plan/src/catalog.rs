//! The configured sources.

use std::{collections::BTreeMap, sync::Arc};

use identity::FirstPartyConfig;

use crate::{
    SecretKeyHash, Source, SourceConfig, SourceKind,
    internal_domains::check_internal_domains,
    plan::{HashKey, Plan, PlanSet, SuppressionList},
};

/// Something in the configuration of the sources that cannot stand.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{key}: {problem}; {remedy}")]
pub struct ConfigProblem {
    /// Path of the key in the configuration file, such as `sources."web/app".write_keys`.
    pub key: String,
    /// What is wrong. Never the text of a write key.
    pub problem: String,
    /// How to mend it.
    pub remedy: String,
}

/// Every configured source, by id and by write key, and the keys of first-party ids.
#[derive(Debug, Clone, Default)]
pub struct SourceCatalog {
    sources: BTreeMap<String, Source>,
    /// From a write key to the id of its source.
    keys: KeyIndex,
    /// From the hash of a secret key to the id of its source.
    secrets: BTreeMap<SecretKeyHash, String>,
    first_party: FirstPartyConfig,
    rules: Arc<Rules>,
}

/// What events are judged by beside their source's own table.
#[derive(Debug, Clone, Default)]
pub struct Rules {
    /// The tracking plans.
    pub plans: PlanSet,
    /// The key of hashes, which plans that hash need.
    pub hash_key: Option<HashKey>,
    /// Whose events are not kept.
    pub suppressed: SuppressionList,
}

impl SourceCatalog {
    /// The catalog of these sources, or everything that is wrong with them.
    pub fn new(configs: BTreeMap<String, SourceConfig>) -> Result<Self, Vec<ConfigProblem>> {
        let mut catalog = Self::default();
        let mut problems = Vec::new();
        for (id, config) in configs {
            let source = Source { id, config };
            check_id(&source.id, &mut problems);
            check_environment(&source, &mut problems);
            check_keys(&source, &mut problems);
            check_limits(&source, &mut problems);
            check_internal_domains(&source, &mut problems);
            catalog.add(source, &mut problems);
        }
        if problems.is_empty() { Ok(catalog) } else { Err(problems) }
    }

    /// The same sources under these rules, or everything in which the two do not fit.
    pub fn with_rules(mut self, rules: Rules) -> Result<Self, Vec<ConfigProblem>> {
        let mut problems = Vec::new();
        for source in self.sources.values() {
            let unknown = source.config.plan.as_ref().filter(|name| !rules.plans.has(name));
            problems.extend(unknown.map(|name| unknown_plan(&source.id, name, &rules.plans)));
        }
        if let Some(plan) = rules.plans.versions().find(|plan| plan.hashes())
            && rules.hash_key.is_none()
        {
            problems.push(ConfigProblem {
                key: "privacy.hash_key".to_owned(),
                problem: format!("plan {} hashes, and there is no key", plan.id()),
                remedy: "set it to the output of `openssl rand -base64 32`".to_owned(),
            });
        }
        self.rules = Arc::new(rules);
        if problems.is_empty() { Ok(self) } else { Err(problems) }
    }

    /// The tracking plans.
    pub fn plans(&self) -> &PlanSet {
        &self.rules.plans
    }

    /// The key of hashes.
    pub fn hash_key(&self) -> Option<&HashKey> {
        self.rules.hash_key.as_ref()
    }

    /// Whose events are not kept.
    pub fn suppressed(&self) -> &SuppressionList {
        &self.rules.suppressed
    }

    /// The same sources with these keys of first-party ids.
    #[must_use]
    pub fn with_first_party(self, first_party: FirstPartyConfig) -> Self {
        Self { first_party, ..self }
    }

    /// The keys of first-party ids, and how long these are good for.
    pub const fn first_party(&self) -> &FirstPartyConfig {
        &self.first_party
    }

    /// The source with this id, enabled or not.
    pub fn source(&self, id: &str) -> Option<&Source> {
        self.sources.get(id)
    }

    /// The source whose senders show this write key or secret key, enabled or not.
    pub fn by_write_key(&self, key: &str) -> Option<&Source> {
        let by_secret = || {
            // Nobody hashes where there is nothing to find.
            let hash = (!self.secrets.is_empty()).then(|| SecretKeyHash::of(key))?;
            self.secrets.get(&hash)
        };
        self.keys.0.get(key).or_else(by_secret).and_then(|id| self.sources.get(id))
    }

    /// Every source, by id.
    pub fn sources(&self) -> impl Iterator<Item = &Source> {
        self.sources.values()
    }

    /// How many sources there are.
    pub fn len(&self) -> usize {
        self.sources.len()
    }

    /// Whether there is no source at all.
    pub fn is_empty(&self) -> bool {
        self.sources.is_empty()
    }

    fn add(&mut self, source: Source, problems: &mut Vec<ConfigProblem>) {
        for key in &source.config.write_keys {
            let owner = self.keys.0.insert(key.as_str().to_owned(), source.id.clone());
            if let Some(owner) = owner {
                problems.push(shared_key(&source.id, "write", &owner));
            }
        }
        for hash in &source.config.secret_keys {
            if let Some(owner) = self.secrets.insert(*hash, source.id.clone()) {
                problems.push(shared_key(&source.id, "secret", &owner));
            }
        }
        self.sources.insert(source.id.clone(), source);
    }
}

/// Write keys are never printed, so neither is what is indexed by them.
#[derive(Clone, Default, PartialEq, Eq)]
struct KeyIndex(BTreeMap<String, String>);

impl std::fmt::Debug for KeyIndex {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "KeyIndex({} keys)", self.0.len())
    }
}

fn unknown_plan(id: &str, name: &str, plans: &PlanSet) -> ConfigProblem {
    let known: std::collections::BTreeSet<&str> = plans.versions().map(Plan::name).collect();
    let remedy = if known.is_empty() {
        "set `dir` under [plans] to the folder with the plans' files".to_owned()
    } else {
        let known: Vec<&str> = known.into_iter().collect();
        format!("there are: {}", known.join(", "))
    };
    let key = format!("sources.{id:?}.plan");
    ConfigProblem { key, problem: format!("there is no plan {name:?}"), remedy }
}

fn check_id(id: &str, problems: &mut Vec<ConfigProblem>) {
    if !is_source_id(id) {
        problems.push(ConfigProblem {
            key: format!("sources.{id:?}"),
            problem: "the id of a source has the form namespace/name in lower case".to_owned(),
            remedy: "use two words of a-z, 0-9, - and _, such as \"web/app\" or \"server/billing\""
                .to_owned(),
        });
    }
}

/// Whether a text has the form namespace/name.
pub(crate) fn is_source_id(id: &str) -> bool {
    id.split_once('/').is_some_and(|(space, name)| is_word(space) && is_word(name))
}

fn is_word(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_lowercase() || first.is_ascii_digit())
        && text.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_'))
}

fn check_environment(source: &Source, problems: &mut Vec<ConfigProblem>) {
    let name = &source.config.environment;
    if name.is_empty() || name.trim() != name {
        problems.push(ConfigProblem {
            key: format!("sources.{:?}.environment", source.id),
            problem: "the environment is empty or has spaces around it".to_owned(),
            remedy: "name it, such as \"production\" or \"staging\"".to_owned(),
        });
    }
}

fn check_keys(source: &Source, problems: &mut Vec<ConfigProblem>) {
    let key = format!("sources.{:?}.write_keys", source.id);
    let SourceConfig { kind, write_keys, .. } = &source.config;
    if write_keys.is_empty() && *kind != SourceKind::Server {
        problems.push(ConfigProblem {
            key: key.clone(),
            problem: format!("a {kind} source has no other way in than ingest"),
            remedy: "give it at least one write key".to_owned(),
        });
    }
    if write_keys.iter().any(|key| !is_sendable(key.as_str())) {
        problems.push(ConfigProblem {
            key,
            problem: "a write key is empty or has characters that HTTP headers cannot carry"
                .to_owned(),
            remedy: "use visible ASCII characters without spaces".to_owned(),
        });
    }
}

fn check_limits(source: &Source, problems: &mut Vec<ConfigProblem>) {
    let SourceConfig { events_per_second, burst_events, max_event_bytes, .. } = source.config;
    if burst_events.is_some() && events_per_second.is_none() {
        problems.push(ConfigProblem {
            key: format!("sources.{:?}.burst_events", source.id),
            problem: "a burst is above a rate, and no rate is set".to_owned(),
            remedy: "set events_per_second too, or take burst_events out".to_owned(),
        });
    }
    if max_event_bytes == 0 {
        problems.push(ConfigProblem {
            key: format!("sources.{:?}.max_event_bytes", source.id),
            problem: "no event has 0 bytes".to_owned(),
            remedy: "take it out for the default of 32768".to_owned(),
        });
    }
}

fn is_sendable(key: &str) -> bool {
    !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_graphic())
}

/// `kind` is `write` or `secret`.
fn shared_key(id: &str, kind: &str, owner: &str) -> ConfigProblem {
    let (problem, remedy) = if id == owner {
        (format!("a {kind} key stands twice in the list"), "remove one of the two")
    } else {
        (
            format!("a {kind} key of this source also belongs to {owner:?}"),
            "give each source keys of its own",
        )
    };
    let key = format!("sources.{id:?}.{kind}_keys");
    ConfigProblem { key, problem, remedy: remedy.to_owned() }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use super::*;

    fn config(kind: SourceKind, keys: &[&str]) -> SourceConfig {
        let kind = serde_json::json!({"kind": kind.word()});
        let read: SourceConfig = serde_json::from_value(kind).unwrap();
        SourceConfig { write_keys: keys.iter().map(|key| (*key).into()).collect(), ..read }
    }

    fn catalog(configs: Vec<(&str, SourceConfig)>) -> Result<SourceCatalog, Vec<ConfigProblem>> {
        SourceCatalog::new(configs.into_iter().map(|(id, c)| (id.to_owned(), c)).collect())
    }

    #[test]
    fn a_source_is_found_by_its_id_and_by_each_of_its_write_keys() {
        let catalog = catalog(vec![
            ("web/app", config(SourceKind::Browser, &["wk_web", "wk_web_2"])),
            ("server/billing", config(SourceKind::Server, &[])),
        ])
        .unwrap();
        assert_eq!(catalog.source("web/app").unwrap().config.kind, SourceKind::Browser);
        for key in ["wk_web", "wk_web_2"] {
            assert_eq!(catalog.by_write_key(key).unwrap().id, "web/app");
        }
        assert!(catalog.by_write_key("wk_other").is_none());
        assert!(catalog.source("web/other").is_none());
        assert_eq!(catalog.sources().count(), 2);
    }

    #[test]
    fn all_problems_are_told_at_once_and_none_shows_a_write_key() {
        let problems = catalog(vec![
            ("Web/App", config(SourceKind::Browser, &["wk_same"])),
            ("web/app", config(SourceKind::Browser, &["wk_same"])),
            ("web/keyless", config(SourceKind::Mobile, &[])),
            ("web/spaced", config(SourceKind::Server, &["wk secret"])),
            ("web/twice", config(SourceKind::Server, &["wk_t", "wk_t"])),
            (
                "web/env",
                SourceConfig { environment: String::new(), ..config(SourceKind::Server, &[]) },
            ),
            (
                "web/own",
                SourceConfig {
                    internal_domains: vec!["*.shop.example".to_owned()],
                    ..config(SourceKind::Server, &[])
                },
            ),
        ])
        .unwrap_err();
        let texts: Vec<String> = problems.iter().map(ToString::to_string).collect();
        assert_eq!(texts.len(), 7, "{texts:#?}");
        for (text, expected) in texts.iter().zip([
            "sources.\"Web/App\": the id",
            "sources.\"web/app\".write_keys: a write key of this source also belongs to \"Web/App\"",
            "sources.\"web/env\".environment",
            "sources.\"web/keyless\".write_keys: a mobile source",
            "sources.\"web/own\".internal_domains[0]: it has a wildcard",
            "sources.\"web/spaced\".write_keys: a write key is empty",
            "sources.\"web/twice\".write_keys: a write key stands twice",
        ]) {
            assert!(text.starts_with(expected), "{text}");
            assert!(!text.contains("wk_same") && !text.contains("secret"), "{text}");
        }
    }

    #[test]
    fn an_id_without_exactly_one_namespace_is_refused() {
        for id in ["", "web", "/app", "web/", "web/app/x", "web app/x", "wéb/app", "-web/app"] {
            assert_eq!(catalog(vec![(id, config(SourceKind::Server, &[]))]).unwrap_err().len(), 1);
        }
    }

    #[test]
    fn printing_a_catalog_for_debugging_shows_no_write_key() {
        let catalog =
            catalog(vec![("web/app", config(SourceKind::Browser, &["wk_secret"]))]).unwrap();
        assert!(!format!("{catalog:?}").contains("wk_secret"));
    }

    #[test]
    fn a_table_with_an_unknown_key_is_refused_and_absent_keys_have_defaults() {
        let refused = r#"{"kind":"browser","writekeys":[]}"#;
        assert!(serde_json::from_str::<SourceConfig>(refused).is_err());
        let read: SourceConfig = serde_json::from_str(r#"{"kind":"server"}"#).unwrap();
        assert_eq!(read.environment, "production");
        assert!(read.enabled && !read.strict && read.write_keys.is_empty());
        assert_eq!(read.max_event_bytes, 32_768);
    }

    #[test]
    fn a_secret_key_is_known_by_its_hash_alone() {
        // sha256 of "abc", FIPS 180-2, appendix B.1.
        let hash = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        let table = serde_json::json!({"kind": "server", "secret_keys": [hash]});
        let source: SourceConfig = serde_json::from_value(table).unwrap();
        let catalog = catalog(vec![("server/billing", source.clone())]).unwrap();
        assert_eq!(catalog.by_write_key("abc").unwrap().id, "server/billing");
        assert!(catalog.by_write_key("abd").is_none() && catalog.by_write_key(hash).is_none());
        assert!(catalog.source("server/billing").unwrap().has_secret_key("abc"));
        let twice = SourceCatalog::new(
            [("server/a".to_owned(), source.clone()), ("server/b".to_owned(), source)].into(),
        );
        assert!(twice.unwrap_err()[0].to_string().contains("also belongs to \"server/a\""));
        for text in ["abc", "sha256:12", &hash[1..], &hash.replace('b', "x")] {
            let table = serde_json::json!({"kind": "server", "secret_keys": [text]});
            let error = serde_json::from_value::<SourceConfig>(table).unwrap_err();
            assert!(error.to_string().contains("sha256sum"), "{error}");
        }
    }

    #[test]
    fn a_burst_without_a_rate_and_a_limit_of_nothing_are_refused() {
        let server = config(SourceKind::Server, &[]);
        let source =
            SourceConfig { burst_events: NonZeroU32::new(5), max_event_bytes: 0, ..server };
        let problems = catalog(vec![("server/a", source)]).unwrap_err();
        let texts: Vec<String> = problems.iter().map(ToString::to_string).collect();
        assert!(texts[0].contains("burst_events") && texts[1].contains("max_event_bytes"));
    }
}
