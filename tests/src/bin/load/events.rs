//! What is sent: a browser shop's events, about 700 bytes each, of several thousand devices.
//!
//! Deterministic, and written as text: the generator shares the cores with what it measures.

use std::fmt::Write as _;

use crate::{clock, settings::PER_BATCH};

/// Name of the event that each batch has one of. It sorts the probes side by side in ClickHouse,
/// so that asking for them reads little.
pub(crate) const PROBE: &str = "Load Probe";
const DEVICES: u64 = 5_000;

const NAMES: [&str; 6] = [
    "Product Viewed",
    "Product List Viewed",
    "Product Added",
    "Checkout Started",
    "Products Searched",
    "Promotion Clicked",
];
const USER_AGENTS: [&str; 4] = [
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.4 Safari/605.1.15",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1",
    "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Mobile Safari/537.36",
];
const REFERRERS: [&str; 4] = [
    "https://www.google.com/",
    "https://www.bing.com/search?q=shoes",
    "https://news.example/a",
    "",
];
const CAMPAIGNS: [&str; 4] = [
    "?utm_source=news&utm_medium=email&utm_campaign=autumn",
    "?utm_source=google&utm_medium=cpc&utm_campaign=brand&utm_term=shoes",
    "?ref=home",
    "",
];
const LOCALES: [(&str, &str); 3] =
    [("en-GB", "Europe/London"), ("de-DE", "Europe/Berlin"), ("en-US", "America/New_York")];

/// The message id of a batch's probe.
pub(crate) fn probe_id(batch: u64) -> String {
    format!("probe-{batch}")
}

/// The body of a batch. Its probe stands at another place each time.
pub(crate) fn body(batch: u64) -> String {
    let now = clock::now();
    let mut text = String::with_capacity(90_000);
    text.push_str("{\"batch\":[");
    for place in 0..PER_BATCH {
        let number = batch * PER_BATCH + place;
        if place > 0 {
            text.push(',');
        }
        write_event(&mut text, number, (place == batch * 37 % PER_BATCH).then_some(batch), &now);
    }
    // Writing to a String cannot fail.
    let _written = write!(text, "],\"sentAt\":\"{now}\"}}");
    text
}

fn write_event(text: &mut String, number: u64, probe_of: Option<u64>, now: &str) {
    let dice = mixed(number);
    let device = dice % DEVICES;
    let (id, event) = match probe_of {
        Some(batch) => (probe_id(batch), PROBE),
        None => (uuid(dice, number), pick(&NAMES, dice >> 20)),
    };
    let _written = write!(
        text,
        "{{\"messageId\":\"{id}\",\"anonymousId\":\"{}\",",
        uuid(mixed(device), device)
    );
    write_what(text, dice, event, probe_of.is_none());
    if device.is_multiple_of(4) {
        let _written = write!(text, "\"userId\":\"user-{device}\",");
    }
    let _written = write!(text, "\"timestamp\":\"{now}\",");
    write_context(text, dice, device);
}

/// One in fifty says who the device belongs to, the others what happened.
fn write_what(text: &mut String, dice: u64, event: &str, may_identify: bool) {
    let (product, cents) = (dice >> 24 & 0x3ff, dice >> 40 & 0x3fff);
    let _written = if may_identify && (dice >> 32).is_multiple_of(50) {
        write!(
            text,
            "\"type\":\"identify\",\"traits\":{{\"plan\":\"plus\",\"visits\":{product},\"newsletter\":true}},"
        )
    } else {
        write!(
            text,
            "\"type\":\"track\",\"event\":\"{event}\",\"properties\":{{\"product_id\":\"{product}\",\
             \"name\":\"Article no. {product}\",\"category\":\"shoes\",\"price\":{}.{:02},\
             \"currency\":\"EUR\",\"quantity\":1}},",
            cents / 100,
            cents % 100
        )
    };
}

fn write_context(text: &mut String, dice: u64, device: u64) {
    let page = dice >> 24 & 0x3ff;
    let (locale, timezone) = LOCALES[index(device, LOCALES.len())];
    let campaign = pick(&CAMPAIGNS, dice >> 12);
    let _written = write!(
        text,
        "\"context\":{{\"page\":{{\"url\":\"https://shop.example/p/{page}{campaign}\",\"path\":\"/p/{page}\",\
         \"referrer\":\"{}\",\"title\":\"Article no. {page}\"}},\"userAgent\":\"{}\",\"locale\":\"{locale}\",\
         \"timezone\":\"{timezone}\",\"library\":{{\"name\":\"analytics.js\",\"version\":\"next-1.84.3\"}}}}}}",
        pick(&REFERRERS, dice >> 16),
        pick(&USER_AGENTS, device),
    );
}

fn pick<'a>(of: &[&'a str], dice: u64) -> &'a str {
    of[index(dice, of.len())]
}

#[expect(clippy::cast_possible_truncation, reason = "less than the length")]
fn index(dice: u64, length: usize) -> usize {
    (dice % length as u64) as usize
}

/// Bits that look random, always the same for the same number: the finisher of SplitMix64,
/// <https://prng.di.unimi.it/splitmix64.c>.
fn mixed(number: u64) -> u64 {
    let mut z = number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

fn uuid(high: u64, low: u64) -> String {
    let low = mixed(low ^ 0x5bd1_e995);
    format!(
        "{:08x}-{:04x}-4{:03x}-8{:03x}-{:012x}",
        high >> 32,
        high >> 16 & 0xffff,
        high & 0xfff,
        low >> 52,
        low & 0xffff_ffff_ffff
    )
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;

    use super::*;

    #[test]
    fn a_batch_is_json_of_hundred_different_messages_with_one_probe() {
        let mut ids = BTreeSet::new();
        for batch in 0..50 {
            let text = body(batch);
            let json: Value = serde_json::from_str(&text).unwrap();
            let events = json["batch"].as_array().unwrap();
            assert_eq!(events.len(), 100);
            let probes = events.iter().filter(|event| event["event"] == PROBE).count();
            assert_eq!(probes, 1);
            ids.extend(events.iter().map(|event| event["messageId"].as_str().unwrap().to_owned()));
            assert!(ids.contains(&probe_id(batch)));
            assert!((650..800).contains(&(text.len() / 100)), "{}", text.len());
        }
        assert_eq!(ids.len(), 5_000);
    }
}
