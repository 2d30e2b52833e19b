//! Times as senders write them.

use event::Millis;
use jiff::{Timestamp, civil::DateTime, tz::Offset};

use crate::findings::Findings;

/// 1900-01-01T00:00:00Z and 2300-01-01T00:00:00Z: what ClickHouse's `DateTime64` can hold.
const HELD: std::ops::Range<Millis> = -2_208_988_800_000..10_413_792_000_000;

/// Go's zero time, which Go programs send for "no time".
const GO_ZERO: Millis = -62_135_596_800_000;

/// The times of an event, each as its own clock had it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Times {
    /// When it happened, by the sender's clock.
    pub(crate) original: Option<Millis>,
    /// When it was sent, by the sender's clock.
    pub(crate) sent: Option<Millis>,
    /// The latest time that its batch claims, by the sender's clock, where that is after `sent`.
    pub(crate) batch_latest: Option<Millis>,
    /// When it was received, by ours; the append time where nobody told.
    pub(crate) received: Millis,
    /// When the broker appended it.
    pub(crate) appended: Millis,
    /// Whether the sender told two times of the event that differ; `original_timestamp` counts.
    pub(crate) told_twice: bool,
    /// Whether a time came without an offset from UTC and was taken as UTC.
    pub(crate) utc_assumed: bool,
}

/// What one text says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Instant {
    millis: Millis,
    utc_assumed: bool,
}

/// Reads the times, in the order `original_timestamp`, `timestamp`, `sent_at`, `received_at`,
/// `batch_latest_timestamp`.
pub(crate) fn read(
    [original, timestamp, sent, received, latest]: [Option<&str>; 5],
    appended_at: Millis,
    findings: &mut Findings,
) -> Times {
    let original = instant("/original_timestamp", original, findings);
    let timestamp = instant("/timestamp", timestamp, findings);
    let sent = instant("/sent_at", sent, findings);
    let received = instant("/received_at", received, findings);
    let latest = instant("/batch_latest_timestamp", latest, findings);
    let happened = original.or(timestamp);
    let differ = |(one, other): (Instant, Instant)| one.millis != other.millis;
    Times {
        original: happened.map(|instant| instant.millis),
        sent: sent.map(|instant| instant.millis),
        batch_latest: latest.map(|instant| instant.millis),
        received: received.map_or(appended_at, |instant| instant.millis),
        appended: appended_at,
        told_twice: original.zip(timestamp).is_some_and(differ),
        utc_assumed: [happened, sent, received].iter().flatten().any(|i| i.utc_assumed),
    }
}

/// The instant that a text tells; nothing where it tells none.
fn instant(field: &'static str, text: Option<&str>, findings: &mut Findings) -> Option<Instant> {
    let text = text.map(str::trim).filter(|text| !text.is_empty())?;
    let Some(instant) = parse(text) else {
        findings.invalid(field, "is not an ISO-8601 time");
        return None;
    };
    if instant.millis == GO_ZERO {
        return None;
    }
    if !HELD.contains(&instant.millis) {
        findings.invalid(field, "is not between the years 1900 and 2299");
    }
    Some(instant)
}

/// The instant that a text of a sender tells, by the rules of the gate: milliseconds UTC. Nothing
/// where it is no time, or none that validate lets pass.
pub fn time_of(text: &str) -> Option<Millis> {
    let millis = parse(text.trim())?.millis;
    HELD.contains(&millis).then_some(millis)
}

/// Two times that are held may still correct each other out of what is held.
pub(crate) fn check_held(corrected: Millis, findings: &mut Findings) {
    if !HELD.contains(&corrected) {
        findings.invalid("/sent_at", "corrects the time to before 1900 or after 2299");
    }
}

/// ISO-8601 with `Z`, an offset, or neither, which is read as UTC.
fn parse(text: &str) -> Option<Instant> {
    if let Ok(timestamp) = text.parse::<Timestamp>() {
        return Some(Instant { millis: floor_millis(timestamp), utc_assumed: false });
    }
    let timestamp = Offset::UTC.to_timestamp(text.parse::<DateTime>().ok()?).ok()?;
    Some(Instant { millis: floor_millis(timestamp), utc_assumed: true })
}

/// Milliseconds, always rounded down: rounding towards zero would let times before 1970 jump.
fn floor_millis(timestamp: Timestamp) -> Millis {
    let rest = timestamp.subsec_nanosecond().rem_euclid(1_000_000);
    let millis = timestamp.as_millisecond();
    if timestamp.subsec_nanosecond() < 0 && rest != 0 { millis - 1 } else { millis }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_that_sdks_write_is_the_same_instant() {
        for text in [
            "2026-11-23T10:15:30.123Z",
            "2026-11-23T10:15:30.123+00:00",
            "2026-11-23T10:15:30.123456Z",
            "2026-11-23T10:15:30.123456+00:00",
            "2026-11-23T10:15:30.123456789Z",
            "2026-11-23T11:15:30.123456789+01:00",
            "2026-11-23T05:15:30.123-0500",
            "2026-11-23 10:15:30.123Z",
            "2026-11-23t10:15:30.123z",
            "20261123T101530.123Z",
            " 2026-11-23T10:15:30,123Z ",
        ] {
            let read = parse(text.trim());
            let expected = Instant { millis: 1_795_428_930_123, utc_assumed: false };
            assert_eq!(read, Some(expected), "{text}");
        }
    }

    #[test]
    fn a_time_without_an_offset_is_read_as_utc_and_said_to_be() {
        for text in ["2026-11-23T10:15:30.123456", "2026-11-23 10:15:30.123"] {
            let expected = Instant { millis: 1_795_428_930_123, utc_assumed: true };
            assert_eq!(parse(text), Some(expected), "{text}");
        }
        assert!(parse("2026-11-23").is_some_and(|read| read.utc_assumed));
    }

    #[test]
    fn what_is_no_time_is_invalid_and_an_empty_one_is_absent() {
        for (text, rule) in [
            ("yesterday", Some("/sent_at is not an ISO-8601 time")),
            ("1795428930123", Some("/sent_at is not an ISO-8601 time")),
            ("2026-13-01T00:00:00Z", Some("/sent_at is not an ISO-8601 time")),
            ("2026-11-23T25:00:00Z", Some("/sent_at is not an ISO-8601 time")),
            ("1899-12-31T23:59:59Z", Some("/sent_at is not between the years 1900 and 2299")),
            ("2300-01-01T00:00:00Z", Some("/sent_at is not between the years 1900 and 2299")),
            ("1900-01-01T00:00:00Z", None),
            ("2299-12-31T23:59:59.999Z", None),
            ("0001-01-01T00:00:00Z", None),
            ("  ", None),
        ] {
            let mut findings = Findings::default();
            let told = instant("/sent_at", Some(text), &mut findings);
            let passes = rule.is_none().then_some(told).flatten().map(|instant| instant.millis);
            assert_eq!(time_of(text), passes, "{text}");
            let detail = findings.judged(None).err().map(|rejected| rejected.detail);
            assert_eq!(detail.as_deref(), rule, "{text}");
        }
    }

    #[test]
    fn the_same_time_told_twice_is_one_time() {
        let first = Some("2026-11-23T10:15:30.123Z");
        let mut findings = Findings::default();
        let mut are_two =
            |timestamp| read([first, timestamp, None, None, None], 9, &mut findings).told_twice;
        assert!(!are_two(Some("2026-11-23T11:15:30.123456+01:00")) && !are_two(None));
        assert!(are_two(Some("2026-11-23T10:15:30.124Z")));
    }

    #[test]
    fn milliseconds_are_rounded_down_on_both_sides_of_1970() {
        for (text, expected) in [
            ("1970-01-01T00:00:00.0019Z", 1),
            ("1969-12-31T23:59:59.9991Z", -1),
            ("1969-12-31T23:59:59.999Z", -1),
            ("1969-12-31T23:59:59.9989Z", -2),
        ] {
            assert_eq!(parse(text).unwrap().millis, expected, "{text}");
        }
    }

    #[test]
    fn the_device_time_goes_before_the_timestamp_and_the_append_time_stands_in_for_receipt() {
        let first = Some("1970-01-01T00:00:00.001Z");
        let second = Some("1970-01-01T00:00:00.002Z");
        let mut findings = Findings::default();
        let times = read([first, second, None, None, None], 9, &mut findings);
        let expected = Times {
            original: Some(1),
            sent: None,
            batch_latest: None,
            received: 9,
            appended: 9,
            told_twice: true,
            utc_assumed: false,
        };
        assert_eq!(times, expected);
        assert_eq!(read([None, second, None, first, None], 9, &mut findings).received, 1);
        assert_eq!(read([None, second, None, first, None], 9, &mut findings).original, Some(2));
    }
}
