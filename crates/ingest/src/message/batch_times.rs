//! What the times of a batch show together.

use event::{Millis, RawEvent};
use tracking_plan::time_of;

/// Some SDKs tell `sentAt` in whole seconds: an event of the same second is not after it.
const PRECISION: Millis = 1000;

/// Length of a time as JavaScript writes it, `2026-11-23T10:15:30.123Z`.
const PLAIN: usize = 24;

/// The times of the events that have their `sent_at` from the batch. An event that tells its own
/// may be of another clock: it neither shows anything of the batch nor is told anything.
#[derive(Debug)]
pub(crate) enum BatchTimes<'a> {
    /// They show nothing.
    Silent,
    /// Not all of them are known yet.
    Watched(Watched<'a>),
    /// One of them is later than `sent_at`.
    Later {
        /// What the batch says.
        sent_at: &'a str,
        /// The latest of them, as sent.
        latest: String,
    },
}

/// A batch while its times are looked at.
#[derive(Debug)]
pub(crate) struct Watched<'a> {
    sent_at: &'a str,
    /// Only what lies between the two shows anything: nothing has happened after the receipt, so
    /// what claims it tells of a plan or another clock.
    sent: Millis,
    received: Millis,
    latest: Option<(Millis, String)>,
}

impl<'a> BatchTimes<'a> {
    /// Of a batch with this `sentAt` and so many messages: one alone shows all by itself.
    /// `received_at` is ISO-8601.
    pub(super) fn new(sent_at: Option<&'a str>, messages: usize, received_at: &str) -> Self {
        let watched = || {
            let sent_at = sent_at.filter(|_| messages > 1)?;
            let (sent, received) = (time_of(sent_at)?, time_of(received_at)?);
            Some(Watched { sent_at, sent, received, latest: None })
        };
        watched().map_or(Self::Silent, Self::Watched)
    }

    /// Looks at the event's time; or tells it the latest, once that is known.
    pub(crate) fn meet(&mut self, event: &mut RawEvent) {
        match self {
            Self::Silent => {}
            Self::Watched(watched) => watched.look_at(event),
            Self::Later { sent_at, latest } => {
                if event.sent_at.as_deref() == Some(*sent_at) {
                    event.batch_latest_timestamp = Some(latest.clone());
                }
            }
        }
    }

    /// What all events of the batch are to be told, after all were looked at.
    pub(crate) fn later(self) -> Option<Self> {
        let Self::Watched(Watched { sent_at, latest: Some((_, latest)), .. }) = self else {
            return None;
        };
        Some(Self::Later { sent_at, latest })
    }
}

impl Watched<'_> {
    fn look_at(&mut self, event: &RawEvent) {
        if event.sent_at.as_deref() != Some(self.sent_at) {
            return;
        }
        let mut told = [&event.original_timestamp, &event.timestamp].into_iter().flatten();
        if told.clone().next().is_none_or(|text| is_plainly_before(text, self.sent_at)) {
            return;
        }
        let Some((millis, text)) = told.find_map(|text| Some((time_of(text)?, text))) else {
            return;
        };
        let bar = self.latest.as_ref().map_or(self.sent + PRECISION, |(latest, _)| *latest);
        if millis > bar && millis <= self.received {
            self.latest = Some((millis, text.trim().to_owned()));
        }
    }
}

/// Whether that can be seen from two texts of the same form: almost every event happened before it was
/// sent, and reading a time costs ten times as much.
fn is_plainly_before(text: &str, sent_at: &str) -> bool {
    is_plain(text) && is_plain(sent_at) && text <= sent_at
}

fn is_plain(text: &str) -> bool {
    let text = text.as_bytes();
    text.len() == PLAIN && text[10] == b'T' && text[19] == b'.' && text[PLAIN - 1] == b'Z'
}

#[cfg(test)]
mod tests {
    use super::*;

    const SENT: &str = "2026-11-23T06:00:00.000Z";
    const RECEIVED: &str = "2026-11-23T12:00:00.000Z";

    /// An event with this `sent_at`, `original_timestamp` and `timestamp`; `-` is absent.
    fn event([sent_at, original, timestamp]: [&str; 3]) -> RawEvent {
        let told = |text: &str| (text != "-").then(|| text.to_owned());
        RawEvent {
            sent_at: told(sent_at),
            original_timestamp: told(original),
            timestamp: told(timestamp),
            ..RawEvent::default()
        }
    }

    /// What the events of a batch with this `sentAt` are told.
    fn told(sent_at: &str, events: &[[&str; 3]]) -> Vec<Option<String>> {
        let mut events: Vec<_> = events.iter().copied().map(event).collect();
        let mut times = BatchTimes::new(Some(sent_at), events.len(), RECEIVED);
        for event in &mut events {
            times.meet(event);
        }
        if let Some(mut later) = times.later() {
            for event in &mut events {
                later.meet(event);
            }
        }
        events.into_iter().map(|event| event.batch_latest_timestamp).collect()
    }

    #[test]
    fn the_latest_time_after_sent_at_and_not_after_the_receipt_is_told_to_all() {
        let rows: [(&str, &[&str], Option<&str>); 11] = [
            (SENT, &["2026-11-23T05:00:00.000Z", "2026-11-23T06:00:00.000Z"], None),
            (SENT, &["2026-11-23T05:00:00.000Z", "2026-11-23T06:00:01.000Z"], None),
            (SENT, &["-", "2026-11-23T06:00:01.001Z"], Some("2026-11-23T06:00:01.001Z")),
            (SENT, &["2026-11-23T08:00:00Z", "2026-11-23T07:00:00Z"], Some("2026-11-23T08:00:00Z")),
            (SENT, &["2026-11-23T07:00:00Z", "2026-11-23T08:00:00Z"], Some("2026-11-23T08:00:00Z")),
            (
                SENT,
                &["2026-11-23T05:00:00.000Z", " 2026-11-23T09:00:00+02:00 "],
                Some("2026-11-23T09:00:00+02:00"),
            ),
            (
                SENT,
                &["2026-11-23T07:00:00Z", "2026-11-23T12:00:00.001Z"],
                Some("2026-11-23T07:00:00Z"),
            ),
            (
                SENT,
                &["2026-11-23T07:00:00Z", "soon", "9999-99-99T99:99:99.999Z"],
                Some("2026-11-23T07:00:00Z"),
            ),
            ("2026-11-23T06:00:00+00:00", &["-", "2026-11-23T06:00:00.999Z"], None),
            ("earlier", &["2026-11-23T07:00:00Z", "2026-11-23T08:00:00Z"], None),
            (SENT, &["2026-11-23T08:00:00Z"], None),
        ];
        for (sent_at, times, expected) in rows {
            let events: Vec<_> = times.iter().map(|time| [sent_at, "-", *time]).collect();
            let all = vec![expected.map(str::to_owned); times.len()];
            assert_eq!(told(sent_at, &events), all, "{times:?} sent at {sent_at}");
        }
    }

    #[test]
    fn the_device_s_time_counts_before_the_timestamp() {
        let later = "2026-11-23T08:00:00Z";
        let early = "2026-11-23T05:00:00.000Z";
        assert_eq!(told(SENT, &[[SENT, early, later], [SENT, "-", "-"]]), [None, None]);
        let shown = Some(later.to_owned());
        assert_eq!(told(SENT, &[[SENT, later, early], [SENT, "-", "-"]]), [shown.clone(), shown]);
    }

    #[test]
    fn an_event_with_a_sent_at_of_its_own_neither_tells_nor_is_told() {
        let own = "2026-11-23T11:59:59.000Z";
        let (later, latest) = ("2026-11-23T08:00:00Z", "2026-11-23T09:00:00Z");
        let events = [[SENT, "-", later], [own, "-", latest], [SENT, "-", "-"]];
        let shown = Some(later.to_owned());
        assert_eq!(told(SENT, &events), [shown.clone(), None, shown]);
    }
}
