//! Changes texts of a JSON text and leaves every other byte as it was sent.

use std::{fmt, ops::Range};

use serde::de::{Deserializer, MapAccess, Visitor};
use serde_bytes::ByteBuf;
use serde_json::value::RawValue;

/// What becomes of the text of a member, given the names of the object (empty at the top) and of the
/// member; `None` where it stays.
pub(super) type Change<'a> = dyn FnMut(&str, &str, &str) -> Option<String> + 'a;

/// The JSON text with the texts directly in its objects of these names changed; `""` names the whole.
/// `None` where nothing changes. What stands twice under a name is changed twice.
pub(super) fn change_texts(
    json: &str,
    objects: &[&str],
    change: &mut Change<'_>,
) -> Option<String> {
    let mut edits: Vec<(Range<usize>, String)> = Vec::new();
    let mut edit = |object: &str, members: &[(String, &RawValue)]| {
        for (name, value) in members {
            let text = text_of(value.get());
            let changed = text.and_then(|text| change(object, name, &text));
            edits.extend(changed.map(|text| (place(json, value), json_of(&text))));
        }
    };
    let top = members(json)?;
    if objects.contains(&"") {
        edit("", &top);
    }
    for (name, value) in top.iter().filter(|(name, _)| objects.contains(&name.as_str())) {
        edit(name, &members(value.get()).unwrap_or_default());
    }
    (!edits.is_empty()).then(|| splice(json, edits))
}

/// Where a value stands in the text that it was read from.
fn place(json: &str, value: &RawValue) -> Range<usize> {
    let start = value.get().as_ptr().addr() - json.as_ptr().addr();
    start..start + value.get().len()
}

fn splice(json: &str, mut edits: Vec<(Range<usize>, String)>) -> String {
    edits.sort_by_key(|(place, _)| place.start);
    let (mut out, mut from) = (String::with_capacity(json.len()), 0);
    for (place, text) in edits {
        out.push_str(&json[from..place.start]);
        out.push_str(&text);
        from = place.end;
    }
    out.push_str(&json[from..]);
    out
}

fn json_of(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// A text. Half of a surrogate pair, which JSON may have and no text, becomes three U+FFFD.
fn text_of(json: &str) -> Option<String> {
    let bytes: ByteBuf = json.starts_with('"').then(|| serde_json::from_str(json).ok())??;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

/// The members in their order, repeated names too.
fn members(json: &str) -> Option<Vec<(String, &RawValue)>> {
    struct Members;
    impl<'de> Visitor<'de> for Members {
        type Value = Vec<(String, &'de RawValue)>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut members = Vec::new();
            while let Some((name, value)) = map.next_entry::<ByteBuf, &RawValue>()? {
                members.push((String::from_utf8_lossy(&name).into_owned(), value));
            }
            Ok(members)
        }
    }
    serde_json::Deserializer::from_str(json).deserialize_map(Members).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changed(json: &str, objects: &[&str]) -> Option<String> {
        change_texts(json, objects, &mut |object, member, text| {
            text.contains("no").then(|| format!("{object}/{member}"))
        })
    }

    #[test]
    fn only_the_texts_change_and_every_other_byte_stays() {
        for (json, objects, expected) in [
            (
                r#"{ "a" : {"u": "no", "n":1.00 ,"\u0074":"y\/es"},"b":{"u":"no"} }"#,
                &["a"][..],
                r#"{ "a" : {"u": "a/u", "n":1.00 ,"\u0074":"y\/es"},"b":{"u":"no"} }"#,
            ),
            (r#"{"u":"no","a":{"u":"no"}}"#, &[""], r#"{"u":"/u","a":{"u":"no"}}"#),
            (r#"{"u":"no","u":"n\u006f"}"#, &[""], r#"{"u":"/u","u":"/u"}"#),
            (r#"{"\u0061":{"x":"no"}}"#, &["a"], r#"{"\u0061":{"x":"a/x"}}"#),
            (
                r#"{"\ud83d":{"x":1},"a":{"\ud83d":"no","u":"no\ud83d"}}"#,
                &["a"],
                "{\"\\ud83d\":{\"x\":1},\"a\":{\"\\ud83d\":\"a/\u{fffd}\u{fffd}\u{fffd}\",\"u\":\"a/u\"}}",
            ),
        ] {
            assert_eq!(changed(json, objects).as_deref(), Some(expected), "{json}");
        }
    }

    #[test]
    fn a_text_without_the_place_stays_as_it_is() {
        for json in ["{}", r#"{"a":"no"}"#, r#"{"a":["no"]}"#, r#"{"a":{"u":{"v":"no"}}}"#, "[", ""]
        {
            assert_eq!(changed(json, &["a"]), None, "{json}");
        }
    }
}
