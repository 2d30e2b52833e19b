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
///
/// What a sender writes otherwise than planned is not passed by: a name leads into each element of an
/// array that stands on the way, and `*` to what stands there where it is no array.
pub type Tokens = Vec<String>;

/// Every element of an array.
pub(crate) const EACH: &str = "*";

/// The text with the values at these places changed as `change` says (given the place's number and
/// the value's text; no number where names of an object on the way cannot be read), or `None` where no
/// place is in the text. A name that stands twice in an object
/// is changed twice.
pub fn rewrite(
    text: &str,
    places: &[&Tokens],
    change: &mut dyn FnMut(Option<usize>, &str) -> Change,
) -> Option<String> {
    let routes = sorted(places.iter().enumerate().map(|(number, rest)| Route { rest, number }));
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

/// What is left of the way to a place. A list of them is kept sorted, so that of many those that go on
/// by a name are quickly found.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Route<'a> {
    rest: &'a [String],
    number: usize,
}

impl Route<'_> {
    fn next(&self) -> Option<&str> {
        self.rest.first().map(String::as_str)
    }

    fn one_on(self) -> Self {
        Self { rest: self.rest.get(1..).unwrap_or_default(), ..self }
    }
}

fn sorted<'a>(routes: impl Iterator<Item = Route<'a>>) -> Vec<Route<'a>> {
    let mut routes: Vec<_> = routes.collect();
    routes.sort_unstable();
    routes
}

/// What becomes of the value, if it changes.
fn value(
    text: &str,
    routes: &[Route<'_>],
    change: &mut dyn FnMut(Option<usize>, &str) -> Change,
) -> Option<Change> {
    let first = text.trim_start().as_bytes().first();
    if first != Some(&b'[') && routes.iter().any(|route| route.next() == Some(EACH)) {
        return value(text, &past_each(routes), change);
    }
    let here = routes.iter().filter(|route| route.rest.is_empty()).map(|route| route.number).min();
    match first {
        _ if here.is_some() => Some(change(here, text)),
        Some(b'{') => object(text, routes, change),
        Some(b'[') => array(text, routes, change),
        _ => None,
    }
}

/// Routes into what is no array: every element of it is itself.
fn past_each<'a>(routes: &[Route<'a>]) -> Vec<Route<'a>> {
    let past = |route: &Route<'a>| if route.next() == Some(EACH) { route.one_on() } else { *route };
    sorted(routes.iter().map(past))
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
        let inner = below(routes, name);
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

/// Routes that go on by this name.
fn below<'a>(routes: &[Route<'a>], name: &str) -> Vec<Route<'a>> {
    let first = routes.partition_point(|route| route.next() < Some(name));
    let on = routes.iter().skip(first).take_while(|route| route.next() == Some(name));
    on.map(|route| route.one_on()).collect()
}

fn array(
    text: &str,
    routes: &[Route<'_>],
    change: &mut dyn FnMut(Option<usize>, &str) -> Change,
) -> Option<Change> {
    let items: Vec<&RawValue> = serde_json::from_str(text).ok()?;
    let (numbered, of_each): (Vec<Route<'_>>, Vec<Route<'_>>) =
        routes.iter().copied().partition(|route| route.next().is_some_and(is_index));
    let of_each = past_each(&of_each);
    let mut out = Vec::with_capacity(items.len());
    let mut changed = false;
    for (index, item) in items.iter().enumerate() {
        let own = below(&numbered, &index.to_string());
        let became = match own.is_empty() {
            true if of_each.is_empty() => None,
            true => value(item.get(), &of_each, change),
            false => value(item.get(), &sorted(of_each.iter().copied().chain(own)), change),
        };
        changed |= became.is_some();
        match became {
            Some(Change::Remove) => {}
            Some(Change::Replace(text)) => out.push(text),
            None => out.push(item.get().to_owned()),
        }
    }
    changed.then(|| Change::Replace(format!("[{}]", out.join(","))))
}

/// Whether a name may be the index of an element.
pub(crate) fn is_index(token: &str) -> bool {
    !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_digit())
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
            (r#"{"a":{"b":1}}"#, &["/a/b", "/a"], r#"{"a":"x"}"#),
        ] {
            assert_eq!(changed(text, pointers).as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn what_is_nested_otherwise_than_the_place_says_is_found_all_the_same() {
        for (text, pointers, expected) in [
            (r#"{"u":[{"e":1},{"e":2,"n":3},4]}"#, &["/u/e"][..], r#"{"u":[{},{"n":3},4]}"#),
            (r#"{"u":[[{"e":1}]]}"#, &["/u/e"], r#"{"u":[[{}]]}"#),
            (r#"{"u":{"e":1}}"#, &["/u/*/e"], r#"{"u":{}}"#),
            (r#"{"u":[[{"e":1}]]}"#, &["/u/*/e"], r#"{"u":[[{}]]}"#),
            (r#"{"u":{"e":[1]}}"#, &["/u/*/e/*"], r#"{"u":{"e":[]}}"#),
            (r#"{"u":"text"}"#, &["/u/*"], "{}"),
            (r#"{"u":["text"]}"#, &["/u/*"], r#"{"u":[]}"#),
            (r#"{"u":[{"e":1},{"e":2}]}"#, &["/u/1/e", "/u/e"], r#"{"u":[{"e":"x"},{}]}"#),
            (r#"{"u":[1,2]}"#, &["/u/*", "/u/0"], r#"{"u":[]}"#),
        ] {
            let expected = Some(expected);
            assert_eq!(changed(text, pointers).as_deref(), expected, "{text} {pointers:?}");
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
