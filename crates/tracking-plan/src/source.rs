//! One source of events.

use std::fmt;

use serde::Deserialize;

/// What kind of program a source is. It decides which facts of the HTTP request are the end
/// user's: a server's user agent and address are its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SourceKind {
    /// Web pages: the request comes from the end user's browser.
    Browser,
    /// Apps: the request comes from the end user's phone.
    Mobile,
    /// Backends: the request, if there is one, comes from the operator's own machines.
    Server,
}

impl SourceKind {
    /// The word that stands for the kind in the configuration and on events.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Browser => "browser",
            Self::Mobile => "mobile",
            Self::Server => "server",
        }
    }
}

impl fmt::Display for SourceKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// What a sender shows to ingest to say which source it is. Never printed.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct WriteKey(String);

impl WriteKey {
    /// The key's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for WriteKey {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl fmt::Debug for WriteKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WriteKey(…)")
    }
}

/// One `[sources."<id>"]` table of the configuration file.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SourceConfig {
    /// `browser`, `mobile` or `server`.
    pub kind: SourceKind,
    /// Environment that its events belong to, such as `production` or `staging`.
    #[serde(default = "production")]
    pub environment: String,
    /// Keys that its senders show to ingest. A server source that only produces straight to Kafka
    /// needs none.
    #[serde(default)]
    pub write_keys: Vec<WriteKey>,
    /// Whether it may send; events of a source that is switched off become dead letters.
    #[serde(default = "enabled")]
    pub enabled: bool,
}

fn production() -> String {
    "production".to_owned()
}

const fn enabled() -> bool {
    true
}

/// A source of the catalog.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Its id, `namespace/name`, such as `web/app`.
    pub id: String,
    /// What kind of program it is.
    pub kind: SourceKind,
    /// Environment that its events belong to.
    pub environment: String,
    /// Whether it may send.
    pub enabled: bool,
    /// Keys that its senders show to ingest.
    pub write_keys: Vec<WriteKey>,
}

impl Source {
    pub(crate) fn new(id: String, config: SourceConfig) -> Self {
        let SourceConfig { kind, environment, write_keys, enabled } = config;
        Self { id, kind, environment, enabled, write_keys }
    }
}
