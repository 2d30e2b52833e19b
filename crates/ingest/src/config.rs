//! What an operator may set for ingest.

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
};

use serde::Deserialize;

/// Section `[ingest]` of the configuration.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Address and port to listen on. Port 0 takes any free one.
    pub listen: SocketAddr,
    /// The URL under which senders reach this, such as `https://collect.example.com`: what
    /// analytics-next is told to send to. Without it, the host and scheme of the request.
    pub public_url: Option<String>,
    /// Certificate and key; without them plain HTTP.
    pub tls: Option<TlsConfig>,
    /// Most connections at once; further ones wait to be accepted.
    pub max_connections: usize,
    /// Most requests at once that are being read or wait for the broker; further ones are answered
    /// 503.
    pub max_requests_in_flight: usize,
    /// Most bytes of bodies at once, in the same way. A body without a length counts as the
    /// largest.
    pub max_bytes_in_flight: usize,
    /// Most bytes of a request's line and headers. More is answered 431.
    pub max_header_bytes: usize,
    /// How long a sender may take for the headers of a request, in milliseconds. A connection may
    /// stay idle for this and the next together.
    pub header_timeout_ms: u64,
    /// How long a sender may take for a body, in milliseconds. Then it is answered 408.
    pub body_timeout_ms: u64,
    /// Most bytes of a request's body as it comes over the wire. More is answered 413. The
    /// largest batch of the SDKs that are known is 4 MB (rudder-sdk-python).
    pub max_body_bytes: usize,
    /// Most bytes of a body after decompression. More is answered 413.
    pub max_decompressed_bytes: usize,
    /// Most events of a request. More is answered 413. Segment's limit is 2500.
    pub max_events_per_batch: usize,
    /// How many proxies stand in front and append to `X-Forwarded-For`. With 0 that header is
    /// not believed and the client is the peer of the connection.
    pub trusted_proxies: usize,
    /// How long to wait for the broker to acknowledge a request's events, in milliseconds. After
    /// that the sender is asked to try again (503).
    pub ack_timeout_ms: u64,
    /// Where what the broker does not acknowledge is kept for the sources that have `spool = true`:
    /// a folder that survives a restart, of this process alone. Without it nothing is kept.
    pub spool_dir: Option<PathBuf>,
    /// Most bytes of the spool, all sources together. What does not fit is answered 503.
    pub spool_max_bytes: u64,
    /// The cookies of `/v1/session`.
    pub cookie: CookieConfig,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::UNSPECIFIED, 8080)),
            public_url: None,
            tls: None,
            max_connections: 10_000,
            max_requests_in_flight: 1_000,
            max_bytes_in_flight: 64 * 1024 * 1024,
            max_header_bytes: 64 * 1024,
            header_timeout_ms: 30_000,
            body_timeout_ms: 30_000,
            max_body_bytes: 4 * 1024 * 1024,
            max_decompressed_bytes: 10 * 1024 * 1024,
            max_events_per_batch: 2500,
            trusted_proxies: 0,
            ack_timeout_ms: 10_000,
            spool_dir: None,
            spool_max_bytes: 1024 * 1024 * 1024,
            cookie: CookieConfig::default(),
        }
    }
}

/// Section `[ingest.tls]`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TlsConfig {
    /// PEM file: the certificate, then those that lead to its issuer. Read again when it changes.
    pub certificate: PathBuf,
    /// PEM file: the private key.
    pub key: PathBuf,
}

/// Section `[ingest.cookie]`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CookieConfig {
    /// Domain that the cookies are for, such as `example.com`, so that all its hosts send them.
    /// Without it only the host that ingest is reached by.
    pub domain: Option<String>,
    /// Whether scripts of the page may not read the cookies. The answer tells the ids anyway.
    pub http_only: bool,
    /// Days after which the id is forgotten unless it is used: at most 400, which is all that
    /// browsers keep.
    #[serde(deserialize_with = "days")]
    pub days: u16,
    /// Minutes without an event after which a session ends.
    pub session_minutes: u16,
}

/// Browsers cut longer lives (RFC 6265bis).
const MOST_DAYS: u16 = 400;

fn days<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<u16, D::Error> {
    let days = u16::deserialize(deserializer)?;
    if (1..=MOST_DAYS).contains(&days) {
        return Ok(days);
    }
    Err(serde::de::Error::custom(format!("a cookie lives for 1 to {MOST_DAYS} days")))
}

impl Default for CookieConfig {
    fn default() -> Self {
        Self { domain: None, http_only: true, days: MOST_DAYS, session_minutes: 30 }
    }
}
