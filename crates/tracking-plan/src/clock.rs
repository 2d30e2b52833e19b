//! Senders' clocks, set right.
//!
//! Segment's spec: `timestamp = receivedAt − (sentAt − originalTimestamp)`. Where both clocks agree
//! within a dead band, the shift would only add the time that the request was under way, so the
//! sender's time stands as it is.

use event::Millis;

use crate::times::Times;

/// Clocks this near to ours, in milliseconds, are right: requests and short retries take as long.
const DEAD_BAND: Millis = 5 * 60 * 1000;

/// How long after its receipt, in milliseconds, an event may claim to happen.
const FUTURE: Millis = 24 * 60 * 60 * 1000;

/// When an event happened, and how that is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Corrected {
    /// Milliseconds UTC.
    pub(crate) timestamp: Millis,
    /// `sent`, `corrected` or `received`.
    pub(crate) basis: &'static str,
    /// Our clock minus the sender's, in milliseconds; includes the time under way.
    pub(crate) offset: Option<Millis>,
    /// Whether the time was too far in the future and became the time of receipt.
    pub(crate) future_clamped: bool,
}

/// Works out when the event happened by our clock.
pub(crate) fn correct(times: &Times) -> Corrected {
    let offset = times.sent.map(|sent| times.received.saturating_sub(sent));
    let shift = offset.filter(|offset| offset.saturating_abs() > DEAD_BAND);
    let (timestamp, basis) = match (times.original, shift) {
        (None, _) => (times.received, "received"),
        (Some(original), None) => (original, "sent"),
        (Some(original), Some(shift)) => (original.saturating_add(shift), "corrected"),
    };
    let future_clamped = timestamp > times.received.saturating_add(FUTURE);
    let (timestamp, basis) =
        if future_clamped { (times.received, "received") } else { (timestamp, basis) };
    Corrected { timestamp, basis, offset, future_clamped }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Millis = 1_795_428_930_000;
    const MINUTE: Millis = 60_000;
    const DAY: Millis = 24 * 60 * MINUTE;

    fn at(original: Option<Millis>, sent: Option<Millis>) -> Corrected {
        correct(&Times { original, sent, received: NOW, utc_assumed: false })
    }

    #[test]
    fn a_clock_is_corrected_only_beyond_the_dead_band() {
        let happened = NOW - 500 * DAY;
        for (sent, timestamp, basis, offset) in [
            (None, happened, "sent", None),
            (Some(NOW), happened, "sent", Some(0)),
            (Some(NOW - 5 * MINUTE), happened, "sent", Some(5 * MINUTE)),
            (Some(NOW + 5 * MINUTE), happened, "sent", Some(-5 * MINUTE)),
            (Some(NOW - 5 * MINUTE - 1), happened + 5 * MINUTE + 1, "corrected", Some(300_001)),
            (Some(NOW + 6 * MINUTE), happened - 6 * MINUTE, "corrected", Some(-6 * MINUTE)),
            (Some(NOW - 400 * DAY), happened + 400 * DAY, "corrected", Some(400 * DAY)),
        ] {
            let corrected = at(Some(happened), sent);
            assert_eq!(corrected.timestamp, timestamp, "{sent:?}");
            assert_eq!((corrected.basis, corrected.offset), (basis, offset), "{sent:?}");
            assert!(!corrected.future_clamped, "{sent:?}");
        }
    }

    #[test]
    fn without_a_time_the_receipt_counts() {
        for sent in [None, Some(NOW - DAY), Some(NOW + DAY)] {
            let corrected = at(None, sent);
            assert_eq!((corrected.timestamp, corrected.basis), (NOW, "received"));
        }
    }

    #[test]
    fn a_day_ahead_of_receipt_is_the_limit() {
        assert_eq!(at(Some(NOW + DAY), None).timestamp, NOW + DAY);
        let clamped = at(Some(NOW + DAY + 1), None);
        assert_eq!((clamped.timestamp, clamped.future_clamped), (NOW, true));
        assert_eq!(clamped.basis, "received");
    }

    #[test]
    fn a_clock_that_is_a_year_ahead_is_set_right_rather_than_clamped() {
        let ahead = 365 * DAY;
        let corrected = at(Some(NOW - MINUTE + ahead), Some(NOW + ahead));
        assert_eq!((corrected.timestamp, corrected.future_clamped), (NOW - MINUTE, false));
        assert_eq!(corrected.basis, "corrected");
    }
}
