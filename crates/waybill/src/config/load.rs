//! Reads the file, lays the environment over it, and finds every problem before it gives up.

use std::path::{Path, PathBuf};

use identity::FirstPartyConfig;
use serde::de::DeserializeOwned;
use toml::{Table, Value};
use tracking_plan::{FirstPartyPolicy, SourceCatalog};

use super::{Config, ConfigProblems, Problem, Sources};

/// Variables with our prefix that are no configuration keys.
const NOT_KEYS: [&str; 5] =
    ["WAYBILL_CONFIG", "WAYBILL_CACHE", "WAYBILL_LOG", crashpoint::VARIABLE, crashpoint::POISON];
const PREFIX: &str = "WAYBILL_";

/// Loads the configuration. `file` may be absent only if it was not asked for by name.
///
/// `environment` is passed in so that tests need not change the process's own. A variable
/// `WAYBILL_INGEST__LISTEN` overrides `ingest.listen`.
pub fn load(
    file: &Path,
    must_exist: bool,
    environment: impl Iterator<Item = (String, String)>,
) -> Result<Config, ConfigProblems> {
    let mut problems = Vec::new();
    let mut table = read(file, must_exist, &mut problems);
    overlay(&mut table, environment, &mut problems);
    let config = Config { file: file.to_owned(), ..parse(table, &mut problems) };
    if problems.is_empty() {
        return Ok(config);
    }
    Err(ConfigProblems { origin: file.display().to_string(), problems })
}

fn read(file: &Path, must_exist: bool, problems: &mut Vec<Problem>) -> Table {
    let text = match std::fs::read_to_string(file) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && !must_exist => String::new(),
        Err(error) => {
            let message = format!("{} cannot be read: {error}", file.display());
            problems.push(Problem { key: String::new(), message });
            String::new()
        }
    };
    text.parse::<Table>().unwrap_or_else(|error| {
        problems.push(Problem { key: String::new(), message: format!("is not TOML: {error}") });
        Table::new()
    })
}

fn overlay(
    table: &mut Table,
    environment: impl Iterator<Item = (String, String)>,
    problems: &mut Vec<Problem>,
) {
    for (name, text) in environment {
        let Some(key) = name.strip_prefix(PREFIX) else { continue };
        if NOT_KEYS.contains(&name.as_str()) {
            continue;
        }
        let path: Vec<String> = key.split("__").map(str::to_lowercase).collect();
        if !set(table, &path, value_of(&text)) {
            let message = format!("{name} names a key inside of something that is no table");
            problems.push(Problem { key: path.join("."), message });
        }
    }
}

/// A variable's text as TOML where it is a number, a boolean, an array or a quoted string; as it
/// is otherwise.
fn value_of(text: &str) -> Value {
    let parsed = format!("v = {text}").parse::<Table>().ok();
    let value = parsed.and_then(|mut table| table.remove("v"));
    match value {
        Some(Value::Datetime(_)) | None => Value::String(text.to_owned()),
        Some(value) => value,
    }
}

fn set(table: &mut Table, path: &[String], value: Value) -> bool {
    let [first, rest @ ..] = path else { return false };
    if rest.is_empty() {
        table.insert(first.clone(), value);
        return true;
    }
    let inner = table.entry(first.clone()).or_insert_with(|| Value::Table(Table::new()));
    inner.as_table_mut().is_some_and(|inner| set(inner, rest, value))
}

fn parse(mut table: Table, problems: &mut Vec<Problem>) -> Config {
    let mut sections = Sections { table: &mut table, problems };
    let config = Config {
        file: PathBuf::new(),
        epoch: sections.take("epoch"),
        slot: sections.take("slot"),
        admin: sections.take("admin"),
        status: sections.take("status"),
        log: sections.take("log"),
        kafka: sections.take("kafka"),
        topics: sections.take("topics"),
        batch: sections.take("batch"),
        registry: sections.take("registry"),
        warehouse: sections.take("warehouse"),
        plans: sections.take("plans"),
        privacy: sections.take("privacy"),
        ingest: sections.take("ingest"),
        validate: sections.take("validate"),
        enrich: sections.take("enrich"),
        identity_stitch: sections.take("identity_stitch"),
        forward: sections.take("forward"),
        audit: sections.take("audit"),
        sources: sources(sections.take("sources"), sections.take("first_party"), sections.problems),
    };
    check_spool(&config, problems);
    check_first_party(&config, problems);
    check_json_properties(&config, problems);
    super::identities::check(&config, problems);
    super::warehouse_hosts::check(&config, problems);
    for key in table.keys() {
        let message = "no such section or key; `waybill check --example` prints them all";
        problems.push(Problem { key: key.clone(), message: message.to_owned() });
    }
    config
}

/// The section of a source does not see that of ingest.
fn check_spool(config: &Config, problems: &mut Vec<Problem>) {
    if config.ingest.spool_dir.is_some() {
        return;
    }
    for source in config.sources.sources().filter(|source| source.config.spool) {
        let message = "there is no folder for the spool: set `spool_dir` under [ingest] to one that \
                       survives a restart, such as \"/var/lib/waybill/spool\"";
        let key = format!("sources.{:?}.spool", source.id);
        problems.push(Problem { key, message: message.to_owned() });
    }
}

/// Nor that of the keys.
fn check_first_party(config: &Config, problems: &mut Vec<Problem>) {
    if !config.sources.first_party().keys.is_empty() {
        return;
    }
    let asks = |policy| policy != FirstPartyPolicy::Ignore;
    for source in config.sources.sources().filter(|source| asks(source.config.first_party)) {
        let message = "there is no key that could have signed an id: put one into `keys` under \
                       [first_party], or set \"ignore\"";
        let key = format!("sources.{:?}.first_party", source.id);
        problems.push(Problem { key, message: message.to_owned() });
    }
}

/// A slip here would leave the column empty without a word.
fn check_json_properties(config: &Config, problems: &mut Vec<Problem>) {
    for id in config.warehouse.json_properties.sources() {
        if config.sources.source(id).is_none() {
            let message = format!("names {id:?}, and there is no such source");
            problems.push(Problem { key: "warehouse.json_properties".to_owned(), message });
        }
    }
}

fn sources(
    written: Sources,
    first_party: FirstPartyConfig,
    problems: &mut Vec<Problem>,
) -> SourceCatalog {
    let catalog = SourceCatalog::new(written).unwrap_or_else(|found| {
        problems.extend(
            found
                .into_iter()
                .map(|problem| Problem { key: "sources".to_owned(), message: problem.to_string() }),
        );
        SourceCatalog::default()
    });
    catalog.with_first_party(first_party)
}

struct Sections<'a> {
    table: &'a mut Table,
    problems: &'a mut Vec<Problem>,
}

impl Sections<'_> {
    /// Takes a section out of the table. Each problem is noted and its key left out, until what
    /// is left can be read: so that all problems come to light at once.
    fn take<T: DeserializeOwned + Default>(&mut self, name: &str) -> T {
        let Some(mut value) = self.table.remove(name) else { return T::default() };
        loop {
            let error = match serde_path_to_error::deserialize(value.clone()) {
                Ok(section) => return section,
                Err(error) => error,
            };
            let message = error.inner().message().trim().to_owned();
            let mut path: Vec<String> = error
                .path()
                .iter()
                .filter_map(|segment| match segment {
                    serde_path_to_error::Segment::Map { key } => Some(key.clone()),
                    _ => None,
                })
                .collect();
            if let Some(unknown) = unknown_field(&message)
                && path.last().map(String::as_str) != Some(unknown)
            {
                path.push(unknown.to_owned());
            }
            let key = std::iter::once(name).chain(path.iter().map(String::as_str));
            let key = key.collect::<Vec<_>>().join(".");
            self.problems.push(Problem { key, message });
            if !remove(&mut value, &path) {
                return T::default();
            }
        }
    }
}

/// serde tells an unknown field only in its message.
fn unknown_field(message: &str) -> Option<&str> {
    message.strip_prefix("unknown field `")?.split('`').next()
}

fn remove(value: &mut Value, path: &[String]) -> bool {
    let [first, rest @ ..] = path else { return false };
    let Some(table) = value.as_table_mut() else { return false };
    if rest.is_empty() {
        return table.remove(first).is_some();
    }
    table.get_mut(first).is_some_and(|inner| remove(inner, rest))
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn loaded(text: &str, environment: &[(&str, &str)]) -> Result<Config, ConfigProblems> {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        let environment = environment.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
        load(file.path(), true, environment)
    }

    fn keys(found: &ConfigProblems) -> Vec<&str> {
        found.problems.iter().map(|problem| problem.key.as_str()).collect()
    }

    #[test]
    fn an_empty_file_gives_the_defaults() {
        let config = loaded("", &[]).unwrap();
        assert_eq!(config.topics, kafka_runtime::TopicSettings::default());
    }

    #[test]
    fn the_environment_overrides_the_file() {
        let environment =
            [("WAYBILL_KAFKA__BOOTSTRAP_SERVERS", "k:1"), ("WAYBILL_SLOT", "3"), ("PATH", "x")];
        let config = loaded("slot = 1", &environment).unwrap();
        assert_eq!((config.slot, config.kafka.bootstrap_servers.as_str()), (3, "k:1"));
    }

    #[test]
    fn every_problem_is_reported_at_once_with_its_key() {
        let text = "nonesuch = 1\nslot = -1\n[topics]\npartitions = \"six\"\nfoo = 1\nbar = 2\n[kafka]\nservers = 1";
        let found = loaded(text, &[("WAYBILL_ADMIN__LISTEN", "nowhere")]).unwrap_err();
        let keys = keys(&found);
        for key in [
            "nonesuch",
            "slot",
            "topics.partitions",
            "topics.foo",
            "topics.bar",
            "kafka.servers",
            "admin.listen",
        ] {
            assert!(keys.contains(&key), "{key} is not among {found}");
        }
    }

    #[test]
    fn a_source_with_a_spool_needs_a_folder_for_it() {
        let source = "[sources.\"server/kiosk\"]\nkind = \"server\"\nspool = true";
        let found = loaded(source, &[]).unwrap_err();
        assert_eq!(keys(&found), ["sources.\"server/kiosk\".spool"]);
        assert!(found.to_string().contains("`spool_dir` under [ingest]"), "{found}");
        let config = loaded(&format!("[ingest]\nspool_dir = \"/spool\"\n{source}"), &[]).unwrap();
        assert_eq!(config.ingest.spool_max_bytes, 1 << 30);
        assert!(loaded("[ingest]\nspool_dir = \"/spool\"", &[]).is_ok());
    }

    #[test]
    fn a_source_that_asks_for_first_party_ids_needs_a_key() {
        let source = |policy| {
            format!("[sources.\"server/api\"]\nkind = \"server\"\nfirst_party = \"{policy}\"")
        };
        for policy in ["prefer", "require"] {
            let found = loaded(&source(policy), &[]).unwrap_err();
            assert_eq!(keys(&found), ["sources.\"server/api\".first_party"]);
            assert!(found.to_string().contains("`keys` under [first_party]"), "{found}");
        }
        let key = "[first_party]\nkeys = [{ id = \"k1\", secret = \"01234567890123456789012345678901\" }]";
        let config = loaded(&format!("{key}\n{}", source("require")), &[]).unwrap();
        assert_eq!(config.sources.first_party().max_age_days, 400);
        assert!(loaded(&source("ignore"), &[]).is_ok());
        let unknown = loaded(&source("demand"), &[]).unwrap_err();
        assert!(unknown.to_string().contains("require"), "{unknown}");
    }

    #[test]
    fn the_clock_of_a_source_is_read_with_its_defaults_and_a_wrong_key_is_named() {
        let source =
            |clock| format!("[sources.\"server/api\"]\nkind = \"server\"\nclock = {{ {clock} }}");
        let config = loaded(&source("dead_band_s = 86400"), &[]).unwrap();
        let clock = config.sources.source("server/api").unwrap().config.clock;
        assert_eq!((clock.dead_band_s, clock.future_s, clock.old_days), (86_400, 86_400, 30));
        for (wrong, key) in [("dead_band = 5", "dead_band"), ("old_days = -1", "old_days")] {
            let found = loaded(&source(wrong), &[]).unwrap_err();
            assert!(found.to_string().contains(&format!("clock.{key}")), "{found}");
        }
    }

    #[test]
    fn properties_are_kept_as_json_for_all_sources_or_for_those_that_are_named_and_known() {
        use warehouse::JsonProperties;
        let source = "[sources.\"web/app\"]\nkind = \"browser\"\nwrite_keys = [\"wk\"]";
        let read = |value: &str| {
            let config = loaded(&format!("[warehouse]\njson_properties = {value}\n{source}"), &[]);
            config.map(|config| config.warehouse.json_properties)
        };
        assert_eq!(read("true").unwrap(), JsonProperties::All);
        assert_eq!(read("false").unwrap(), JsonProperties::None);
        assert_eq!(read("[]").unwrap(), JsonProperties::None);
        let named = JsonProperties::Sources(vec!["web/app".to_owned()]);
        assert_eq!(read("[\"web/app\"]").unwrap(), named);
        for (wrong, expected) in [
            ("[\"web/ap\"]", "names \"web/ap\", and there is no such source"),
            ("\"all\"", "expected true, false or a list of ids of sources"),
        ] {
            let found = read(wrong).unwrap_err();
            assert_eq!(keys(&found), ["warehouse.json_properties"]);
            assert!(found.to_string().contains(expected), "{found}");
        }
    }

    #[test]
    fn what_is_no_toml_says_where() {
        let found = loaded("[kafka\n", &[]).unwrap_err();
        assert!(found.to_string().contains("line 1"), "{found}");
    }

    #[test]
    fn a_file_asked_for_by_name_must_exist() {
        let missing = Path::new("/nonexistent/waybill.toml");
        assert!(load(missing, true, std::iter::empty()).is_err());
        assert!(load(missing, false, std::iter::empty()).is_ok());
    }
}
