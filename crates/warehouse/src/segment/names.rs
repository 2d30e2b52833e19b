//! Names as Segment's warehouses have them: words in lower case with `_` between them.

use std::fmt::Write as _;

use sha2::{Digest, Sha256};

/// Tables that every source has.
pub(super) const TABLES: [&str; 8] =
    ["tracks", "pages", "screens", "identifies", "users", "groups", "accounts", "aliases"];

/// Longest name that is kept as it is, in bytes.
const LONGEST: usize = 100;

/// The words of a name: capitals and digits with the small letters and digits behind them. Everything but
/// letters of ASCII and digits stands between words. (Segment's own rule, in its package go-snakecase.)
pub(super) fn words(name: &str) -> String {
    let mut words = String::with_capacity(name.len() + 4);
    let mut before: Option<char> = None;
    for letter in name.chars() {
        if !letter.is_ascii_alphanumeric() {
            before = None;
            continue;
        }
        let begins = match before {
            None => true,
            Some(before) => letter.is_ascii_uppercase() && before.is_ascii_lowercase(),
        };
        if begins && !words.is_empty() {
            words.push('_');
        }
        words.push(letter.to_ascii_lowercase());
        // Digits belong to what they follow: small letters go on after them, and so do capitals.
        before = if letter.is_ascii_digit() { before.or(Some(letter)) } else { Some(letter) };
    }
    words
}

/// The table of a track event. The view `segment_events` makes the same of it.
pub(super) fn table(event: &str) -> String {
    let words = words(event);
    if words.is_empty() || words.len() > LONGEST {
        return format!("event_{}", short_hash(event));
    }
    if TABLES.contains(&words.as_str()) { format!("{words}_event") } else { unquoted(words) }
}

/// The column of a member, given the names that lead to it, where `reserved` are the columns that every
/// row has anyway and `of` says what the member is.
pub(super) fn column(path: &[String], of: &str, reserved: impl Fn(&str) -> bool) -> String {
    let parts: Vec<String> = path.iter().map(|name| words(name)).collect();
    let words = parts.join("_");
    if parts.iter().any(String::is_empty) || words.len() > LONGEST {
        return format!("{of}_{}", short_hash(&path.join("\0")));
    }
    let name = unquoted(words);
    if reserved(&name) { format!("{of}_{name}") } else { name }
}

/// The database of a source's views.
pub(super) fn database(ours: &str, source: &str) -> String {
    format!("{ours}_{}", words(source))
}

/// A name that begins with a digit would have to be quoted everywhere.
fn unquoted(name: String) -> String {
    if name.starts_with(|first: char| first.is_ascii_digit()) { format!("_{name}") } else { name }
}

/// The first eight hex digits of SHA-256.
fn short_hash(text: &str) -> String {
    first_hex_digits(text, 4)
}

/// The first bytes of SHA-256, two hex digits each.
pub(super) fn first_hex_digits(text: &str, bytes: usize) -> String {
    Sha256::digest(text).iter().take(bytes).fold(String::new(), |mut digits, byte| {
        let _infallible = write!(digits, "{byte:02x}");
        digits
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_told_apart_by_what_stands_between_them_and_by_capitals() {
        for (name, expected) in [
            ("Order Completed", "order_completed"),
            ("orderId", "order_id"),
            ("OrderID", "order_id"),
            ("HTTPStatus", "httpstatus"),
            ("order_completed", "order_completed"),
            ("order--completed!", "order_completed"),
            ("  Step 2  Done ", "step_2_done"),
            ("2FA enabled", "2fa_enabled"),
            ("enabled 2FA", "enabled_2fa"),
            ("utf8Name", "utf8_name"),
            ("a5B", "a5_b"),
            ("A5B", "a5b"),
            ("größe", "gr_e"),
            ("…", ""),
        ] {
            assert_eq!(words(name), expected, "{name}");
        }
    }

    #[test]
    fn a_table_is_never_one_that_every_source_has_nor_without_a_name() {
        for (event, expected) in [
            ("Order Completed", "order_completed"),
            ("Pages", "pages_event"),
            ("2FA enabled", "_2fa_enabled"),
            ("注文", "event_266125dd"),
        ] {
            assert_eq!(table(event), expected, "{event}");
        }
        assert_eq!(table(&"long ".repeat(30)).len(), "event_".len() + 8);
    }

    #[test]
    fn a_column_that_every_row_has_keeps_its_meaning() {
        let path = |names: &[&str]| names.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>();
        let reserved = |name: &str| name == "id";
        for (names, expected) in [
            (path(&["orderId"]), "order_id"),
            (path(&["address", "zipCode"]), "address_zip_code"),
            (path(&["ID"]), "property_id"),
            (path(&["3d"]), "_3d"),
        ] {
            assert_eq!(column(&names, "property", reserved), expected);
        }
        assert!(column(&path(&["価格"]), "property", reserved).starts_with("property_"));
    }
}
