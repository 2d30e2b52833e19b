//! From what a plan says of promoted columns to promotions.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{
    business::hiding,
    compile::Compiler,
    document::{EventRule, PlanDocument},
    paths::tokens,
    privacy::PrivacyAction,
    promoted::{COLUMN_PREFIX, ColumnRule, ColumnType, Promotion},
    read::token,
    rewrite::EACH,
};

/// Longest name of a column, in bytes.
const LONGEST_NAME: usize = 64;
/// The members of an event that something can be promoted from.
const PARTS: [&str; 3] = ["properties", "traits", "context"];
/// Deepest chain of references that is followed.
const DEEPEST: usize = 16;

impl Compiler<'_> {
    /// What events and types promote.
    pub(super) fn promotions(&mut self, document: &PlanDocument) -> Vec<Promotion> {
        let mut all = Vec::new();
        for (name, rule) in &document.events {
            self.promoted_by(&format!("/events/{}", token(name)), ["track", name], rule, &mut all);
        }
        for (kind, rule) in &document.types {
            self.promoted_by(&format!("/types/{}", token(kind)), [kind, ""], rule, &mut all);
        }
        all
    }

    fn promoted_by(
        &mut self,
        at: &str,
        [event_type, event_name]: [&str; 2],
        rule: &EventRule,
        all: &mut Vec<Promotion>,
    ) {
        for (column, promoted) in &rule.columns {
            let at = format!("{at}/columns/{}", token(column));
            if !is_column(column) {
                let text = format!(
                    "a promoted column is called {COLUMN_PREFIX} and then a-z, 0-9 and _, with at most \
                     {LONGEST_NAME} letters in all: no column of Waybill's own is"
                );
                self.refuse(&at, text);
            }
            let Some(way) = self.column_place(&format!("{at}/property"), promoted) else {
                continue;
            };
            let Some(kind) = self.column_type(&at, rule, promoted, &way) else { continue };
            self.column_left(&format!("{at}/property"), &way, kind);
            all.push(Promotion {
                column: column.clone(),
                kind,
                event_type: event_type.to_owned(),
                event_name: event_name.to_owned(),
                place: promoted.property.clone(),
                plan: self.source.document.plan.clone(),
                at,
            });
        }
    }

    fn column_place(&mut self, at: &str, promoted: &ColumnRule) -> Option<Vec<String>> {
        let way = tokens(&promoted.property).unwrap_or_default();
        let starts = PARTS.iter().any(|part| way.first().is_some_and(|first| first == part));
        if !starts || way.len() < 2 || way.iter().any(String::is_empty) {
            let parts = PARTS.map(|part| format!("/{part}")).join(", ");
            self.refuse(at, format!("is no JSON pointer to something below {parts}"));
            return None;
        }
        if way.iter().any(|name| name == EACH) {
            self.refuse(at, "is one place: `*` has no meaning in it");
            return None;
        }
        Some(way)
    }

    fn column_type(
        &mut self,
        at: &str,
        rule: &EventRule,
        promoted: &ColumnRule,
        way: &[String],
    ) -> Option<ColumnType> {
        let described = described(rule, way, &self.source.document.defs);
        match (promoted.kind, described) {
            (Some(kind), Some(described)) if !kind.holds(described) => {
                let text =
                    format!("is {kind}, and the schema has {described} there: no value would fit");
                self.refuse(&format!("{at}/type"), text);
                None
            }
            (None, None) => {
                let words = ColumnType::ALL.map(ColumnType::word).join(", ");
                let text =
                    format!("the schema does not tell its type: give `type`, one of {words}");
                self.refuse(at, text);
                None
            }
            (kind, described) => kind.or(described),
        }
    }

    /// What privacy rules leave of it.
    fn column_left(&mut self, at: &str, way: &[String], kind: ColumnType) {
        let document = &self.source.document;
        let hashed = document.privacy.iter().find(|rule| {
            rule.action == PrivacyAction::Hash && tokens(&rule.path).is_some_and(|it| it == way)
        });
        if let Some(path) = hiding(document, way) {
            let text =
                format!("is taken away by the privacy rule for {path}: nothing is left to keep");
            self.refuse(at, text);
        } else if hashed.is_some() && kind != ColumnType::String {
            self.refuse(at, format!("is hashed by a privacy rule, and a hash is no {kind}"));
        }
    }
}

fn is_column(name: &str) -> bool {
    let word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    let rest = name.strip_prefix(COLUMN_PREFIX).unwrap_or_default();
    name.len() <= LONGEST_NAME && !rest.is_empty() && rest.chars().all(word)
}

/// What the event's schema says of a place.
fn described(
    rule: &EventRule,
    way: &[String],
    defs: &BTreeMap<String, Value>,
) -> Option<ColumnType> {
    let (part, names) = way.split_first()?;
    let own = match part.as_str() {
        "properties" => rule.properties.as_ref()?,
        "traits" => rule.traits.as_ref()?,
        _ => return None,
    };
    let mut schema = resolved(own, own, defs)?;
    for name in names {
        schema = resolved(schema.get("properties")?.get(name)?, own, defs)?;
    }
    type_of(schema, own, defs)
}

/// What a schema refers to as `#/$defs/<name>`.
fn resolved<'a>(
    mut schema: &'a Value,
    own: &'a Value,
    defs: &'a BTreeMap<String, Value>,
) -> Option<&'a Value> {
    for _ in 0..DEEPEST {
        let Some(reference) = schema.get("$ref") else { return Some(schema) };
        let name = reference.as_str()?.strip_prefix("#/$defs/")?;
        let name = name.replace("~1", "/").replace("~0", "~");
        let here = own.get("$defs").and_then(|own| own.get(&name));
        schema = here.or_else(|| defs.get(&name))?;
    }
    None
}

fn type_of(schema: &Value, own: &Value, defs: &BTreeMap<String, Value>) -> Option<ColumnType> {
    let mut types: Vec<&str> = match (schema.get("type"), schema.get("enum")) {
        (Some(Value::String(one)), _) => vec![one],
        (Some(Value::Array(many)), _) => many.iter().filter_map(Value::as_str).collect(),
        (None, Some(Value::Array(values))) if values.iter().all(Value::is_string) => vec!["string"],
        _ => Vec::new(),
    };
    types.retain(|it| *it != "null");
    match types.as_slice() {
        ["string"] if schema.get("format").is_some_and(|it| it == "date-time") => {
            Some(ColumnType::DateTime)
        }
        ["string"] => Some(ColumnType::String),
        ["integer"] => Some(ColumnType::Integer),
        ["number"] | ["integer", "number"] | ["number", "integer"] => Some(ColumnType::Number),
        ["boolean"] => Some(ColumnType::Boolean),
        ["array"] => {
            let items = resolved(schema.get("items")?, own, defs)?;
            let texts = items.get("type").is_some_and(|it| it == "string");
            texts.then_some(ColumnType::Strings)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Plan, PlanSet};

    fn read(files: &[&str]) -> Result<PlanSet, Vec<String>> {
        let named = |(index, text): (usize, &&str)| (format!("{index}.yaml"), (*text).to_owned());
        let files: Vec<(String, String)> = files.iter().enumerate().map(named).collect();
        PlanSet::read(&files).map_err(|all| all.iter().map(ToString::to_string).collect())
    }

    fn of_one(column: &str, more: &str) -> Result<PlanSet, Vec<String>> {
        const SCHEMA: &str = "{$defs: {word: {type: string}}, properties: {\
            text: {type: string}, at: {type: [string, 'null'], format: date-time}, n: {type: number}, \
            i: {type: integer}, b: {type: boolean}, tags: {type: array, items: {$ref: '#/$defs/word'}}, \
            plan: {enum: [a, b]}, any: {}, deep: {$ref: '#/$defs/deep'}}}";
        read(&[&format!(
            "plan: p\nversion: 1\n$defs: {{deep: {{properties: {{id: {{type: integer}}}}}}}}\nevents:\n  A:\n    columns: {{{column}}}\n    properties: {SCHEMA}\n{more}\n"
        )])
    }

    #[test]
    fn the_schema_tells_the_type_of_a_column_unless_the_plan_does() {
        use ColumnType::{Boolean, DateTime, Decimal, Integer, Number, String, Strings};
        for (rule, kind) in [
            ("property: /properties/text", String),
            ("property: /properties/at", DateTime),
            ("property: /properties/at, type: string", String),
            ("property: /properties/n", Number),
            ("property: /properties/n, type: decimal", Decimal),
            ("property: /properties/text, type: decimal", Decimal),
            ("property: /properties/i", Integer),
            ("property: /properties/i, type: number", Number),
            ("property: /properties/b", Boolean),
            ("property: /properties/tags", Strings),
            ("property: /properties/plan", String),
            ("property: /properties/deep/id", Integer),
            ("property: /properties/any, type: date-time", DateTime),
            ("property: /context/app/version, type: string", String),
        ] {
            let set = of_one(&format!("p_x: {{{rule}}}"), "").unwrap();
            let promotions: Vec<_> = set.versions().flat_map(Plan::promotions).collect();
            assert_eq!(promotions.len(), 1);
            assert_eq!(promotions[0].kind, kind, "{rule}");
        }
    }

    #[test]
    fn a_column_that_could_not_be_made_or_would_hold_nothing_is_refused_with_its_line() {
        for (column, more, expected) in [
            ("total: {property: /properties/n}", "", "/total: a promoted column is called p_ and"),
            ("p_Total: {property: /properties/n}", "", "/p_Total: a promoted column is called p_"),
            ("p_: {property: /properties/n}", "", "/p_: a promoted column is called p_"),
            ("p_x: {type: number}", "", "/p_x: missing field `property`"),
            (
                "p_x: {property: /properties/n, type: float}",
                "",
                "/p_x/type: unknown variant `float`",
            ),
            ("p_x: {property: /properties}", "", "/p_x/property: is no JSON pointer to something"),
            ("p_x: {property: n}", "", "/p_x/property: is no JSON pointer to something"),
            ("p_x: {property: /extra/n, type: number}", "", "/p_x/property: is no JSON pointer"),
            ("p_x: {property: /properties/*, type: number}", "", "/p_x/property: is one place"),
            ("p_x: {property: /properties/any}", "", "/p_x: the schema does not tell its type"),
            ("p_x: {property: /context/locale}", "", "/p_x: the schema does not tell its type"),
            (
                "p_x: {property: /properties/text, type: integer}",
                "",
                "/p_x/type: is integer, and the schema has string there: no value would fit",
            ),
            (
                "p_x: {property: /properties/text}",
                "privacy: [{path: /properties/text, do: drop}]",
                "/p_x/property: is taken away by the privacy rule for /properties/text",
            ),
            (
                "p_x: {property: /properties/n}",
                "privacy: [{path: /properties/n, do: hash}]",
                "/p_x/property: is hashed by a privacy rule, and a hash is no number",
            ),
        ] {
            let problems = of_one(column, more).unwrap_err();
            assert_eq!(problems.len(), 1, "{problems:?}");
            let expected = format!("0.yaml:6: /events/A/columns{expected}");
            assert!(problems[0].starts_with(&expected), "{problems:?}");
        }
        let hashed = "privacy: [{path: /properties/text, do: hash}]";
        assert!(of_one("p_x: {property: /properties/text}", hashed).is_ok());
    }
}
