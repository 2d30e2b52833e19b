//! How names are to be written.

use serde::Deserialize;

/// Naming rules of a plan.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct NamingRules {
    /// Of track events.
    pub events: NameRule,
    /// Of properties and traits.
    pub properties: NameRule,
}

/// A rule for names.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct NameRule {
    /// How words are joined.
    pub case: Option<Case>,
    /// What every name begins with.
    pub prefix: Option<String>,
    /// Names that nobody may use, however they are written.
    pub reserved: Vec<String>,
}

/// How the words of a name are joined.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Case {
    /// `Order Completed`
    Title,
    /// `Order completed`
    Sentence,
    /// `order_completed`
    Snake,
    /// `orderCompleted`
    Camel,
    /// `OrderCompleted`
    Pascal,
    /// `order-completed`
    Kebab,
}

impl Case {
    /// An example of it, which names it.
    pub const fn example(self) -> &'static str {
        match self {
            Self::Title => "Order Completed",
            Self::Sentence => "Order completed",
            Self::Snake => "order_completed",
            Self::Camel => "orderCompleted",
            Self::Pascal => "OrderCompleted",
            Self::Kebab => "order-completed",
        }
    }

    /// Whether a name is written so. Digits count as lower case.
    pub fn holds(self, name: &str) -> bool {
        match self {
            Self::Title => words(name, ' ', capital),
            Self::Sentence => capital(name) && words(name, ' ', |word| !word.is_empty()),
            Self::Snake => words(name, '_', lower),
            Self::Kebab => words(name, '-', lower),
            Self::Camel => joined(name) && !capital(name),
            Self::Pascal => joined(name) && capital(name),
        }
    }
}

fn words(name: &str, separator: char, holds: impl Fn(&str) -> bool) -> bool {
    name.split(separator).all(|word| !word.is_empty() && holds(word))
}

fn capital(word: &str) -> bool {
    word.starts_with(|first: char| first.is_uppercase() || first.is_ascii_digit())
}

fn lower(word: &str) -> bool {
    word.chars().all(|c| (c.is_alphanumeric()) && !c.is_uppercase())
}

fn joined(name: &str) -> bool {
    !name.is_empty() && name.chars().all(char::is_alphanumeric)
}

impl NameRule {
    /// Whether it asks for anything.
    pub fn is_set(&self) -> bool {
        *self != Self::default()
    }

    /// What is wrong with a name, in words.
    pub fn problem(&self, name: &str) -> Option<String> {
        if self.reserved.iter().any(|reserved| same_words(reserved, name)) {
            return Some("is a reserved name".to_owned());
        }
        if let Some(prefix) = self.prefix.as_ref().filter(|prefix| !name.starts_with(*prefix)) {
            return Some(format!("does not begin with {prefix:?}"));
        }
        let case = self.case.filter(|case| !case.holds(name))?;
        Some(format!("is not written like {:?}", case.example()))
    }
}

/// Whether two names differ in case and separators at most.
pub fn same_words(one: &str, other: &str) -> bool {
    let bare = |name: &str| -> String {
        name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
    };
    bare(one) == bare(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_case_knows_its_own_names_and_no_others() {
        use Case::{Camel, Kebab, Pascal, Sentence, Snake, Title};
        for (name, cases) in [
            ("Order Completed", &[Title, Sentence][..]),
            ("Order completed", &[Sentence]),
            ("order_completed", &[Snake]),
            ("order_2", &[Snake]),
            ("orderCompleted", &[Camel]),
            ("OrderCompleted", &[Title, Sentence, Pascal]),
            ("order-completed", &[Kebab]),
            ("order", &[Snake, Camel, Kebab]),
            ("Order", &[Title, Sentence, Pascal]),
            ("order completed", &[]),
            ("Order  Completed", &[]),
            ("_order", &[]),
            ("", &[]),
        ] {
            for case in [Title, Sentence, Snake, Camel, Pascal, Kebab] {
                assert_eq!(case.holds(name), cases.contains(&case), "{name:?} as {case:?}");
            }
        }
        for case in [Title, Sentence, Snake, Camel, Pascal, Kebab] {
            assert!(case.holds(case.example()));
        }
    }

    #[test]
    fn a_reserved_name_is_known_however_it_is_written() {
        let rule = NameRule {
            case: Some(Case::Title),
            prefix: Some("Shop ".to_owned()),
            reserved: vec!["Page Viewed".to_owned()],
        };
        for (name, problem) in [
            ("page_viewed", Some("is a reserved name")),
            ("Order Completed", Some("does not begin with \"Shop \"")),
            ("Shop order", Some("is not written like \"Order Completed\"")),
            ("Shop Order", None),
        ] {
            assert_eq!(rule.problem(name).as_deref(), problem, "{name}");
        }
    }
}
