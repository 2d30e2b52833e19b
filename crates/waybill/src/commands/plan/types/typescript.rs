//! TypeScript.

use serde_json::Value;

use super::{
    model::{Event, Field, Model, Record, Type},
    names::{Taken, camel},
    text::{json, one_line},
};

/// Words that no function can be called by.
const RESERVED: [&str; 44] = [
    "analytics",
    "arguments",
    "await",
    "break",
    "case",
    "catch",
    "class",
    "const",
    "continue",
    "debugger",
    "default",
    "delete",
    "do",
    "else",
    "enum",
    "eval",
    "export",
    "extends",
    "false",
    "finally",
    "for",
    "function",
    "if",
    "implements",
    "import",
    "in",
    "instanceof",
    "interface",
    "let",
    "new",
    "null",
    "package",
    "private",
    "return",
    "static",
    "super",
    "switch",
    "this",
    "throw",
    "true",
    "try",
    "typeof",
    "var",
    "with",
];

/// An interface for the properties of each event, and a function that sends it.
pub(super) fn written(model: &Model) -> String {
    let mut parts = vec![format!(
        "// Events of the tracking plan {}. Made by `waybill plan types`; do not edit.\n\n\
         /** Whoever sends events: the client of an SDK with Segment's `track(event, properties)`. */\n\
         export interface Tracker {{\n  track(event: string, properties?: object): unknown;\n}}\n",
        model.id
    )];
    parts.extend(model.records.iter().map(|record| interface(model, record)));
    let mut names = Taken::with(&RESERVED);
    parts.extend(model.events.iter().map(|event| function(model, event, &mut names)));
    parts.join("\n")
}

fn comment(text: Option<&str>, indent: &str) -> String {
    text.map(|text| format!("{indent}/** {} */\n", one_line(text).replace("*/", "*\\/")))
        .unwrap_or_default()
}

fn interface(model: &Model, record: &Record) -> String {
    let fields: String = record.fields.iter().map(|it| field(model, it)).collect();
    let said = comment(record.description.as_deref(), "");
    format!("{said}export interface {} {{\n{fields}}}\n", record.name)
}

fn field(model: &Model, field: &Field) -> String {
    let plain = |name: &str| {
        !name.starts_with(|first: char| first.is_ascii_digit())
            && !name.is_empty()
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'$'))
    };
    let name = if plain(&field.name) { field.name.clone() } else { json(&field.name) };
    let mark = if field.required { "" } else { "?" };
    let said = comment(field.description.as_deref(), "  ");
    format!("{said}  {name}{mark}: {};\n", kind(model, &field.kind))
}

fn kind(model: &Model, of: &Type) -> String {
    match of {
        Type::Anything => "unknown".to_owned(),
        Type::Null => "null".to_owned(),
        Type::Boolean => "boolean".to_owned(),
        Type::Integer | Type::Number => "number".to_owned(),
        Type::Text => "string".to_owned(),
        Type::Choice(index) => {
            let values = &model.choices[*index].values;
            values.iter().map(|value| json(value)).collect::<Vec<_>>().join(" | ")
        }
        Type::Values(values) => literals(values),
        Type::List(inner) => format!("Array<{}>", kind(model, inner)),
        Type::Map(inner) => format!("Record<string, {}>", kind(model, inner)),
        Type::Record { index, .. } => model.records[*index].name.clone(),
        Type::OneOf(many) => {
            many.iter().map(|one| kind(model, one)).collect::<Vec<_>>().join(" | ")
        }
    }
}

/// Objects and arrays are no literal types.
fn literals(values: &[Value]) -> String {
    if values.is_empty() {
        return "never".to_owned();
    }
    if values.iter().any(|value| value.is_object() || value.is_array()) {
        return "unknown".to_owned();
    }
    values.iter().map(Value::to_string).collect::<Vec<_>>().join(" | ")
}

/// Tags count only at the beginning of a line.
fn said(event: &Event) -> String {
    let words = [Some(format!("Sends {}.", json(&event.name))), event.description.clone()];
    let text = words.into_iter().flatten().collect::<Vec<_>>().join(" ");
    let Some(instead) = &event.deprecated else { return comment(Some(&text), "") };
    let [text, instead] = [&text, instead].map(|text| one_line(text).replace("*/", "*\\/"));
    format!("/**\n * {text}\n * @deprecated {instead}\n */\n")
}

fn function(model: &Model, event: &Event, names: &mut Taken) -> String {
    let said = said(event);
    let name = names.take(&camel(&event.name));
    let properties = match event.properties {
        Some(index) => format!("properties: {}", model.records[index].name),
        None => "properties: Record<string, unknown> = {}".to_owned(),
    };
    let event = json(&event.name);
    format!(
        "{said}export function {name}(analytics: Tracker, {properties}): unknown {{\n  \
         return analytics.track({event}, properties);\n}}\n"
    )
}
