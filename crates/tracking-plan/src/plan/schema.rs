//! JSON Schema 2020-12, and its errors as findings that show no value.

use jsonschema::{
    Draft, PatternOptions, ValidationError, Validator,
    error::{TypeKind, ValidationErrorKind as Kind},
};
use pipeline::RejectReason;
use serde_json::{Map, Value, json};

use super::finding::{Found, json_type, shown_name};

/// A compiled schema of an object.
#[derive(Debug, Clone)]
pub(crate) struct Schema {
    validator: Validator,
    /// Names that the schema has a place for, sorted; `None` where it cannot be said from its names.
    known: Option<Vec<String>>,
}

/// Most steps back that a pattern with look-around or back-references may take on one text; others are
/// matched in one pass. The default of a million takes longer than thousands of events do.
const MOST_STEPS: usize = 10_000;

/// Most characters of what a schema asks for that a finding tells.
const LONGEST_EXPECTED: usize = 300;

/// Words that tell what a member of an object may be, beside `properties`.
const OPEN_WORDS: [&str; 9] = [
    "patternProperties",
    "allOf",
    "anyOf",
    "oneOf",
    "$ref",
    "$dynamicRef",
    "if",
    "dependentSchemas",
    "additionalProperties",
];

impl Schema {
    /// Compiles; `defs` are what it may refer to as `#/$defs/<name>`. References to anywhere else
    /// are refused.
    pub(crate) fn new(schema: &Value, defs: &Map<String, Value>) -> Result<Self, String> {
        let Value::Object(written) = schema else {
            return Err("a schema is an object with `required`, `properties` and so on".to_owned());
        };
        let mut whole = written.clone();
        whole.entry("type").or_insert_with(|| json!("object"));
        if !defs.is_empty() {
            let own = whole.entry("$defs").or_insert_with(|| json!({}));
            let own = own.as_object_mut().ok_or("`$defs` is an object")?;
            for (name, def) in defs {
                own.entry(name.clone()).or_insert_with(|| def.clone());
            }
        }
        let validator = jsonschema::options()
            .with_draft(Draft::Draft202012)
            .should_validate_formats(true)
            .with_pattern_options(PatternOptions::fancy_regex().backtrack_limit(MOST_STEPS))
            .build(&Value::Object(whole))
            .map_err(|error| format!("is no JSON Schema 2020-12: {error}"))?;
        Ok(Self { validator, known: known(written) })
    }

    /// Whether the schema has a place for a member of this name, as far as it can be said.
    pub(crate) fn knows(&self, name: &str) -> bool {
        let has = |known: &Vec<String>| known.binary_search_by(|it| it.as_str().cmp(name)).is_ok();
        self.known.as_ref().is_none_or(has)
    }

    /// Whether it can be said from its names which members it has a place for.
    pub(crate) const fn tells_names(&self) -> bool {
        self.known.is_some()
    }

    /// What is wrong with the value, which stands at `pointer` in the event. The reasons are those for
    /// what is missing and for what is not as it should be.
    pub(crate) fn check(
        &self,
        value: &Value,
        pointer: &str,
        reasons: [RejectReason; 2],
        found: &mut dyn FnMut(Found),
    ) {
        // Most are right, and this is quicker to say than what is wrong.
        if self.validator.is_valid(value) {
            return;
        }
        for error in self.validator.iter_errors(value) {
            found(finding(&error, pointer, reasons));
        }
    }
}

/// The names that a schema has a place for; `None` where it cannot be said from its `properties`, so
/// that no property counts as unplanned.
pub fn planned_names(schema: &Value) -> Option<Vec<String>> {
    known(schema.as_object()?)
}

fn known(schema: &Map<String, Value>) -> Option<Vec<String>> {
    if OPEN_WORDS.iter().any(|word| schema.contains_key(*word)) {
        return None;
    }
    let names = schema.get("properties").and_then(Value::as_object);
    let mut known: Vec<String> = names.into_iter().flat_map(Map::keys).cloned().collect();
    known.sort_unstable();
    Some(known)
}

fn finding(
    error: &ValidationError<'_>,
    pointer: &str,
    [missing, invalid]: [RejectReason; 2],
) -> Found {
    let mut at = pointer.to_owned();
    for token in error.instance_path().as_str().split('/').skip(1) {
        at.push('/');
        at.push_str(shown_name(token));
    }
    if let Kind::Required { property } = error.kind() {
        let name = property.as_str().unwrap_or_default();
        return Found {
            actual: Some("nothing"),
            ..Found::new(missing, format!("{at}/{}", super::read::token(name)), "is missing")
        };
    }
    let actual = Some(json_type(error.instance()));
    let (problem, expected) = words(error);
    Found { expected: Some(shortened(expected)), actual, ..Found::new(invalid, at, problem) }
}

/// A list of thousands of values is not told with each of twenty findings.
fn shortened(mut expected: String) -> String {
    if let Some((end, _)) = expected.char_indices().nth(LONGEST_EXPECTED) {
        expected.truncate(end);
        expected.push('…');
    }
    expected
}

/// What is wrong and what the schema asks for. Only the schema's own words, never the value's.
fn words(error: &ValidationError<'_>) -> (String, String) {
    let breaks = |limit: &dyn std::fmt::Display| {
        let word = error.kind().keyword();
        (format!("breaks `{word}`"), format!("{word} {limit}"))
    };
    match error.kind() {
        Kind::Type { kind } => ("is of another type".to_owned(), types(kind)),
        Kind::Enum { options } => {
            ("is not an allowed value".to_owned(), format!("one of {options}"))
        }
        Kind::Constant { expected_value } => {
            ("is not the allowed value".to_owned(), expected_value.to_string())
        }
        Kind::Format { format } => (format!("is no {format}"), format.clone()),
        Kind::Pattern { pattern } => ("does not match the pattern".to_owned(), pattern.clone()),
        Kind::BacktrackLimitExceeded { .. } => {
            let problem = "takes too many steps to be held against the pattern";
            (problem.to_owned(), "a pattern".to_owned())
        }
        Kind::Minimum { limit }
        | Kind::Maximum { limit }
        | Kind::ExclusiveMinimum { limit }
        | Kind::ExclusiveMaximum { limit } => breaks(limit),
        Kind::MinLength { limit }
        | Kind::MaxLength { limit }
        | Kind::MinItems { limit }
        | Kind::MaxItems { limit }
        | Kind::MinProperties { limit }
        | Kind::MaxProperties { limit } => breaks(limit),
        other => {
            let word = other.keyword();
            (format!("breaks `{word}`"), word.to_owned())
        }
    }
}

fn types(kind: &TypeKind) -> String {
    match kind {
        TypeKind::Single(one) => one.to_string(),
        TypeKind::Multiple(set) => {
            let names: Vec<String> = set.iter().map(|one| one.to_string()).collect();
            names.join(" or ")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REASONS: [RejectReason; 2] =
        [RejectReason::MissingProperty, RejectReason::InvalidProperty];

    fn found(schema: &Value, value: &Value) -> Vec<String> {
        let schema = Schema::new(schema, &Map::new()).unwrap();
        let mut all = Vec::new();
        schema.check(value, "/properties", REASONS, &mut |found: Found| {
            all.push(format!(
                "{} {} [{}, {}]",
                found.pointer,
                found.problem,
                found.expected.as_deref().unwrap_or("-"),
                found.actual.unwrap_or("-")
            ));
        });
        all
    }

    #[test]
    fn an_error_tells_place_rule_and_types_and_never_the_value() {
        let schema = json!({
            "required": ["id", "a/b"],
            "properties": {
                "id": {"type": "string"},
                "total": {"type": ["number", "null"], "minimum": 0},
                "currency": {"enum": ["EUR", "USD"]},
                "items": {"items": {"required": ["sku"], "properties": {"sku": {"maxLength": 3}}}},
                "mail": {"format": "email"},
                "code": {"pattern": "^[A-Z]+$"},
            }
        });
        for (value, expected) in [
            (json!({"id": "x", "a/b": 1, "total": 5, "currency": "EUR"}), &[][..]),
            (json!({"a/b": 1}), &["/properties/id is missing [-, nothing]"]),
            (json!({"id": "x"}), &["/properties/a~1b is missing [-, nothing]"]),
            (json!({"id": 5, "a/b": 1}), &["/properties/id is of another type [string, number]"]),
            (
                json!({"id": "x", "a/b": 1, "total": "secret"}),
                &["/properties/total is of another type [null or number, string]"],
            ),
            (
                json!({"id": "x", "a/b": 1, "total": -1}),
                &["/properties/total breaks `minimum` [minimum 0, number]"],
            ),
            (
                json!({"id": "x", "a/b": 1, "currency": "secret"}),
                &[
                    "/properties/currency is not an allowed value [one of [\"EUR\",\"USD\"], string]",
                ],
            ),
            (
                json!({"id": "x", "a/b": 1, "items": [{"sku": "a"}, {"sku": "secret"}]}),
                &["/properties/items/1/sku breaks `maxLength` [maxLength 3, string]"],
            ),
            (
                json!({"id": "x", "a/b": 1, "mail": "secret"}),
                &["/properties/mail is no email [email, string]"],
            ),
            (
                json!({"id": "x", "a/b": 1, "code": "secret"}),
                &["/properties/code does not match the pattern [^[A-Z]+$, string]"],
            ),
        ] {
            let all = found(&schema, &value);
            assert_eq!(all, expected, "{value}");
        }
    }

    #[test]
    fn a_long_list_of_what_is_allowed_is_cut() {
        let allowed: Vec<String> = (0..5_000).map(|number| format!("ä{number}")).collect();
        let schema = json!({"properties": {"a": {"enum": allowed}}});
        let found = found(&schema, &json!({"a": "other"}));
        assert!(found[0].ends_with("…, string]") && found[0].len() < 500, "{found:?}");
    }

    #[test]
    fn a_text_that_a_pattern_takes_too_long_for_is_a_finding() {
        let schema = json!({"properties": {
            "a": {"pattern": r"^(?=a)(a|a)*\1b$"}, "b": {"pattern": "^(?=.*[0-9])(?!.*secret).+$"},
        }});
        let long = "a".repeat(60);
        assert_eq!(
            found(&schema, &json!({"a": long, "b": format!("{}0", "x".repeat(1_000))})),
            [
                "/properties/a takes too many steps to be held against the pattern [a pattern, string]"
            ]
        );
    }

    #[test]
    fn a_remote_reference_is_refused_and_a_definition_of_the_plan_is_found() {
        let remote = json!({"properties": {"a": {"$ref": "http://127.0.0.1:9/schema.json"}}});
        assert!(Schema::new(&remote, &Map::new()).is_err());
        let file = json!({"$ref": "file:///etc/passwd"});
        assert!(Schema::new(&file, &Map::new()).is_err());
        let defs = json!({"money": {"type": "number"}}).as_object().unwrap().clone();
        let local = json!({"properties": {"total": {"$ref": "#/$defs/money"}}});
        let schema = Schema::new(&local, &defs).unwrap();
        let mut count = 0;
        schema.check(&json!({"total": "5"}), "/properties", REASONS, &mut |_| count += 1);
        assert_eq!(count, 1);
    }

    #[test]
    fn what_is_no_schema_is_refused() {
        for schema in
            [json!(5), json!({"type": "numbr"}), json!({"required": "id"}), json!({"pattern": "("})]
        {
            assert!(Schema::new(&schema, &Map::new()).is_err(), "{schema}");
        }
    }
}
