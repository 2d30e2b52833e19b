//! What was seen of texts: formats that all have, and values where there are few.

use std::collections::BTreeMap;

use jsonschema::{Draft, Validator};
use serde_json::{Value, json};

use super::personal::{may_be_listed, speaks_of_people};

/// Most different values that are listed.
const MOST_VALUES: usize = 12;
/// So many texts for each value are needed before values are listed.
const TEXTS_PER_VALUE: u64 = 10;
/// So often each of the values must have come.
const TIMES_EACH: u64 = 3;

/// The formats that a draft may name, as the rules themselves will check them.
pub(crate) struct Formats(Vec<(&'static str, Option<Validator>)>);

impl Formats {
    pub(crate) fn new() -> Self {
        let validator = |name: &str| {
            jsonschema::options()
                .with_draft(Draft::Draft202012)
                .should_validate_formats(true)
                .build(&json!({ "format": name }))
                .ok()
        };
        Self(["date-time", "email", "uri"].map(|name| (name, validator(name))).into())
    }

    fn holds(&self, format: usize, value: &Value) -> bool {
        let (name, validator) = &self.0[format];
        // `note:hello` is a URI too.
        let looks = *name != "uri" || value.as_str().is_some_and(|text| text.contains("://"));
        looks && validator.as_ref().is_some_and(|validator| validator.is_valid(value))
    }
}

/// The texts at one place.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Texts {
    pub(crate) count: u64,
    /// For each of the formats, how many texts have it.
    with_format: [u64; 3],
    values: BTreeMap<String, u64>,
    /// Whether there were too many values, or one that may not be listed.
    unlisted: bool,
}

impl Texts {
    /// A text that is a value of a property of this name.
    pub(crate) fn see(&mut self, name: &str, text: &str, value: &Value, formats: &Formats) {
        for (format, with) in self.with_format.iter_mut().enumerate() {
            // Where one had it not, nobody needs to know of the others.
            if *with == self.count && formats.holds(format, value) {
                *with += 1;
            }
        }
        self.count += 1;
        if self.unlisted {
            return;
        }
        *self.values.entry(text.to_owned()).or_default() += 1;
        if !may_be_listed(text) || self.values.len() > MOST_VALUES || speaks_of_people(name) {
            self.unlisted = true;
            self.values.clear();
        }
    }

    /// The format that all of them have.
    pub(crate) fn format<'a>(&self, formats: &'a Formats) -> Option<&'a str> {
        let format = self.with_format.iter().position(|with| *with == self.count)?;
        (self.count > 0).then(|| formats.0[format].0)
    }

    /// The values, where they are few, of many texts, and none may be personal.
    pub(crate) fn listed(&self) -> Option<Vec<String>> {
        let different = u64::try_from(self.values.len()).unwrap_or(u64::MAX);
        let few = different >= 2 && self.count >= different.saturating_mul(TEXTS_PER_VALUE);
        let often = self.values.values().all(|times| *times >= TIMES_EACH);
        (!self.unlisted && few && often).then(|| self.values.keys().cloned().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(name: &str, texts: &[(&str, u64)]) -> Texts {
        let formats = Formats::new();
        let mut all = Texts::default();
        for (text, times) in texts {
            for _ in 0..*times {
                all.see(name, text, &json!(text), &formats);
            }
        }
        all
    }

    #[test]
    fn values_are_listed_where_they_are_few_come_often_and_are_not_personal() {
        for (name, texts, listed) in [
            ("currency", &[("EUR", 17), ("USD", 3)][..], true),
            ("currency", &[("EUR", 16), ("USD", 3)], false),
            ("currency", &[("EUR", 18), ("USD", 2)], false),
            ("currency", &[("EUR", 100)], false),
            ("first_name", &[("Ada", 50), ("Bob", 50)], false),
            ("author", &[("Ada Lovelace", 50), ("Bob", 50)], false),
            ("code", &[("x80331", 50), ("y", 50)], false),
        ] {
            assert_eq!(seen(name, texts).listed().is_some(), listed, "{name} {texts:?}");
        }
        let many: Vec<String> = (0..13).map(|n| format!("v{n}")).collect();
        let many: Vec<(&str, u64)> = many.iter().map(|text| (text.as_str(), 50)).collect();
        assert_eq!(seen("kind", &many).listed(), None);
        assert!(seen("kind", &many[1..]).listed().is_some());
    }

    #[test]
    fn a_format_is_named_where_every_text_has_it() {
        let formats = Formats::new();
        for (texts, expected) in [
            (&["2026-11-25T10:00:00Z", "2026-11-25T10:00:00.5+01:00"][..], Some("date-time")),
            (&["2026-11-25T10:00:00Z", "yesterday"], None),
            (&["ada@example.com"], Some("email")),
            (&["https://example.com/a?b=c", "ftp://x"], Some("uri")),
            (&["note:hello"], None),
            (&["x", "ada@example.com"], None),
            (&[], None),
        ] {
            let texts: Vec<(&str, u64)> = texts.iter().map(|text| (*text, 1)).collect();
            assert_eq!(seen("x", &texts).format(&formats), expected, "{texts:?}");
        }
    }
}
