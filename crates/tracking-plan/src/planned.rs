//! The part of the verdict that the source's tracking plan has.

use event::{BusinessKey, Finding, Millis};
use pipeline::{DiscardReason, Discarded};

use crate::{
    Source, SourceCatalog,
    clean::Parts,
    event_type::EventType,
    findings::Findings,
    plan::{Denied, Plan, Removal, Subject, apply, finding::Found},
};

/// What a plan adds to the facts of an event that it lets pass.
#[derive(Debug, Default)]
pub(crate) struct Planned {
    /// Plan and version in force.
    pub(crate) plan_version: Option<String>,
    /// What the version to come would reject.
    pub(crate) would_reject: Vec<Finding>,
    pub(crate) removed: Vec<String>,
    pub(crate) inheritable: Vec<String>,
    pub(crate) consent_granted: Vec<String>,
    pub(crate) consent_denied: Vec<String>,
    pub(crate) business_key: Option<BusinessKey>,
    /// Whether the plan declares a key for events of the source that this one does not have.
    pub(crate) no_business_key: bool,
}

/// Applies the source's plan: its findings go to `findings`, and what it removes is taken out of the
/// parts. Without consent the event ends here.
pub(crate) fn planned(
    parts: &mut Parts,
    kind: EventType,
    source: &Source,
    appended_at: Millis,
    catalog: &SourceCatalog,
    findings: &mut Findings,
) -> Result<Planned, Discarded> {
    let mut planned = Planned::default();
    let Some(name) = &source.config.plan else { return Ok(planned) };
    let subject = parts.subject(kind, source);
    if let Some(coming) = catalog.plans().coming(name, appended_at) {
        let mut observed = Findings::default();
        observed.extend(coming.judge(&subject).found);
        planned.would_reject = observed.would_reject(coming.id());
    }
    let Some(plan) = catalog.plans().in_force(name, appended_at) else { return Ok(planned) };
    planned.plan_version = Some(plan.id().to_owned());
    let mut removals = Vec::new();
    consent(plan, &subject, &mut planned, &mut removals)?;
    let judgement = plan.judge(&subject);
    findings.extend(judgement.found);
    planned.inheritable = judgement.inheritable;
    removals.extend(Removal::unplanned(judgement.strip));
    removals.extend(plan.private());
    if !removals.is_empty() {
        planned.removed = apply(&removals, catalog.hash_key(), &mut parts.texts_mut());
        parts.look_again_for_the_group();
    }
    // Of what passes on: nothing that a rule hides may stand in a key.
    match plan.business_key(parts, kind, source) {
        Some(Ok(key)) => planned.business_key = Some(key),
        Some(Err(found)) => {
            planned.no_business_key = true;
            findings.note(found);
        }
        None => {}
    }
    Ok(planned)
}

fn consent<'a>(
    plan: &'a Plan,
    subject: &Subject<'_>,
    planned: &mut Planned,
    removals: &mut Vec<Removal<'a>>,
) -> Result<(), Discarded> {
    let preferences = plan.preferences(subject);
    let consent = plan.consent().read(preferences.as_ref());
    for (name, category) in plan.consent().refused(&consent, subject.called()) {
        match category.denied {
            Denied::Keep => {}
            Denied::Strip => removals.extend(plan.stripped_without(name)),
            Denied::Discard => {
                let detail = format!("no consent to {name} ({})", plan.id());
                return Err(Discarded::new(DiscardReason::NoConsent, detail));
            }
        }
    }
    let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    planned.consent_granted = owned(&consent.granted);
    planned.consent_denied = owned(&consent.denied);
    Ok(())
}

impl Plan {
    fn business_key(
        &self,
        parts: &Parts,
        kind: EventType,
        source: &Source,
    ) -> Option<Result<BusinessKey, Found>> {
        let rule = self.rule(kind.word(), parts.event.as_deref())?;
        rule.business.as_ref()?.key(&source.id, parts.texts())
    }
}

impl Parts {
    fn subject(&self, kind: EventType, source: &Source) -> Subject<'_> {
        Subject::new(kind.word(), self.event.as_deref(), source.config.kind, self.texts())
    }

    fn texts(&self) -> [&str; 5] {
        [&self.context, &self.properties, &self.traits, &self.integrations, &self.extra]
    }

    fn texts_mut(&mut self) -> [&mut String; 5] {
        [
            &mut self.context,
            &mut self.properties,
            &mut self.traits,
            &mut self.integrations,
            &mut self.extra,
        ]
    }
}
