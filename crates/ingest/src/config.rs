//! What an operator may set for ingest.

use std::net::{Ipv4Addr, SocketAddr};

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
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::UNSPECIFIED, 8080)),
            public_url: None,
            max_body_bytes: 4 * 1024 * 1024,
            max_decompressed_bytes: 10 * 1024 * 1024,
            max_events_per_batch: 2500,
            trusted_proxies: 0,
            ack_timeout_ms: 10_000,
        }
    }
}
