//! One source of events.

use std::{fmt, num::NonZeroU32};

use serde::{Deserialize, Deserializer, de::Error as _};
use sha2::{Digest, Sha256};

use crate::{AllowedOrigin, BotPolicy, ClockConfig, FirstPartyPolicy};

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
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::Browser, Self::Mobile, Self::Server];

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

/// SHA-256 of a key that only a backend knows: the configuration may be read by many who may not
/// send. Written `sha256:` and 64 hexadecimal digits, as `printf %s KEY | sha256sum` prints them.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct SecretKeyHash([u8; 32]);

impl SecretKeyHash {
    /// The hash of a key that a sender shows.
    pub fn of(key: &str) -> Self {
        Self(Sha256::digest(key).into())
    }

    fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix("sha256:").filter(|digits| digits.len() == 64)?;
        let mut hash = [0; 32];
        for (byte, pair) in hash.iter_mut().zip(digits.as_bytes().chunks(2)) {
            *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
        }
        Some(Self(hash))
    }
}

impl fmt::Debug for SecretKeyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretKeyHash(…)")
    }
}

impl<'de> Deserialize<'de> for SecretKeyHash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| {
            D::Error::custom(
                "a secret key is written as sha256: and 64 hexadecimal digits; \
                 `printf %s KEY | sha256sum` prints them",
            )
        })
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
    /// Hashes of further keys that only backends know.
    #[serde(default)]
    pub secret_keys: Vec<SecretKeyHash>,
    /// Origins of the pages that may send with its keys, such as `https://shop.example` or
    /// `https://*.shop.example`. Empty: any. A request without the header `Origin` comes from no
    /// page and is taken.
    #[serde(default)]
    pub allowed_origins: Vec<AllowedOrigin>,
    /// Whether it may send; events of a source that is switched off become dead letters.
    #[serde(default = "enabled")]
    pub enabled: bool,
    /// Name of the tracking plan that its events are judged by; several sources may share one.
    /// Without one every event passes, flagged `no-plan`.
    #[serde(default)]
    pub plan: Option<String>,
    /// Whether the native route tells its senders at once what validate will reject.
    #[serde(default)]
    pub strict: bool,
    /// Whether ingest keeps what the broker does not acknowledge in its disk spool, and answers 200:
    /// for senders that cannot send again. Needs `spool_dir` under `[ingest]`.
    #[serde(default)]
    pub spool: bool,
    /// Whether its events need an anonymous id that ingest gave out: `ignore`, `prefer`, `require`.
    #[serde(default)]
    pub first_party: FirstPartyPolicy,
    /// How the times of its events are judged.
    #[serde(default)]
    pub clock: ClockConfig,
    /// What becomes of events that show signs of a program.
    #[serde(default)]
    pub bots: BotPolicy,
    /// Further domains that are the source's own, such as `shop.example` for a page on
    /// `pay.shop.example`: who comes from there was referred by nobody.
    #[serde(default)]
    pub internal_domains: Vec<String>,
    /// Most bytes of one event: the texts of its members together. A larger one that the broker
    /// takes is kept whole and rejected by validate. Segment's limit is 32 KB.
    #[serde(default = "max_event_bytes")]
    pub max_event_bytes: usize,
    /// Most events a second over ingest, for each instance of it; more are answered 429. None: as
    /// many as come.
    #[serde(default)]
    pub events_per_second: Option<NonZeroU32>,
    /// How many events may come at once after a quiet time. Without it, those of ten seconds.
    #[serde(default)]
    pub burst_events: Option<NonZeroU32>,
}

fn production() -> String {
    "production".to_owned()
}

const fn enabled() -> bool {
    true
}

const fn max_event_bytes() -> usize {
    32 * 1024
}

/// A source of the catalog.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Its id, `namespace/name`, such as `web/app`.
    pub id: String,
    /// What is configured of it.
    pub config: SourceConfig,
}

impl Source {
    /// Whether a page of this origin (the header `Origin`) may send with the source's keys.
    pub fn allows_origin(&self, origin: &str) -> bool {
        let allowed = &self.config.allowed_origins;
        allowed.is_empty() || allowed.iter().any(|pattern| pattern.matches(origin))
    }

    /// Whether `key` is one of its secret keys.
    pub fn has_secret_key(&self, key: &str) -> bool {
        let hashes = &self.config.secret_keys;
        !hashes.is_empty() && hashes.contains(&SecretKeyHash::of(key))
    }
}
