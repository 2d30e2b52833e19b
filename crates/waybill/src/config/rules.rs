//! What events are judged by beside their source's table: plans, keys and lists in files of their own.

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde::Deserialize;
use tracking_plan::{
    Rules, SourceCatalog,
    plan::{HashKey, PlanSet, SuppressionList},
};

use super::{Config, ConfigProblems, Problem, business_keys};
use crate::commands::times::now;

/// Section `[plans]`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PlansConfig {
    /// Folder of the tracking plans: each file `*.yaml` in it is a version of one.
    pub dir: Option<PathBuf>,
}

/// Section `[privacy]`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PrivacyConfig {
    /// The key of the hashes that plans ask for. With another one, the same value has another hash.
    pub hash_key: Option<HashKey>,
    /// File of ids whose events are discarded: `user_id 4711` or `anonymous_id …`, one a line.
    pub suppression_file: Option<PathBuf>,
}

impl Config {
    /// The sources with the rules that their events are judged by, read from the files.
    pub fn judged_sources(&self) -> Result<SourceCatalog, ConfigProblems> {
        self.rules()
            .and_then(|rules| {
                self.sources.clone().with_rules(rules).map_err(|found| {
                    let told =
                        |problem: tracking_plan::ConfigProblem| problem_of("", problem.to_string());
                    found.into_iter().map(told).collect()
                })
            })
            .and_then(|catalog| {
                let window = self.identity_stitch.window_days;
                let problems = business_keys::problems(&catalog, window, now());
                if problems.is_empty() { Ok(catalog) } else { Err(problems) }
            })
            .map_err(|problems| ConfigProblems {
                origin: self.file.display().to_string(),
                problems,
            })
    }

    /// The tracking plans, whatever else the sources are judged by.
    pub fn tracking_plans(&self) -> Result<PlanSet, ConfigProblems> {
        let mut problems = Vec::new();
        let plans = read_plans(&self.plans, &mut problems);
        if problems.is_empty() {
            return Ok(plans);
        }
        Err(ConfigProblems { origin: self.file.display().to_string(), problems })
    }

    /// The enrichments that the configuration asks for, with their databases read from the files.
    pub fn enrichments(&self) -> Result<enrich::Opened, ConfigProblems> {
        enrich::open(&self.enrich).map_err(|found| {
            let told = |problem: enrichment::SettingsProblem| problem_of("", problem.to_string());
            let problems = found.into_iter().map(told).collect();
            ConfigProblems { origin: self.file.display().to_string(), problems }
        })
    }

    fn rules(&self) -> Result<Rules, Vec<Problem>> {
        let mut problems = Vec::new();
        let plans = read_plans(&self.plans, &mut problems);
        let suppressed = read_suppressed(&self.privacy, &mut problems);
        let rules = Rules { plans, hash_key: self.privacy.hash_key.clone(), suppressed };
        if problems.is_empty() { Ok(rules) } else { Err(problems) }
    }
}

fn problem_of(key: &str, message: String) -> Problem {
    Problem { key: key.to_owned(), message }
}

fn read_plans(config: &PlansConfig, problems: &mut Vec<Problem>) -> PlanSet {
    let Some(dir) = &config.dir else { return PlanSet::default() };
    let files = match plan_files(dir) {
        Ok(files) => files,
        Err(message) => {
            problems.push(problem_of("plans.dir", message));
            return PlanSet::default();
        }
    };
    PlanSet::read(&files).unwrap_or_else(|found| {
        problems.extend(found.iter().map(|problem| problem_of("", problem.to_string())));
        PlanSet::default()
    })
}

/// The files of a folder that end in `.yaml` or `.yml`, in the order of their names, with their texts.
pub fn plan_files(dir: &Path) -> Result<Vec<(String, String)>, String> {
    let unread = |path: &Path, error| format!("{} cannot be read: {error}", path.display());
    let entries = fs::read_dir(dir).map_err(|error| unread(dir, error))?;
    let mut paths = Vec::new();
    for entry in entries {
        let path = entry.map_err(|error| unread(dir, error))?.path();
        let is_plan = path.extension().is_some_and(|ext| ext == "yaml" || ext == "yml");
        if is_plan && path.is_file() {
            paths.push(path);
        }
    }
    paths.sort();
    let read = |path: PathBuf| match fs::read_to_string(&path) {
        Ok(text) => Ok((path.display().to_string(), text)),
        Err(error) => Err(unread(&path, error)),
    };
    paths.into_iter().map(read).collect()
}

fn read_suppressed(config: &PrivacyConfig, problems: &mut Vec<Problem>) -> SuppressionList {
    let Some(file) = &config.suppression_file else { return SuppressionList::default() };
    let list = fs::read_to_string(file)
        .map_err(|error| format!("{} cannot be read: {error}", file.display()))
        .and_then(|text| SuppressionList::read(&text).map_err(|error| error.to_string()));
    list.unwrap_or_else(|message| {
        problems.push(problem_of("privacy.suppression_file", message));
        SuppressionList::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(files: &[(&str, &str)], sources: &str) -> (tempfile::TempDir, Config) {
        let dir = tempfile::tempdir().unwrap();
        for (name, text) in files {
            fs::write(dir.path().join(name), text).unwrap();
        }
        let file = dir.path().join("waybill.toml");
        let list = dir.path().join("erased");
        let text = format!(
            "[plans]\ndir = {:?}\n[privacy]\nsuppression_file = {list:?}\n{sources}",
            dir.path()
        );
        fs::write(&list, "user_id u-1\n").unwrap();
        fs::write(&file, text).unwrap();
        let config = super::super::load(&file, true, std::iter::empty()).unwrap();
        (dir, config)
    }

    const SHOP: &str = "[sources.\"server/shop\"]\nkind = \"server\"\nplan = \"shop\"\n";

    #[test]
    fn a_sources_plan_is_found_in_the_folder() {
        let files = [("shop.yaml", "plan: shop\nversion: 1\n"), ("notes.txt", "no plan")];
        let (_dir, config) = config(&files, SHOP);
        let catalog = config.judged_sources().unwrap();
        assert!(catalog.plans().has("shop"));
        assert_eq!(catalog.suppressed().len(), 1);
    }

    #[test]
    fn what_is_wrong_is_told_with_file_and_line() {
        for (files, expected) in [
            (vec![("shop.yaml", "plan: shop\nversion: 1\nevnets: {}\n")], "shop.yaml:3: /evnets"),
            (vec![("b.yaml", "plan: b\nversion: 1\n")], "there is no plan \"shop\"; there are: b"),
            (vec![], "set `dir` under [plans]"),
            (
                vec![(
                    "shop.yaml",
                    "plan: shop\nversion: 1\nevents: {A: {business_key: {property: /properties/id, sources: [server/shop], window_days: 8}}}\n",
                )],
                "identity_stitch.window_days: is 7, and plan shop@1 asks for 8 days",
            ),
            (
                vec![(
                    "shop.yaml",
                    "plan: shop\nversion: 1\nprivacy: [{path: /traits/email, do: hash}]\n",
                )],
                "privacy.hash_key: plan shop@1 hashes",
            ),
        ] {
            let (_dir, config) = config(&files, SHOP);
            let problems = config.judged_sources().unwrap_err().to_string();
            assert!(problems.contains(expected), "{problems}");
        }
    }

    #[test]
    fn a_database_of_addresses_that_is_not_there_is_told_with_its_key() {
        let (_dir, config) = config(&[], "[enrich.geo]\ncity = \"/nonexistent/city.mmdb\"\n");
        let problems = config.enrichments().err().unwrap().to_string();
        let told = "enrich.geo.city: /nonexistent/city.mmdb is not there; ";
        assert!(problems.contains(told), "{problems}");
    }

    #[test]
    fn a_folder_that_is_not_there_is_a_problem() {
        let plans = PlansConfig { dir: Some("/nonexistent/plans".into()) };
        let config = Config { plans, ..Config::default() };
        let problems = config.judged_sources().unwrap_err().to_string();
        assert!(problems.contains("plans.dir: /nonexistent/plans cannot be read"), "{problems}");
    }
}
