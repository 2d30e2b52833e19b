//! The members of a JSON object, each as the exact text that was sent.

use std::{borrow::Cow, collections::BTreeMap, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use serde_json::{Value, value::RawValue};

/// The members of an object by name. Of members with the same name the last counts, as in
/// JavaScript.
#[derive(Debug, Default)]
pub(super) struct Members<'a>(BTreeMap<Cow<'a, str>, &'a RawValue>);

impl<'a> Members<'a> {
    /// The members of `object`; `None` if it is no object, or a name in it is no Unicode text
    /// (half of a surrogate pair).
    pub(super) fn of(object: &'a RawValue) -> Option<Self> {
        serde_json::from_str(object.get()).ok()
    }

    /// Takes the member out; `null` is as good as absent.
    pub(super) fn take(&mut self, name: &str) -> Option<&'a RawValue> {
        self.0.remove(name).filter(|value| !is_null(value))
    }

    /// Puts a member in, in place of any other of this name.
    pub(super) fn put(&mut self, name: impl Into<Cow<'a, str>>, value: &'a RawValue) {
        self.0.insert(name.into(), value);
    }

    /// Takes the member away, whatever it is.
    pub(super) fn remove(&mut self, name: &str) {
        self.0.remove(name);
    }

    /// JSON text of an object with these members; `None` without any.
    pub(super) fn to_text(&self) -> Option<String> {
        (!self.0.is_empty()).then(|| object_text(self.iter()))
    }

    /// JSON text of an object with the members of both; of members with the same name that of
    /// `self` counts, whole.
    pub(super) fn over(&self, below: &Members<'_>) -> String {
        let beneath = below.iter().filter(|(name, _)| !self.0.contains_key(*name));
        object_text(beneath.chain(self.iter()))
    }

    fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_ref(), value.get()))
    }
}

fn object_text<'m>(members: impl Iterator<Item = (&'m str, &'m str)>) -> String {
    let mut text = String::from("{");
    for (name, value) in members {
        if text.len() > 1 {
            text.push(',');
        }
        text.push_str(&Value::from(name).to_string());
        text.push(':');
        text.push_str(value);
    }
    text.push('}');
    text
}

/// The text of a JSON string; `None` for any other value, and for a string that is no Unicode
/// text.
pub(super) fn string(value: &RawValue) -> Option<String> {
    serde_json::from_str(value.get()).ok()
}

/// Whether the value is `null`: as good as absent.
pub(super) fn is_null(value: &RawValue) -> bool {
    value.get() == "null"
}

/// Whether the value is an object.
pub(super) fn is_object(value: &RawValue) -> bool {
    value.get().starts_with('{')
}

/// Whether the value is a number.
pub(super) fn is_number(value: &RawValue) -> bool {
    value.get().starts_with(|first: char| first == '-' || first.is_ascii_digit())
}

/// The name of a member, borrowed where it is written without escapes.
#[derive(Deserialize)]
pub(super) struct Name<'a>(#[serde(borrow)] pub(super) Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MembersVisitor).map(Self)
    }
}

struct MembersVisitor;

impl<'de> Visitor<'de> for MembersVisitor {
    type Value = BTreeMap<Cow<'de, str>, &'de RawValue>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = BTreeMap::new();
        while let Some((Name(name), value)) = map.next_entry()? {
            members.insert(name, value);
        }
        Ok(members)
    }
}
