//! Judges events of a file by one version of a plan, with the rules of validate.

use std::{collections::BTreeMap, path::Path};

use event::{Finding, Millis, RawEvent};
use pipeline::Verdict;
use serde::Serialize;
use tracking_plan::{
    Rules, SourceCatalog, SourceConfig, SourceKind, clean,
    plan::{HashKey, PlanSet},
};

use super::{Unusable, files};
use crate::{
    commands::{
        lines::{self, Line},
        times::utc,
    },
    outcome::Outcome,
};

/// The source that events are taken for.
const SOURCE: &str = "plan/test";
/// Stands in for the key of hashes where none is configured: as long as one, and no secret.
const STAND_IN_KEY: &str = "stand-in key of waybill plan test";

/// An event and what came of it.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Judged {
    /// Line in the file, counted from 1.
    pub(super) line: usize,
    /// The name, else the type.
    pub(super) event: Option<String>,
    pub(super) verdict: Outcome,
    /// Why it does not go on, in one word.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) reason: Option<&'static str>,
    /// The same for a person.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) detail: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) findings: Vec<Finding>,
    /// What is noted of it and is no finding.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) flags: Vec<String>,
    /// What is taken out of it, or made unreadable.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) removed: Vec<String>,
}

/// One version of a plan and all else that the verdict depends on.
#[derive(Debug)]
pub(super) struct Court {
    catalog: SourceCatalog,
    /// Append time of every event.
    at: Millis,
}

/// How events are judged beside the plan.
#[derive(Debug, Clone)]
pub(super) struct Setting {
    pub(super) kind: SourceKind,
    /// Append time.
    pub(super) at: Millis,
    pub(super) key: Option<HashKey>,
}

impl Court {
    /// By these plans, of which there is one.
    pub(super) fn new(plans: PlanSet, setting: &Setting) -> anyhow::Result<Self> {
        let name = plans.versions().next().map(|plan| plan.name().to_owned());
        let config: SourceConfig = serde_json::from_value(serde_json::json!({
            "kind": setting.kind.word(), "plan": name, "write_keys": [SOURCE],
        }))?;
        let stand_in = || HashKey::try_from(STAND_IN_KEY.to_owned()).map_err(Unusable);
        let hash_key = Some(setting.key.clone().map_or_else(stand_in, Ok)?);
        let rules = Rules { plans, hash_key, ..Rules::default() };
        let catalog = SourceCatalog::new([(SOURCE.to_owned(), config)].into())
            .and_then(|catalog| catalog.with_rules(rules))
            .map_err(|problems| Unusable(told(&problems)))?;
        Ok(Self { catalog, at: setting.at })
    }

    /// The verdict on each event of a file. Without one nothing was tried, which is not fine.
    pub(super) fn judge_file(&self, file: &Path) -> Result<Vec<Judged>, Unusable> {
        let judged = self.judge(&files::text(file)?);
        if judged.is_empty() {
            return Err(Unusable(format!("{} has no event: write one a line", file.display())));
        }
        Ok(judged)
    }

    /// The verdict on each line.
    pub(super) fn judge(&self, text: &str) -> Vec<Judged> {
        let lines = lines::read(text, SOURCE, &utc(self.at));
        lines.into_iter().map(|line| self.judge_line(line)).collect()
    }

    fn judge_line(&self, line: Line) -> Judged {
        match line.event {
            Ok(event) => self.judge_event(line.number, event),
            Err(detail) => Judged {
                verdict: Outcome::Reject,
                reason: Some("unreadable"),
                detail: Some(detail),
                ..Judged::new(line.number, None)
            },
        }
    }

    fn judge_event(&self, line: usize, event: RawEvent) -> Judged {
        let called = event.event.clone().or_else(|| event.kind.clone());
        let judged = Judged::new(line, called);
        match clean(event, self.at, &self.catalog) {
            Verdict::Emit(event) => {
                let facts = event.validation;
                let clean = facts.findings.is_empty();
                let verdict = if clean { Outcome::Pass } else { Outcome::Flag };
                let (findings, flags, removed) = (facts.findings, facts.flags, facts.removed);
                Judged { verdict, findings, flags, removed, ..judged }
            }
            Verdict::Discard(discarded) => Judged {
                verdict: Outcome::Discard,
                reason: Some(discarded.reason.word()),
                detail: Some(discarded.detail),
                ..judged
            },
            Verdict::Reject(rejected) => Judged {
                verdict: Outcome::Reject,
                reason: Some(rejected.reason.word()),
                detail: Some(rejected.detail),
                findings: rejected.findings,
                ..judged
            },
        }
    }
}

impl Judged {
    const fn new(line: usize, event: Option<String>) -> Self {
        Self {
            line,
            event,
            verdict: Outcome::Pass,
            reason: None,
            detail: None,
            findings: Vec::new(),
            flags: Vec::new(),
            removed: Vec::new(),
        }
    }
}

/// How many of each outcome, in words.
pub(super) fn counted(judged: &[Judged]) -> String {
    let mut counts: BTreeMap<Outcome, usize> =
        Outcome::ALL.into_iter().map(|outcome| (outcome, 0)).collect();
    for one in judged {
        *counts.entry(one.verdict).or_default() += 1;
    }
    let words = |(outcome, count): (&Outcome, &usize)| format!("{count} {}", outcome.word());
    counts.iter().map(words).collect::<Vec<_>>().join(", ")
}

fn told(problems: &[impl std::fmt::Display]) -> String {
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

/// The one plan in a file; or what is wrong with it.
pub(super) fn plan(file: (String, String)) -> Result<PlanSet, Unusable> {
    PlanSet::read(&[file]).map_err(|problems| Unusable(told(&problems)))
}

/// When events are judged by a plan that somebody tries out: now, or as soon as it holds.
pub(super) fn moment(plans: &PlanSet, now: Millis) -> Millis {
    let from = plans.versions().filter_map(tracking_plan::plan::Plan::effective_from).max();
    from.map_or(now, |from| from.max(now))
}
