//! Senders' clocks, set right.
//!
//! Segment's spec shifts every event by what lies between sending and receipt:
//! `timestamp = receivedAt − (sentAt − originalTimestamp)`. That difference is the offset of the
//! sender's clock *plus* the time under way, and one event cannot tell the two apart. We differ in
//! five ways:
//!
//! - **Dead band.** A difference within it says that the clock is right, and the sender's time
//!   stands as it is: the time under way is never added to when something happened.
//! - **A batch has one offset.** `sent_at` of a batch is on each of its events, and so is its
//!   receipt: all that are shifted are shifted alike and keep their distances.
//! - **A replayed `sent_at`** shows where an event happened later than it was sent, by the same
//!   clock and by more than the dead band: then `sent_at` is that of an earlier attempt, tells
//!   nothing of the clock, and is not used (`sent-at-stale`). One such event shows it for its whole
//!   batch: ingest, which sees the batch, tells each event the latest time in it.
//! - **Where the two cannot be told apart** we say so. A `sent_at` *after* the receipt is a clock
//!   that is ahead, for a delay can only make it earlier. One *before* it is a clock that is behind
//!   or a request that was kept under its old `sent_at` (analytics-go serialises once; Segment's
//!   SDKs for Swift, Kotlin and C# stamp a batch when it is complete). It is taken for the clock, as
//!   Segment does, because that error has a bound: an event that happened before it was sent is
//!   never moved past its receipt, while a clock that is left alone may be years off. The flag
//!   `clock-or-delay` marks these. A source whose senders have right clocks and keep requests for
//!   long is given a wider dead band.
//! - **The broker's clock is the last word.** What was received later than it was appended, by more
//!   than the dead band, was stamped by a wrong clock; the append time takes its place here.

use event::Millis;
use serde::Deserialize;

use crate::times::Times;

const MILLIS_PER_SECOND: Millis = 1000;
const MILLIS_PER_DAY: Millis = 24 * 60 * 60 * MILLIS_PER_SECOND;

/// How the times of a source's events are judged: `clock` in its table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ClockConfig {
    /// Seconds by which a sender's clock may differ from ours and count as right.
    pub dead_band_s: u32,
    /// Seconds after its receipt at which an event may claim to happen; later ones get the time of
    /// their receipt.
    pub future_s: u32,
    /// Events that are older than so many days at their receipt are flagged `old-event`.
    pub old_days: u16,
}

impl Default for ClockConfig {
    fn default() -> Self {
        Self { dead_band_s: 300, future_s: 86_400, old_days: 30 }
    }
}

impl ClockConfig {
    fn dead_band(self) -> Millis {
        Millis::from(self.dead_band_s) * MILLIS_PER_SECOND
    }

    fn future(self) -> Millis {
        Millis::from(self.future_s) * MILLIS_PER_SECOND
    }

    fn old(self) -> Millis {
        Millis::from(self.old_days) * MILLIS_PER_DAY
    }
}

/// Where the time of an event comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Basis {
    /// The sender's, as it is.
    Sent,
    /// The sender's, shifted by the offset of its clock.
    Corrected,
    /// The receipt.
    Received,
}

impl Basis {
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Corrected => "corrected",
            Self::Received => "received",
        }
    }
}

/// When an event happened, and how that is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Corrected {
    /// Milliseconds UTC.
    pub(crate) timestamp: Millis,
    pub(crate) basis: Basis,
    /// Our clock minus the sender's, in milliseconds; includes the time under way. `None` where
    /// there is no usable `sent_at`.
    pub(crate) offset: Option<Millis>,
    /// What was found and done.
    pub(crate) flags: Vec<&'static str>,
}

/// Works out when the event happened by our clock.
pub(crate) fn correct(times: &Times, clock: ClockConfig) -> Corrected {
    let mut flags = Vec::new();
    let band = clock.dead_band();
    let receipt = receipt(times, band, &mut flags);
    let offset = offset(times, receipt, band, &mut flags);
    let shift = offset.filter(|offset| offset.saturating_abs() > band);
    let (timestamp, basis) = match (times.original, shift) {
        (None, _) => (receipt, Basis::Received),
        (Some(original), None) => (original, Basis::Sent),
        (Some(original), Some(shift)) => (original.saturating_add(shift), Basis::Corrected),
    };
    if times.original.is_none() {
        flags.push("no-time");
    }
    if timestamp > receipt.saturating_add(clock.future()) {
        flags.push("future-clamped");
        return Corrected { timestamp: receipt, basis: Basis::Received, offset, flags };
    }
    if basis == Basis::Corrected {
        flags.push("clock-corrected");
        if shift > Some(0) {
            flags.push("clock-or-delay");
        }
    }
    if timestamp < receipt.saturating_sub(clock.old()) {
        flags.push("old-event");
    }
    Corrected { timestamp, basis, offset, flags }
}

/// When the event came to us, by the clock that can be believed.
fn receipt(times: &Times, band: Millis, flags: &mut Vec<&'static str>) -> Millis {
    if times.received.saturating_sub(times.appended) <= band {
        return times.received;
    }
    flags.push("received-after-append");
    times.appended
}

/// Our clock minus the sender's, unless `sent_at` shows to be that of an earlier attempt.
fn offset(
    times: &Times,
    receipt: Millis,
    band: Millis,
    flags: &mut Vec<&'static str>,
) -> Option<Millis> {
    let sent = times.sent?;
    let offset = receipt.saturating_sub(sent);
    // No event is sent before the last one of its batch has happened.
    let latest = times.original.max(times.batch_latest);
    let happened_after_sending = latest.is_some_and(|latest| latest.saturating_sub(sent) > band);
    // A clock that is ahead needs no explanation by a replay, and a replay could not explain it.
    if happened_after_sending && offset > band {
        flags.push("sent-at-stale");
        return None;
    }
    Some(offset)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Millis = 1_795_428_930_000;
    const MINUTE: Millis = 60_000;

    fn at(original: Option<Millis>, sent: Option<Millis>, clock: ClockConfig) -> Corrected {
        let times = Times {
            original,
            sent,
            batch_latest: None,
            received: NOW,
            appended: NOW,
            told_twice: false,
            utc_assumed: false,
        };
        correct(&times, clock)
    }

    #[test]
    fn each_limit_is_the_source_s_own_and_still_lies_within() {
        let clock = ClockConfig { dead_band_s: 60, future_s: 120, old_days: 1 };
        let flags = |original, sent| at(Some(original), sent, clock).flags;
        assert!(flags(NOW, Some(NOW - MINUTE)).is_empty());
        assert_eq!(
            flags(NOW - MINUTE, Some(NOW - MINUTE - 1)),
            ["clock-corrected", "clock-or-delay"]
        );
        assert!(flags(NOW, Some(NOW + MINUTE)).is_empty());
        assert_eq!(flags(NOW, Some(NOW + MINUTE + 1)), ["clock-corrected"]);
        assert!(flags(NOW + 2 * MINUTE, None).is_empty());
        assert_eq!(flags(NOW + 2 * MINUTE + 1, None), ["future-clamped"]);
        assert!(flags(NOW - MILLIS_PER_DAY, None).is_empty());
        assert_eq!(flags(NOW - MILLIS_PER_DAY - 1, None), ["old-event"]);
    }

    #[test]
    fn a_dead_band_of_nothing_is_segment_s_rule() {
        let clock = ClockConfig { dead_band_s: 0, ..ClockConfig::default() };
        let corrected = at(Some(NOW - 10 * MINUTE), Some(NOW - 200), clock);
        assert_eq!(corrected.timestamp, NOW - 10 * MINUTE + 200);
    }

    #[test]
    fn times_at_the_ends_of_what_a_number_holds_are_no_overflow() {
        let clock = ClockConfig::default();
        let ends = [Millis::MIN, 0, NOW, Millis::MAX];
        let senders = ends.iter().flat_map(|original| ends.map(|sent| (*original, sent)));
        for (original, sent) in senders {
            for (received, appended) in ends.iter().flat_map(|one| ends.map(|two| (*one, two))) {
                let times = Times {
                    original: Some(original),
                    sent: Some(sent),
                    batch_latest: Some(appended),
                    received,
                    appended,
                    told_twice: false,
                    utc_assumed: false,
                };
                let latest = received.min(appended.saturating_add(clock.dead_band()));
                let limit = latest.saturating_add(clock.future());
                assert!(correct(&times, clock).timestamp <= limit, "{times:?}");
            }
        }
    }

    #[test]
    fn events_of_a_batch_keep_their_distances_and_none_moves_past_its_receipt() {
        for behind in [0, MINUTE, 6 * MINUTE, 300 * MINUTE] {
            let sent = NOW - behind;
            let ages = [0, MINUTE, 90 * MINUTE];
            let moved =
                ages.map(|age| at(Some(sent - age), Some(sent), ClockConfig::default()).timestamp);
            assert_eq!([moved[0] - moved[1], moved[0] - moved[2]], [MINUTE, 90 * MINUTE]);
            assert!(moved.iter().all(|moved| *moved <= NOW), "{behind}");
        }
    }
}
