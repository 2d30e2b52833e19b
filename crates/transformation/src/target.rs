//! The event as a program sees and writes it.

use std::cell::Cell;

use chrono::DateTime;
use event::{EnrichmentFacts, Event, Millis, Text};
use serde::Serialize;
use vrl::{
    compiler::{SecretTarget, Target},
    path::{OwnedSegment, OwnedTargetPath, PathPrefix},
    value::{ObjectMap, Value},
};

use crate::{fields::Members, measure};

/// The members that a program names, and what it wrote of them.
#[derive(Debug)]
pub(crate) struct EventTarget<'a> {
    root: Value,
    written: Members,
    /// What may still be written.
    room: usize,
    /// Set once there is no room: the caller ends the run at its next expression.
    full: &'a Cell<bool>,
}

impl<'a> EventTarget<'a> {
    /// The named members of an event; or the one that cannot be read.
    pub(crate) fn of<S: Text + Serialize>(
        event: &Event<S>,
        facts: &EnrichmentFacts<S>,
        members: Members,
        room: usize,
        full: &'a Cell<bool>,
    ) -> Result<Self, &'static str> {
        let mut object = ObjectMap::new();
        for member in crate::fields::MEMBERS.iter().filter(|it| members.has(it.name)) {
            let value = value_of(event, facts, member.name).ok_or(member.name)?;
            object.insert(member.name.into(), value);
        }
        Ok(Self { root: Value::Object(object), written: Members::default(), room, full })
    }

    /// Whether a member was written or taken away.
    pub(crate) fn has_written(&self, name: &str) -> bool {
        self.written.has(name)
    }

    /// What a member is now.
    pub(crate) fn member(&self, name: &str) -> Option<&Value> {
        self.root.as_object().and_then(|members| members.get(name))
    }

    fn write(&mut self, path: &OwnedTargetPath) {
        if let Some(OwnedSegment::Field(name)) = path.path.segments.first() {
            self.written.add(name);
        }
    }
}

/// `None` where the text of an object is none.
fn value_of<S: Text + Serialize>(
    event: &Event<S>,
    facts: &EnrichmentFacts<S>,
    name: &str,
) -> Option<Value> {
    Some(match name {
        "event" => optional(event.event.as_ref()),
        "name" => optional(event.name.as_ref()),
        "category" => optional(event.category.as_ref()),
        "channel" => optional(event.channel.as_ref()),
        "properties" => object(&event.properties)?,
        "traits" => object(&event.traits)?,
        "context" => object(&event.context)?,
        "integrations" => object(&event.integrations)?,
        "type" => text(&event.kind),
        "source" => text(&event.source),
        "source_kind" => text(&event.source_kind),
        "environment" => text(&event.environment),
        "message_id" => text(&event.message_id),
        "anonymous_id" => optional(event.anonymous_id.as_ref()),
        "user_id" => optional(event.user_id.as_ref()),
        "group_id" => optional(event.group_id.as_ref()),
        "timestamp" => time(event.timestamp),
        "received_at" => time(event.received_at),
        _ => serde_json::to_value(facts).ok()?.into(),
    })
}

fn text(text: &str) -> Value {
    Value::from(text)
}

fn optional<S: Text>(said: Option<&S>) -> Value {
    said.map_or(Value::Null, |said| text(said))
}

fn object(json: &str) -> Option<Value> {
    let value: Value = serde_json::from_str(json).ok()?;
    value.is_object().then_some(value)
}

/// Times that have no date are as good as 1970: validate lets none pass.
fn time(millis: Millis) -> Value {
    Value::Timestamp(DateTime::from_timestamp_millis(millis).unwrap_or_default())
}

impl Target for EventTarget<'_> {
    fn target_insert(&mut self, path: &OwnedTargetPath, value: Value) -> Result<(), String> {
        let Some(size) = measure::fitting(&value, self.room) else {
            self.full.set(true);
            return Err("no room".to_owned());
        };
        self.room -= size;
        self.write(path);
        self.root.insert(&path.path, value);
        Ok(())
    }

    fn target_get(&self, path: &OwnedTargetPath) -> Result<Option<&Value>, String> {
        Ok(match path.prefix {
            PathPrefix::Event => self.root.get(&path.path),
            PathPrefix::Metadata => None,
        })
    }

    fn target_get_mut(&mut self, path: &OwnedTargetPath) -> Result<Option<&mut Value>, String> {
        self.write(path);
        Ok(self.root.get_mut(&path.path))
    }

    fn target_remove(
        &mut self,
        path: &OwnedTargetPath,
        compact: bool,
    ) -> Result<Option<Value>, String> {
        self.write(path);
        Ok(self.root.remove(&path.path, compact))
    }
}

/// There are no secrets.
impl SecretTarget for EventTarget<'_> {
    fn get_secret(&self, _key: &str) -> Option<&str> {
        None
    }

    fn insert_secret(&mut self, _key: &str, _value: &str) {}

    fn remove_secret(&mut self, _key: &str) {}
}
