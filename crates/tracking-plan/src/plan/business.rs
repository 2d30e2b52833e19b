//! Business keys: what an event tells of, so that what two sources tell of one thing can meet.

use event::BusinessKey;
use pipeline::RejectReason;
use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::{
    compile::{Compiler, Plan},
    document::{OnViolation, PlanDocument},
    finding::Found,
    paths::tokens,
    places::{Edit, PARTS},
    privacy::{PrivacyAction, hex},
    read::token,
    rewrite::EACH,
};
use crate::{catalog::is_source_id, told_id::ToldId};

/// Longest value that stands in a key as it is, in bytes.
const LONGEST_VALUE: usize = 256;
const EXPECTED: &str = "a text that is not empty, or an integer";

/// What names the thing that an event tells of, and which sources tell of it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BusinessRule {
    /// JSON pointer of the property or trait whose value names it, such as `/properties/order_id`.
    pub property: String,
    /// The sources that tell of it: the first goes before all others. Events of other sources have
    /// no business key.
    pub sources: Vec<String>,
    /// For how many days the same is known again.
    #[serde(default = "a_week")]
    pub window_days: u16,
    /// What becomes of an event that tells what one of the same or a higher precedence has told.
    #[serde(default)]
    pub on_repeat: OnRepeat,
}

const fn a_week() -> u16 {
    7
}

/// What becomes of an event that tells what was told before.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnRepeat {
    /// It is discarded, with the reason `told-before`.
    #[default]
    Discard,
    /// It passes, with the flag `told-before`.
    Flag,
}

impl OnRepeat {
    /// Its word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Discard => "discard",
            Self::Flag => identity::ON_REPEAT_FLAG,
        }
    }
}

/// The rule, ready to make keys.
#[derive(Debug, Clone)]
pub(crate) struct Business {
    rule: BusinessRule,
    place: Edit,
    /// The plan and the event, escaped so that no two of them and a value read alike.
    prefix: String,
    /// Pointer into the plan's file.
    at: String,
}

impl Business {
    /// The key of an event with these texts (in the order of [`PARTS`]), as it passes on; or what
    /// keeps it from one. `None` for a source that the rule does not name.
    pub(crate) fn key(&self, source: &str, texts: [&str; 5]) -> Option<Result<BusinessKey, Found>> {
        let rank = self.rule.sources.iter().position(|named| named == source)?;
        let (problem, actual) = match ToldId::at(texts[self.place.part], &self.place.tokens) {
            ToldId::Id(value) => return Some(Ok(self.key_of(&value, rank))),
            ToldId::Junk(kind) => {
                ("holds what many have in common, which makes no business key", kind)
            }
            ToldId::Other(kind) => ("makes no business key", kind),
            ToldId::Absent => {
                return Some(Err(self.found(
                    RejectReason::MissingProperty,
                    "is missing: there is no business key",
                    "nothing",
                )));
            }
        };
        Some(Err(self.found(RejectReason::InvalidProperty, problem, actual)))
    }

    fn key_of(&self, value: &str, rank: usize) -> BusinessKey {
        let key = if value.len() > LONGEST_VALUE {
            format!("{}{}", self.prefix, hex(&Sha256::digest(value)))
        } else {
            format!("{}{value}", self.prefix)
        };
        BusinessKey {
            key,
            rank: i32::try_from(rank).unwrap_or(i32::MAX),
            window_days: i32::from(self.rule.window_days),
            on_repeat: self.rule.on_repeat.word().to_owned(),
        }
    }

    fn found(&self, reason: RejectReason, problem: &'static str, actual: &'static str) -> Found {
        Found {
            expected: Some(EXPECTED.to_owned()),
            actual: Some(actual),
            on_violation: OnViolation::Flag,
            ..Found::new(reason, self.place.pointer.clone(), problem)
        }
    }
}

impl Plan {
    /// Its rules for business keys, each with its pointer into the plan's file, in the order of these.
    pub fn business_keys(&self) -> Vec<(&str, &BusinessRule)> {
        let rules = self.events.values().chain(self.types.values());
        let keys = rules.filter_map(|rule| rule.business.as_ref());
        let mut keys: Vec<_> = keys.map(|key| (key.at.as_str(), &key.rule)).collect();
        keys.sort_unstable_by_key(|(at, _)| *at);
        keys
    }
}

impl Compiler<'_> {
    /// The rule for business keys of what stands at `at`, such as `/events/Order Completed`.
    pub(super) fn business(&mut self, at: &str, rule: Option<&BusinessRule>) -> Option<Business> {
        let rule = rule?;
        let event = at.rsplit('/').next().unwrap_or_default();
        let prefix = format!("{}/{event}/", self.source.document.plan);
        self.one_of_that_name(at, event);
        let at = format!("{at}/business_key");
        self.business_sources(&at, rule);
        if rule.window_days == 0 {
            self.refuse(&format!("{at}/window_days"), "is at least 1");
        }
        let place = self.business_place(&format!("{at}/property"), &rule.property)?;
        Some(Business { rule: rule.clone(), place, prefix, at })
    }

    /// The keys of a track event and of a type do not tell which of the two it is.
    fn one_of_that_name(&mut self, at: &str, event: &str) {
        let is_key = |name: &String| token(name) == event;
        let twin = self.source.document.types.iter().find(|(name, _)| is_key(name));
        if at.starts_with("/events/") && twin.is_some_and(|(_, it)| it.business_key.is_some()) {
            let text = "has a business key, and so has the type of that name: they would meet";
            self.refuse(at, text);
        }
    }

    fn business_sources(&mut self, at: &str, rule: &BusinessRule) {
        let at = format!("{at}/sources");
        if rule.sources.is_empty() {
            self.refuse(&at, "names no source, so that no event has a key: name one or more");
        }
        for (index, source) in rule.sources.iter().enumerate() {
            let at = format!("{at}/{index}");
            if !is_source_id(source) {
                let text = "is no id of a source, which has the form namespace/name in lower case";
                self.refuse(&at, text);
            } else if rule.sources[..index].contains(source) {
                self.refuse(&at, "stands in the list already: a source has one place in it");
            }
        }
    }

    fn business_place(&mut self, at: &str, pointer: &str) -> Option<Edit> {
        let mut all = tokens(pointer).unwrap_or_default();
        let part = ["properties", "traits"]
            .into_iter()
            .find(|part| all.first().is_some_and(|it| it == part));
        let part = part.and_then(|part| PARTS.iter().position(|it| *it == part));
        let Some(part) = part.filter(|_| all.len() > 1 && all.iter().all(|it| !it.is_empty()))
        else {
            self.refuse(at, "is no JSON pointer to something below /properties or /traits");
            return None;
        };
        if all.iter().any(|name| name == EACH) {
            self.refuse(at, "is one place: `*` has no meaning in it");
        }
        if let Some(path) = hiding(&self.source.document, &all) {
            let text = format!(
                "is taken away by the privacy rule for {path}, so that no event has a key: name \
                 another property, or hash this one"
            );
            self.refuse(at, text);
        }
        let tokens = all.split_off(1);
        Some(Edit { part, tokens, pointer: pointer.to_owned() })
    }
}

/// The path of a privacy rule that leaves nothing of the value at this place to tell things apart by.
pub(super) fn hiding<'a>(document: &'a PlanDocument, place: &[String]) -> Option<&'a str> {
    let hides = |path: &str, action: PrivacyAction| {
        let way: Vec<String> =
            tokens(path).unwrap_or_default().into_iter().filter(|it| it != EACH).collect();
        let is_hashed = action == PrivacyAction::Hash && way.len() == place.len();
        !way.is_empty() && place.starts_with(&way) && !is_hashed
    };
    let rule = document.privacy.iter().find(|rule| hides(&rule.path, rule.action));
    rule.map(|rule| rule.path.as_str())
}

#[cfg(test)]
mod tests {
    use crate::plan::PlanSet;

    fn problems(rule: &str, more: &str) -> Vec<String> {
        let text =
            format!("plan: p\nversion: 1\nevents:\n  A:\n    business_key: {rule}\n{more}\n");
        let read = PlanSet::read(&[("p.yaml".to_owned(), text)]);
        read.err().into_iter().flatten().map(|problem| problem.to_string()).collect()
    }

    #[test]
    fn a_business_key_that_would_not_do_what_its_author_thinks_is_refused_with_its_line() {
        const FINE: &str = "property: /properties/id, sources: [a/b]";
        let at = "p.yaml:5: /events/A/business_key";
        for (rule, more, expected) in [
            ("{sources: [a/b]}", "", ": missing field `property`"),
            ("{property: /properties/id}", "", ": missing field `sources`"),
            (&format!("{{{FINE}, window: 3}}"), "", "/window: unknown field `window`"),
            (&format!("{{{FINE}, on_repeat: drop}}"), "", "/on_repeat: unknown variant `drop`"),
            (&format!("{{{FINE}, window_days: 0}}"), "", "/window_days: is at least 1"),
            (&format!("{{{FINE}, window_days: -1}}"), "", "/window_days: invalid value"),
            ("{property: /properties/id, sources: []}", "", "/sources: names no source"),
            ("{property: /properties/id, sources: [a/b, '']}", "", "/sources/1: is no id"),
            ("{property: /properties/id, sources: [a/b, c/d, a/b]}", "", "/sources/2: stands in"),
            ("{property: /context/id, sources: [a/b]}", "", "/property: is no JSON pointer"),
            ("{property: /properties, sources: [a/b]}", "", "/property: is no JSON pointer"),
            ("{property: properties/id, sources: [a/b]}", "", "/property: is no JSON pointer"),
            ("{property: /properties//id, sources: [a/b]}", "", "/property: is no JSON pointer"),
            ("{property: /properties/*/id, sources: [a/b]}", "", "/property: is one place"),
            (
                &format!("{{{FINE}}}"),
                "privacy: [{path: /properties/id, do: mask}]",
                "/property: is taken away by the privacy rule for /properties/id,",
            ),
            (
                "{property: /properties/a/id, sources: [a/b]}",
                "privacy: [{path: /properties/a/*, do: hash}]",
                "/property: is taken away by the privacy rule for /properties/a/*,",
            ),
        ] {
            let problems = problems(rule, more);
            assert_eq!(problems.len(), 1, "{rule}: {problems:?}");
            assert!(problems[0].starts_with(&format!("{at}{expected}")), "{rule}: {problems:?}");
        }
        let twin = "types: {A: {}}\n";
        assert_eq!(problems(&format!("{{{FINE}}}"), twin).len(), 1, "no such type");
        let hashed = "privacy: [{path: /properties/id, do: hash}, {path: /properties/i, do: drop}]";
        assert_eq!(problems(&format!("{{{FINE}}}"), hashed), Vec::<String>::new());
    }

    #[test]
    fn an_event_that_is_called_like_a_type_has_no_key_beside_it() {
        let key = "business_key: {property: /traits/id, sources: [a/b]}";
        let text = |track: &str| {
            let text = format!(
                "plan: p\nversion: 1\nevents: {{identify: {{{track}}}}}\ntypes: {{identify: {{{key}}}}}\n"
            );
            PlanSet::read(&[("p.yaml".to_owned(), text)])
        };
        let problems = text(key).unwrap_err();
        assert_eq!(
            problems[0].to_string(),
            "p.yaml:3: /events/identify: has a business key, and so has the type of that name: they would meet"
        );
        let set = text("").unwrap();
        let keys = set.versions().flat_map(super::Plan::business_keys);
        assert_eq!(keys.map(|(at, _)| at).collect::<Vec<_>>(), ["/types/identify/business_key"]);
    }
}
