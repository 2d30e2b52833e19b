//! From a document to what judges events.

use std::{collections::HashMap, sync::Arc};

use event::Millis;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::{
    business::Business,
    consent::ConsentRules,
    document::{
        ContextRule, ContextRules, EventRule, OnViolation, Place, PlanDocument, Unplanned,
        UnplannedProperties,
    },
    naming::NamingRules,
    paths::Paths,
    places::Edit,
    privacy::{PrivacyAction, PrivacyRule},
    promoted::Promotion,
    read::{PlanProblem, PlanSource, token},
    schema::Schema,
};
use crate::SourceKind;

/// The types that have rules of their own and go by their type; those of `track` have names.
pub const TYPES: [&str; 5] = ["identify", "page", "screen", "group", "alias"];

/// One version of a plan, ready to judge.
#[derive(Debug, Clone)]
pub struct Plan {
    pub(crate) name: String,
    /// `name@version`, as it stands on events.
    pub(crate) id: String,
    pub(crate) effective_from: Option<Millis>,
    pub(crate) on_violation: OnViolation,
    pub(crate) unplanned_events: Unplanned,
    pub(crate) naming: NamingRules,
    pub(crate) events: HashMap<String, Rule>,
    pub(crate) types: HashMap<&'static str, Rule>,
    /// For a track event that no rule names, and a type without a rule.
    pub(crate) anything: Rule,
    pub(crate) consent: ConsentRules,
    /// Where consent is told, below the member that it stands in.
    pub(crate) consent_place: Option<Edit>,
    pub(crate) strips: HashMap<String, Vec<Edit>>,
    pub(crate) privacy: Vec<(Edit, PrivacyRule)>,
    pub(super) promotions: Vec<Promotion>,
    fingerprint: [u8; 32],
}

/// What an event must be like.
#[derive(Debug, Clone)]
pub(crate) struct Rule {
    pub(crate) on_violation: OnViolation,
    pub(crate) unplanned_properties: UnplannedProperties,
    pub(crate) deprecated: bool,
    pub(crate) properties: Option<Schema>,
    pub(crate) traits: Option<Schema>,
    pub(crate) business: Option<Business>,
    /// By kind of source: browser, mobile, server.
    pub(crate) context: Arc<[ContextCheck; 3]>,
}

/// What the context must have.
#[derive(Debug, Clone, Default)]
pub(crate) struct ContextCheck {
    pub(crate) paths: Paths,
    pub(crate) places: Vec<Required>,
    pub(crate) schemas: Vec<(Schema, OnViolation)>,
}

/// A member that must be there.
#[derive(Debug, Clone)]
pub(crate) struct Required {
    /// The pointers of which one must be there, from the event's top.
    pub(crate) pointers: Vec<String>,
    /// Their bits.
    pub(crate) mask: u128,
    /// Which of the pointers the session may provide.
    pub(crate) inheritable: Option<String>,
    pub(crate) on_violation: OnViolation,
}

impl Plan {
    /// Compiles a version, or tells everything in it that cannot stand.
    pub fn compile(source: &PlanSource) -> Result<Self, Vec<PlanProblem>> {
        let mut compiler = Compiler { source, problems: Vec::new(), of_plan: None };
        let plan = compiler.plan();
        // What is asked of every kind of source, and of every event, is compiled for each.
        compiler.problems.sort();
        compiler.problems.dedup();
        if compiler.problems.is_empty() { Ok(plan) } else { Err(compiler.problems) }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Name and version, such as `shop@3`.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// From which append time it holds; `None` from the beginning.
    pub const fn effective_from(&self) -> Option<Millis> {
        self.effective_from
    }

    /// Whether two versions are called the same and judge the same.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        (&self.id, self.effective_from, self.fingerprint)
            == (&other.id, other.effective_from, other.fingerprint)
    }

    /// Its consent categories.
    pub(crate) const fn consent(&self) -> &ConsentRules {
        &self.consent
    }

    /// Whether it needs the operator's key for hashes.
    pub fn hashes(&self) -> bool {
        self.privacy.iter().any(|(_, rule)| rule.action == PrivacyAction::Hash)
    }

    /// The rule for an event of this type and name; `None` for a track event that has none.
    pub(crate) fn rule(&self, kind: &str, name: Option<&str>) -> Option<&Rule> {
        if kind == "track" {
            return self.events.get(name.unwrap_or_default());
        }
        Some(self.types.get(kind).unwrap_or(&self.anything))
    }
}

impl Rule {
    pub(crate) fn context_of(&self, kind: SourceKind) -> &ContextCheck {
        &self.context[match kind {
            SourceKind::Browser => 0,
            SourceKind::Mobile => 1,
            SourceKind::Server => 2,
        }]
    }
}

pub(super) struct Compiler<'a> {
    pub(super) source: &'a PlanSource,
    problems: Vec<PlanProblem>,
    /// What the plan itself asks of the context.
    of_plan: Option<Arc<[ContextCheck; 3]>>,
}

impl Compiler<'_> {
    pub(super) fn refuse(&mut self, pointer: &str, text: impl Into<String>) {
        self.problems.push(self.source.problem(pointer, text));
    }

    fn plan(&mut self) -> Plan {
        let document = &self.source.document;
        self.names(document);
        let mut events = HashMap::new();
        for (name, rule) in &document.events {
            let at = format!("/events/{}", token(name));
            events.insert(name.clone(), self.rule(&at, rule));
        }
        let mut types = HashMap::new();
        for (name, rule) in &document.types {
            let at = format!("/types/{}", token(name));
            match TYPES.iter().find(|known| *known == name) {
                Some(known) => {
                    types.insert(*known, self.rule(&at, rule));
                }
                None => self.refuse(
                    &at,
                    format!("is none of {}; track events stand under `events`", TYPES.join(", ")),
                ),
            }
        }
        let anything = self.rule("", &EventRule::default());
        Plan {
            name: document.plan.clone(),
            id: format!("{}@{}", document.plan, document.version),
            effective_from: document.effective_from,
            on_violation: document.on_violation,
            unplanned_events: document.unplanned_events,
            naming: document.naming.clone(),
            events,
            types,
            anything,
            consent_place: self.consent_place(document),
            strips: self.strips(document),
            consent: document.consent.clone(),
            privacy: self.privacy(document),
            promotions: self.promotions(document),
            fingerprint: fingerprint(document),
        }
    }

    fn names(&mut self, document: &PlanDocument) {
        let plain =
            |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_');
        if document.plan.is_empty() || document.plan.len() > 60 || !document.plan.chars().all(plain)
        {
            self.refuse("/plan", "the name of a plan has 1 to 60 of a-z, 0-9, - and _");
        }
        for name in document.events.keys().filter(|name| name.trim() != **name || name.is_empty()) {
            self.refuse(
                &format!("/events/{}", token(name)),
                "the name is empty or has spaces around it",
            );
        }
    }

    fn rule(&mut self, at: &str, rule: &EventRule) -> Rule {
        let document = &self.source.document;
        let on_violation = rule.on_violation.unwrap_or(document.on_violation);
        Rule {
            on_violation,
            unplanned_properties: rule
                .unplanned_properties
                .unwrap_or(document.unplanned_properties),
            deprecated: rule.deprecated.is_some(),
            properties: self.schema(&format!("{at}/properties"), rule.properties.as_ref()),
            traits: self.schema(&format!("{at}/traits"), rule.traits.as_ref()),
            business: self.business(at, rule.business_key.as_ref()),
            context: self.contexts(at, rule, on_violation),
        }
    }

    fn schema(&mut self, at: &str, schema: Option<&Value>) -> Option<Schema> {
        let defs: Map<String, Value> = self.source.document.defs.clone().into_iter().collect();
        match Schema::new(schema?, &defs) {
            Ok(schema) => Some(schema),
            Err(problem) => {
                self.refuse(at, problem);
                None
            }
        }
    }

    /// What is asked of the context, by kind of source. Rules that ask for no more than the plan share
    /// what it asks for: a plan of thousands of events stays small.
    fn contexts(
        &mut self,
        at: &str,
        rule: &EventRule,
        of_event: OnViolation,
    ) -> Arc<[ContextCheck; 3]> {
        let plain = rule.context == ContextRules::default();
        if let Some(of_plan) = self.of_plan.as_ref().filter(|_| plain) {
            return Arc::clone(of_plan);
        }
        let checks = SourceKind::ALL.map(|kind| self.context(at, rule, kind, of_event));
        let checks = Arc::new(checks);
        if plain {
            self.of_plan = Some(Arc::clone(&checks));
        }
        checks
    }

    /// What the plan and the event's rule ask of the context of one kind of source.
    fn context(
        &mut self,
        at: &str,
        rule: &EventRule,
        kind: SourceKind,
        of_event: OnViolation,
    ) -> ContextCheck {
        let document = &self.source.document;
        let mut check = ContextCheck::default();
        let mut sets = vec![(String::new(), &document.context, document.on_violation)];
        if !at.is_empty() {
            sets.push((at.to_owned(), &rule.context, of_event));
        }
        for (at, rules, otherwise) in sets {
            for (word, rule) in [("all", &rules.all), (kind.word(), of_kind(rules, kind))] {
                let at = format!("{at}/context/{word}");
                self.add_context(&at, rule, rule.on_violation.unwrap_or(otherwise), &mut check);
            }
        }
        check
    }

    fn add_context(
        &mut self,
        at: &str,
        rule: &ContextRule,
        on_violation: OnViolation,
        check: &mut ContextCheck,
    ) {
        for (index, place) in rule.required.iter().enumerate() {
            let mask = self.mask(&format!("{at}/required/{index}"), place, &mut check.paths);
            check.places.push(Required {
                pointers: place
                    .pointers()
                    .iter()
                    .map(|pointer| format!("/context{pointer}"))
                    .collect(),
                mask,
                inheritable: handed_down(place)
                    .filter(|_| rule.inheritable.contains(place))
                    .map(|pointer| format!("/context{pointer}")),
                on_violation,
            });
        }
        for (index, place) in rule.inheritable.iter().enumerate() {
            if !rule.required.contains(place) {
                let text = "is inheritable but not required: name it under `required` too";
                self.refuse(&format!("{at}/inheritable/{index}"), text);
            } else if handed_down(place).is_none() {
                let places: Vec<&str> = identity::inheritable_places().collect();
                let text = format!(
                    "is nothing that a session can hand down, which is what stands at or below {}",
                    places.join(", ")
                );
                self.refuse(&format!("{at}/inheritable/{index}"), text);
            }
        }
        if let Some(schema) = self.schema(&format!("{at}/schema"), rule.schema.as_ref()) {
            check.schemas.push((schema, on_violation));
        }
    }

    /// The bits of the pointers of which one must be there.
    fn mask(&mut self, at: &str, place: &Place, paths: &mut Paths) -> u128 {
        if place.pointers().is_empty() {
            self.refuse(at, "is an empty list, of which nothing can be there: name a pointer");
        }
        let mut mask = 0;
        for pointer in place.pointers() {
            let problem = match paths.add(pointer) {
                // Everywhere else in a plan pointers are from the event's top.
                _ if pointer == "/context" || pointer.starts_with("/context/") => {
                    "is looked for below the context: leave `/context` out"
                }
                Some(bit) => {
                    mask |= 1 << bit;
                    continue;
                }
                None => {
                    "is no JSON pointer below the context, such as /page/url (or there are more than 128)"
                }
            };
            self.refuse(at, problem);
        }
        mask
    }
}

/// The pointer of a place, or of its alternatives the first, that a session can hand down.
fn handed_down(place: &Place) -> Option<&String> {
    place.pointers().iter().find(|pointer| identity::is_inheritable(pointer))
}

const fn of_kind(rules: &ContextRules, kind: SourceKind) -> &ContextRule {
    match kind {
        SourceKind::Browser => &rules.browser,
        SourceKind::Mobile => &rules.mobile,
        SourceKind::Server => &rules.server,
    }
}

/// A hash of all that judges: not of descriptions, owners and columns.
fn fingerprint(document: &PlanDocument) -> [u8; 32] {
    let mut judging = document.clone();
    judging.description = None;
    judging.owner = None;
    for rule in judging.events.values_mut().chain(judging.types.values_mut()) {
        rule.description = None;
        rule.owner = None;
        rule.version = None;
        rule.columns.clear();
        rule.deprecated = rule.deprecated.take().map(|_| String::new());
    }
    // The debug form has every field, and maps in the order of their keys.
    Sha256::digest(format!("{judging:?}")).into()
}
