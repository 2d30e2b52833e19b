//! The members of the object that a program sees.

use std::collections::BTreeMap;

use vrl::{
    compiler::CompileConfig,
    path::{OwnedTargetPath, OwnedValuePath},
    value::{
        Kind,
        kind::{Collection, Field},
    },
};

/// What a member may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// A text, or nothing.
    Text,
    /// A text that is always there.
    SureText,
    /// A point in time.
    Time,
    /// An object.
    Object,
}

/// One member.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Member {
    pub(crate) name: &'static str,
    pub(crate) shape: Shape,
    /// Whether a program may write it. What others have relied on by then (ids, times, the source) may
    /// not change, and facts are appended, never rewritten.
    pub(crate) is_writable: bool,
}

const fn member(name: &'static str, shape: Shape, is_writable: bool) -> Member {
    Member { name, shape, is_writable }
}

/// All members, each at the place that [`Members`] knows it by.
pub(crate) const MEMBERS: [Member; 19] = [
    member("event", Shape::Text, true),
    member("name", Shape::Text, true),
    member("category", Shape::Text, true),
    member("properties", Shape::Object, true),
    member("traits", Shape::Object, true),
    member("context", Shape::Object, true),
    member("integrations", Shape::Object, true),
    member("type", Shape::SureText, false),
    member("channel", Shape::Text, false),
    member("source", Shape::SureText, false),
    member("source_kind", Shape::SureText, false),
    member("environment", Shape::SureText, false),
    member("message_id", Shape::SureText, false),
    member("anonymous_id", Shape::Text, false),
    member("user_id", Shape::Text, false),
    member("group_id", Shape::Text, false),
    member("timestamp", Shape::Time, false),
    member("received_at", Shape::Time, false),
    member("enrichment", Shape::Object, false),
];

impl Shape {
    /// What VRL's compiler takes a member for at the beginning.
    fn kind(self) -> Kind {
        match self {
            Self::Text => Kind::bytes().or_null(),
            Self::SureText => Kind::bytes(),
            Self::Time => Kind::timestamp(),
            Self::Object => Kind::object(Collection::json()),
        }
    }

    /// Whether a member may be of this kind at the end.
    pub(crate) fn allows(self, kind: &Kind) -> bool {
        let most = match self {
            Self::Object => Kind::any_object().or_undefined(),
            _ => Kind::bytes().or_null().or_undefined(),
        };
        most.is_superset(kind).is_ok()
    }

    /// The rule of [`Shape::allows`] in words.
    pub(crate) const fn rule(self) -> &'static str {
        match self {
            Self::Object => "must stay an object: `object(…)` makes sure of it",
            _ => "must stay a text or null: `string(…)` or `to_string(…)` makes sure of it",
        }
    }
}

/// A set of members.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Members(u32);

impl Members {
    pub(crate) fn add(&mut self, name: &str) {
        if let Some(at) = MEMBERS.iter().position(|member| member.name == name) {
            self.0 |= 1 << at;
        }
    }

    pub(crate) fn has(self, name: &str) -> bool {
        MEMBERS
            .iter()
            .position(|member| member.name == name)
            .is_some_and(|at| self.0 & (1 << at) != 0)
    }
}

pub(crate) fn of_name(name: &str) -> Option<&'static Member> {
    MEMBERS.iter().find(|member| member.name == name)
}

/// The whole object as VRL's compiler takes it at the beginning.
pub(crate) fn kind() -> Kind {
    let known = |member: &Member| (Field::from(member.name), member.shape.kind());
    let known: BTreeMap<Field, Kind> = MEMBERS.iter().map(known).collect();
    Kind::object(Collection::from_parts(known, Kind::undefined()))
}

/// Makes the compiler refuse what may not be written.
pub(crate) fn protect(config: &mut CompileConfig) {
    for member in MEMBERS.iter().filter(|member| !member.is_writable) {
        let path = OwnedTargetPath::event(OwnedValuePath::single_field(member.name));
        config.set_read_only_path(path, true);
    }
}
