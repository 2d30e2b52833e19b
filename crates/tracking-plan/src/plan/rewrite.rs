//! Changes members of a JSON text and leaves every other byte's meaning as it was sent.

use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::fmt;

/// What becomes of the value at one place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// The member is taken out.
    Remove,
    /// This JSON text stands in its place.
    Replace(String),
}

/// One place: the names from the text's top. `*` is every element of an array.
pub type Tokens = Vec<String>;

/// The text with the values at these places changed as `change` says (given the place's number and
/// the value's text; no number where names of an object on the way cannot be read), or `None` where no
/// place is in the text. A name that stands twice in an object
/// is changed twice.
pub fn rewrite(
    text: &str,
    places: &[&Tokens],
    change: &mut dyn FnMut(Option<usize>, &str) -> Change,
) -> Option<String> {
    let routes: Vec<Route<'_>> =
        places.iter().enumerate().map(|(number, tokens)| Route { number, rest: tokens }).collect();
    match value(text, &routes, change)? {
        Change::Remove => Some("{}".to_owned()),
        Change::Replace(text) => Some(text),
    }
}

/// There is something on the way to a place, or at it, that is no object whose names can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NoObject;

/// The members of the object at a place, in their order. Nothing where nothing stands there, or `null`
/// on the way to it; of a name on the way that stands twice, the last one counts.
pub(crate) fn object_at<'a>(
    text: &'a str,
    tokens: &[String],
) -> Result<Vec<(String, &'a RawValue)>, NoObject> {
    if matches!(text.trim(), "" | "null") {
        return Ok(Vec::new());
    }
    let members = members(text).ok_or(NoObject)?;
    let [first, rest @ ..] = tokens else { return Ok(members) };
    let member = members.into_iter().rev().find(|(name, _)| name == first);
    member.map_or(Ok(Vec::new()), |(_, member)| object_at(member.get(), rest))
}

/// What is left of the way to a place.
#[derive(Clone, Copy)]
struct Route<'a> {
    number: usize,
    rest: &'a [String],
}

/// What becomes of the value, if it changes.
fn value(
    text: &str,
    routes: &[Route<'_>],
    change: &mut dyn FnMut(Option<usize>, &str) -> Change,
) -> Option<Change> {
    if let Some(route) = routes.iter().find(|route| route.rest.is_empty()) {
        return Some(change(Some(route.number), text));
    }
    match text.trim_start().as_bytes().first() {
        Some(b'{') => object(text, routes, change),
        Some(b'[') => array(text, routes, change),
        _ => None,
    }
}

fn object(
    text: &str,
    routes: &[Route<'_>],
    change: &mut dyn FnMut(Option<usize>, &str) -> Change,
) -> Option<Change> {
    // A name with a lone surrogate is JSON, and no text: it cannot be told from what is looked for.
    let Some(members) = members(text) else { return Some(change(None, text)) };
    let mut out = String::with_capacity(text.len());
    let mut changed = false;
    for (name, member) in &members {
        let inner = below(routes, |token| token == name);
        let became = if inner.is_empty() { None } else { value(member.get(), &inner, change) };
        changed |= became.is_some();
        let text = match &became {
            Some(Change::Remove) => continue,
            Some(Change::Replace(text)) => text,
            None => member.get(),
        };
        out.push(if out.is_empty() { '{' } else { ',' });
        out.push_str(&serde_json::Value::from(name.as_str()).to_string());
        out.push(':');
        out.push_str(text);
    }
    if out.is_empty() {
        out.push('{');
    }
    out.push('}');
    changed.then_some(Change::Replace(out))
}

fn array(
    text: &str,
    routes: &[Route<'_>],
    change: &mut dyn FnMut(Option<usize>, &str) -> Change,
) -> Option<Change> {
    let items: Vec<&RawValue> = serde_json::from_str(text).ok()?;
    let mut out = Vec::with_capacity(items.len());
    let mut changed = false;
    for (index, item) in items.iter().enumerate() {
        let index = index.to_string();
        let inner = below(routes, |token| token == "*" || *token == index);
        let became = if inner.is_empty() { None } else { value(item.get(), &inner, change) };
        changed |= became.is_some();
        match became {
            Some(Change::Remove) => {}
            Some(Change::Replace(text)) => out.push(text),
            None => out.push(item.get().to_owned()),
        }
    }
    changed.then(|| Change::Replace(format!("[{}]", out.join(","))))
}

fn below<'a>(routes: &[Route<'a>], leads: impl Fn(&String) -> bool) -> Vec<Route<'a>> {
    let on = routes.iter().filter(|route| route.rest.first().is_some_and(&leads));
    on.map(|route| Route { rest: &route.rest[1..], ..*route }).collect()
}

/// The members in their order, repeated names too.
fn members(text: &str) -> Option<Vec<(String, &RawValue)>> {
    struct Members;
    impl<'de> Visitor<'de> for Members {
        type Value = Vec<(String, &'de RawValue)>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut members = Vec::new();
            while let Some(member) = map.next_entry()? {
                members.push(member);
            }
            Ok(members)
        }
    }
    serde_json::Deserializer::from_str(text).deserialize_map(Members).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::paths::tokens;

    fn changed(text: &str, pointers: &[&str]) -> Option<String> {
        let tokens: Vec<Tokens> = pointers.iter().map(|pointer| tokens(pointer).unwrap()).collect();
        let places: Vec<&Tokens> = tokens.iter().collect();
        rewrite(text, &places, &mut |place, _| {
            if place == Some(0) { Change::Remove } else { Change::Replace("\"x\"".to_owned()) }
        })
    }

    #[test]
    fn only_the_named_members_change_and_numbers_stay_as_they_were_written() {
        for (text, pointers, expected) in [
            (
                r#"{"a":1.00,"b":12345678901234567890123}"#,
                &["/a"][..],
                r#"{"b":12345678901234567890123}"#,
            ),
            (r#"{"a":1}"#, &["/a"], "{}"),
            (
                r#"{ "a" : {"b": 1, "c" : [1, 2]}, "d":1e2 }"#,
                &["/z", "/a/b"],
                r#"{"a":{"b":"x","c":[1, 2]},"d":1e2}"#,
            ),
            (r#"{"a":1,"a":2,"b":3}"#, &["/a"], r#"{"b":3}"#),
            (r#"{"p":[{"e":1,"n":2},{"e":3}]}"#, &["/p/*/e"], r#"{"p":[{"n":2},{}]}"#),
            (r#"{"p":[1,2]}"#, &["/z", "/p/1"], r#"{"p":[1,"x"]}"#),
            (r#"{"\u0061":1,"q\"":2}"#, &["/a"], r#"{"q\"":2}"#),
            (r#"{"a":{"b":1}}"#, &["/a", "/a/b"], "{}"),
        ] {
            assert_eq!(changed(text, pointers).as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn a_text_without_the_place_stays_as_it_is() {
        for (text, pointer) in [
            ("{}", "/a"),
            (r#"{"a":1}"#, "/a/b"),
            (r#"{"a":[1]}"#, "/a/b"),
            (r#"{"b":{"a":1}}"#, "/a"),
        ] {
            assert_eq!(changed(text, &[pointer]), None, "{text}");
        }
    }
}
