//! All plans, each as a sequence of versions.

use std::collections::{BTreeMap, BTreeSet};

use event::Millis;

use super::{
    compile::Plan,
    read::{PlanProblem, PlanSource},
};

/// For how long after they were read the plans are known to be all, in milliseconds: nothing that is
/// read later may change what holds before. Every instance reads them far more often.
pub const NOTICE: Millis = 60_000;

/// All plans. An event is judged by the version that is in force at its append time, so every
/// instance judges it alike, and so does whoever judges it again.
#[derive(Debug, Clone, Default)]
pub struct PlanSet {
    plans: BTreeMap<String, Vec<Plan>>,
}

impl PlanSet {
    /// Reads and compiles files, given as name and text; or tells everything that is wrong.
    pub fn read(files: &[(String, String)]) -> Result<Self, Vec<PlanProblem>> {
        let mut set = Self::default();
        let mut problems = Vec::new();
        for (file, text) in files {
            let compiled = PlanSource::read(file, text)
                .map_err(|problem| vec![problem])
                .and_then(|source| Ok((Plan::compile(&source)?, source)));
            match compiled {
                Ok((plan, source)) => {
                    problems.extend(plan.column_conflicts(&source, set.versions()));
                    set.add(plan, &source, &mut problems);
                }
                Err(wrong) => problems.extend(wrong),
            }
        }
        if problems.is_empty() { Ok(set) } else { Err(problems) }
    }

    fn add(&mut self, plan: Plan, source: &PlanSource, problems: &mut Vec<PlanProblem>) {
        let versions = self.plans.entry(plan.name.clone()).or_default();
        if versions.iter().any(|other| other.id == plan.id) {
            let text =
                format!("another file is {} too; give this one a version of its own", plan.id);
            problems.push(source.problem("/version", text));
        } else if versions.iter().any(|other| other.effective_from == plan.effective_from) {
            let text = "another version of the plan holds from the same time";
            problems.push(source.problem("/effective_from", text));
        }
        let at = versions.partition_point(|other| other.effective_from < plan.effective_from);
        versions.insert(at, plan);
    }

    /// Whether there is a plan of this name.
    pub fn has(&self, name: &str) -> bool {
        self.plans.contains_key(name)
    }

    /// How many plans there are.
    pub fn len(&self) -> usize {
        self.plans.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.plans.is_empty()
    }

    /// Every version of every plan.
    pub fn versions(&self) -> impl Iterator<Item = &Plan> {
        self.plans.values().flatten()
    }

    /// The version in force for an event appended then.
    pub fn in_force(&self, name: &str, appended_at: Millis) -> Option<&Plan> {
        let versions = self.plans.get(name)?;
        versions
            .iter()
            .rev()
            .find(|plan| plan.effective_from.is_none_or(|from| from <= appended_at))
    }

    /// The versions that hold for events appended then or later, of every plan.
    pub fn holding_from(&self, appended_at: Millis) -> impl Iterator<Item = &Plan> {
        self.plans.values().flat_map(move |versions| {
            let over = |plan: &&Plan| plan.effective_from.is_none_or(|from| from <= appended_at);
            let held = versions.iter().filter(over).count();
            versions.iter().skip(held.saturating_sub(1))
        })
    }

    /// The version that comes next: it is observed before it holds.
    pub fn coming(&self, name: &str, appended_at: Millis) -> Option<&Plan> {
        let versions = self.plans.get(name)?;
        versions.iter().find(|plan| plan.effective_from.is_some_and(|from| from > appended_at))
    }

    /// What keeps these plans from following `former` while instances run: for events appended up to
    /// `judged`, which may have been judged by the former ones, they must be the same.
    pub fn changes_before(&self, former: &Self, judged: Millis) -> Vec<String> {
        let names: BTreeSet<&String> = self.plans.keys().chain(former.plans.keys()).collect();
        let differ = |name: &&String| !same(self.until(name, judged), former.until(name, judged));
        names.into_iter().filter(differ).map(|name| changed_too_soon(name, judged)).collect()
    }

    fn until(&self, name: &str, last: Millis) -> impl Iterator<Item = &Plan> {
        let versions = self.plans.get(name).map(Vec::as_slice).unwrap_or_default();
        versions.iter().filter(move |plan| plan.effective_from.is_none_or(|from| from <= last))
    }
}

fn changed_too_soon(name: &str, judged: Millis) -> String {
    let from = jiff::Timestamp::from_millisecond(judged.saturating_add(2 * NOTICE));
    let from = from.unwrap_or_default().strftime("%Y-%m-%dT%H:%M:%SZ");
    format!(
        "plan {name}: what holds already would change, and instances would judge the same event \
         differently; leave the file as it was and give the change a file of its own with another \
         version and `effective_from: {from}` or later, or stop all instances of validate and \
         start them again"
    )
}

fn same<'a>(ours: impl Iterator<Item = &'a Plan>, theirs: impl Iterator<Item = &'a Plan>) -> bool {
    let (ours, theirs): (Vec<&Plan>, Vec<&Plan>) = (ours.collect(), theirs.collect());
    ours.len() == theirs.len() && ours.iter().zip(&theirs).all(|(one, other)| one.is_same(other))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(version: u32, from: Option<&str>, more: &str) -> (String, String) {
        let from = from.map(|from| format!("effective_from: {from}\n")).unwrap_or_default();
        (format!("shop.{version}.yaml"), format!("plan: shop\nversion: {version}\n{from}{more}"))
    }

    fn millis(text: &str) -> Millis {
        text.parse::<jiff::Timestamp>().unwrap().as_millisecond()
    }

    const JUNE: &str = "2026-06-01T00:00:00Z";

    #[test]
    fn a_version_is_in_force_from_its_time_until_the_next_ones() {
        let set = PlanSet::read(&[file(2, Some(JUNE), ""), file(1, None, "")]).unwrap();
        let at = |time: Millis| {
            let id = |plan: Option<&Plan>| plan.map(|plan| plan.id().to_owned());
            (id(set.in_force("shop", time)), id(set.coming("shop", time)))
        };
        let june = millis(JUNE);
        assert_eq!(at(june - 1), (Some("shop@1".to_owned()), Some("shop@2".to_owned())));
        assert_eq!(at(june), (Some("shop@2".to_owned()), None));
        assert!(set.in_force("other", june).is_none());
        let later = PlanSet::read(&[file(2, Some(JUNE), "")]).unwrap();
        assert!(later.in_force("shop", june - 1).is_none());
    }

    #[test]
    fn two_versions_of_one_number_or_one_time_are_refused() {
        for (files, expected) in [
            ([file(1, None, ""), file(1, Some(JUNE), "")], "shop@1 too"),
            ([file(1, None, ""), file(2, None, "")], "from the same time"),
        ] {
            let problems = PlanSet::read(&files).unwrap_err();
            assert!(problems[0].to_string().contains(expected), "{problems:?}");
        }
    }

    #[test]
    fn what_may_have_been_judged_already_stays_as_it_was_but_words_for_people_may_change() {
        let judged = millis(JUNE) - 1;
        let old = PlanSet::read(&[file(1, None, "description: a\n")]).unwrap();
        let allowed = [
            vec![file(1, None, "description: b\n")],
            vec![file(1, None, ""), file(2, Some(JUNE), "unplanned_events: reject\n")],
        ];
        for files in allowed {
            let new = PlanSet::read(&files).unwrap();
            assert_eq!(new.changes_before(&old, judged), Vec::<String>::new(), "{files:?}");
        }
        let refused = [
            vec![],
            vec![file(1, None, "unplanned_events: reject\n")],
            vec![file(2, None, "")],
            vec![file(1, None, ""), file(2, Some("2026-05-31T23:59:59Z"), "")],
        ];
        for files in refused {
            let new = PlanSet::read(&files).unwrap();
            let problems = new.changes_before(&old, judged);
            assert_eq!(problems.len(), 1, "{files:?}");
            assert!(problems[0].contains("effective_from: 2026-06-01T00:01:59Z"), "{problems:?}");
        }
    }
}
