//! What stands in a plan and is likely a slip. Each lint is a function of plans as they are written.

mod between;
mod business;
mod columns;
mod names;
mod people;
mod schemas;

use std::collections::BTreeSet;

use event::Millis;
use tracking_plan::plan::{PlanProblem, PlanSource};

/// A lint's word and one thing that it found.
pub(super) type Warning = (&'static str, PlanProblem);

type OfOne = fn(&PlanSource) -> Vec<PlanProblem>;

const OF_ONE: [(&str, OfOne); 16] = [
    ("no-description", people::undescribed),
    ("no-owner", people::unowned),
    ("deprecated", people::deprecated),
    ("naming-event", names::badly_named_events),
    ("naming-property", names::badly_named_properties),
    ("alike-events", names::alike_events),
    ("alike-properties", names::alike_properties),
    ("bare-schema", schemas::bare),
    ("unknown-required", schemas::unknown_required),
    ("no-type", schemas::untyped),
    ("open-schema", schemas::open_but_closed),
    ("types-differ", between::differing_types),
    ("unnamed-privacy-path", between::unnamed_privacy),
    ("unknown-consent-event", between::unknown_consent_events),
    ("seldom-business-key", business::seldom_there),
    ("unnamed-column", columns::unnamed),
];

/// Everything that the lints find in these plans, which can stand as they are. `now` tells which
/// versions are in force; `kept` is for how long raw events are, in milliseconds.
///
/// `configured` are the ids of the sources, where a configuration is at hand.
pub(super) fn all(
    sources: &[PlanSource],
    configured: &BTreeSet<&str>,
    now: Millis,
    kept: Option<Millis>,
) -> Vec<Warning> {
    let mut warnings = Vec::new();
    for source in sources {
        for (word, lint) in OF_ONE {
            warnings.extend(lint(source).into_iter().map(|problem| (word, problem)));
        }
    }
    let unknown = business::of_unknown_sources(sources, configured).into_iter();
    warnings.extend(unknown.map(|problem| ("unknown-source", problem)));
    let collisions = between::collisions(sources).into_iter();
    warnings.extend(collisions.map(|problem| ("collision", problem)));
    let superseded = between::superseded(sources, now, kept).into_iter();
    warnings.extend(superseded.map(|problem| ("superseded", problem)));
    warnings
}

/// What a lint finds in a plan of this text, as lines.
#[cfg(test)]
fn told(lint: OfOne, text: &str) -> Vec<String> {
    let source = PlanSource::read("p", &format!("plan: p\nversion: 1\n{text}")).unwrap();
    lint(&source).iter().map(ToString::to_string).collect()
}
