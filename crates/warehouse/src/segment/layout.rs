//! From sources, plans and what was seen to the statements that make the views.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Field, FieldKind, Part, PlannedEvent, SegmentSource,
    columns::{Column, columns, quoted},
    names, shared,
};

/// A view that is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct View {
    pub(super) name: String,
    /// Ends in a word that follows from everything else in the statement.
    pub(super) comment: String,
    /// `CREATE OR REPLACE VIEW …`.
    pub(super) statement: String,
}

/// How the comments of the views of a source begin, by which they are known as ours.
pub(super) fn mark(ours: &str, source: &str) -> String {
    format!("Segment's layout of {source} in {ours}: ")
}

/// Rows of which view, and what its columns are.
struct Shape<'a> {
    name: String,
    /// What a row is.
    about: &'a str,
    /// SQL that holds for its rows.
    filter: String,
    /// Shared columns beside those of every view, in front of them.
    own: &'a [&'a str],
    columns: Vec<Column>,
}

/// Shared columns that every view has, beside those of the context.
const EVERYWHERE: [&str; 9] = [
    "id",
    "anonymous_id",
    "user_id",
    "timestamp",
    "original_timestamp",
    "sent_at",
    "received_at",
    "loaded_at",
    "uuid_ts",
];

/// Properties that the libraries send with every page view, so that models name them without asking.
const OF_PAGES: [&str; 5] = ["path", "referrer", "search", "title", "url"];

/// The views of a source.
pub(super) fn views(
    ours: &str,
    database: &str,
    source: &SegmentSource,
    seen: &[PlannedEvent],
) -> Vec<View> {
    let layout = Layout { ours, database, source, seen };
    let mut views = vec![
        layout.view(&layout.of_type("tracks", "a track call", "track", &["event", "event_text"])),
        layout.view(&layout.of_type("pages", "a page call", "page", &["name", "category"])),
        layout.view(&layout.of_type("screens", "a screen call", "screen", &["name", "category"])),
        layout.view(&layout.of_type("identifies", "an identify call", "identify", &[])),
        layout.view(&layout.of_type("groups", "a group call", "group", &["group_id"])),
        layout.view(&layout.of_type("aliases", "an alias call", "alias", &["previous_id"])),
        layout.latest("users", "identify", "user_id"),
        layout.latest("accounts", "group", "group_id"),
    ];
    views.extend(layout.events().iter().map(|shape| layout.view(shape)));
    views
}

struct Layout<'a> {
    ours: &'a str,
    database: &'a str,
    source: &'a SegmentSource,
    seen: &'a [PlannedEvent],
}

impl<'a> Layout<'a> {
    fn of_type(&self, name: &str, about: &'a str, kind: &str, own: &'a [&'a str]) -> Shape<'a> {
        Shape {
            name: name.to_owned(),
            about,
            filter: format!("type = '{kind}'"),
            own,
            columns: self.columns(kind, &[kind], own),
        }
    }

    /// A view for each name of a table that track events come to.
    fn events(&self) -> Vec<Shape<'a>> {
        let mut by_table: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
        let all = self.source.planned.iter().chain(self.seen);
        for event in all.filter(|event| event.kind == "track") {
            by_table.entry(names::table(&event.name)).or_default().insert(&event.name);
        }
        let shape = |(name, events): (String, BTreeSet<&str>)| {
            let events: Vec<&str> = events.into_iter().collect();
            let list: Vec<String> = events.iter().map(|name| quoted(name)).collect();
            Shape {
                name,
                about: "a track call of this event",
                filter: format!("type = 'track' AND event_text IN ({})", list.join(", ")),
                own: &["event", "event_text"],
                columns: self.columns("track", &events, &["event", "event_text"]),
            }
        };
        by_table.into_iter().map(shape).collect()
    }

    /// The columns of what plans say and what was seen of these events.
    fn columns(&self, kind: &str, names: &[&str], own: &[&str]) -> Vec<Column> {
        let part =
            if matches!(kind, "identify" | "group") { Part::Traits } else { Part::Properties };
        let of = |event: &&PlannedEvent| event.kind == kind && names.contains(&event.name.as_str());
        let planned: Vec<&Field> = self
            .source
            .planned
            .iter()
            .filter(of)
            .flat_map(|event| &event.fields)
            .filter(|field| field.part == part)
            .collect();
        let is_planned =
            |field: &&Field| planned.iter().any(|it| it.path.first() == field.path.first());
        let seen = self.seen.iter().filter(of).flat_map(|event| &event.fields);
        let seen = seen.filter(|field| field.part == part && !is_planned(field));
        let always = if kind == "page" { OF_PAGES.as_slice() } else { &[] };
        let always: Vec<Field> = always.iter().map(|name| text(name)).collect();
        let fields = always.iter().chain(seen).chain(planned.iter().copied());
        let fields: Vec<Field> = fields.chain(&self.source.context).cloned().collect();
        let shared = shared::columns();
        let reserved = |name: &str| {
            EVERYWHERE.contains(&name) || own.contains(&name) || name.starts_with("context_")
        };
        let columns = columns(&fields, &reserved);
        // Context that every view has anyway.
        let is_shared = |column: &Column| {
            column.name.starts_with("context_") && shared.iter().any(|it| it.0 == column.name)
        };
        columns.into_iter().filter(|column| !is_shared(column)).collect()
    }

    fn view(&self, shape: &Shape<'_>) -> View {
        let shared = shared_columns(shape.own);
        let declared = shared.iter().map(|(_, declared)| (*declared).to_owned());
        let selected = shared.iter().map(|(name, _)| (*name).to_owned());
        let query = format!(
            "SELECT\n    {}\nFROM {}.segment_events\nWHERE source = {} AND {}",
            selected
                .chain(shape.columns.iter().map(|it| format!("{} AS `{}`", it.value, it.name)))
                .collect::<Vec<_>>()
                .join(",\n    "),
            self.ours,
            quoted(&self.source.source),
            shape.filter
        );
        self.written(&shape.name, shape.about, declared.chain(declarations(&shape.columns)), &query)
    }

    /// The last word on each trait of a user or an account: a call that does not name a trait leaves it.
    fn latest(&self, name: &str, kind: &str, id: &str) -> View {
        let own: &[&str] = if id == "group_id" { &["group_id"] } else { &[] };
        let columns = self.columns(kind, &[kind], own);
        let left_out =
            ["id", "anonymous_id", "user_id", "timestamp", "original_timestamp", "sent_at"];
        let shared = shared_columns(&[]).into_iter().filter(|(name, _)| !left_out.contains(name));
        let shared: Vec<_> = shared.collect();
        let id_line = format!("id Nullable(String) COMMENT 'The {id} of the calls'");
        let declared = shared.iter().map(|(_, declared)| (*declared).to_owned());
        let last = |value: &str, name: &str| {
            format!("argMax({value}, (call.timestamp, call.received_at, call.origin)) AS `{name}`")
        };
        let values = shared
            .iter()
            .map(|(name, _)| last(&format!("call.{name}"), name))
            .chain(columns.iter().map(|it| last(&it.value, &it.name)));
        let query = format!(
            "SELECT\n    call.{id} AS id,\n    {}\nFROM {}.segment_events AS call\n\
             WHERE source = {} AND type = '{kind}' AND call.{id} != ''\nGROUP BY call.{id}",
            values.collect::<Vec<_>>().join(",\n    "),
            self.ours,
            quoted(&self.source.source)
        );
        let about = if id == "group_id" {
            "an account, with the last word on each trait"
        } else {
            "a user, with the last word on each trait"
        };
        let declared = std::iter::once(id_line).chain(declared).chain(declarations(&columns));
        self.written(name, about, declared, &query)
    }

    fn written(
        &self,
        name: &str,
        about: &str,
        declared: impl Iterator<Item = String>,
        query: &str,
    ) -> View {
        let declared = declared.collect::<Vec<_>>().join(",\n    ");
        let body = format!("(\n    {declared}\n)\nAS {query}");
        let word = names::first_hex_digits(&body, 6);
        let comment = format!("{}a row is {about} [{word}]", mark(self.ours, &self.source.source));
        let statement = format!(
            "CREATE OR REPLACE VIEW `{}`.`{name}`\n{body}\nCOMMENT {}",
            self.database,
            quoted(&comment)
        );
        View { name: name.to_owned(), comment, statement }
    }
}

fn text(property: &str) -> Field {
    Field {
        part: Part::Properties,
        path: vec![property.to_owned()],
        kind: FieldKind::Text,
        description: None,
    }
}

fn shared_columns(own: &[&str]) -> Vec<(&'static str, &'static str)> {
    let is_wanted = |name: &str| {
        EVERYWHERE.contains(&name) || own.contains(&name) || name.starts_with("context_")
    };
    shared::columns().into_iter().filter(|(name, _)| is_wanted(name)).collect()
}

fn declarations(columns: &[Column]) -> impl Iterator<Item = String> {
    columns
        .iter()
        .map(|it| format!("`{}` {} COMMENT {}", it.name, it.sql_type(), quoted(&it.comment)))
}
