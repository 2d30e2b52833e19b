//! `waybill plan check`: what is wrong in plans, or likely a slip.

use std::{collections::BTreeSet, path::PathBuf};

use event::Millis;
use serde::Serialize;
use topology::{Cleanup, Topic};
use tracking_plan::plan::{PlanProblem, PlanSet, PlanSource};

use super::{Unusable, files, lint};
use crate::{Exit, cli::CheckPlansArgs, commands::times::now, config::Config, output};

const MS_PER_HOUR: Millis = 3_600_000;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
enum Severity {
    /// Waybill would not take the plan.
    Error,
    /// Likely a slip.
    Warning,
}

impl Severity {
    const fn word(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

/// One thing that was found.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
struct Told {
    file: String,
    line: Option<usize>,
    severity: Severity,
    /// The lint's word; `invalid` for an error.
    lint: &'static str,
    text: String,
}

/// Reads the plans; tells all that was found.
pub(super) fn run(arguments: &CheckPlansArgs, config: &Config) -> anyhow::Result<Exit> {
    let texts = files::texts(&paths(arguments, config)?)?;
    let configured = config.sources.sources().map(|source| source.id.as_str()).collect();
    let found = examine(&texts, &configured, now());
    if arguments.json {
        output::json(&found)?;
    } else {
        output::text(&described(&found, texts.len()));
    }
    let fails = |told: &Told| arguments.strict || told.severity == Severity::Error;
    Ok(if found.iter().any(fails) { Exit::Failed } else { Exit::Done })
}

fn paths(arguments: &CheckPlansArgs, config: &Config) -> Result<Vec<PathBuf>, Unusable> {
    if !arguments.paths.is_empty() {
        return Ok(arguments.paths.clone());
    }
    let dir = config.plans.dir.clone().ok_or_else(|| {
        Unusable("there is no plan to check: name files, or set `dir` under [plans]".to_owned())
    })?;
    Ok(vec![dir])
}

/// Everything that is wrong, by file and line; and what the lints find in the files that can be read.
fn examine(texts: &[(String, String)], configured: &BTreeSet<&str>, now: Millis) -> Vec<Told> {
    let errors = PlanSet::read(texts).err().unwrap_or_default();
    let mut found: Vec<Told> =
        errors.into_iter().map(|it| told(it, Severity::Error, "invalid")).collect();
    let read = texts.iter().filter_map(|(file, text)| PlanSource::read(file, text).ok());
    let sources: Vec<PlanSource> = read.collect();
    let warnings = lint::all(&sources, configured, now, kept()).into_iter();
    found.extend(warnings.map(|(word, it)| told(it, Severity::Warning, word)));
    found.sort();
    found
}

/// For how long raw events are kept, in milliseconds.
fn kept() -> Option<Millis> {
    match Topic::RawEvents.spec().cleanup {
        Cleanup::DeleteAfterHours(hours) => Some(Millis::from(hours) * MS_PER_HOUR),
        _ => None,
    }
}

fn told(problem: PlanProblem, severity: Severity, lint: &'static str) -> Told {
    Told { file: problem.file, line: problem.line, severity, lint, text: problem.text }
}

fn described(found: &[Told], files: usize) -> String {
    let mut lines: Vec<String> = found.iter().map(line).collect();
    let count = |severity| found.iter().filter(|told| told.severity == severity).count();
    let (errors, warnings) = (count(Severity::Error), count(Severity::Warning));
    lines.push(format!("files: {files}, errors: {errors}, warnings: {warnings}"));
    lines.join("\n")
}

fn line(told: &Told) -> String {
    let at = told.line.map(|line| format!(":{line}")).unwrap_or_default();
    format!("{}{at}: {}: {} [{}]", told.file, told.severity.word(), told.text, told.lint)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<Told> {
        examine(&[("shop.yaml".to_owned(), text.to_owned())], &BTreeSet::new(), 0)
    }

    #[test]
    fn a_problem_is_an_error_with_file_and_line() {
        let told = described(&found("plan: shop\nversion: 1\nevnets: {}\n"), 1);
        assert!(told.starts_with("shop.yaml:3: error: /evnets: unknown field"), "{told}");
        assert!(told.ends_with("files: 1, errors: 1, warnings: 0"), "{told}");
    }

    #[test]
    fn a_plan_that_can_stand_is_read_for_slips_and_one_that_cannot_too() {
        let slips = "plan: shop\nversion: 1\nowner: ada\nevents:\n  A: {}\n";
        let told = described(&found(slips), 1);
        assert!(told.contains("shop.yaml:5: warning: /events/A: has no `description`"), "{told}");
        let both = format!("{slips}privacy: [{{path: email, do: drop}}]\n");
        let severities: Vec<Severity> = found(&both).iter().map(|told| told.severity).collect();
        assert_eq!(severities, [Severity::Warning, Severity::Error]);
    }

    #[test]
    fn raw_events_are_kept_for_a_known_time() {
        assert_eq!(kept(), Some(14 * 24 * MS_PER_HOUR));
    }
}
