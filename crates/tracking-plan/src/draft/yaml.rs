//! Writing YAML: block style, with comments, in the order given.

use std::fmt::Write as _;

/// A node of the document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Node {
    Text(String),
    Number(u64),
    Texts(Vec<String>),
    Map(Vec<Entry>),
}

/// A member of a map.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    name: String,
    node: Node,
    /// Stands above it. Our own words: nothing of it is escaped.
    comment: Option<String>,
}

impl Entry {
    pub(crate) fn new(name: impl Into<String>, node: Node) -> Self {
        Self { name: name.into(), node, comment: None }
    }

    pub(crate) fn text(name: impl Into<String>, text: impl Into<String>) -> Self {
        Self::new(name, Node::Text(text.into()))
    }

    pub(crate) fn told(self, comment: impl Into<String>) -> Self {
        Self { comment: Some(comment.into()), ..self }
    }
}

/// The text of a document that is a map, below these lines of comment.
pub(crate) fn document(comment: &str, entries: &[Entry]) -> String {
    let mut text = String::new();
    comment_lines(comment, 0, &mut text);
    members(entries, 0, &mut text);
    text
}

fn comment_lines(comment: &str, indent: usize, text: &mut String) {
    for line in comment.lines() {
        line_of(indent, &format!("# {line}"), text);
    }
}

fn line_of(indent: usize, line: &str, text: &mut String) {
    // Writing to a String cannot fail.
    let _written = writeln!(text, "{:indent$}{line}", "");
}

fn members(entries: &[Entry], indent: usize, text: &mut String) {
    for entry in entries {
        comment_lines(entry.comment.as_deref().unwrap_or_default(), indent, text);
        let name = scalar(&entry.name);
        match &entry.node {
            Node::Text(value) => line_of(indent, &format!("{name}: {}", scalar(value)), text),
            Node::Number(value) => line_of(indent, &format!("{name}: {value}"), text),
            Node::Texts(items) if items.is_empty() => line_of(indent, &format!("{name}: []"), text),
            Node::Texts(items) => {
                line_of(indent, &format!("{name}:"), text);
                for item in items {
                    line_of(indent + 2, &format!("- {}", scalar(item)), text);
                }
            }
            Node::Map(inner) if inner.is_empty() => line_of(indent, &format!("{name}: {{}}"), text),
            Node::Map(inner) => {
                line_of(indent, &format!("{name}:"), text);
                members(inner, indent + 2, text);
            }
        }
    }
}

/// Words that YAML 1.1 or 1.2 reads as something else than text.
const NO_TEXT: [&str; 12] =
    ["true", "false", "null", "yes", "no", "on", "off", "y", "n", "nan", "inf", "infinity"];

/// A text as YAML reads it back: as it is where that is plain, else between double quotes.
fn scalar(text: &str) -> String {
    let inner = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.' | b'/' | b' ');
    let plain = text.starts_with(|first: char| first.is_ascii_alphabetic() || first == '/')
        && text.bytes().all(inner)
        && !text.ends_with(' ')
        && !NO_TEXT.contains(&text.to_ascii_lowercase().as_str());
    if plain { text.to_owned() } else { quoted(text) }
}

fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        let code = u32::from(c);
        // Writing to a String cannot fail.
        let _written = match c {
            '"' | '\\' => write!(quoted, "\\{c}"),
            ' '..='~' => write!(quoted, "{c}"),
            _ if c.is_alphanumeric() => write!(quoted, "{c}"),
            _ if code <= 0xffff => write!(quoted, "\\u{code:04x}"),
            _ => write!(quoted, "\\U{code:08x}"),
        };
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use saphyr::{LoadableYamlNode as _, Yaml};

    use super::*;

    fn read_back(text: &str) -> Yaml<'_> {
        let mut documents = Yaml::load_from_str(text).unwrap();
        assert_eq!(documents.len(), 1, "{text}");
        documents.remove(0)
    }

    #[test]
    fn a_document_has_its_comments_above_what_they_are_about() {
        let types = Node::Texts(vec!["string".to_owned(), "null".to_owned()]);
        let inner = vec![Entry::new("type", types).told("In 3 of 4.")];
        let entries = [
            Entry::text("plan", "web-app"),
            Entry::new("version", Node::Number(1)),
            Entry::new("Order: done", Node::Map(inner)),
            Entry::new("types", Node::Map(Vec::new())),
        ];
        let text = document("One.\nTwo.", &entries);
        assert_eq!(
            text,
            "# One.\n# Two.\nplan: web-app\nversion: 1\n\"Order: done\":\n  # In 3 of 4.\n  type:\n    \
             - string\n    - \"null\"\ntypes: {}\n"
        );
    }

    proptest! {
        #[test]
        fn whatever_a_text_is_yaml_reads_it_back(name in any::<String>(), value in any::<String>()) {
            let inner = vec![Entry::new("x", Node::Texts(vec![value.clone()]))];
            let entries = [Entry::text("v", value.clone()), Entry::new(name.clone(), Node::Map(inner))];
            prop_assume!(name != "v" && name.chars().count() <= 64);
            let text = document("", &entries);
            let yaml = read_back(&text);
            prop_assert_eq!(yaml["v"].as_str(), Some(value.as_str()));
            prop_assert_eq!(yaml[name.as_str()]["x"][0].as_str(), Some(value.as_str()));
        }

        #[test]
        fn a_text_that_looks_like_something_else_stays_a_text(
            value in "(true|No|null|~|1e3|0x1F|-|- a|a: b|a #b|\\[a|\\{|&a|\\*a|!a|%a|@a|`a|'a|\\?|:|=|\\.inf| a|a )",
        ) {
            let text = document("", &[Entry::text("v", value.clone())]);
            let yaml = read_back(&text);
            prop_assert_eq!(yaml["v"].as_str(), Some(value.as_str()));
        }
    }
}
