//! `docs/warehouse.md`: what the database says of itself.
//!
//! `UPDATE_EXAMPLES=1` writes it anew.

use std::{collections::BTreeMap, fmt::Write as _, fs, path::PathBuf};

use local_stack::Stack;

use crate::{client, migrated};

const DATABASE: &str = "dictionary";

const PREFACE: &str = "# What is in the warehouse

Every table, view and dictionary with its columns, as the comments in ClickHouse have it. This page is made by a
test of the crate `warehouse` (`UPDATE_EXAMPLES=1` writes it anew), which fails where it is not what the database
says. How to ask: [Querying the warehouse](querying.md). The views in Segment's layout, which follow the
tracking plans, have a page of their own: [Segment's layout](segment-layout.md).
";

/// Kinds of things, each with the words that stand above its list.
const SECTIONS: [(&str, &str); 4] = [
    (
        "Tables",
        "Rows may be there twice until ClickHouse merges them: read with `FINAL` for exact counts.",
    ),
    (
        "Views",
        "Where a view has a form `…_by_environment`, it shows production, and that one has every environment.",
    ),
    (
        "Views with parameters",
        "ClickHouse lists no columns of these; `DESCRIBE TABLE events_of(environment = 'staging')` does.",
    ),
    (
        "Dictionaries",
        "For look-ups with `dictGet`. ClickHouse keeps no comments of their columns; they are those of the views that they are made of, with times as milliseconds.",
    ),
];

#[derive(clickhouse::Row, serde::Deserialize)]
struct Thing {
    name: String,
    engine: String,
    comment: String,
}

#[derive(Clone, PartialEq, clickhouse::Row, serde::Deserialize)]
struct Column {
    table: String,
    name: String,
    kind: String,
    comment: String,
}

type Columns = BTreeMap<String, Vec<Column>>;

pub(crate) async fn the_data_dictionary_is_that_of_the_database(stack: &Stack) {
    migrated(stack, DATABASE).await;
    let (things, columns) = read(stack).await;
    nothing_is_without_a_comment(&things, &columns);
    let path = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/warehouse.md"));
    let text = page(&things, &columns);
    if std::env::var_os("UPDATE_EXAMPLES").is_some() {
        fs::write(&path, &text).unwrap();
    }
    let kept = fs::read_to_string(&path).unwrap();
    let differs = kept.lines().zip(text.lines()).find(|(kept, made)| kept != made);
    assert!(
        kept == text,
        "docs/warehouse.md is not what the database says, from {differs:?} on: run the test with UPDATE_EXAMPLES=1"
    );
}

async fn read(stack: &Stack) -> (Vec<Thing>, Columns) {
    let things = "SELECT name, engine, comment FROM system.tables \
        WHERE database = 'dictionary' ORDER BY name";
    let things = client(stack, DATABASE).query(things).fetch_all().await.unwrap();
    let columns = "SELECT table, name, type AS kind, comment FROM system.columns \
        WHERE database = 'dictionary' ORDER BY table, position";
    let columns: Vec<Column> = client(stack, DATABASE).query(columns).fetch_all().await.unwrap();
    let mut by_table = Columns::new();
    for column in columns {
        by_table.entry(column.table.clone()).or_default().push(column);
    }
    (things, by_table)
}

fn nothing_is_without_a_comment(things: &[Thing], columns: &Columns) {
    let bare = things.iter().filter(|it| it.comment.is_empty()).map(|it| it.name.clone());
    let kept = things.iter().filter(|it| it.engine != "Dictionary");
    let columns = kept.filter_map(|it| columns.get(&it.name)).flatten();
    let bare_columns =
        columns.filter(|it| it.comment.is_empty()).map(|it| format!("{}.{}", it.table, it.name));
    let bare: Vec<String> = bare.chain(bare_columns).collect();
    assert!(bare.is_empty(), "without a comment: {}", bare.join(", "));
}

fn page(things: &[Thing], columns: &Columns) -> String {
    let mut page = PREFACE.to_owned();
    for (section, words) in SECTIONS {
        let of_section: Vec<&Thing> =
            things.iter().filter(|it| section_of(it, columns) == section).collect();
        let _ = write!(page, "\n## {section}\n\n{words}\n\n| name | what it holds |\n|---|---|\n");
        for thing in &of_section {
            let _ = writeln!(page, "| `{}` | {} |", thing.name, cell(&thing.comment));
        }
        for thing in of_section.iter().filter(|it| columns.contains_key(&it.name)) {
            let _ = write!(page, "\n### {}\n\n{}.\n", thing.name, thing.comment);
            page.push_str(&columns_of(&thing.name, columns, section));
        }
    }
    page
}

fn section_of(thing: &Thing, columns: &Columns) -> &'static str {
    match thing.engine.as_str() {
        "Dictionary" => "Dictionaries",
        "View" if columns.contains_key(&thing.name) => "Views",
        "View" => "Views with parameters",
        _ => "Tables",
    }
}

/// The columns as a table, but for those that are the same in what a view shows.
fn columns_of(name: &str, columns: &Columns, section: &str) -> String {
    let own = &columns[name];
    let shown = format!("{name}_by_environment");
    let base = [shown.as_str(), "events"]
        .into_iter()
        .find(|base| *base != name && columns.get(*base).is_some_and(|base| is_most_of(base, own)));
    let Some(base) = base else { return table(own.iter(), section) };
    let others: Vec<&Column> =
        own.iter().filter(|it| !columns[base].iter().any(|of| is_same(of, it))).collect();
    if others.is_empty() {
        return format!("\nColumns: as in `{base}`.\n");
    }
    format!("\nColumns: as in `{base}`, and:\n{}", table(others.into_iter(), section))
}

/// Whether a view has the columns of another, but at most the environment.
fn is_most_of(base: &[Column], own: &[Column]) -> bool {
    base.iter().filter(|it| it.name != "environment").all(|it| own.iter().any(|of| is_same(it, of)))
}

fn is_same(one: &Column, other: &Column) -> bool {
    (&one.name, &one.comment) == (&other.name, &other.comment)
}

fn table<'a>(columns: impl Iterator<Item = &'a Column>, section: &str) -> String {
    let with_comments = section != "Dictionaries";
    let mut table = if with_comments {
        "\n| column | type | |\n|---|---|---|\n".to_owned()
    } else {
        "\n| column | type |\n|---|---|\n".to_owned()
    };
    for column in columns {
        let _ = write!(table, "| `{}` | `{}` |", column.name, column.kind);
        let comment = format!(" {} |", cell(&column.comment));
        table.push_str(if with_comments { &comment } else { "" });
        table.push('\n');
    }
    table
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}
