//! Places in a program's text.

use std::fmt;

use vrl::diagnostic::{Diagnostic, Note, Span};

/// Most characters of a program that are quoted.
const MOST_QUOTED: usize = 80;

/// Line and column, from 1, columns in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    line: usize,
    column: usize,
}

impl Place {
    pub(crate) fn of(text: &str, offset: usize) -> Self {
        let before = text.get(..offset).unwrap_or(text);
        let line = before.rsplit('\n').next().unwrap_or_default();
        Self { line: before.matches('\n').count() + 1, column: line.chars().count() + 1 }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}", self.line, self.column)
    }
}

/// The program's own words there, on one line and not too many.
pub(crate) fn quoted(text: &str, span: Span) -> String {
    let words = text.get(span.start()..span.end()).unwrap_or_default();
    let words: Vec<&str> = words.split_whitespace().collect();
    let line = words.join(" ");
    let mut short: String = line.chars().take(MOST_QUOTED).collect();
    if short.len() < line.len() {
        short.push('…');
    }
    short
}

/// What VRL's compiler says, with the place in front and its help behind; links are left out.
pub(crate) fn told(text: &str, diagnostic: &Diagnostic) -> String {
    let label = diagnostic.labels.iter().find(|label| label.primary);
    let mut told = match label.or_else(|| diagnostic.labels.first()) {
        Some(label) => format!("{}: {}", Place::of(text, label.span.start()), diagnostic.message),
        None => diagnostic.message.clone(),
    };
    let labels = diagnostic.labels.iter().map(|label| label.message.trim().to_owned());
    let notes = diagnostic.notes.iter().filter(|note| !is_link(note)).map(ToString::to_string);
    for more in labels.chain(notes).filter(|more| !more.trim().is_empty()) {
        told.push_str("; ");
        told.push_str(more.trim());
    }
    told
}

fn is_link(note: &Note) -> bool {
    note.to_string().contains("://")
}
