//! The places of an event that a plan reads or changes: from a plan's pointers.

use std::collections::HashMap;

use super::{
    compile::Compiler,
    consent::Denied,
    document::PlanDocument,
    paths::tokens,
    privacy::PrivacyRule,
    read::token,
    rewrite::{EACH, Tokens},
};

/// The members of an event in which something can be hashed, masked, dropped or stripped.
pub(crate) const PARTS: [&str; 5] = ["context", "properties", "traits", "integrations", "extra"];

/// A place of an event: the member and the way below it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Edit {
    /// Which of [`PARTS`].
    pub(crate) part: usize,
    pub(crate) tokens: Tokens,
    /// The pointer from the event's top.
    pub(crate) pointer: String,
}

impl Compiler<'_> {
    fn edit(&mut self, at: &str, pointer: &str) -> Option<Edit> {
        let mut all = tokens(pointer).unwrap_or_default();
        let part = PARTS.iter().position(|part| all.first().is_some_and(|first| first == part));
        let (Some(part), true) = (part, all.len() > 1) else {
            let parts = PARTS.map(|part| format!("/{part}")).join(", ");
            self.refuse(at, format!("is no JSON pointer to something below {parts}"));
            return None;
        };
        let tokens = all.split_off(1);
        Some(Edit { part, tokens, pointer: pointer.to_owned() })
    }

    pub(super) fn consent_place(&mut self, document: &PlanDocument) -> Option<Edit> {
        if document.consent.categories.is_empty() {
            return None;
        }
        let place = self.edit("/consent/path", &document.consent.path)?;
        if place.tokens.iter().any(|token| token == EACH) {
            self.refuse("/consent/path", "is one place: `*` has no meaning in it");
        }
        Some(place)
    }

    pub(super) fn strips(&mut self, document: &PlanDocument) -> HashMap<String, Vec<Edit>> {
        let mut strips = HashMap::new();
        for (name, category) in &document.consent.categories {
            let at = format!("/consent/categories/{}", token(name));
            if (category.denied == Denied::Strip) == category.strip.is_empty() {
                self.refuse(&at, "`denied: strip` and a list `strip` belong together");
            }
            if category.events.as_ref().is_some_and(Vec::is_empty) {
                let text =
                    "names no event, so that nothing follows from a no: leave it out for all";
                self.refuse(&format!("{at}/events"), text);
            }
            let edits = category.strip.iter().enumerate();
            let edits: Vec<Edit> = edits
                .filter_map(|(index, pointer)| self.edit(&format!("{at}/strip/{index}"), pointer))
                .collect();
            strips.insert(name.clone(), edits);
        }
        strips
    }

    pub(super) fn privacy(&mut self, document: &PlanDocument) -> Vec<(Edit, PrivacyRule)> {
        let mut rules = Vec::new();
        for (index, rule) in document.privacy.iter().enumerate() {
            let at = format!("/privacy/{index}/path");
            if document.privacy[..index].iter().any(|other| other.path == rule.path) {
                self.refuse(&at, "has a rule already, and only the first is followed");
            }
            if let Some(edit) = self.edit(&at, &rule.path) {
                rules.push((edit, rule.clone()));
            }
        }
        rules
    }
}

#[cfg(test)]
mod tests {
    use crate::plan::PlanSet;

    #[test]
    fn a_plan_that_would_judge_otherwise_than_its_author_thinks_is_refused() {
        let rules = "[{path: /traits/a, do: drop}, {path: /traits/a, do: hash}]";
        let repeated = format!("privacy: {rules}");
        for (plan, expected) in [
            (
                "context: {all: {required: [/context/page]}}",
                "/context/all/required/0: is looked for",
            ),
            (
                "context: {all: {required: [[/a, /context]]}}",
                "/context/all/required/0: is looked for",
            ),
            ("context: {all: {required: [[]]}}", "/context/all/required/0: is an empty list"),
            ("context: {all: {required: [page]}}", "/context/all/required/0: is no JSON pointer"),
            (
                "context: {all: {required: [/sessionId], inheritable: [/sessionId]}}",
                "/context/all/inheritable/0: is nothing that a session can hand down, which is what stands at or below /page/referrer, ",
            ),
            ("consent: {path: /context/*/x, categories: {a: {}}}", "/consent/path: is one place"),
            (
                "consent: {path: /user_id/x, categories: {a: {}}}",
                "/consent/path: is no JSON pointer",
            ),
            ("consent: {categories: {a: {events: []}}}", "/consent/categories/a/events: names no"),
            ("consent: {categories: {a: {strip: [/extra/x]}}}", "/consent/categories/a: `denied"),
            (&repeated, "/privacy/1/path: has a rule already"),
            ("privacy: [{path: /traits, do: drop}]", "/privacy/0/path: is no JSON pointer"),
            ("privacy: [{path: /user_id, do: drop}]", "/privacy/0/path: is no JSON pointer"),
        ] {
            let file = ("p.yaml".to_owned(), format!("plan: p\nversion: 1\n{plan}\n"));
            let problems = PlanSet::read(&[file]).map(|_| ()).unwrap_err();
            assert_eq!(problems.len(), 1, "{problems:?}");
            assert!(problems[0].text.starts_with(expected), "{plan}: {}", problems[0]);
        }
    }
}
