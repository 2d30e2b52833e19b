//! Names of a plan as identifiers of a language.

use std::collections::BTreeSet;

/// Identifiers that are taken. A second one of the same name gets a number.
#[derive(Debug, Default)]
pub(super) struct Taken(BTreeSet<String>);

impl Taken {
    /// With names that nobody may have.
    pub(super) fn with(names: &[&str]) -> Self {
        Self(names.iter().map(|name| (*name).to_owned()).collect())
    }

    /// This identifier, or with the next number that is free.
    pub(super) fn take(&mut self, name: &str) -> String {
        let mut taken = name.to_owned();
        let mut number = 2;
        while !self.0.insert(taken.clone()) {
            taken = format!("{name}{number}");
            number += 1;
        }
        taken
    }
}

/// `OrderCompleted`
pub(super) fn pascal(text: &str) -> String {
    let all: Vec<String> = words(text).iter().map(|word| capital(word)).collect();
    begun(&all.concat(), "N")
}

/// `orderCompleted`
pub(super) fn camel(text: &str) -> String {
    let words = words(text);
    let rest = words.iter().skip(1).map(|word| capital(word));
    let all: Vec<String> = words.first().cloned().into_iter().chain(rest).collect();
    begun(&all.concat(), "n")
}

/// `order_completed`
pub(super) fn snake(text: &str) -> String {
    begun(&words(text).join("_"), "n")
}

/// No identifier begins with a digit, or is empty.
fn begun(name: &str, letter: &str) -> String {
    if name.starts_with(|first: char| first.is_ascii_alphabetic()) {
        name.to_owned()
    } else {
        format!("{letter}{name}")
    }
}

/// The words of a name in lower case: ASCII letters and digits, at every other sign and before every
/// capital behind a small letter a new word.
fn words(text: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut small = false;
    for sign in text.chars() {
        let is_new = !sign.is_ascii_alphanumeric() || (small && sign.is_ascii_uppercase());
        if is_new {
            words.push(String::new());
        }
        if let Some(word) = words.last_mut().filter(|_| sign.is_ascii_alphanumeric()) {
            word.push(sign.to_ascii_lowercase());
        }
        small = sign.is_ascii_lowercase();
    }
    words.retain(|word| !word.is_empty());
    words
}

fn capital(word: &str) -> String {
    let mut signs = word.chars();
    signs.next().map_or_else(String::new, |first| {
        format!("{}{}", first.to_ascii_uppercase(), signs.as_str())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_becomes_an_identifier_of_each_kind() {
        for (name, expected) in [
            ("Order Completed", ["OrderCompleted", "orderCompleted", "order_completed"]),
            ("orderID", ["OrderId", "orderId", "order_id"]),
            ("2FA enabled!", ["N2faEnabled", "n2faEnabled", "n2fa_enabled"]),
            ("$ключ", ["N", "n", "n"]),
            ("", ["N", "n", "n"]),
        ] {
            assert_eq!([pascal(name), camel(name), snake(name)], expected, "{name}");
        }
    }

    #[test]
    fn a_name_that_is_taken_gets_a_number() {
        let mut taken = Taken::with(&["Any"]);
        let names = ["A", "A", "Any", "A2", "A"].map(|name| taken.take(name));
        assert_eq!(names, ["A", "A2", "Any2", "A22", "A3"]);
    }
}
