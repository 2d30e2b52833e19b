//! Rust.

use super::{
    model::{Choice, Event, Field, Model, Record, Type},
    names::{Taken, pascal, snake},
    text::one_line,
};

const KEYWORDS: [&str; 52] = [
    "abstract", "as", "async", "await", "become", "box", "break", "const", "continue", "crate",
    "do", "dyn", "else", "enum", "extern", "false", "final", "fn", "for", "gen", "if", "impl",
    "in", "let", "loop", "macro", "match", "mod", "move", "mut", "override", "priv", "pub", "ref",
    "return", "self", "static", "struct", "super", "trait", "true", "try", "type", "typeof",
    "union", "unsafe", "unsized", "use", "virtual", "where", "while", "yield",
];

/// A constant for the name of each event, and a struct for its properties.
pub(super) fn written(model: &Model) -> String {
    let mut parts = vec![format!(
        "//! Events of the tracking plan {}. Made by `waybill plan types`; do not edit.\n//!\n\
         //! Needs `serde` with `derive`, and `serde_json` where something may be any value.\n",
        model.id
    )];
    let mut names = Taken::default();
    parts.extend(model.events.iter().map(|event| constant(model, event, &mut names)));
    parts.extend(model.choices.iter().map(choice));
    parts.extend(model.records.iter().map(|record| structure(model, record)));
    parts.join("\n")
}

fn comment(text: &str, indent: &str) -> String {
    format!("{indent}/// {}\n", one_line(text))
}

fn constant(model: &Model, event: &Event, names: &mut Taken) -> String {
    let mut said = comment(&format!("The name of the event {}.", event.name), "");
    said.extend(event.description.as_deref().map(|text| comment(text, "")));
    if let Some(index) = event.properties {
        said.push_str(&comment(&format!("Its properties: [`{}`].", model.records[index].name), ""));
    }
    said.extend(
        event.deprecated.as_deref().map(|text| comment(&format!("Deprecated: {text}"), "")),
    );
    let name = names.take(&snake(&event.name).to_uppercase());
    format!("{said}pub const {name}: &str = {:?};\n", event.name)
}

fn choice(choice: &Choice) -> String {
    let mut names = Taken::with(&["Self"]);
    let variant = |value: &String| {
        let said = comment(&format!("`{value}`"), "    ");
        let name = names.take(&pascal(value));
        format!("{said}    #[serde(rename = {value:?})]\n    {name},\n")
    };
    let variants: String = choice.values.iter().map(variant).collect();
    format!(
        "/// One of the values that the plan allows.\n\
         #[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]\n\
         pub enum {} {{\n{variants}}}\n",
        choice.name
    )
}

fn structure(model: &Model, record: &Record) -> String {
    let mut names = Taken::with(&KEYWORDS);
    let fields: String = record.fields.iter().map(|it| field(model, it, &mut names)).collect();
    let said = record.description.as_deref().unwrap_or("An object of the plan.");
    format!(
        "{}#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]\n\
         pub struct {} {{\n{fields}}}\n",
        comment(said, ""),
        record.name
    )
}

fn field(model: &Model, field: &Field, names: &mut Taken) -> String {
    let said = field.description.clone().unwrap_or_else(|| format!("`{}`", field.name));
    let said = comment(&said, "    ");
    let (kind, nullable) = optional(model, &field.kind);
    let mut attributes = vec![format!("rename = {:?}", field.name)];
    if !field.required {
        attributes.push("default".to_owned());
        attributes.push("skip_serializing_if = \"Option::is_none\"".to_owned());
    }
    let kind = if nullable || !field.required { format!("Option<{kind}>") } else { kind };
    let name = names.take(&snake(&field.name));
    format!("{said}    #[serde({})]\n    pub {name}: {kind},\n", attributes.join(", "))
}

/// The type without null, and whether null is one of it.
fn optional(model: &Model, of: &Type) -> (String, bool) {
    let Type::OneOf(many) = of else { return (kind(model, of), false) };
    let rest: Vec<&Type> = many.iter().filter(|one| **one != Type::Null).collect();
    match rest.as_slice() {
        [one] => (kind(model, one), rest.len() < many.len()),
        _ => (kind(model, of), false),
    }
}

fn kind(model: &Model, of: &Type) -> String {
    match of {
        Type::Boolean => "bool".to_owned(),
        Type::Integer => "i64".to_owned(),
        Type::Number => "f64".to_owned(),
        Type::Text => "String".to_owned(),
        Type::Choice(index) => model.choices[*index].name.clone(),
        Type::List(inner) => format!("Vec<{}>", element(model, inner)),
        Type::Map(inner) => {
            format!("std::collections::BTreeMap<String, {}>", element(model, inner))
        }
        Type::Record { index, circular: true } => format!("Box<{}>", model.records[*index].name),
        Type::Record { index, .. } => model.records[*index].name.clone(),
        Type::Null => "()".to_owned(),
        Type::Anything | Type::Values(_) | Type::OneOf(_) => "serde_json::Value".to_owned(),
    }
}

fn element(model: &Model, of: &Type) -> String {
    match (of, optional(model, of)) {
        (Type::Record { index, .. }, _) => model.records[*index].name.clone(),
        (_, (kind, true)) => format!("Option<{kind}>"),
        (_, (kind, false)) => kind,
    }
}
