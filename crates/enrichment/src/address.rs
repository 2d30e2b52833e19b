//! What a text says that stands where an IP address is expected.

use core::net::IpAddr;
use std::borrow::Cow;

use tracking_plan::plan::was_replaced;

/// What a text says of an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Told {
    /// An address. One of IPv4 that is written as IPv6 (`::ffff:…`) is one of IPv4.
    Address(IpAddr),
    /// That none is to be recorded: nothing, or the unspecified address, which is how Segment's SDKs
    /// say so (<https://segment.com/docs/connections/spec/common/>).
    DoNotRecord,
    /// What a privacy rule of the source's plan has put in an address's place.
    Replaced,
    /// No address.
    Garbage,
}

/// Reads an address, with or without a port, brackets and a zone.
pub(crate) fn read(text: &str) -> Told {
    let text = text.trim();
    match address(text) {
        _ if text.is_empty() => Told::DoNotRecord,
        Some(address) if address.is_unspecified() => Told::DoNotRecord,
        Some(address) => Told::Address(address),
        None if was_replaced(text) => Told::Replaced,
        None => Told::Garbage,
    }
}

/// How an address is usually written, that was read from this text. An IPv4 address can be written in
/// one way only.
pub(crate) fn usual(address: IpAddr, text: Cow<'_, str>) -> Cow<'_, str> {
    let is_bare = text.bytes().all(|byte| byte == b'.' || byte.is_ascii_digit());
    if address.is_ipv4() && is_bare { text } else { address.to_string().into() }
}

fn address(text: &str) -> Option<IpAddr> {
    let bare = bracketed(text).or_else(|| before_port(text)).unwrap_or(text);
    // A zone (RFC 4007) names an interface of the sender's machine.
    let (bare, zone) = bare.split_once('%').map_or((bare, None), |(bare, zone)| (bare, Some(zone)));
    let address: IpAddr = bare.parse().ok()?;
    let is_sound = zone.is_none_or(|zone| address.is_ipv6() && is_zone(zone));
    is_sound.then(|| address.to_canonical())
}

/// Characters that need no escapes, as RFC 6874 has it; `%25` stands for `%` in URLs.
fn is_zone(zone: &str) -> bool {
    zone.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~%".contains(&byte))
}

/// `2001:db8::1` of `[2001:db8::1]` and `[2001:db8::1]:443`.
fn bracketed(text: &str) -> Option<&str> {
    let (bare, rest) = text.strip_prefix('[')?.split_once(']')?;
    let is_port = |rest: &str| rest.strip_prefix(':').is_some_and(is_number);
    (bare.contains(':') && (rest.is_empty() || is_port(rest))).then_some(bare)
}

/// `192.0.2.1` of `192.0.2.1:80`.
fn before_port(text: &str) -> Option<&str> {
    let (bare, port) = text.split_once(':')?;
    (is_number(port) && bare.contains('.')).then_some(bare)
}

fn is_number(port: &str) -> bool {
    port.parse::<u16>().is_ok() && port.bytes().all(|byte| byte.is_ascii_digit())
}
