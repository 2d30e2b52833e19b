//! Members that travel as JSON text.

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
            " {\"a\" : 1.00, \"a\": 2}\n",
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
    fn nesting_is_bounded() {
        let nested = |levels: usize| format!("{}1{}", "{\"a\":".repeat(levels), "}".repeat(levels));
        assert!(judged(&nested(MAX_JSON_DEPTH)).is_ok());
        let refused = judged(&nested(MAX_JSON_DEPTH + 1)).unwrap_err();
        assert_eq!(refused, "/context is nested deeper than 64 levels");
        assert!(judged(&"[".repeat(1_000_000)).is_err());
    }
}
