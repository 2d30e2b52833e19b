//! The schemas of `avro/`, compiled in.

use std::sync::LazyLock;

use apache_avro::Schema;

/// A schema of ours: its text as registered, and parsed.
#[derive(Debug)]
pub struct TopicSchema {
    /// File name under `avro/` without `.avsc`.
    pub name: &'static str,
    /// The file's text.
    pub text: &'static str,
    parsed: LazyLock<Result<Schema, apache_avro::Error>>,
}

impl TopicSchema {
    /// The parsed schema.
    ///
    /// The text is compiled in and a test parses every one, so an error is a broken build.
    pub fn parsed(&self) -> Result<&Schema, &apache_avro::Error> {
        self.parsed.as_ref()
    }
}

macro_rules! schemas {
    ($($constant:ident = $name:literal, $doc:literal;)*) => {
        $(
            #[doc = $doc]
            pub static $constant: TopicSchema = TopicSchema {
                name: $name,
                text: include_str!(concat!("../../../avro/", $name, ".avsc")),
                parsed: LazyLock::new(|| {
                    Schema::parse_str(include_str!(concat!("../../../avro/", $name, ".avsc")))
                }),
            };
        )*
        /// Every schema under `avro/`.
        pub static ALL: &[&TopicSchema] = &[$(&$constant),*];
    };
}

schemas! {
    RAW_EVENTS = "raw-events", "An event as its sender told it: a public contract.";
    VALIDATED_EVENTS = "validated-events", "What passed the quality gate.";
    ENRICHED_EVENTS = "enriched-events", "With enrichment facts.";
    STITCHED_EVENTS = "stitched-events", "With identity facts.";
    IDENTITY_LINKS = "identity-links", "Candidate links.";
    IDENTITY_ALIASES = "identity-aliases", "Merges of users.";
    IDENTITY_COMMANDS = "identity-commands", "Orders about identities.";
    IDENTITY_JOURNAL = "identity-journal", "Changelog of emitted messages.";
    IDENTITY_STATE = "identity-state", "Changelog of devices.";
    STAGE_COMMANDS = "stage-commands", "Orders to stages.";
    DISCARDED_EVENTS = "discarded-events", "Intended drops.";
    DEAD_LETTERS = "dead-letters", "What stages rejected.";
    DELIVERIES = "deliveries", "What became of events at destinations.";
}

/// The schema with this name under `avro/`.
pub fn by_name(name: &str) -> Option<&'static TopicSchema> {
    ALL.iter().copied().find(|schema| schema.name == name)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::Value;

    use super::*;

    #[test]
    fn every_schema_parses() {
        for schema in ALL {
            schema.parsed().unwrap_or_else(|error| panic!("{}: {error}", schema.name));
        }
    }

    #[test]
    fn every_field_and_record_has_a_doc() {
        fn walk(schema: &str, node: &Value) {
            match node {
                Value::Object(map) => {
                    let named = map.contains_key("fields")
                        || (map.contains_key("name") && map.contains_key("type"));
                    if named {
                        let doc = map.get("doc").and_then(Value::as_str).unwrap_or_default();
                        assert!(!doc.is_empty(), "{schema}: no doc on {}", map["name"]);
                    }
                    map.values().for_each(|value| walk(schema, value));
                }
                Value::Array(items) => items.iter().for_each(|value| walk(schema, value)),
                _ => {}
            }
        }
        for schema in ALL {
            let mut json: Value = serde_json::from_str(schema.text).unwrap();
            strip_defaults(&mut json);
            walk(schema.name, &json);
        }
    }

    #[test]
    fn a_record_that_stands_in_several_schemas_is_the_same_in_all() {
        let mut seen: BTreeMap<String, (&str, Value)> = BTreeMap::new();
        for schema in ALL {
            let json: Value = serde_json::from_str(schema.text).unwrap();
            for (name, record) in nested_records(&json) {
                let (first, same) =
                    seen.entry(name.clone()).or_insert((schema.name, record.clone()));
                assert_eq!(*same, record, "{name} differs in {first} and {}", schema.name);
            }
        }
        assert!(seen.contains_key("Event"));
    }

    fn nested_records(json: &Value) -> Vec<(String, Value)> {
        let mut found = Vec::new();
        collect(json, &mut found);
        found
    }

    fn collect(node: &Value, found: &mut Vec<(String, Value)>) {
        match node {
            Value::Object(map) => {
                if map.contains_key("fields") {
                    found.push((map["name"].as_str().unwrap().to_owned(), node.clone()));
                }
                map.values().for_each(|value| collect(value, found));
            }
            Value::Array(items) => items.iter().for_each(|value| collect(value, found)),
            _ => {}
        }
    }

    fn strip_defaults(node: &mut Value) {
        match node {
            Value::Object(map) => {
                map.remove("default");
                map.values_mut().for_each(strip_defaults);
            }
            Value::Array(items) => items.iter_mut().for_each(strip_defaults),
            _ => {}
        }
    }
}
