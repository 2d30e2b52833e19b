//! What of a sender's own words may stand in a draft, which many may read.
//!
//! A value is listed only if it looks like a word of a program: this is a guess, and it errs towards
//! leaving out.

/// Longest name that is written, in characters.
const LONGEST_NAME: usize = 64;
/// This many digits may be a telephone number.
const MOST_DIGITS: usize = 5;
/// Longest value that is listed, in bytes.
const LONGEST_VALUE: usize = 24;
/// This many digits may be a postal code.
const MOST_DIGITS_OF_VALUE: usize = 4;

/// Parts of the names of properties whose values are never listed.
const OF_PEOPLE: [&str; 15] = [
    "name", "mail", "phone", "mobile", "address", "street", "postal", "birth", "user", "person",
    "customer", "contact", "token", "secret", "password",
];
/// Words that mean the same only when they stand alone: `zip`, and not `gzip`.
const OF_PEOPLE_ALONE: [&str; 6] = ["ip", "id", "tel", "zip", "key", "city"];

/// The rule in words, for the draft's head.
pub(crate) const RULE: [&str; 2] = [
    "A value is listed only if it is a short word of ASCII letters, digits, _, - and . with at most four",
    "digits, and never of a property whose name speaks of people, addresses, ids or secrets.",
];

/// Whether the name of an event or a member may be written: not one that is itself an e-mail address
/// or a long number, such as a key of a map by person.
pub(crate) fn may_be_named(name: &str) -> bool {
    let digits = name.bytes().filter(u8::is_ascii_digit).count();
    !name.is_empty()
        && name.trim() == name
        && name.chars().count() <= LONGEST_NAME
        && digits <= MOST_DIGITS
        && !name.contains('@')
        && !name.chars().any(char::is_control)
}

/// Whether a value may be listed: a short word without spaces.
pub(crate) fn may_be_listed(value: &str) -> bool {
    let digits = value.bytes().filter(u8::is_ascii_digit).count();
    value.starts_with(|first: char| first.is_ascii_alphabetic())
        && value.len() <= LONGEST_VALUE
        && digits <= MOST_DIGITS_OF_VALUE
        && value.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.'))
}

/// Whether a property of this name may hold what belongs to a person.
pub(crate) fn speaks_of_people(name: &str) -> bool {
    let lower = name.to_lowercase();
    OF_PEOPLE.iter().any(|part| lower.contains(part))
        || words(name).any(|word| OF_PEOPLE_ALONE.contains(&word.trim_end_matches('s')))
}

/// The words of a name, in lower case: `orderId` and `order_id` have the same.
fn words(name: &str) -> impl Iterator<Item = String> {
    let mut words = vec![String::new()];
    let mut was_lower = false;
    for c in name.chars() {
        if !c.is_alphanumeric() || (c.is_uppercase() && was_lower) {
            words.push(String::new());
        }
        if c.is_alphanumeric()
            && let Some(word) = words.last_mut()
        {
            word.extend(c.to_lowercase());
        }
        was_lower = c.is_lowercase();
    }
    words.into_iter()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_may_be_a_person_is_not_written() {
        for (name, written) in [
            ("order_id", true),
            ("Bestellung geändert", true),
            ("Sale 2026", true),
            ("", false),
            (" Order", false),
            ("ada@example.com", false),
            ("00491701234567", false),
            ("a\nb: c", false),
            (&"x".repeat(65), false),
        ] {
            assert_eq!(may_be_named(name), written, "{name:?}");
        }
    }

    #[test]
    fn only_a_short_word_of_a_program_is_listed() {
        for (value, listed) in [
            ("EUR", true),
            ("credit_card", true),
            ("v1.2", true),
            ("", false),
            ("Ada Lovelace", false),
            ("ada@example.com", false),
            ("80331", false),
            ("x80331", false),
            ("+491701234567", false),
            ("Müller", false),
            ("a_word_that_is_far_too_long", false),
        ] {
            assert_eq!(may_be_listed(value), listed, "{value:?}");
        }
    }

    #[test]
    fn a_name_speaks_of_people_by_its_words_however_they_are_joined() {
        for (name, of_people) in [
            ("first_name", true),
            ("userEmail", true),
            ("orderId", true),
            ("ip", true),
            ("ids", true),
            ("shipping_method", false),
            ("video", false),
            ("currency", false),
            ("velocity", false),
        ] {
            assert_eq!(speaks_of_people(name), of_people, "{name}");
        }
    }
}
