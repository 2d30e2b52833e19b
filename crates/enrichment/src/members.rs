//! Members of JSON objects, none parsed further than needed, so that one odd value spoils only itself.
//!
//! Of members with the same name the last counts, as in JavaScript.

use std::{borrow::Cow, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{DeserializeSeed, IgnoredAny, MapAccess, Visitor},
};
use serde_json::value::RawValue;

/// The value of a member as it was sent, if it was.
pub(crate) type Sent<'a> = Option<&'a RawValue>;

/// The member's own text, where it is an object.
pub(crate) fn object_text(sent: Sent<'_>) -> Option<&str> {
    sent.map(RawValue::get).filter(|text| text.starts_with('{'))
}

/// Whether a member is there and not null.
pub(crate) fn is_told(sent: Sent<'_>) -> bool {
    sent.is_some_and(|value| value.get() != "null")
}

/// Nearly no text has an escape, and then it stands there as it is.
pub(crate) fn any_text(sent: Sent<'_>) -> Option<Cow<'_, str>> {
    let json = sent?.get();
    let text = json.strip_prefix('"')?.strip_suffix('"')?;
    if text.contains('\\') {
        serde_json::from_str(json).ok().map(Cow::Owned)
    } else {
        Some(Cow::Borrowed(text))
    }
}

/// A text that says something.
pub(crate) fn text(sent: Sent<'_>) -> Option<Cow<'_, str>> {
    any_text(sent).filter(|text| text.contains(|sign: char| !sign.is_whitespace()))
}

/// Campaigns are often named by bare numbers.
pub(crate) fn text_or_number(sent: Sent<'_>) -> Option<Cow<'_, str>> {
    text(sent).or_else(|| number(sent).map(Cow::Borrowed))
}

/// A number as it was sent.
pub(crate) fn number(sent: Sent<'_>) -> Option<&str> {
    let is_first = |first: char| first == '-' || first.is_ascii_digit();
    sent.map(RawValue::get).filter(|text| text.starts_with(is_first))
}

/// A member's name, borrowed where it has no escapes.
#[derive(Deserialize)]
pub(crate) struct Name<'a>(#[serde(borrow)] pub(crate) Cow<'a, str>);

/// Every member of an object.
///
/// A list: objects have few members, and nearly all of them have names that need no copy.
#[derive(Default)]
pub(crate) struct Members<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'a> Members<'a> {
    /// None where the text is no object, or cannot be read.
    pub(crate) fn read(json: &'a str) -> Self {
        serde_json::from_str(json).unwrap_or_default()
    }

    pub(crate) fn get(&self, name: &str) -> Sent<'a> {
        self.0.iter().rev().find(|(told, _)| told == name).map(|(_, value)| *value)
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &Cow<'a, str>> {
        self.0.iter().map(|(name, _)| name)
    }

    /// A member that reads as the type asked for.
    pub(crate) fn parsed<T: Deserialize<'a>>(&self, name: &str) -> Option<T> {
        serde_json::from_str(self.get(name)?.get()).ok()
    }

    /// A text that says something.
    pub(crate) fn text(&self, name: &str) -> Option<String> {
        text(self.get(name)).map(Cow::into_owned)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MembersVisitor)
    }
}

struct MembersVisitor;

impl<'de> Visitor<'de> for MembersVisitor {
    type Value = Members<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members<'de>, A::Error> {
        let mut members = Vec::new();
        while let Some((Name(name), value)) = map.next_entry()? {
            members.push((name, value));
        }
        Ok(Members(members))
    }
}

/// The members of an object with these names, in the order of the names; none where the text is no
/// object, or cannot be read.
pub(crate) fn picked<'a, const N: usize>(
    json: &'a str,
    names: &'static [&'static str; N],
) -> [Sent<'a>; N] {
    let mut deserializer = serde_json::Deserializer::from_str(json);
    let picked = Pick(names).deserialize(&mut deserializer).ok();
    picked.filter(|_| deserializer.end().is_ok()).unwrap_or([None; N])
}

/// Reads the members with these names of an object; null has none.
#[derive(Clone, Copy)]
pub(crate) struct Pick<const N: usize>(pub(crate) &'static [&'static str; N]);

impl<'de, const N: usize> DeserializeSeed<'de> for Pick<N> {
    type Value = [Sent<'de>; N];

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_option(self)
    }
}

impl<'de, const N: usize> Visitor<'de> for Pick<N> {
    type Value = [Sent<'de>; N];

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object or null")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok([None; N])
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut values = [None; N];
        while let Some(Name(name)) = map.next_key()? {
            match self.0.iter().position(|wanted| *wanted == name) {
                Some(at) => values[at] = Some(map.next_value()?),
                None => _ = map.next_value::<IgnoredAny>()?,
            }
        }
        Ok(values)
    }
}
