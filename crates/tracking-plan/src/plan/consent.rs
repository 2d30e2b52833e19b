//! Consent: what a person allowed, as the sender tells it, and what follows from a "no".

use std::collections::BTreeMap;

use serde::Deserialize;

/// Consent categories of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ConsentRules {
    /// JSON pointer from the event's top to an object of category and true or false; Segment's
    /// consent spec has it at `/context/consent/categoryPreferences`.
    pub path: String,
    /// What it means that an event says nothing of a category.
    pub unknown: Unknown,
    /// The categories by the name that senders use.
    pub categories: BTreeMap<String, Category>,
}

impl Default for ConsentRules {
    fn default() -> Self {
        let path = "/context/consent/categoryPreferences".to_owned();
        Self { path, unknown: Unknown::default(), categories: BTreeMap::new() }
    }
}

/// What silence means.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Unknown {
    /// Nothing follows from it.
    #[default]
    Granted,
    /// The same as a "no".
    Denied,
}

/// A category and what follows when it is denied.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Category {
    /// What follows.
    pub denied: Denied,
    /// With `strip`: JSON pointers from the event's top of what is taken out.
    pub strip: Vec<String>,
    /// The track events, and types, that need it; all if absent.
    pub events: Option<Vec<String>>,
}

/// What follows when a category is denied.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Denied {
    /// Nothing but the fact.
    #[default]
    Keep,
    /// Parts of the event are taken out.
    Strip,
    /// The event is discarded.
    Discard,
}

/// What an event says of the plan's categories.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Consent<'a> {
    /// Granted by word.
    pub granted: Vec<&'a str>,
    /// Denied by word.
    pub denied: Vec<&'a str>,
    /// Nothing was said.
    pub unknown: Vec<&'a str>,
}

impl ConsentRules {
    /// What the object of preferences says; `None` where there is none.
    pub fn read(&self, preferences: Option<&BTreeMap<String, bool>>) -> Consent<'_> {
        let mut consent = Consent::default();
        for name in self.categories.keys() {
            let list = match preferences.and_then(|said| said.get(name)) {
                Some(true) => &mut consent.granted,
                Some(false) => &mut consent.denied,
                None => &mut consent.unknown,
            };
            list.push(name);
        }
        consent
    }

    /// The categories that count as denied for an event of this name, else of this type.
    pub fn refused<'a>(
        &'a self,
        consent: &'a Consent<'a>,
        event: &'a str,
    ) -> impl Iterator<Item = (&'a str, &'a Category)> {
        let unknown = (self.unknown == Unknown::Denied).then_some(&consent.unknown);
        let names = consent.denied.iter().chain(unknown.into_iter().flatten());
        names.filter_map(move |name| {
            let category = self.categories.get(*name)?;
            let concerns =
                category.events.as_ref().is_none_or(|all| all.iter().any(|e| e == event));
            concerns.then_some((*name, category))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(unknown: Unknown) -> ConsentRules {
        let discard = Category { denied: Denied::Discard, ..Category::default() };
        let of_orders = Category { events: Some(vec!["Order".to_owned()]), ..discard.clone() };
        let categories = [("ads".to_owned(), discard), ("analytics".to_owned(), of_orders)].into();
        ConsentRules { unknown, categories, ..ConsentRules::default() }
    }

    #[test]
    fn silence_is_a_no_only_where_the_plan_says_so() {
        let said = [("ads".to_owned(), true)].into();
        for (unknown, event, refused) in [
            (Unknown::Granted, "Order", &[][..]),
            (Unknown::Denied, "Order", &["analytics"]),
            (Unknown::Denied, "Other", &[]),
        ] {
            let rules = rules(unknown);
            let consent = rules.read(Some(&said));
            assert_eq!(consent.granted, ["ads"]);
            let found: Vec<&str> = rules.refused(&consent, event).map(|(name, _)| name).collect();
            assert_eq!(found, refused);
        }
        let rules = rules(Unknown::Denied);
        let nothing = rules.read(None);
        assert_eq!(rules.refused(&nothing, "Order").count(), 2);
    }
}
