//! Which of many members a JSON text has, in one pass that keeps nothing.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// Most places that one set may have: they are the bits of [`Found`].
pub(crate) const MOST: usize = 128;

/// The places that were found, as bits.
pub(crate) type Found = u128;

/// JSON pointers to look for. Only members of objects: an index of an array is a name like others,
/// and finds nothing in an array.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Paths {
    nodes: Vec<Node>,
    count: usize,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Node {
    children: Vec<(String, usize)>,
    place: Option<u32>,
}

impl Paths {
    /// The number of this pointer, which is new or known. `None` if it is no pointer, or one too
    /// many.
    pub(crate) fn add(&mut self, pointer: &str) -> Option<u32> {
        let tokens = tokens(pointer)?;
        if self.nodes.is_empty() {
            self.nodes.push(Node::default());
        }
        let mut at = 0;
        for token in tokens {
            let known = self.nodes[at].children.iter().find(|(name, _)| *name == token);
            at = if let Some((_, child)) = known {
                *child
            } else {
                self.nodes.push(Node::default());
                let child = self.nodes.len() - 1;
                self.nodes[at].children.push((token, child));
                child
            };
        }
        if let Some(place) = self.nodes[at].place {
            return Some(place);
        }
        let place = u32::try_from(self.count).ok().filter(|_| self.count < MOST)?;
        self.count += 1;
        self.nodes[at].place = Some(place);
        Some(place)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Which places the text has, and have something to say: not null, no empty text, array or
    /// object. A text that is no JSON has none.
    pub(crate) fn find(&self, text: &str) -> Found {
        if self.is_empty() {
            return 0;
        }
        let mut found = 0;
        let mut json = serde_json::Deserializer::from_str(text);
        let seed = Look { paths: self, node: 0, found: &mut found };
        if seed.deserialize(&mut json).is_ok() { found } else { 0 }
    }
}

/// The names that a JSON pointer (RFC 6901) has; `None` if it is none, or the whole.
pub(crate) fn tokens(pointer: &str) -> Option<Vec<String>> {
    let rest = pointer.strip_prefix('/')?;
    Some(rest.split('/').map(|token| token.replace("~1", "/").replace("~0", "~")).collect())
}

struct Look<'a> {
    paths: &'a Paths,
    node: usize,
    found: &'a mut Found,
}

impl Look<'_> {
    fn note(self, says_something: bool) {
        if says_something && let Some(place) = self.paths.nodes[self.node].place {
            *self.found |= 1 << place;
        }
    }
}

impl<'de> DeserializeSeed<'de> for Look<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Look<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        self.note(false);
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        self.note(true);
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        self.note(true);
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        self.note(true);
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        self.note(true);
        Ok(())
    }

    fn visit_str<E>(self, text: &str) -> Result<(), E> {
        self.note(!text.trim().is_empty());
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        let mut any = false;
        while items.next_element::<IgnoredAny>()?.is_some() {
            any = true;
        }
        self.note(any);
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        let Self { paths, node, found } = self;
        let mut any = false;
        while let Some(child) = members.next_key_seed(Child(&paths.nodes[node].children))? {
            any = true;
            match child {
                Some(node) => members.next_value_seed(Look { paths, node, found: &mut *found })?,
                None => {
                    members.next_value::<IgnoredAny>()?;
                }
            }
        }
        Look { paths, node, found }.note(any);
        Ok(())
    }
}

/// Reads a name as the node below that it leads to.
struct Child<'a>(&'a [(String, usize)]);

impl<'de> DeserializeSeed<'de> for Child<'_> {
    type Value = Option<usize>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Child<'_> {
    type Value = Option<usize>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E>(self, name: &str) -> Result<Option<usize>, E> {
        Ok(self.0.iter().find(|(known, _)| known == name).map(|(_, node)| *node))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_found_if_it_says_something() {
        let mut paths = Paths::default();
        for pointer in ["/page/url", "/page", "/locale", "/a~1b/c~0d", "/n"] {
            paths.add(pointer).unwrap();
        }
        assert_eq!(paths.add("/page/url"), Some(0), "the same place again");
        for (text, found) in [
            (r#"{"page":{"url":"u"},"locale":"de"}"#, 0b0_0111),
            (r#"{"page":{"url":null},"locale":" "}"#, 0b0_0010),
            (r#"{"page":{},"locale":[]}"#, 0),
            (r#"{"page":[{"url":"u"}]}"#, 0b0_0010),
            (r#"{"a/b":{"c~d":0},"n":false}"#, 0b1_1000),
            (r#"{"pag\u0065":{"url":"u"}}"#, 0b0_0011),
            ("{}", 0),
            ("[]", 0),
            (r#"{"locale":"de""#, 0),
        ] {
            assert_eq!(paths.find(text), found, "{text}");
        }
    }

    #[test]
    fn what_is_no_pointer_and_one_too_many_are_refused() {
        let mut paths = Paths::default();
        assert_eq!(paths.add("page.url"), None);
        assert_eq!(paths.add(""), None);
        for place in 0..MOST {
            assert!(paths.add(&format!("/{place}")).is_some());
        }
        assert_eq!(paths.add("/more"), None);
        assert_eq!(paths.add("/127"), Some(127));
    }
}
