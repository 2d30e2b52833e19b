//! A message while its members are being taken out.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use serde_json::value::RawValue;

use super::{
    mapping::Shared,
    members::{Members, Name, is_null, is_number, is_object, string},
};

/// The members of a message that the raw event has a place for.
#[derive(Debug, Clone, Copy)]
pub(super) enum Field {
    Type,
    MessageId,
    AnonymousId,
    UserId,
    GroupId,
    PreviousId,
    Event,
    Name,
    Category,
    Channel,
    Timestamp,
    OriginalTimestamp,
    SentAt,
    Context,
    Properties,
    Traits,
    Integrations,
    /// The sender's credential, not a part of the event.
    WriteKey,
}

impl Field {
    const COUNT: usize = 18;

    /// The field's name in Segment's spec.
    const fn name(self) -> &'static str {
        match self {
            Self::Type => "type",
            Self::MessageId => "messageId",
            Self::AnonymousId => "anonymousId",
            Self::UserId => "userId",
            Self::GroupId => "groupId",
            Self::PreviousId => "previousId",
            Self::Event => "event",
            Self::Name => "name",
            Self::Category => "category",
            Self::Channel => "channel",
            Self::Timestamp => "timestamp",
            Self::OriginalTimestamp => "originalTimestamp",
            Self::SentAt => "sentAt",
            Self::Context => "context",
            Self::Properties => "properties",
            Self::Traits => "traits",
            Self::Integrations => "integrations",
            Self::WriteKey => "writeKey",
        }
    }

    fn named(name: &str) -> Option<Self> {
        Some(match name {
            "type" => Self::Type,
            "messageId" => Self::MessageId,
            "anonymousId" => Self::AnonymousId,
            "userId" => Self::UserId,
            "groupId" => Self::GroupId,
            "previousId" => Self::PreviousId,
            "event" => Self::Event,
            "name" => Self::Name,
            "category" => Self::Category,
            "channel" => Self::Channel,
            "timestamp" => Self::Timestamp,
            "originalTimestamp" => Self::OriginalTimestamp,
            "sentAt" => Self::SentAt,
            "context" => Self::Context,
            "properties" => Self::Properties,
            "traits" => Self::Traits,
            "integrations" => Self::Integrations,
            "writeKey" => Self::WriteKey,
            _ => return None,
        })
    }
}

/// A message: its fields, and what is neither a field nor well-formed.
#[derive(Default)]
pub(super) struct Fields<'a> {
    known: [Option<&'a RawValue>; Field::COUNT],
    pub(super) rest: Members<'a>,
    pub(super) malformed: Members<'a>,
}

impl<'a> Fields<'a> {
    /// The members of `message`; of those with the same name the last counts, as in JavaScript.
    /// What is no object, or has a name that is no Unicode text, is malformed as a whole.
    pub(super) fn of(message: &'a RawValue) -> Self {
        serde_json::from_str(message.get()).unwrap_or_else(|_| {
            let mut fields = Self::default();
            fields.malformed.put("message", message);
            fields
        })
    }

    pub(super) fn text(&mut self, field: Field) -> Option<String> {
        self.read(field, string)
    }

    /// An id: a number is taken for the text that it was written with.
    pub(super) fn id(&mut self, field: Field) -> Option<String> {
        let number = |value: &RawValue| is_number(value).then(|| value.get().to_owned());
        self.read(field, |value| number(value).or_else(|| string(value)))
    }

    /// An object, exactly as sent.
    pub(super) fn object(&mut self, field: Field) -> Option<String> {
        self.read(field, |value| is_object(value).then(|| value.get().to_owned()))
    }

    /// An object, with the members of the batch's beneath it where both say something.
    pub(super) fn merged(&mut self, field: Field, shared: Option<&Shared<'_>>) -> Option<String> {
        let Some(shared) = shared else { return self.object(field) };
        let own = self.read(field, |value| Some(Members::of(value)?.over(&shared.members)));
        own.or_else(|| Some(shared.text.get().to_owned()))
    }

    /// The route says the type; a message that says another keeps it among the rest.
    pub(super) fn take_kind_of_route(&mut self, kind: &str) {
        let Some(value) = self.take(Field::Type) else { return };
        if string(value).as_deref() != Some(kind) {
            self.rest.put(Field::Type.name(), value);
        }
    }

    /// `null` is as good as absent; a member of the wrong type goes to those.
    fn read<T>(&mut self, field: Field, read: impl Fn(&RawValue) -> Option<T>) -> Option<T> {
        let value = self.take(field)?;
        let taken = read(value);
        if taken.is_none() {
            self.malformed.put(field.name(), value);
        }
        taken
    }

    fn take(&mut self, field: Field) -> Option<&'a RawValue> {
        self.known[field as usize].take().filter(|value| !is_null(value))
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Fields<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(FieldsVisitor)
    }
}

struct FieldsVisitor;

impl<'de> Visitor<'de> for FieldsVisitor {
    type Value = Fields<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut fields = Fields::default();
        while let Some((Name(name), value)) = map.next_entry::<Name<'de>, &RawValue>()? {
            match Field::named(&name) {
                Some(field) => fields.known[field as usize] = Some(value),
                None if is_null(value) => fields.rest.remove(&name),
                None => fields.rest.put(name, value),
            }
        }
        Ok(fields)
    }
}
