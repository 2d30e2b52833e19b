//! Views in the layout of Segment's warehouses, so that models that were written for one run on ours.
//!
//! Segment has a schema for each source; here that is a database, since a database is what ClickHouse, and
//! dbt on ClickHouse, has in the place of a schema. A model then names its tables as before, and what
//! changes is the schema's name in one place. In it are `tracks`, `pages`, `screens`, `identifies`,
//! `users`, `groups`, `accounts`, `aliases` and a view for each track event. What all of them share stands in
//! the view `segment_events` of our database; here each gets the columns of its properties or traits.
//! Source of the layout: Segment's documentation, "Warehouse Schemas".

mod apply;
mod columns;
mod layout;
mod names;
mod seen;
mod shared;

pub use apply::{SegmentPlan, SegmentStep};

/// A source whose events are shown in Segment's layout.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SegmentSource {
    /// Its id, such as `web/app`.
    pub source: String,
    /// The database of its views; one after our database and the source where it is `None`.
    pub database: Option<String>,
    /// What its plans say of events; of two words on one field the later holds.
    pub planned: Vec<PlannedEvent>,
    /// Context that its plans name beside what every view has.
    pub context: Vec<Field>,
}

/// What a plan says of a track event, or of all events of another type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedEvent {
    /// `track`, `identify`, `page`, `screen` or `group`.
    pub kind: String,
    /// Name of the track event; the type where it is another.
    pub name: String,
    /// Its properties and traits.
    pub fields: Vec<Field>,
}

/// A member of the properties, the traits or the context.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// Where it stands.
    pub part: Part,
    /// The names that lead to it.
    pub path: Vec<String>,
    /// What is expected there. A value that is none is NULL.
    pub kind: FieldKind,
    /// What it says about the world.
    pub description: Option<String>,
}

/// Where a member stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// `context`.
    Context,
    /// `properties`.
    Properties,
    /// `traits`.
    Traits,
}

impl Part {
    /// The column that has it as JSON text.
    pub const fn column(self) -> &'static str {
        match self {
            Self::Context => "context",
            Self::Properties => "properties",
            Self::Traits => "traits",
        }
    }
}

/// What a member is expected to be, as far as columns tell it apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum FieldKind {
    /// True or false.
    Boolean,
    /// An integer of 64 bits.
    Integer,
    /// A number.
    Number,
    /// A text; anything else as its JSON text.
    Text,
    /// A text that begins with a date as RFC 3339 has it.
    Time,
}

impl FieldKind {
    /// The word for it in the table `segment_columns`.
    const fn word(self) -> &'static str {
        match self {
            Self::Boolean => "boolean",
            Self::Integer => "integer",
            Self::Number => "number",
            Self::Text => "string",
            Self::Time => "time",
        }
    }

    fn of_word(word: &str) -> Self {
        let all = [Self::Boolean, Self::Integer, Self::Number, Self::Time];
        all.into_iter().find(|kind| kind.word() == word).unwrap_or(Self::Text)
    }

    /// What holds the values of both.
    fn with(self, other: Self) -> Self {
        match (self, other) {
            (one, other) if one == other => one,
            (Self::Integer, Self::Number) | (Self::Number, Self::Integer) => Self::Number,
            _ => Self::Text,
        }
    }
}
