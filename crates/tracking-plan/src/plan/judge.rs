//! What a version of a plan says of an event.

use std::{borrow::Cow, cell::OnceCell, collections::BTreeMap};

use pipeline::RejectReason;
use serde_json::{Value, value::RawValue};

use super::{
    compile::{ContextCheck, Plan, Rule},
    document::{OnViolation, Unplanned, UnplannedProperties},
    finding::{Found, shown_name},
    read::token,
    rewrite::{NoObject, object_at},
    schema::Schema,
};
use crate::SourceKind;

/// The event as far as plans look at it. Its texts are JSON objects, or empty ones stand for them.
pub(crate) struct Subject<'a> {
    pub(crate) kind: &'a str,
    pub(crate) name: Option<&'a str>,
    pub(crate) source_kind: SourceKind,
    /// The texts, in the order of [`super::places::PARTS`].
    pub(crate) texts: [&'a str; 5],
    parsed: [OnceCell<Option<Value>>; 3],
}

/// What a plan says.
#[derive(Debug, Default)]
pub(crate) struct Judgement {
    pub(crate) found: Vec<Found>,
    /// Properties to take out: the part and the name.
    pub(crate) strip: Vec<(usize, String)>,
    /// Context that was not sent and that the session may provide: pointers.
    pub(crate) inheritable: Vec<String>,
}

const UNREADABLE: &str = "has a lone surrogate or a number out of range: no rule can be held to it";

const CONTEXT: usize = 0;
const PROPERTIES: usize = 1;
const TRAITS: usize = 2;
const AT: [&str; 3] = ["/context", "/properties", "/traits"];

impl<'a> Subject<'a> {
    pub(crate) fn new(
        kind: &'a str,
        name: Option<&'a str>,
        source_kind: SourceKind,
        texts: [&'a str; 5],
    ) -> Self {
        Self { kind, name, source_kind, texts, parsed: Default::default() }
    }

    /// The name that rules go by: a track event's own, else the type.
    pub(crate) fn called(&self) -> &'a str {
        self.name.filter(|_| self.kind == "track").unwrap_or(self.kind)
    }

    /// The part's value; none where it is JSON that no value can hold: a lone surrogate, or a number
    /// out of range.
    fn value(&self, part: usize) -> Option<&Value> {
        self.parsed[part].get_or_init(|| serde_json::from_str(self.texts[part]).ok()).as_ref()
    }
}

impl Plan {
    /// Applies the rules to an event.
    pub(crate) fn judge(&self, subject: &Subject<'_>) -> Judgement {
        let planned = self.rule(subject.kind, subject.name);
        let rule = planned.unwrap_or(&self.anything);
        let mut judging = Judging { plan: self, rule, subject, judgement: Judgement::default() };
        if planned.is_none() {
            judging.unplanned();
        }
        if rule.deprecated {
            let text = "is deprecated: the plan says what to send instead";
            judging.found(OnViolation::Flag, RejectReason::DeprecatedEvent, "/event", text);
        }
        judging.context(rule.context_of(subject.source_kind));
        judging.part(PROPERTIES, rule.properties.as_ref());
        judging.part(TRAITS, rule.traits.as_ref());
        judging.judgement
    }

    /// What the event says of consent, by category. What stands in the place of a yes or a no and is
    /// neither may have been a no, and counts as one.
    pub(crate) fn preferences(&self, subject: &Subject<'_>) -> Option<BTreeMap<String, bool>> {
        let place = self.consent_place.as_ref()?;
        let text = subject.texts[place.part];
        let Ok(said) = object_at(text, &place.tokens) else {
            let all = self.consent.categories.keys();
            // What is no JSON object at all is rejected, and is not to end as a discard.
            return is_object(text).then(|| all.map(|name| (name.clone(), false)).collect());
        };
        let said = said.into_iter().filter(|(_, value)| value.get() != "null");
        Some(said.map(|(name, value)| (name, value.get() == "true")).collect())
    }
}

fn is_object(text: &str) -> bool {
    serde_json::from_str(text).is_ok_and(|value: &RawValue| value.get().starts_with('{'))
}

const SENT: [RejectReason; 2] = [RejectReason::MissingProperty, RejectReason::InvalidProperty];
const AROUND: [RejectReason; 2] = [RejectReason::MissingContext, RejectReason::InvalidContext];

struct Judging<'a> {
    plan: &'a Plan,
    rule: &'a Rule,
    subject: &'a Subject<'a>,
    judgement: Judgement,
}

impl Judging<'_> {
    fn found(
        &mut self,
        on_violation: OnViolation,
        reason: RejectReason,
        pointer: impl Into<Cow<'static, str>>,
        problem: impl Into<Cow<'static, str>>,
    ) {
        let found = Found::new(reason, pointer, problem);
        self.judgement.found.push(Found { on_violation, ..found });
    }

    fn unplanned(&mut self) {
        let text = "is the name of no event in the plan";
        let on_violation = match self.plan.unplanned_events {
            Unplanned::Allow => None,
            Unplanned::Flag => Some(OnViolation::Flag),
            Unplanned::Reject => Some(OnViolation::Reject),
        };
        if let Some(on_violation) = on_violation {
            self.found(on_violation, RejectReason::UnplannedEvent, "/event", text);
        }
        let name = self.subject.name.unwrap_or_default();
        if let Some(problem) = self.plan.naming.events.problem(name) {
            self.found(self.plan.on_violation, RejectReason::InvalidName, "/event", problem);
        }
    }

    fn context(&mut self, check: &ContextCheck) {
        let there = check.paths.find(self.subject.texts[CONTEXT]);
        for place in check.places.iter().filter(|place| place.mask & there == 0) {
            if let Some(pointer) = &place.inheritable {
                self.judgement.inheritable.push(pointer.clone());
                continue;
            }
            let kind = self.subject.source_kind;
            let text = format!("is missing: the plan requires it of a {kind} source");
            let missing =
                Found::new(RejectReason::MissingContext, place.pointers.join(" or "), text);
            let (on_violation, actual) = (place.on_violation, Some("nothing"));
            self.judgement.found.push(Found { actual, on_violation, ..missing });
        }
        for (schema, on_violation) in &check.schemas {
            let Some(value) = self.subject.value(CONTEXT) else {
                self.found(*on_violation, RejectReason::InvalidContext, AT[CONTEXT], UNREADABLE);
                continue;
            };
            schema.check(value, "/context", AROUND, &mut |found| {
                self.judgement.found.push(Found { on_violation: *on_violation, ..found });
            });
        }
    }

    fn part(&mut self, part: usize, schema: Option<&Schema>) {
        if schema.is_none() && !self.plan.naming.properties.is_set() {
            return;
        }
        let subject = self.subject;
        let Some(value) = subject.value(part) else { return self.unreadable(part, schema) };
        if let Some(schema) = schema {
            let (at, on_violation) = (AT[part], self.rule.on_violation);
            schema.check(value, at, SENT, &mut |found| {
                self.judgement.found.push(Found { on_violation, ..found });
            });
        }
        for name in value.as_object().into_iter().flat_map(serde_json::Map::keys) {
            self.name(part, name, schema);
        }
    }

    /// A part that no value can hold is held to the rules for names as far as it has any.
    fn unreadable(&mut self, part: usize, schema: Option<&Schema>) {
        let on_violation = self.rule.on_violation;
        self.found(on_violation, RejectReason::InvalidProperty, AT[part], UNREADABLE);
        match object_at(self.subject.texts[part], &[]) {
            Ok(members) => members.iter().for_each(|(name, _)| self.name(part, name, schema)),
            // Whichever name is to be stripped, an object whose names are no text goes as a whole.
            Err(NoObject) => {
                if schema.is_some_and(Schema::tells_names) {
                    self.unplanned_property(part, "", AT[part].to_owned());
                }
            }
        }
    }

    /// The name of a property or trait.
    fn name(&mut self, part: usize, name: &str, schema: Option<&Schema>) {
        if schema.is_some_and(|schema| schema.knows(name)) {
            return;
        }
        let pointer = format!("{}/{}", AT[part], shown_name(&token(name)));
        if let Some(problem) = self.plan.naming.properties.problem(name) {
            let on_violation = self.plan.on_violation;
            self.found(on_violation, RejectReason::InvalidName, pointer.clone(), problem);
        }
        if schema.is_some() {
            self.unplanned_property(part, name, pointer);
        }
    }

    fn unplanned_property(&mut self, part: usize, name: &str, pointer: String) {
        let on_violation = match self.rule.unplanned_properties {
            UnplannedProperties::Allow => return,
            UnplannedProperties::Strip => {
                self.judgement.strip.push((part, name.to_owned()));
                return;
            }
            UnplannedProperties::Flag => OnViolation::Flag,
            UnplannedProperties::Reject => OnViolation::Reject,
        };
        self.found(on_violation, RejectReason::UnplannedProperty, pointer, "is not in the plan");
    }
}
