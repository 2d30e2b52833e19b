//! Texts of a plan within code.

use serde_json::Value;

/// A text as a literal of JSON, JavaScript and Python.
pub(super) fn json(text: &str) -> String {
    Value::from(text).to_string()
}

/// A text for a comment of one line.
pub(super) fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
