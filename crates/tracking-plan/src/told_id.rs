//! An id that stands somewhere in a JSON text: an order's, an account's.

use serde_json::value::RawValue;

use crate::{placeholder::is_placeholder, plan::is_mask, plan::object_at};

/// What stands where an id may stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ToldId {
    /// An id: a text without the spaces around it, or an integer as it is written.
    Id(String),
    /// A placeholder, or what a privacy rule has put in the place of a value: it is the same for
    /// many that have nothing to do with each other.
    Junk(&'static str),
    /// Something else, of this JSON type.
    Other(&'static str),
    /// Nothing, or null.
    Absent,
}

impl ToldId {
    /// The id at the place to which these names lead from the text's top. A text that has none of
    /// the last name is not read.
    pub(crate) fn at(text: &str, tokens: &[String]) -> Self {
        let Some((last, way)) = tokens.split_last() else { return Self::Absent };
        if !may_be_in(last, text) {
            return Self::Absent;
        }
        let members = object_at(text, way).unwrap_or_default();
        let member = members.into_iter().rev().find(|(name, _)| name == last);
        member.map_or(Self::Absent, |(_, value)| Self::of(value))
    }

    fn of(value: &RawValue) -> Self {
        let text = value.get();
        let kind = json_type(text);
        let id = match kind {
            "null" => return Self::Absent,
            "string" => serde_json::from_str(text).ok(),
            "number" => Some(text.to_owned()).filter(|text| is_integer(text)),
            _ => None,
        };
        let Some(id) = id else { return Self::Other(kind) };
        match id.trim() {
            "" => Self::Other(kind),
            id if is_placeholder(id) || is_mask(id) => Self::Junk(kind),
            id => Self::Id(id.to_owned()),
        }
    }
}

/// Whether a text may have a member of this name: quickly said, and never "no" where it has.
fn may_be_in(name: &str, text: &str) -> bool {
    // Letters and digits can be escaped in one way only, which is rare.
    let is_plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    text.contains(name) || text.contains(if is_plain { "\\u" } else { "\\" })
}

/// The type of a JSON text, by its first byte.
fn json_type(text: &str) -> &'static str {
    match text.as_bytes().first() {
        Some(b'"') => "string",
        Some(b'{') => "object",
        Some(b'[') => "array",
        Some(b't' | b'f') => "boolean",
        Some(b'n') => "null",
        _ => "number",
    }
}

/// Of any length: none is read as a number, which would round it.
fn is_integer(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str, pointer: &str) -> ToldId {
        let tokens: Vec<String> = pointer.split('/').skip(1).map(str::to_owned).collect();
        ToldId::at(text, &tokens)
    }

    #[test]
    fn an_id_is_a_text_that_says_something_or_an_integer() {
        let id = |id: &str| ToldId::Id(id.to_owned());
        for (value, expected) in [
            (r#""o-1""#, id("o-1")),
            (r#"" o 1\n""#, id("o 1")),
            ("5", id("5")),
            (r#""5""#, id("5")),
            ("-7", id("-7")),
            ("123456789012345678901234567890", id("123456789012345678901234567890")),
            ("5.0", ToldId::Other("number")),
            ("1e3", ToldId::Other("number")),
            (r#""""#, ToldId::Other("string")),
            (r#"" ""#, ToldId::Other("string")),
            (r#""\ud83d""#, ToldId::Other("string")),
            ("true", ToldId::Other("boolean")),
            ("{}", ToldId::Other("object")),
            (r#"["o-1"]"#, ToldId::Other("array")),
            ("null", ToldId::Absent),
        ] {
            assert_eq!(at(&format!(r#"{{"id":{value}}}"#), "/id"), expected, "{value}");
        }
    }

    #[test]
    fn what_many_have_in_common_is_no_id() {
        for value in [r#""undefined""#, r#"" NULL ""#, "0", "-0", r#""0000""#] {
            let text = format!(r#"{{"id":{value}}}"#);
            assert!(matches!(at(&text, "/id"), ToldId::Junk(_)), "{value}");
        }
        assert_eq!(at(r#"{"id":"[masked]"}"#, "/id"), ToldId::Junk("string"));
    }

    #[test]
    fn the_place_is_found_however_its_name_is_written() {
        for (text, pointer) in [
            (r#"{"order":{"id":"o-1"}}"#, "/order/id"),
            (r#"{"ord\u0065r":{"\u0069d":"o-1"}}"#, "/order/id"),
        ] {
            assert_eq!(at(text, pointer), ToldId::Id("o-1".to_owned()), "{text}");
        }
        let slash = ["a/b".to_owned()];
        assert_eq!(ToldId::at(r#"{"a\/b":"o-1"}"#, &slash), ToldId::Id("o-1".to_owned()));
        for text in
            ["{}", "", r#"{"id":"o-1"}"#, r#"{"order":[{"id":"o-1"}]}"#, "[1", r#"{"order":5}"#]
        {
            assert_eq!(at(text, "/order/id"), ToldId::Absent, "{text}");
        }
    }
}
