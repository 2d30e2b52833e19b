//! Moments and spans of time in words.

use std::time::{SystemTime, UNIX_EPOCH};

use event::Millis;

/// Now; milliseconds UTC.
pub(crate) fn now() -> Millis {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Millis::try_from(since.as_millis()).unwrap_or(Millis::MAX)
}

/// A moment to the second, such as `2026-11-24T21:53:11Z`.
pub(crate) fn utc(at: Millis) -> String {
    match jiff::Timestamp::from_millisecond(at) {
        Ok(timestamp) => timestamp.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        Err(_) => format!("{at} ms"),
    }
}

/// A moment to the millisecond, such as `2026-11-24T21:53:11.042Z`.
pub(crate) fn utc_millis(at: Millis) -> String {
    match jiff::Timestamp::from_millisecond(at) {
        Ok(timestamp) => timestamp.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string(),
        Err(_) => format!("{at} ms"),
    }
}

/// A span of time by its two greatest units, such as `3 d 4 h`.
pub(crate) fn span(milliseconds: Millis) -> String {
    let seconds = milliseconds.max(0) / 1_000;
    let (days, hours) = (seconds / 86_400, seconds / 3_600 % 24);
    let (minutes, rest) = (seconds / 60 % 60, seconds % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{rest} s"),
        (0, 0, _) => format!("{minutes} min {rest} s"),
        (0, ..) => format!("{hours} h {minutes} min"),
        _ => format!("{days} d {hours} h"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_told_by_its_two_greatest_units() {
        let cases = [
            (-5, "0 s"),
            (59_999, "59 s"),
            (61_000, "1 min 1 s"),
            (3_600_000 * 25 + 1, "1 d 1 h"),
            (3_600_000 * 2 + 60_000 * 3, "2 h 3 min"),
        ];
        for (milliseconds, expected) in cases {
            assert_eq!(span(milliseconds), expected);
        }
    }

    #[test]
    fn a_moment_is_told_in_utc() {
        assert_eq!(utc(1_000_000_000_000), "2001-09-09T01:46:40Z");
        assert_eq!(utc(Millis::MAX), format!("{} ms", Millis::MAX));
        assert_eq!(utc_millis(1_000_000_000_042), "2001-09-09T01:46:40.042Z");
        assert_eq!(utc_millis(-1), "1969-12-31T23:59:59.999Z");
        assert_eq!(utc_millis(Millis::MIN), format!("{} ms", Millis::MIN));
    }
}
