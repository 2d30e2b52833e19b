//! Ids that stand for "no id": what programs write where a variable was empty.
//!
//! Taken for ids, they would make one person of everybody who has none. The list is closed and
//! short on purpose: an id that somebody may really have is not in it (`na` is a name, a region and
//! a country; `test` and `1` are used). Amplitude has a list of invalid ids for the same reason.

/// Words, in lower case.
const WORDS: [&str; 16] = [
    "null",
    "(null)",
    "undefined",
    "none",
    "nil",
    "nan",
    "n/a",
    "-1",
    "true",
    "false",
    "anonymous",
    "guest",
    "unknown",
    "[object object]",
    "[]",
    "{}",
];

/// What may stand around the text of an id that was serialised once too often.
const QUOTES: [char; 3] = ['"', '\'', '`'];

/// Whether this id, without spaces around it, stands for none: one of the words, nothing between
/// quotes, or zeros alone (such as the zero UUID).
pub fn is_placeholder(id: &str) -> bool {
    let bare = id.trim_matches(QUOTES);
    bare.is_empty() || is_zero(bare) || WORDS.iter().any(|word| word.eq_ignore_ascii_case(bare))
}

fn is_zero(id: &str) -> bool {
    id.contains('0') && id.bytes().all(|byte| matches!(byte, b'0' | b'-' | b'{' | b'}'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_for_no_id_is_known_in_any_case() {
        for id in [
            "null",
            "NULL",
            "Undefined",
            "None",
            "NaN",
            "N/A",
            "[object Object]",
            "0",
            "000",
            "-0",
            "-1",
            "00000000-0000-0000-0000-000000000000",
            "{00000000-0000-0000-0000-000000000000}",
            "\"\"",
            "''",
            "\"null\"",
            "Guest",
            "ANONYMOUS",
            "{}",
        ] {
            assert!(is_placeholder(id), "{id}");
        }
    }

    #[test]
    fn what_somebody_may_really_have_for_an_id_passes() {
        for id in [
            "1",
            "10",
            "-10",
            "test",
            "na",
            "Nana",
            "nobody",
            "null-island",
            "guest-7",
            "anonymous@example.com",
            "00000000-0000-0000-0000-000000000001",
            "0x0",
            "zero",
            "-",
            "--",
            "O",
            "ｎｕｌｌ",
            "\u{0660}",
        ] {
            assert!(!is_placeholder(id), "{id}");
        }
    }
}
