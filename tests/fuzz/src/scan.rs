//! A second reader of JSON, which shares nothing with ingest's: it takes apart text that is known
//! to be JSON, one level at a time.

use std::collections::BTreeMap;

use serde::de::IgnoredAny;

/// The elements of an array; `None` for any other value.
pub(crate) fn elements(array: &[u8]) -> Option<Vec<&[u8]>> {
    let inner = array.trim_ascii().strip_prefix(b"[")?.strip_suffix(b"]")?;
    Some(split(inner, b','))
}

/// The members of an object in order; the name of one is `None` where it is no Unicode text.
/// `None` for any other value.
pub(crate) fn members(object: &[u8]) -> Option<Vec<(Option<String>, &[u8])>> {
    let inner = object.trim_ascii().strip_prefix(b"{")?.strip_suffix(b"}")?;
    let member = |text| {
        let name: &[u8] = split(text, b':').first().copied().unwrap_or_default();
        let value = text.get(name.len()..).unwrap_or_default();
        let value = value.trim_ascii_start().strip_prefix(b":").unwrap_or_default();
        (serde_json::from_slice(name).ok(), value.trim_ascii())
    };
    Some(split(inner, b',').into_iter().map(member).collect())
}

/// The members of an object by name, the last of each name; `None` for any other value, and where
/// a name is no Unicode text.
pub(crate) fn by_name(object: &[u8]) -> Option<BTreeMap<String, &[u8]>> {
    members(object)?.into_iter().map(|(name, value)| Some((name?, value))).collect()
}

/// Whether this is one JSON value.
pub(crate) fn is_json(text: &[u8]) -> bool {
    let mut deserializer = serde_json::Deserializer::from_slice(text);
    let value = serde::Deserialize::deserialize(&mut deserializer);
    value.is_ok_and(|_: IgnoredAny| deserializer.end().is_ok())
}

/// Splits at the mark where it stands in no string and no bracket.
fn split(text: &[u8], mark: u8) -> Vec<&[u8]> {
    let (mut pieces, mut begin, mut depth) = (Vec::new(), 0, 0_usize);
    let (mut in_string, mut escaped) = (false, false);
    for (at, byte) in text.iter().copied().enumerate() {
        if in_string {
            in_string = escaped || byte != b'"';
            escaped = byte == b'\\' && !escaped;
            continue;
        }
        match byte {
            b'"' => in_string = true,
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth = depth.saturating_sub(1),
            byte if byte == mark && depth == 0 => {
                pieces.push(text[begin..at].trim_ascii());
                begin = at + 1;
            }
            _ => {}
        }
    }
    let last = text[begin..].trim_ascii();
    if !(pieces.is_empty() && last.is_empty()) {
        pieces.push(last);
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrays_and_objects_are_split_at_their_own_commas() {
        let texts = |array: &'static str| elements(array.as_bytes());
        assert_eq!(texts("{}"), None);
        assert_eq!(texts(" [ ] "), Some(vec![]));
        let mixed: Vec<&[u8]> = vec![br#""a,\"]""#, b"[1,2]", br#"{"b":[1,{"c":","}]}"#, b"7"];
        assert_eq!(texts(r#"["a,\"]" , [1,2],{"b":[1,{"c":","}]}, 7]"#), Some(mixed));
        let text = br#"{"a\":":"\\", "b" : {"c":1} ,"\u0062":[2],"\ud83d":null}"#;
        let names: Vec<_> = members(text).unwrap();
        let expected: Vec<(Option<String>, &[u8])> = vec![
            (Some("a\":".to_owned()), br#""\\""#),
            (Some("b".to_owned()), br#"{"c":1}"#),
            (Some("b".to_owned()), b"[2]"),
            (None, b"null"),
        ];
        assert_eq!(names, expected);
        assert_eq!(by_name(text), None);
        assert_eq!(by_name(br#"{"b":1,"b":2}"#).unwrap()["b"], b"2");
    }
}
