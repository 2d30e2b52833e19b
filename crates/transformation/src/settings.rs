//! `[[enrich.transformations]]` of the configuration file.

use std::path::PathBuf;

use serde::Deserialize;

/// Most bytes of a program's text.
pub(crate) const MOST_PROGRAM_BYTES: usize = 16 * 1024;
/// Most transformations: which of them ran on an event is kept in 64 bits.
pub(crate) const MOST_TRANSFORMATIONS: usize = 64;

/// One program, and which events it is for.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TransformationSettings {
    /// Its name in facts, dead letters and discards: small letters, digits, `-`, `_` and `.`.
    pub name: String,
    /// Ids of the sources whose events it sees; `web/*` stands for all that begin with `web/`.
    #[serde(default = "everything")]
    pub sources: Vec<String>,
    /// Names of the events that it sees; an event without a name goes by its type, such as `page`.
    /// Empty: all.
    #[serde(default)]
    pub events: Vec<String>,
    /// The program itself.
    pub program: Option<String>,
    /// The file that holds it, instead.
    pub file: Option<PathBuf>,
    /// Most bytes that the objects which it wrote (context, properties, traits, integrations) may take
    /// together, as JSON.
    #[serde(default = "output_bytes")]
    pub max_output_bytes: usize,
    /// Most milliseconds that it may run on one event.
    #[serde(default = "milliseconds")]
    pub max_ms: u32,
}

/// Where the text of a program is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source<'a> {
    /// In the configuration.
    Inline(&'a str),
    /// In a file, for the caller to read.
    File(&'a std::path::Path),
}

impl TransformationSettings {
    /// Where its text is, or why that cannot be told.
    pub fn source(&self) -> Result<Source<'_>, &'static str> {
        match (&self.program, &self.file) {
            (Some(program), None) => Ok(Source::Inline(program)),
            (None, Some(file)) => Ok(Source::File(file)),
            (Some(_), Some(_)) => Err("it has a program and a file; take one away"),
            (None, None) => Err("it has no program; set `program` or `file`"),
        }
    }
}

fn everything() -> Vec<String> {
    vec!["*".to_owned()]
}

const fn output_bytes() -> usize {
    256 * 1024
}

const fn milliseconds() -> u32 {
    50
}
