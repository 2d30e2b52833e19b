//! From YAML to a plan document, and back to the line of everything that is wrong.

use std::{collections::HashMap, fmt};

use saphyr::{LoadableYamlNode, MarkedYaml, Scalar, YamlData};
use serde_json::{Map, Number, Value};

use super::document::PlanDocument;

/// Something in a plan's file that cannot stand, or that somebody should look at.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct PlanProblem {
    /// The file.
    pub file: String,
    /// Line, counted from 1; `None` where it is the file as a whole.
    pub line: Option<usize>,
    /// What is wrong and how to mend it.
    pub text: String,
}

impl fmt::Display for PlanProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "{}:{line}: {}", self.file, self.text),
            None => write!(f, "{}: {}", self.file, self.text),
        }
    }
}

impl std::error::Error for PlanProblem {}

/// The text of a plan's file, read.
#[derive(Debug, Clone, PartialEq)]
pub struct PlanSource {
    /// The file's name.
    pub file: String,
    /// What it says.
    pub document: PlanDocument,
    lines: HashMap<String, usize>,
}

impl PlanSource {
    /// Reads a file's text.
    pub fn read(file: &str, text: &str) -> Result<Self, PlanProblem> {
        let problem = |line, text: String| PlanProblem { file: file.to_owned(), line, text };
        let documents = MarkedYaml::load_from_str(text).map_err(|error| {
            let (line, column) = (error.marker().line(), error.marker().col() + 1);
            problem(Some(line), format!("is not YAML: {}, at column {column}", error.info()))
        })?;
        let [root] = documents.as_slice() else {
            let text = format!("has {} YAML documents; a file holds one plan", documents.len());
            return Err(problem(None, text));
        };
        let mut lines = HashMap::new();
        let value = converted(root, &mut String::new(), &mut lines)
            .map_err(|(line, text)| problem(Some(line), text))?;
        let document = serde_path_to_error::deserialize(&value).map_err(|error| {
            let pointer = pointer_of(error.path());
            problem(nearest(&lines, &pointer), format!("{}{}", at(&pointer), error.inner()))
        })?;
        Ok(Self { file: file.to_owned(), document, lines })
    }

    /// A problem at the place that a JSON pointer into the file names.
    pub fn problem(&self, pointer: &str, text: impl Into<String>) -> PlanProblem {
        let line = nearest(&self.lines, pointer);
        PlanProblem {
            file: self.file.clone(),
            line,
            text: format!("{}{}", at(pointer), text.into()),
        }
    }
}

fn at(pointer: &str) -> String {
    if pointer.is_empty() { String::new() } else { format!("{pointer}: ") }
}

/// The line of the place, else of what it stands in.
fn nearest(lines: &HashMap<String, usize>, pointer: &str) -> Option<usize> {
    let mut pointer = pointer;
    loop {
        if let Some(line) = lines.get(pointer) {
            return Some(*line);
        }
        pointer = &pointer[..pointer.rfind('/')?];
    }
}

/// A name as a token of a JSON pointer, escaped as RFC 6901 has it.
pub fn token(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

fn pointer_of(path: &serde_path_to_error::Path) -> String {
    use serde_path_to_error::Segment;
    let mut pointer = String::new();
    for segment in path {
        let name = match segment {
            Segment::Seq { index } => index.to_string(),
            Segment::Map { key } => token(key),
            Segment::Enum { variant } => token(variant),
            Segment::Unknown => continue,
        };
        pointer.push('/');
        pointer.push_str(&name);
    }
    pointer
}

type Refused = (usize, String);

/// YAML as JSON; notes the line of every member.
fn converted(
    node: &MarkedYaml<'_>,
    pointer: &mut String,
    lines: &mut HashMap<String, usize>,
) -> Result<Value, Refused> {
    let line = node.span.start.line();
    lines.entry(pointer.clone()).or_insert(line);
    match &node.data {
        YamlData::Value(scalar) => scalar_value(scalar, line),
        YamlData::Sequence(items) => {
            let mut array = Vec::with_capacity(items.len());
            for (index, item) in items.iter().enumerate() {
                array.push(inside(pointer, &index.to_string(), |at| converted(item, at, lines))?);
            }
            Ok(Value::Array(array))
        }
        YamlData::Mapping(members) => {
            let mut object = Map::new();
            for (key, item) in members {
                let key_line = key.span.start.line();
                let name = key_text(key)?;
                let value = inside(pointer, &token(&name), |at| {
                    lines.insert(at.clone(), key_line);
                    converted(item, at, lines)
                })?;
                object.insert(name, value);
            }
            Ok(Value::Object(object))
        }
        YamlData::Tagged(..) => Err((line, "tags have no meaning in a plan".to_owned())),
        YamlData::Representation(..) | YamlData::Alias(_) | YamlData::BadValue => {
            Err((line, "this is no YAML value".to_owned()))
        }
    }
}

fn inside<T>(pointer: &mut String, token: &str, then: impl FnOnce(&mut String) -> T) -> T {
    let length = pointer.len();
    pointer.push('/');
    pointer.push_str(token);
    let result = then(pointer);
    pointer.truncate(length);
    result
}

fn key_text(key: &MarkedYaml<'_>) -> Result<String, Refused> {
    match &key.data {
        YamlData::Value(Scalar::String(text)) => Ok(text.to_string()),
        YamlData::Value(Scalar::Integer(number)) => Ok(number.to_string()),
        _ => Err((key.span.start.line(), "a name has to be text; put it in quotes".to_owned())),
    }
}

fn scalar_value(scalar: &Scalar<'_>, line: usize) -> Result<Value, Refused> {
    Ok(match scalar {
        Scalar::Null => Value::Null,
        Scalar::Boolean(value) => Value::Bool(*value),
        Scalar::Integer(value) => Value::from(*value),
        Scalar::FloatingPoint(value) => Number::from_f64(value.into_inner())
            .map(Value::Number)
            .ok_or_else(|| (line, "JSON has no such number".to_owned()))?,
        Scalar::String(text) => Value::String(text.to_string()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<PlanSource, String> {
        PlanSource::read("plans/shop.yaml", text).map_err(|problem| problem.to_string())
    }

    #[test]
    fn a_plan_is_read_with_the_line_of_each_member() {
        let text = "plan: shop\nversion: 3\nevents:\n  Order Completed:\n    properties:\n      required: [id]\n";
        let source = read(text).unwrap();
        assert_eq!(
            (source.document.plan.as_str(), source.document.version.as_str()),
            ("shop", "3")
        );
        let at = |pointer: &str| source.problem(pointer, "x").to_string();
        assert_eq!(at("/events/Order Completed"), "plans/shop.yaml:4: /events/Order Completed: x");
        assert_eq!(
            at("/events/Order Completed/properties/required/0"),
            "plans/shop.yaml:6: /events/Order Completed/properties/required/0: x"
        );
        assert_eq!(
            at("/events/Order Completed/traits"),
            "plans/shop.yaml:4: /events/Order Completed/traits: x"
        );
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line() {
        for (text, expected) in [
            ("plan: shop\nevents: {a: [}\n", "shop.yaml:2: is not YAML: "),
            ("plan: shop\n---\nplan: b\n", "has 2 YAML documents"),
            ("plan: shop\n", "missing field `version`"),
            ("plan: shop\nversion: a b\n", "shop.yaml:2: /version: a version has 1 to 40"),
            (
                "plan: shop\nversion: 1\nevnets: {}\n",
                "shop.yaml:3: /evnets: unknown field `evnets`",
            ),
            (
                "plan: shop\nversion: 1\nevents:\n  A:\n    on_violation: shout\n",
                "shop.yaml:5: /events/A/on_violation: unknown variant `shout`",
            ),
            (
                "plan: shop\nversion: 1\neffective_from: soon\n",
                "shop.yaml:3: /effective_from: a time",
            ),
            ("plan: shop\nversion: 1\nplan: b\n", "shop.yaml:3: is not YAML: "),
            ("plan: shop\nversion: 1\nevents: {~: {}}\n", "a name has to be text"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(expected), "{text:?}: {error}");
        }
    }

    #[test]
    fn anchors_share_what_is_written_once() {
        let text = "plan: shop\nversion: 1\n$defs:\n  money: &money {type: number}\nevents:\n  A:\n    properties:\n      properties: {total: *money}\n";
        let source = read(text).unwrap();
        let schema = source.document.events["A"].properties.as_ref().unwrap();
        assert_eq!(schema["properties"]["total"]["type"], "number");
    }
}
