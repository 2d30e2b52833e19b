//! Python.

use serde_json::Value;

use super::{
    model::{Event, Field, Model, Record, Type},
    names::{Taken, snake},
    text::{json, one_line},
};

const KEYWORDS: [&str; 35] = [
    "False", "None", "True", "and", "as", "assert", "async", "await", "break", "class", "continue",
    "def", "del", "elif", "else", "except", "finally", "for", "from", "global", "if", "import",
    "in", "is", "lambda", "nonlocal", "not", "or", "pass", "raise", "return", "try", "while",
    "with", "yield",
];

/// A `TypedDict` for the properties of each event, and a function that sends it.
pub(super) fn written(model: &Model) -> String {
    let mut parts = vec![format!(
        "\"\"\"Events of the tracking plan {}. Made by `waybill plan types`; do not edit.\n\n\
         `analytics` is the module or client of an SDK with Segment's `track`; what else it takes, such \
         as\n`user_id`, is handed on. Needs Python 3.11.\n\"\"\"\n\n\
         from __future__ import annotations\n\n\
         from typing import Any, Dict, List, Literal, NotRequired, TypedDict, Union\n",
        model.id
    )];
    parts.extend(model.records.iter().map(|record| typed_dict(model, record)));
    let mut names = Taken::with(&KEYWORDS);
    parts.extend(model.events.iter().map(|event| function(model, event, &mut names)));
    parts.join("\n\n")
}

fn docstring(text: &str, indent: &str) -> String {
    let text = one_line(text).replace('\\', "\\\\").replace('"', "'");
    format!("{indent}\"\"\"{text}\"\"\"\n")
}

fn typed_dict(model: &Model, record: &Record) -> String {
    let name = &record.name;
    if !record.fields.iter().all(|field| is_attribute(&field.name)) {
        let fields: String = record.fields.iter().map(|it| item(model, it)).collect();
        return format!("{name} = TypedDict(\n    \"{name}\",\n    {{\n{fields}    }},\n)\n");
    }
    let said = record.description.as_deref().map(|text| docstring(text, "    "));
    let mut body = said.unwrap_or_default();
    if !body.is_empty() && !record.fields.is_empty() {
        body.push('\n');
    }
    body.extend(record.fields.iter().map(|field| attribute(model, field)));
    if body.is_empty() {
        body.push_str("    pass\n");
    }
    format!("class {name}(TypedDict):\n{body}")
}

fn attribute(model: &Model, field: &Field) -> String {
    let said = field.description.as_deref().map(|text| docstring(text, "    "));
    let kind = annotation(model, field, false);
    format!("    {}: {kind}\n{}", field.name, said.unwrap_or_default())
}

/// A member whose name is no identifier.
fn item(model: &Model, field: &Field) -> String {
    let said = field.description.as_deref();
    let said = said.map(|text| format!("        # {}\n", one_line(text))).unwrap_or_default();
    format!("{said}        {}: {},\n", json(&field.name), annotation(model, field, true))
}

fn is_attribute(name: &str) -> bool {
    let begins = name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_');
    let plain = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    // Python changes what begins with two underscores.
    begins && plain && !name.starts_with("__") && !KEYWORDS.contains(&name)
}

fn annotation(model: &Model, field: &Field, quoted: bool) -> String {
    let kind = kind(model, &field.kind, quoted);
    if field.required { kind } else { format!("NotRequired[{kind}]") }
}

/// `quoted`: names of types that may not be known yet stand in quotes, where they are evaluated.
fn kind(model: &Model, of: &Type, quoted: bool) -> String {
    match of {
        Type::Anything => "Any".to_owned(),
        Type::Null => "None".to_owned(),
        Type::Boolean => "bool".to_owned(),
        Type::Integer => "int".to_owned(),
        Type::Number => "float".to_owned(),
        Type::Text => "str".to_owned(),
        Type::Choice(index) => {
            let values = model.choices[*index].values.iter();
            format!("Literal[{}]", values.map(|value| json(value)).collect::<Vec<_>>().join(", "))
        }
        Type::Values(values) => literals(values),
        Type::List(inner) => format!("List[{}]", kind(model, inner, quoted)),
        Type::Map(inner) => format!("Dict[str, {}]", kind(model, inner, quoted)),
        Type::Record { index, .. } => {
            let name = &model.records[*index].name;
            if quoted { format!("\"{name}\"") } else { name.clone() }
        }
        Type::OneOf(many) => {
            let kinds: Vec<String> = many.iter().map(|one| kind(model, one, quoted)).collect();
            format!("Union[{}]", kinds.join(", "))
        }
    }
}

/// Numbers with a fraction, objects and arrays are no literals of Python's types.
fn literals(values: &[Value]) -> String {
    let literal = |value: &Value| match value {
        Value::Null => Some("None".to_owned()),
        Value::Bool(true) => Some("True".to_owned()),
        Value::Bool(false) => Some("False".to_owned()),
        Value::Number(number) if number.is_i64() || number.is_u64() => Some(number.to_string()),
        Value::String(text) => Some(json(text)),
        _ => None,
    };
    let all: Option<Vec<String>> = values.iter().map(literal).collect();
    match all {
        Some(all) if !all.is_empty() => format!("Literal[{}]", all.join(", ")),
        _ => "Any".to_owned(),
    }
}

fn function(model: &Model, event: &Event, names: &mut Taken) -> String {
    let name = names.take(&snake(&event.name));
    let properties = match event.properties {
        Some(index) => model.records[index].name.clone(),
        None => "Dict[str, Any]".to_owned(),
    };
    let deprecated = event.deprecated.as_ref().map(|text| format!("Deprecated: {text}"));
    let said = [Some(format!("Sends {}.", event.name)), event.description.clone(), deprecated];
    let said = docstring(&said.into_iter().flatten().collect::<Vec<_>>().join(" "), "    ");
    format!(
        "def {name}(analytics: Any, properties: {properties}, **rest: Any) -> Any:\n{said}    \
         return analytics.track(event={}, properties=properties, **rest)\n",
        json(&event.name)
    )
}
