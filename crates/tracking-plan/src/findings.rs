//! What is wrong with one event, gathered so that its sender hears everything at once.

use event::Finding;
use pipeline::{RejectReason, Rejected};

use crate::plan::{OnViolation, finding::Found};

/// Most findings that one event is told of; beyond them only their number.
const MOST: usize = 20;

/// What rules found. Holds names, rules and types only, never values: what it says stands in dead
/// letters and logs.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    found: Vec<Found>,
}

impl Findings {
    /// The type requires this field (a path such as `/event`) and it is absent.
    pub(crate) fn missing(&mut self, field: &'static str) {
        let found = Found::new(RejectReason::MissingField, field, "is missing");
        self.found.push(Found { actual: Some("nothing"), ..found });
    }

    /// The value of this field breaks this rule, such as `is longer than 100 characters`.
    pub(crate) fn invalid(&mut self, field: &'static str, rule: &'static str) {
        self.found.push(Found::new(RejectReason::InvalidField, field, rule));
    }

    /// Adds what a plan found.
    pub(crate) fn extend(&mut self, found: Vec<Found>) {
        self.found.extend(found);
    }

    /// Notes this where nothing is known of its place: one thing is told once.
    pub(crate) fn note(&mut self, found: Found) {
        if self.found.iter().all(|other| other.pointer != found.pointer) {
            self.found.push(found);
        }
    }

    /// What is flagged; or the rejection, if anything rejects, which names every finding.
    pub(crate) fn judged(self, plan: Option<&str>) -> Result<Vec<Finding>, Rejected> {
        let (mut rejecting, flagged) = split(self.found);
        if rejecting.is_empty() {
            return Ok(told(flagged, "flag", plan).take(MOST).collect());
        }
        rejecting.sort_by_key(|found| found.reason);
        let reason = rejecting[0].reason;
        let all = rejecting.len();
        let findings: Vec<Finding> =
            told(rejecting, "reject", plan).chain(told(flagged, "flag", plan)).take(MOST).collect();
        let detail = detail(&findings, all);
        let plan_version = plan.map(str::to_owned);
        Err(Rejected { findings, plan_version, ..Rejected::new(reason, detail) })
    }

    /// What rejects, as what a version of the plan would reject that does not hold yet.
    pub(crate) fn would_reject(self, plan: &str) -> Vec<Finding> {
        told(split(self.found).0, "would-reject", Some(plan)).take(MOST).collect()
    }
}

fn split(found: Vec<Found>) -> (Vec<Found>, Vec<Found>) {
    found.into_iter().partition(|found| found.on_violation == OnViolation::Reject)
}

fn told(found: Vec<Found>, outcome: &str, plan: Option<&str>) -> impl Iterator<Item = Finding> {
    let of_plan = move |found: &Found| {
        let of_everybody = [RejectReason::MissingField, RejectReason::InvalidField];
        plan.filter(|_| !of_everybody.contains(&found.reason))
    };
    found.into_iter().map(move |found| {
        let plan = of_plan(&found);
        found.told(outcome, plan)
    })
}

/// One sentence for a person.
fn detail(findings: &[Finding], all: usize) -> String {
    let rejecting = findings.iter().filter(|finding| finding.outcome == "reject");
    let mut texts: Vec<String> = rejecting.map(ToString::to_string).collect();
    if all > texts.len() {
        texts.push(format!("and {} more", all - texts.len()));
    }
    texts.join("; ")
}
