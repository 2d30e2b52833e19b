//! The places of an event that a plan reads or changes: from a plan's pointers.

use std::collections::HashMap;

use super::{
    compile::Compiler, consent::Denied, document::PlanDocument, paths::tokens,
    privacy::PrivacyRule, read::token, rewrite::Tokens,
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
        self.edit("/consent/path", &document.consent.path)
    }

    pub(super) fn strips(&mut self, document: &PlanDocument) -> HashMap<String, Vec<Edit>> {
        let mut strips = HashMap::new();
        for (name, category) in &document.consent.categories {
            let at = format!("/consent/categories/{}", token(name));
            if (category.denied == Denied::Strip) == category.strip.is_empty() {
                self.refuse(&at, "`denied: strip` and a list `strip` belong together");
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
            if let Some(edit) = self.edit(&format!("/privacy/{index}/path"), &rule.path) {
                rules.push((edit, rule.clone()));
            }
        }
        rules
    }
}
