//! `waybill plan diff`: which changes would stop events that pass today.

mod business;
mod change;
mod columns;
mod context;
mod events;
mod limits;
mod members;
mod plans;
mod sample;
mod schema;

use std::path::Path;

use serde::Serialize;
use tracking_plan::plan::{PlanDocument, PlanSet, PlanSource};

use self::{
    change::{Change, Changes, Class},
    sample::Replayed,
};
use super::{
    Unusable, files,
    replay::{self, Court, Setting},
};
use crate::{Exit, cli::DiffPlansArgs, commands::times::now, config::Config, output};

/// What changed, as it is told.
#[derive(Debug, Serialize)]
struct Difference {
    old: String,
    new: String,
    changes: Vec<Told>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sample: Option<Replayed>,
}

/// A change with the line of the new file that is nearest to it.
#[derive(Debug, Serialize)]
struct Told {
    #[serde(flatten)]
    change: Change,
    line: Option<usize>,
}

/// A plan that was read.
struct Read {
    source: PlanSource,
    plans: PlanSet,
}

/// Compares two files; with a sample also their verdicts on its events.
pub(super) fn run(arguments: &DiffPlansArgs, config: &Config) -> anyhow::Result<Exit> {
    let old = read(&arguments.old)?;
    let new = read(&arguments.new)?;
    let [was, is] = [&old.source.document, &new.source.document];
    let told = compare(was, is).into_iter().map(|change| {
        let line = new.source.problem(&change.at, "").line;
        Told { change, line }
    });
    let changes = told.collect();
    let ids = [&old.plans, &new.plans].map(id);
    if ids[0] == ids[1] && was != is {
        output::progress(&format!("both are {}: give the new one a version of its own", ids[0]));
    }
    let sample = match &arguments.sample {
        Some(file) => Some(replayed(old.plans, new.plans, file, arguments, config)?),
        None => None,
    };
    let [old, new] = ids;
    let difference = Difference { old, new, changes, sample };
    if arguments.json {
        output::json(&difference)?;
    } else {
        output::text(&described(&difference));
    }
    Ok(if fails(&difference, arguments.strict) { Exit::Failed } else { Exit::Done })
}

fn read(path: &Path) -> Result<Read, Unusable> {
    let file = (path.display().to_string(), files::text(path)?);
    let source =
        PlanSource::read(&file.0, &file.1).map_err(|problem| Unusable(problem.to_string()))?;
    Ok(Read { source, plans: replay::plan(file)? })
}

fn id(plans: &PlanSet) -> String {
    plans.versions().map(|plan| plan.id().to_owned()).next().unwrap_or_default()
}

/// Every difference that may matter to events, the worst first.
fn compare(old: &PlanDocument, new: &PlanDocument) -> Vec<Change> {
    let mut changes = Changes::default();
    plans::compare(old, new, &mut changes);
    events::compare(old, new, &mut changes);
    changes.all.sort();
    changes.all.dedup();
    changes.all
}

fn replayed(
    old: PlanSet,
    new: PlanSet,
    events: &Path,
    arguments: &DiffPlansArgs,
    config: &Config,
) -> anyhow::Result<Replayed> {
    let now = now();
    // The same moment for both, so that only the versions differ.
    let at = replay::moment(&old, now).max(replay::moment(&new, now));
    let key = config.privacy.hash_key.clone();
    let setting = Setting { kind: arguments.kind, at, key };
    let [old, new] = [Court::new(old, &setting)?, Court::new(new, &setting)?];
    Ok(Replayed::new(&old.judge_file(events)?, &new.judge_file(events)?))
}

fn fails(difference: &Difference, strict: bool) -> bool {
    let bad = |told: &Told| match told.change.class {
        Class::Breaking => true,
        Class::Unknown => strict,
        Class::Safe => false,
    };
    let stopped = difference.sample.as_ref().is_some_and(|sample| !sample.stopped.is_empty());
    stopped || difference.changes.iter().any(bad)
}

fn described(difference: &Difference) -> String {
    let Difference { old, new, changes, sample } = difference;
    let mut lines: Vec<String> = changes.iter().map(line).collect();
    let count = |class| changes.iter().filter(|told| told.change.class == class).count();
    let counts = Class::ALL.map(|class| format!("{} {}", count(class), class.word()));
    lines.push(format!("{old} → {new}: {}", counts.join(", ")));
    lines.extend(sample.as_ref().map(Replayed::described));
    lines.join("\n")
}

fn line(told: &Told) -> String {
    let Change { class, at, text } = &told.change;
    let line = told.line.map(|line| format!(" (line {line})")).unwrap_or_default();
    format!("{}: {at}{line}: {text}", class.word())
}

#[cfg(test)]
mod schema_tests;
#[cfg(test)]
mod soundness_tests;
#[cfg(test)]
#[path = "diff_tests.rs"]
mod tests;
