//! Members that travel as JSON text.

use std::borrow::Cow;

use serde::de::IgnoredAny;

use crate::findings::Findings;

/// Deepest nesting of objects and arrays in a JSON text. What reads the text later (serde_json
/// stops at 128) can rely on it.
pub const MAX_JSON_DEPTH: usize = 64;

/// The text exactly as sent if it is an object; `{}` where nothing was sent.
pub(crate) fn object(field: &'static str, text: Option<String>, findings: &mut Findings) -> String {
    let Some(text) = text.filter(|text| !says_nothing(text)) else { return "{}".to_owned() };
    if is_too_deep(&text) {
        findings.invalid(field, "is nested deeper than 64 levels");
    } else if serde_json::from_str::<IgnoredAny>(&text).is_err() {
        findings.invalid(field, "is not JSON");
    } else if !text.trim_start().starts_with('{') {
        findings.invalid(field, "is not a JSON object");
    } else if repeats_a_name(&text) {
        findings.invalid(field, "has an object in which a name stands twice");
    }
    text
}

/// JavaScript SDKs send `null` for what they do not know; Avro producers an empty string.
fn says_nothing(text: &str) -> bool {
    matches!(text.trim(), "" | "null")
}

/// Whether brackets are nested deeper than [`MAX_JSON_DEPTH`]. Most texts have fewer in all, which is
/// quicker to count.
fn is_too_deep(text: &str) -> bool {
    let brackets = text.bytes().filter(|byte| matches!(byte, b'{' | b'[')).count();
    brackets > MAX_JSON_DEPTH && depth(text) > MAX_JSON_DEPTH
}

/// Greatest number of brackets that are open at once. Counted before anything parses the text, so
/// that no nesting can exhaust a stack.
fn depth(text: &str) -> usize {
    let (mut open, mut deepest) = (0_usize, 0);
    let (mut in_string, mut escaped) = (false, false);
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'{' | b'[' if !in_string => {
                open += 1;
                deepest = deepest.max(open);
            }
            b'}' | b']' if !in_string => open = open.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

/// Whether a name stands twice in an object of this JSON text, however it is escaped. Of the two some
/// readers take the first and others the last (RFC 8259, section 4): what was judged would not be what
/// the warehouse reads.
fn repeats_a_name(text: &str) -> bool {
    // The names of the objects that are open, and where those of each begin.
    let (mut names, mut open) = (Vec::new(), Vec::new());
    let bytes = text.as_bytes();
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        at += 1;
        match byte {
            b'{' => open.push(names.len()),
            b'}' => {
                let first = open.pop().unwrap_or_default();
                if has_twice(&mut names[first..]) {
                    return true;
                }
                names.truncate(first);
            }
            b'"' => {
                let end = at + string_length(&bytes[at..]);
                let behind = bytes[end..].iter().skip(1).find(|byte| !byte.is_ascii_whitespace());
                if behind == Some(&b':') {
                    names.push(unescaped(&text[at..end]));
                }
                at = end + 1;
            }
            _ => {}
        }
    }
    false
}

fn has_twice(names: &mut [Cow<'_, str>]) -> bool {
    names.sort_unstable();
    names.windows(2).any(|pair| pair[0] == pair[1])
}

/// Bytes up to the quotation mark that ends a string.
fn string_length(bytes: &[u8]) -> usize {
    let mut length = 0;
    while let Some(rest) = bytes.get(length..) {
        match rest.iter().position(|byte| matches!(byte, b'"' | b'\\')) {
            Some(to) if rest[to] == b'"' => return length + to,
            Some(to) => length += to + 2,
            None => break,
        }
    }
    bytes.len()
}

/// A name with a lone surrogate is no text, and stays as it is written.
fn unescaped(name: &str) -> Cow<'_, str> {
    let escaped = name.contains('\\').then(|| serde_json::from_str(&format!("\"{name}\"")).ok());
    escaped.flatten().map_or(Cow::Borrowed(name), Cow::Owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(text: &str) -> Result<String, String> {
        let mut findings = Findings::default();
        let kept = object("/context", Some(text.to_owned()), &mut findings);
        findings.judged(None).map(|_| kept).map_err(|rejected| rejected.detail)
    }

    #[test]
    fn an_object_is_kept_exactly_as_sent() {
        for text in [
            "{}",
            " {\"a\" : 1.00, \"b\": 2}\n",
            r#"{"b":"\ud83d"}"#,
            r#"{"n":1e999}"#,
            r#"{"brackets in text":"[[[{{{\"[["}"#,
        ] {
            assert_eq!(judged(text).as_deref(), Ok(text));
        }
    }

    #[test]
    fn what_says_nothing_becomes_an_empty_object() {
        for text in ["", "  ", "null", " null "] {
            assert_eq!(judged(text).as_deref(), Ok("{}"));
        }
        assert_eq!(object("/traits", None, &mut Findings::default()), "{}");
    }

    #[test]
    fn anything_but_an_object_is_invalid() {
        for (text, rule) in [
            ("[]", "/context is not a JSON object"),
            ("\"{}\"", "/context is not a JSON object"),
            ("1", "/context is not a JSON object"),
            ("{", "/context is not JSON"),
            ("{}{}", "/context is not JSON"),
            ("{'a':1}", "/context is not JSON"),
            ("nulls", "/context is not JSON"),
        ] {
            assert_eq!(judged(text), Err(rule.to_owned()), "{text}");
        }
    }

    #[test]
    fn a_name_that_stands_twice_in_one_object_is_invalid_however_it_is_written() {
        for (text, repeats) in [
            (r#"{"a":1,"a":2}"#, true),
            (r#"{"a":1,"b":2,"a" : 1}"#, true),
            (r#"{"a":1,"\u0061":2}"#, true),
            (r#"{"b":[{"c":{"a":1,"a":2}}]}"#, true),
            (r#"{"a":{"b":1},"c":{"b":1,"a":"}"},"a":2}"#, true),
            (r#"{"é":1,"\u00e9":2}"#, true),
            (r#"{"":1,"":2}"#, true),
            (r#"{"a\"b":1,"a\"b":1}"#, true),
            (r#"{"\ud83d":1,"\ud83d":1}"#, true),
            (r#"{"a":{"a":{"a":"a"}},"b":{"a":"a"}}"#, false),
            (r#"{"a":["a","a",{"a":1},{"a":1}]}"#, false),
            (r#"{"a":"\"a\":1,\"a\":2","A":"\\","b":1}"#, false),
            (r#"{"a":"{","b":"a","c":"a:"}"#, false),
            (r#"{"é":1,"e\u0301":2}"#, false),
        ] {
            let rule = "/context has an object in which a name stands twice";
            let expected = if repeats { Err(rule.to_owned()) } else { Ok(text.to_owned()) };
            assert_eq!(judged(text), expected, "{text}");
        }
    }

    #[test]
    fn nesting_is_bounded() {
        let nested = |levels: usize| format!("{}1{}", "{\"a\":".repeat(levels), "}".repeat(levels));
        assert!(judged(&nested(MAX_JSON_DEPTH)).is_ok());
        let refused = judged(&nested(MAX_JSON_DEPTH + 1)).unwrap_err();
        assert_eq!(refused, "/context is nested deeper than 64 levels");
        assert!(judged(&"[".repeat(1_000_000)).is_err());
    }
}
