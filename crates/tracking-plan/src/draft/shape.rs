//! What was seen of the values at one place, and the schema that all of them pass.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::{
    personal::may_be_named,
    texts::{Formats, Texts},
    yaml::{Entry, Node},
};

/// Objects within objects are looked into so far.
const DEEPEST: usize = 6;
/// An object with more names than this, over all events, is a map: its names say nothing.
const MOST_NAMES: usize = 100;

/// What was seen of values.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Shape {
    seen: u64,
    nulls: u64,
    booleans: u64,
    integers: u64,
    numbers: u64,
    arrays: u64,
    texts: Texts,
    items: Option<Box<Self>>,
    pub(crate) members: Members,
}

/// What was seen of the members of objects.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Members {
    objects: u64,
    by_name: BTreeMap<String, Shape>,
    /// Whether there were names that may be personal.
    unnamed: bool,
    /// Whether there were more names than a draft lists.
    map: bool,
}

/// How values are looked at.
pub(crate) struct Look {
    pub(crate) formats: Formats,
    /// From so many values on something is made of what all of them have.
    pub(crate) at_least: u64,
}

impl Shape {
    fn see(&mut self, name: &str, value: &Value, depth: usize, look: &Look) {
        self.seen += 1;
        match value {
            Value::Null => self.nulls += 1,
            Value::Bool(_) => self.booleans += 1,
            Value::Number(number) if number.is_f64() => self.numbers += 1,
            Value::Number(_) => self.integers += 1,
            Value::String(text) => self.texts.see(name, text, value, &look.formats),
            Value::Array(items) => {
                self.arrays += 1;
                if depth < DEEPEST {
                    for item in items {
                        let shape = self.items.get_or_insert_default();
                        shape.see(name, item, depth + 1, look);
                    }
                }
            }
            Value::Object(members) => self.members.see(members, depth, look),
        }
    }

    fn types(&self) -> Vec<&'static str> {
        let only_integers = self.integers > 0 && self.numbers == 0;
        let types = [
            ("string", self.texts.count > 0),
            ("integer", only_integers),
            ("number", self.numbers > 0),
            ("boolean", self.booleans > 0),
            ("array", self.arrays > 0),
            ("object", self.members.objects > 0),
            ("null", self.nulls > 0),
        ];
        types.into_iter().filter(|(_, seen)| *seen).map(|(word, _)| word).collect()
    }

    fn schema(&self, look: &Look) -> Vec<Entry> {
        let types = self.types();
        let mut schema = match types.as_slice() {
            [one] => vec![Entry::text("type", *one)],
            several => {
                let several = several.iter().map(|word| (*word).to_owned()).collect();
                vec![Entry::new("type", Node::Texts(several))]
            }
        };
        if self.texts.count >= look.at_least {
            let format = self.texts.format(&look.formats);
            schema.extend(format.map(|format| Entry::text("format", format)));
            // An enum speaks of values of every type.
            let listed = self.texts.listed().filter(|_| types == ["string"]);
            schema.extend(listed.map(|values| Entry::new("enum", Node::Texts(values))));
        }
        if let Some(items) = self.items.as_ref().filter(|items| items.seen > 0) {
            schema.push(Entry::new("items", Node::Map(items.schema(look))));
        }
        schema.extend(self.members.schema(look));
        schema
    }

    fn told(&self, of: u64, look: &Look) -> String {
        let counted = format!("In {} of {of}.", self.seen);
        match self.texts.format(&look.formats) {
            Some("email") => format!("{counted} Personal: see `privacy`."),
            _ => counted,
        }
    }
}

impl Members {
    /// An object.
    pub(crate) fn see(&mut self, members: &Map<String, Value>, depth: usize, look: &Look) {
        self.objects += 1;
        if self.map || depth >= DEEPEST {
            return;
        }
        for (name, value) in members {
            if may_be_named(name) {
                let shape = self.by_name.entry(name.clone()).or_default();
                shape.see(name, value, depth + 1, look);
            } else {
                self.unnamed = true;
            }
        }
        if self.by_name.len() > MOST_NAMES {
            self.map = true;
            self.by_name.clear();
        }
    }

    /// Whether nothing was seen in them.
    pub(crate) fn is_empty(&self) -> bool {
        self.by_name.is_empty()
    }

    /// Whether there are names that the schema does not have.
    pub(crate) fn leaves_out(&self) -> bool {
        self.unnamed || self.map
    }

    /// `required` and `properties` of the schema, where there is anything to say.
    pub(crate) fn schema(&self, look: &Look) -> Vec<Entry> {
        let mut schema = Vec::new();
        let always = |shape: &Shape| shape.seen == self.objects && self.objects >= look.at_least;
        let required = self.by_name.iter().filter(|(_, shape)| always(shape));
        let required: Vec<String> = required.map(|(name, _)| name.clone()).collect();
        if !required.is_empty() {
            schema.push(Entry::new("required", Node::Texts(required)));
        }
        if !self.by_name.is_empty() {
            let member = |(name, shape): (&String, &Shape)| {
                let entry = Entry::new(name, Node::Map(shape.schema(look)));
                entry.told(shape.told(self.objects, look))
            };
            let members = self.by_name.iter().map(member).collect();
            schema.push(Entry::new("properties", Node::Map(members)));
        }
        schema
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{super::yaml::document, *};

    fn drafted(values: &[Value]) -> String {
        let look = Look { formats: Formats::new(), at_least: 2 };
        let mut members = Members::default();
        for value in values {
            members.see(value.as_object().unwrap(), 0, &look);
        }
        document("", &members.schema(&look))
    }

    #[test]
    fn what_all_have_is_required_and_types_are_all_that_were_seen() {
        let text = drafted(&[
            json!({"id": "a b", "total": 1, "coupon": null, "items": [{"sku": "x y"}, {"sku": 5}]}),
            json!({"id": "b", "total": 1.5, "coupon": "c d", "gift": true, "items": []}),
        ]);
        assert_eq!(
            text,
            "required:\n  - coupon\n  - id\n  - items\n  - total\nproperties:\n  \
             # In 2 of 2.\n  coupon:\n    type:\n      - string\n      - \"null\"\n  \
             # In 1 of 2.\n  gift:\n    type: boolean\n  \
             # In 2 of 2.\n  id:\n    type: string\n  \
             # In 2 of 2.\n  items:\n    type: array\n    items:\n      type: object\n      required:\n        \
             - sku\n      properties:\n        # In 2 of 2.\n        sku:\n          type:\n            \
             - string\n            - integer\n  \
             # In 2 of 2.\n  total:\n    type: number\n"
        );
    }

    #[test]
    fn an_e_mail_address_is_said_to_be_personal_and_its_value_is_not_there() {
        let text =
            drafted(&[json!({"mail": "ada@example.com"}), json!({"mail": "bob@example.com"})]);
        assert!(text.contains("format: email") && text.contains("Personal"), "{text}");
        assert!(!text.contains("ada"), "{text}");
    }

    #[test]
    fn an_object_with_a_name_for_each_person_is_told_by_its_type_alone() {
        let of = |n: usize| json!({"seats": {format!("seat-{n}"): 1}});
        let text = drafted(&(0..101).map(of).collect::<Vec<_>>());
        assert!(text.ends_with("seats:\n    type: object\n"), "{text}");
        let text = drafted(&[json!({"by": {"ada@example.com": 1}}), json!({"by": {}})]);
        assert!(text.ends_with("by:\n    type: object\n"), "{text}");
    }
}
