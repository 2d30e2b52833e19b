//! The events of a plan as types that every language has.

use std::collections::BTreeMap;

use serde_json::{Map, Value};
use tracking_plan::plan::{EventRule, PlanDocument};

use super::names::{Taken, pascal};

/// Names of types that a language gives a meaning to, in the generated code or around it.
const MEANINGFUL: [&str; 25] = [
    "Any",
    "Array",
    "Box",
    "Dict",
    "Err",
    "False",
    "List",
    "Literal",
    "Map",
    "None",
    "NotRequired",
    "Number",
    "Object",
    "Ok",
    "Option",
    "Record",
    "Self",
    "Some",
    "String",
    "Tracker",
    "True",
    "TypedDict",
    "Union",
    "Value",
    "Vec",
];

/// What a value may be.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Type {
    /// Nothing is said, or nothing that the languages share.
    Anything,
    Null,
    Boolean,
    Integer,
    Number,
    Text,
    /// One of these texts.
    Choice(usize),
    /// One of these values, not all of them texts.
    Values(Vec<Value>),
    List(Box<Self>),
    /// An object of any names.
    Map(Box<Self>),
    /// An object of known names; `circular` where it stands within itself.
    Record {
        index: usize,
        circular: bool,
    },
    OneOf(Vec<Self>),
}

/// A member of an object.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Field {
    pub(super) name: String,
    pub(super) required: bool,
    pub(super) description: Option<String>,
    pub(super) kind: Type,
}

/// An object of known names.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Record {
    /// In Pascal case, unlike any other.
    pub(super) name: String,
    pub(super) description: Option<String>,
    pub(super) fields: Vec<Field>,
}

/// Texts of which one is chosen.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Choice {
    /// In Pascal case, unlike any other.
    pub(super) name: String,
    pub(super) values: Vec<String>,
}

/// A track event.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Event {
    pub(super) name: String,
    pub(super) description: Option<String>,
    pub(super) deprecated: Option<String>,
    /// Its properties; `None` where the plan says nothing of them.
    pub(super) properties: Option<usize>,
}

/// All of a plan, in the order of names.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Model {
    /// `name@version`.
    pub(super) id: String,
    pub(super) events: Vec<Event>,
    /// What stands in another stands before it, but for circles.
    pub(super) records: Vec<Record>,
    pub(super) choices: Vec<Choice>,
}

impl Model {
    /// The track events of a plan.
    pub(super) fn new(document: &PlanDocument) -> Self {
        let id = format!("{}@{}", document.plan, document.version);
        let mut builder = Builder {
            defs: &document.defs,
            own: &Value::Null,
            names: Taken::with(&MEANINGFUL),
            known: BTreeMap::new(),
            model: Self { id, ..Self::default() },
            order: Vec::new(),
        };
        for (name, rule) in &document.events {
            builder.event(name, rule);
        }
        builder.finish()
    }
}

/// What became of a definition.
#[derive(Debug, Clone)]
enum Known {
    /// It is being read: whoever refers to it stands within it. A record has its number already.
    Open(Option<usize>),
    Done(Type),
}

struct Builder<'a> {
    defs: &'a BTreeMap<String, Value>,
    /// The schema that is being read, which may have definitions of its own.
    own: &'a Value,
    names: Taken,
    known: BTreeMap<String, Known>,
    model: Model,
    /// Records as they were finished.
    order: Vec<usize>,
}

impl<'a> Builder<'a> {
    fn event(&mut self, name: &str, rule: &'a EventRule) {
        let properties = rule.properties.as_ref().and_then(|schema| {
            let had_own = self.own.get("$defs").is_some();
            self.own = schema;
            if had_own || schema.get("$defs").is_some() {
                // A name may mean something else here.
                self.known.clear();
            }
            match self.kind(schema, name) {
                Type::Record { index, .. } => Some(index),
                _ => schema.as_object().map(|members| self.record(members, name)),
            }
        });
        self.model.events.push(Event {
            name: name.to_owned(),
            description: rule.description.clone(),
            deprecated: rule.deprecated.clone(),
            properties,
        });
    }

    fn finish(mut self) -> Model {
        let place = |index: usize| self.order.iter().position(|at| *at == index).unwrap_or(index);
        for event in &mut self.model.events {
            event.properties = event.properties.map(place);
        }
        let mut records: Vec<Record> =
            self.order.iter().map(|at| self.model.records[*at].clone()).collect();
        for field in records.iter_mut().flat_map(|record| &mut record.fields) {
            renumber(&mut field.kind, &place);
        }
        self.model.records = records;
        self.model
    }

    fn kind(&mut self, schema: &'a Value, hint: &str) -> Type {
        let Value::Object(members) = schema else { return Type::Anything };
        if let Some(reference) = members.get("$ref") {
            return self.referred(reference);
        }
        if let Some(values) = allowed(members) {
            return self.values(&values, hint);
        }
        for word in ["anyOf", "oneOf"] {
            if let Some(Value::Array(many)) = members.get(word) {
                let kinds = many.iter().map(|one| self.kind(one, hint)).collect();
                return one_of(kinds);
            }
        }
        match members.get("type") {
            Some(Value::String(word)) => self.typed(word, members, hint),
            Some(Value::Array(words)) => {
                let words = words.iter().filter_map(Value::as_str);
                one_of(words.map(|word| self.typed(word, members, hint)).collect())
            }
            _ if members.contains_key("properties") => self.typed("object", members, hint),
            _ => Type::Anything,
        }
    }

    fn typed(&mut self, word: &str, members: &'a Map<String, Value>, hint: &str) -> Type {
        match word {
            "null" => Type::Null,
            "boolean" => Type::Boolean,
            "integer" => Type::Integer,
            "number" => Type::Number,
            "string" => Type::Text,
            "array" => {
                let items = members.get("items");
                let hint = format!("{hint} item");
                Type::List(Box::new(items.map_or(Type::Anything, |items| self.kind(items, &hint))))
            }
            "object" if has_names(members) => {
                Type::Record { index: self.record(members, hint), circular: false }
            }
            "object" => {
                let others = members.get("additionalProperties");
                let hint = format!("{hint} value");
                let kind = others.map_or(Type::Anything, |others| self.kind(others, &hint));
                Type::Map(Box::new(kind))
            }
            _ => Type::Anything,
        }
    }

    fn referred(&mut self, reference: &'a Value) -> Type {
        let name = reference.as_str().and_then(|text| text.strip_prefix("#/$defs/"));
        let Some(name) = name.map(|name| name.replace("~1", "/").replace("~0", "~")) else {
            return Type::Anything;
        };
        match self.known.get(&name) {
            Some(Known::Done(kind)) => return kind.clone(),
            Some(Known::Open(Some(index))) => {
                return Type::Record { index: *index, circular: true };
            }
            Some(Known::Open(None)) => return Type::Anything,
            None => {}
        }
        let own = self.own;
        let of_own = own.get("$defs").and_then(|own| own.get(&name));
        let Some(schema) = of_own.or_else(|| self.defs.get(&name)) else { return Type::Anything };
        let reserved = schema.as_object().filter(|members| is_record(members)).map(|members| {
            let index = self.reserve(members, &name);
            (index, members)
        });
        self.known.insert(name.clone(), Known::Open(reserved.map(|(index, _)| index)));
        let kind = match reserved {
            Some((index, members)) => {
                self.fill(index, members, &name);
                Type::Record { index, circular: false }
            }
            None => self.kind(schema, &name),
        };
        self.known.insert(name, Known::Done(kind.clone()));
        kind
    }

    fn values(&mut self, values: &[Value], hint: &str) -> Type {
        let (nulls, rest): (Vec<&Value>, Vec<&Value>) =
            values.iter().partition(|value| value.is_null());
        let texts: Option<Vec<String>> =
            rest.iter().map(|value| value.as_str().map(str::to_owned)).collect();
        let kind = match texts {
            Some(values) if !values.is_empty() => {
                let name = self.names.take(&pascal(hint));
                self.model.choices.push(Choice { name, values });
                Type::Choice(self.model.choices.len() - 1)
            }
            _ => return Type::Values(values.to_vec()),
        };
        if nulls.is_empty() { kind } else { Type::OneOf(vec![kind, Type::Null]) }
    }

    fn record(&mut self, members: &'a Map<String, Value>, hint: &str) -> usize {
        let index = self.reserve(members, hint);
        self.fill(index, members, hint);
        index
    }

    fn reserve(&mut self, members: &Map<String, Value>, hint: &str) -> usize {
        let name = self.names.take(&pascal(hint));
        let description = description(members);
        self.model.records.push(Record { name, description, fields: Vec::new() });
        self.model.records.len() - 1
    }

    fn fill(&mut self, index: usize, members: &'a Map<String, Value>, hint: &str) {
        let required: Vec<&str> = members
            .get("required")
            .and_then(Value::as_array)
            .map(|names| names.iter().filter_map(Value::as_str).collect())
            .unwrap_or_default();
        let mut named: BTreeMap<&str, &'a Value> = BTreeMap::new();
        // What is required and not described may be anything.
        named.extend(required.iter().map(|name| (*name, &Value::Null)));
        let properties = members.get("properties").and_then(Value::as_object);
        named.extend(properties.into_iter().flatten().map(|(name, it)| (name.as_str(), it)));
        let allowed = named.into_iter().filter(|(_, schema)| **schema != Value::Bool(false));
        let fields: Vec<Field> = allowed
            .map(|(name, schema)| Field {
                name: name.to_owned(),
                required: required.contains(&name),
                description: schema.as_object().and_then(description),
                kind: self.kind(schema, &format!("{hint} {name}")),
            })
            .collect();
        self.model.records[index].fields = fields;
        self.order.push(index);
    }
}

fn renumber(kind: &mut Type, place: &dyn Fn(usize) -> usize) {
    match kind {
        Type::Record { index, .. } => *index = place(*index),
        Type::List(inner) | Type::Map(inner) => renumber(inner, place),
        Type::OneOf(many) => many.iter_mut().for_each(|one| renumber(one, place)),
        _ => {}
    }
}

fn allowed(members: &Map<String, Value>) -> Option<Vec<Value>> {
    let one = members.get("const").map(|value| vec![value.clone()]);
    one.or_else(|| members.get("enum").and_then(Value::as_array).cloned())
}

/// What may be anything makes the whole so.
fn one_of(mut kinds: Vec<Type>) -> Type {
    if kinds.contains(&Type::Anything) {
        return Type::Anything;
    }
    let mut seen: Vec<Type> = Vec::new();
    kinds.retain(|kind| {
        let is_new = !seen.contains(kind);
        seen.push(kind.clone());
        is_new
    });
    if kinds.len() == 1 { kinds.remove(0) } else { Type::OneOf(kinds) }
}

fn has_names(members: &Map<String, Value>) -> bool {
    ["properties", "required"].iter().any(|word| match members.get(*word) {
        Some(Value::Object(names)) => !names.is_empty(),
        Some(Value::Array(names)) => !names.is_empty(),
        _ => false,
    })
}

/// Whether a schema is nothing but an object of known names.
fn is_record(members: &Map<String, Value>) -> bool {
    let combined = ["$ref", "anyOf", "oneOf", "const", "enum"];
    let is_object = members.get("type").is_none_or(|word| word == "object");
    is_object && has_names(members) && !combined.iter().any(|word| members.contains_key(*word))
}

fn description(members: &Map<String, Value>) -> Option<String> {
    members.get("description").and_then(Value::as_str).map(str::to_owned)
}
