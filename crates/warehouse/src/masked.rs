//! What an exception says, without the values that it quotes.

/// Longer texts are cut.
const CHARS: usize = 300;

/// Behind these words stand values, and nothing else.
const VALUES_FOLLOW: [&str; 3] = ["Column values:", "before:", "While executing"];

/// The words of an exception's text. Whatever may be a value of a row becomes `?`: what stands in
/// quotes, words with a digit, an `@` or anything that is not ASCII; names in backticks are of the
/// table. Reads `Code: 469. DB::Exception: Constraint … (VIOLATED_CONSTRAINT) (version …)`.
pub(crate) fn masked(text: &str) -> String {
    let said = text.split_once("DB::Exception: ").map_or("", |(_, said)| said);
    let said = said.rsplit_once(" (version ").map_or(said, |(said, _)| said);
    let said = said.strip_suffix(')').and_then(|it| it.rsplit_once('(')).map_or(said, |it| it.0);
    let ends = VALUES_FOLLOW.iter().filter_map(|words| said.find(words));
    let said = &said[..ends.min().unwrap_or(said.len())];
    let mut masked = String::with_capacity(said.len());
    let mut rest = said;
    while let Some(first) = rest.chars().next() {
        let (shown, length) = match first {
            '\'' | '"' => ("?", quoted(rest, first)),
            '`' => {
                let length = quoted(rest, first);
                (&rest[..length], length)
            }
            _ if is_of_word(first) => word(rest),
            _ => (&rest[..first.len_utf8()], first.len_utf8()),
        };
        masked.push_str(shown);
        rest = &rest[length..];
    }
    let shown: String = masked.split_whitespace().collect::<Vec<_>>().join(" ");
    shown.chars().take(CHARS).collect::<String>().trim_end_matches([':', ' ', '.']).to_owned()
}

/// Length of what stands in quotes, these included; of all that is left if they do not end.
fn quoted(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        if c == quote && !escaped {
            return at + c.len_utf8();
        }
        escaped = c == '\\' && !escaped;
    }
    text.len()
}

fn is_of_word(c: char) -> bool {
    c.is_alphanumeric() || !c.is_ascii() || matches!(c, '_' | '@' | '-' | '+')
}

fn word(text: &str) -> (&str, usize) {
    let length = text.find(|c| !is_of_word(c)).unwrap_or(text.len());
    let word = &text[..length];
    let is_plain = word.chars().all(|c| c.is_ascii() && !c.is_ascii_digit() && c != '@');
    (if is_plain { word } else { "?" }, length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_exception_says_is_kept_without_any_value() {
        for (text, expected) in [
            (
                "Code: 469. DB::Exception: Constraint `no_ann2` for table t.events (0b6d-4f) is \
                 violated at row 17. Expression: (message_id != 'ann'). Column values: message_id = \
                 'ann@example.org', n = 12. (VIOLATED_CONSTRAINT) (version 26.7.2.1 (build))",
                "Constraint `no_ann2` for table t.events (?) is violated at row ?. Expression: \
                 (message_id != ?)",
            ),
            (
                "Code: 27. DB::Exception: Cannot parse input: expected ',' before: 'Ann': (at row 1) \
                 (CANNOT_PARSE_INPUT_ASSERTION_FAILED) (version 26.7)",
                "Cannot parse input: expected ?",
            ),
            (
                "Code: 691. DB::Exception: Unexpected value 5 in enum; Jürgen ann@example.org \
                 +4930123 a1b2 it's never closed Ann (version 26.7",
                "Unexpected value ? in enum; ? ?.org ? ? it?",
            ),
            (
                "Code: 33. DB::Exception: Cannot read all data. Bytes read: 3. (X) (version 1)",
                "Cannot read all data. Bytes read: ?",
            ),
            ("no exception", ""),
        ] {
            assert_eq!(masked(text), expected, "{text}");
        }
    }

    #[test]
    fn a_long_text_is_cut() {
        let text = format!("Code: 1. DB::Exception: {} (X) (version 1)", "word ".repeat(1_000));
        assert!(masked(&text).len() <= CHARS);
    }
}
